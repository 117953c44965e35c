/// A share of something as a bar of plain characters, which every terminal and every encoding has.
enum ProgressBar {
  /// Narrower ones say nothing that the percentage does not.
  static let shortest = 10
  /// Wider ones say no more.
  static let longest = 30

  /// For example `[=====>    ]`, brackets included in `columns`; full only when everything is done.
  static func text(done: Int, of total: Int, columns: Int) -> String {
    let room = max(1, columns - 2)
    guard total > 0, done < total else { return "[" + String(repeating: "=", count: room) + "]" }
    let filled = min(room - 1, Int(Double(max(0, done)) / Double(total) * Double(room)))
    let bar = String(repeating: "=", count: filled) + ">"
    return "[" + bar + String(repeating: " ", count: room - bar.count) + "]"
  }

  /// The bar of a line of that many columns, a quarter of it, so that it keeps its length while the words beside it
  /// change theirs; `nil` when there is no room for one.
  static func fitting(done: Int, of total: Int, in columns: Int) -> String? {
    let room = columns / 4
    guard room >= shortest else { return nil }
    return text(done: done, of: total, columns: min(longest, room))
  }

  /// The share in whole percent, rounded down: 100 only when everything is done.
  static func percent(done: Int, of total: Int) -> Int {
    total > 0 ? Int((Double(done) * 100 / Double(total)).rounded(.down)) : 0
  }
}

/// Finds the known word that a person probably meant by a mistyped one.
package enum NearestWord {
  /// Longer words were hardly typed by hand, and are not compared.
  private static let longestTyped = 64

  /// The word with the fewest changes, the first of equals; `nil` when none is near enough: the changes may be at
  /// most a third of its characters.
  package static func to(_ typed: String, among words: some Sequence<String>) -> String? {
    guard typed.utf8.count <= longestTyped else { return nil }
    let typed = typed.lowercased()
    let ranked = words.map { (word: $0, distance: EditDistance.between(typed, $0)) }
    guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
    return best.distance <= max(1, best.word.count / 3) ? best.word : nil
  }

  /// The run that a person probably meant by an id, or the beginning of one, that no run has; the newest of equals.
  ///
  /// One wrong character in six at most: ids of runs of one day are alike, and a wrong guess is worse than none.
  ///
  /// - Parameter ids: ids to choose from, the newest first.
  package static func run(for typed: String, among ids: some Sequence<String>) -> String? {
    guard typed.utf8.count <= longestTyped, typed.utf8.count >= 6 else { return nil }
    let typed = typed.lowercased()
    let ranked = ids.map { (id: $0, distance: EditDistance.between(typed, String($0.prefix(typed.count)))) }
    guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
    return best.distance <= min(3, typed.count / 6) ? best.id : nil
  }
}

/// How far two words are apart.
package enum EditDistance {
  /// The fewest characters to insert, delete, replace or swap with their neighbour that make one word of the
  /// other (optimal string alignment).
  package static func between(_ left: String, _ right: String) -> Int {
    let left = Array(left)
    let right = Array(right)
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for row in left.indices {
      var current = [row + 1]
      for column in right.indices {
        let replaced = last[column] + (left[row] == right[column] ? 0 : 1)
        var best = min(replaced, last[column + 1] + 1, current[column] + 1)
        if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
          best = min(best, beforeLast[column - 1] + 1)
        }
        current.append(best)
      }
      (beforeLast, last) = (last, current)
    }
    return last[right.count]
  }
}

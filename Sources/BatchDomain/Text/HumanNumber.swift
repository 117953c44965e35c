/// Numbers as people read them.
package enum HumanNumber {
  /// A whole number with thousands separators, for example `12,345`.
  package static func text(_ number: Int) -> String {
    let digits = String(number.magnitude)
    var text = ""
    for (offset, digit) in digits.enumerated() {
      if offset > 0, (digits.count - offset) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return number < 0 ? "-" + text : text
  }

  /// A number of things, for example `1 item` or `2,000 items`.
  package static func text(_ number: Int, _ singular: String) -> String {
    "\(text(number)) \(singular)\(number == 1 ? "" : "s")"
  }

  /// A pace, with fewer decimals the greater it is, for example `0.035`, `3.5` or `1,250`.
  package static func pace(_ pace: Double) -> String {
    guard pace.isFinite, pace > 0 else { return "0" }
    guard pace < 1e15 else { return "more than 1,000,000,000,000,000" }
    let decimals = pace >= 100 ? 0 : pace >= 1 ? 1 : 3
    let scale = [1, 10, 100, 1_000][decimals]
    let scaled = Int((pace * Double(scale)).rounded())
    guard scaled > 0 else { return "less than 0.001" }
    var rest = String(scaled % scale)
    rest = String(repeating: "0", count: max(0, decimals - rest.count)) + rest
    while rest.hasSuffix("0") { rest.removeLast() }
    return text(scaled / scale) + (decimals == 0 || rest.isEmpty ? "" : "." + rest)
  }
}

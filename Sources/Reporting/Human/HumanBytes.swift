/// Amounts of bytes as people read them.
package enum HumanBytes {
  private static let units = ["kB", "MB", "GB", "TB", "PB", "EB"]

  /// In the unit that leaves one to three digits, powers of 1,000, with one decimal below ten: `512 B`, `1.5 kB`,
  /// `190 MB`.
  package static func text(_ bytes: Int) -> String {
    guard bytes >= 1_000 else { return "\(max(0, bytes)) B" }
    var rest = bytes
    var unit = 0
    while rest >= 1_000_000 {
      rest /= 1_000
      unit += 1
    }
    // Cut, not rounded: what is read of a file never shows as more than there is.
    let whole = rest / 1_000
    let tenth = rest % 1_000 / 100
    return "\(whole)" + (whole < 10 && tenth > 0 ? ".\(tenth)" : "") + " \(units[unit])"
  }
}

extension Duration {
  /// The duration in milliseconds, rounded down.
  package var wholeMilliseconds: Int64 {
    components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
  }

  /// The duration in whole seconds, rounded up, as waits are announced.
  var secondsRoundedUp: Int64 {
    components.seconds + (components.attoseconds > 0 ? 1 : 0)
  }

  /// Reads `500ms`, `30s`, `2h`, `1h30m`, `1d`; nil when the text is anything else.
  package init?(text: String) {
    var total = Duration.zero
    var rest = Substring(text)
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      guard let count = Int64(digits), count <= 1_000_000_000 else { return nil }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(unit.count)
      switch unit {
      case "ms": total += .milliseconds(count)
      case "s": total += .seconds(count)
      case "m", "min": total += .seconds(count * 60)
      case "h": total += .seconds(count * 3600)
      case "d": total += .seconds(count * 86400)
      default: return nil
      }
    }
    self = total
  }
}

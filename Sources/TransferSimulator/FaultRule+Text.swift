extension FaultRule {
  /// Reads `throttle:0.05`, `throttle=5s:0.05*3`, `reset-after@3`, `unauthorized@5+`, `delay=2s@4-9`, `huge=8MiB@1`.
  ///
  /// The parameter may also be joined by a colon (`delay:2s:0.1`).
  package init(text: String) throws(FaultRuleError) {
    let mark = text.lastIndex(of: "@") ?? text.lastIndex(of: ":")
    guard let mark else { throw FaultRuleError(text: text, reason: "no share and no request number") }
    let head = text[..<mark].split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "=" || $0 == ":" }
    let tail = text[text.index(after: mark)...]
    guard let kind = head.first.flatMap({ FaultKind(rawValue: String($0)) }) else {
      throw FaultRuleError(text: text, reason: "no such kind of fault")
    }
    self.init(kind, share: 0)
    if head.count > 1 { try setParameter(String(head[1]), text) }
    if text[mark] == "@" {
      try setRequests(tail, text)
    } else {
      try setShare(tail, text)
    }
  }

  private mutating func setParameter(_ parameter: String, _ text: String) throws(FaultRuleError) {
    if kind == .huge {
      let units = ["MiB": 1 << 20, "MB": 1_000_000, "KiB": 1 << 10, "B": 1]
      let digits = parameter.prefix { $0.isNumber }
      guard let count = Int(digits), let unit = units[String(parameter.dropFirst(digits.count))],
        count <= 1 << 20
      else { throw FaultRuleError(text: text, reason: "'\(parameter)' is not a size") }
      bytes = count * unit
    } else {
      guard let duration = Duration(text: parameter) else {
        throw FaultRuleError(text: text, reason: "'\(parameter)' is not a duration")
      }
      wait = duration
    }
  }

  private mutating func setShare(_ tail: Substring, _ text: String) throws(FaultRuleError) {
    let parts = tail.split(separator: "*", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, let share = Double(first), (0...1).contains(share) else {
      throw FaultRuleError(text: text, reason: "'\(tail)' is not a share from 0 to 1")
    }
    trigger = .share(share)
    if parts.count > 1 {
      guard let hits = Int(parts[1]), hits > 0 else {
        throw FaultRuleError(text: text, reason: "'\(parts[1])' is not a number of hits")
      }
      maxHits = hits
    }
  }

  private mutating func setRequests(_ tail: Substring, _ text: String) throws(FaultRuleError) {
    let isOpen = tail.hasSuffix("+")
    let bounds = (isOpen ? tail.dropLast() : tail)
      .split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard let first = bounds.first ?? nil, let last = bounds.last ?? nil, bounds.count <= (isOpen ? 1 : 2),
      first >= 1, last >= first
    else { throw FaultRuleError(text: text, reason: "'\(tail)' is not a request number or range") }
    trigger = .requests(from: first, through: isOpen ? nil : last)
  }
}

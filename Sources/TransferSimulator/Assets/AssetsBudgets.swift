/// What the service counts against its limits: requests that upload, requests that index, minutes of media, GETs.
///
/// Windows roll. What was refused is not counted.
struct AssetsBudgets: Sendable {
  /// What has limits of its own.
  enum Gate: Sendable {
    case upload, index, read
  }

  /// A refusal: when it would be allowed, and the headers that say so.
  struct Refusal {
    let resetsAt: Int64
    let headers: [(name: String, value: String)]
  }

  private struct Meter: Sendable {
    let limit: Double
    let window: Int64
    var taken: [(at: Int64, amount: Double)] = []

    init(_ budget: RequestBudget) {
      limit = Double(budget.limit)
      window = max(1, budget.window.wholeMilliseconds)
    }

    /// How much of the limit is left.
    mutating func left(at now: Int64) -> Double {
      let expired = taken.prefix { $0.at <= now - window }.count
      if expired > 0 { taken.removeFirst(expired) }
      return limit - taken.reduce(0) { $0 + $1.amount }
    }

    /// When so much of it is left; what is more than the limit has room when nothing is taken.
    mutating func resetsAt(for amount: Double, at now: Int64) -> Int64 {
      var left = left(at: now)
      for entry in taken {
        if left >= min(amount, limit) { break }
        left += entry.amount
        if left >= min(amount, limit) { return entry.at + window }
      }
      return left >= min(amount, limit) ? now : now + window
    }
  }

  private var upload: [Meter]
  private var index: [Meter]
  private var media: [Meter]
  private var read: [Meter]

  init(_ configuration: AssetsConfiguration) {
    upload = configuration.uploadBudgets.map(Meter.init)
    index = configuration.indexBudgets.map(Meter.init)
    media = configuration.mediaBudgets.map(Meter.init)
    read = configuration.readBudgets.map(Meter.init)
  }

  /// Takes one request and so many minutes; a refusal when there is no room for them.
  mutating func take(_ gate: Gate?, minutes: Double, at now: Int64) -> Refusal? {
    guard let gate else { return nil }
    var latest: Int64?
    func look(_ meters: inout [Meter], _ amount: Double) {
      for position in meters.indices
      where meters[position].left(at: now) < min(amount, meters[position].limit) {
        latest = max(latest ?? 0, meters[position].resetsAt(for: amount, at: now))
      }
    }
    change(gate) { look(&$0, 1) }
    if gate == .index { look(&media, minutes) }
    if let latest { return Refusal(resetsAt: latest, headers: headers(gate, at: now)) }
    func add(_ meters: inout [Meter], _ amount: Double) {
      for position in meters.indices { meters[position].taken.append((now, amount)) }
    }
    change(gate) { add(&$0, 1) }
    if gate == .index { add(&media, minutes) }
    return nil
  }

  /// The headers of today: what is left of the limit that binds most, and when it is whole again.
  mutating func headers(_ gate: Gate?, at now: Int64) -> [(name: String, value: String)] {
    guard let gate else { return [] }
    var found: [(name: String, value: String)] = []
    func tell(_ meters: inout [Meter], _ kind: String) {
      var tightest: (left: Double, position: Int)?
      for position in meters.indices {
        let left = meters[position].left(at: now)
        if left < tightest?.left ?? .infinity { tightest = (left, position) }
      }
      guard let tightest else { return }
      let resetsAt = meters[tightest.position].resetsAt(
        for: max(1, tightest.left.rounded(.down) + 1), at: now)
      found.append(("X-RateLimit-\(kind)-Remaining", String(Int(max(0, tightest.left)))))
      found.append(("X-RateLimit-\(kind)-Reset", String((resetsAt + 999) / 1000)))
    }
    change(gate) { tell(&$0, "Request") }
    if gate == .index { tell(&media, "Duration") }
    return found
  }

  /// The headers of a limit that is used up.
  static func exhausted(_ resetsAt: Int64) -> [(name: String, value: String)] {
    [
      ("X-RateLimit-Request-Remaining", "0"), ("X-RateLimit-Request-Reset", String((resetsAt + 999) / 1000)),
    ]
  }

  private mutating func change(_ gate: Gate, _ body: (inout [Meter]) -> Void) {
    switch gate {
    case .upload: body(&upload)
    case .index: body(&index)
    case .read: body(&read)
    }
  }
}

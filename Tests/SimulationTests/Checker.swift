import BatchDomain

/// Holds the records of a run against the ledger of the service: what was promised, and nothing of how it is done.
struct Checker {
  let scenario: Scenario
  let ledger: [ServiceModel.Taking]
  let requests: [ServiceModel.Request]
  let records: Records
  /// What the service of today made; it is empty with the other profiles.
  var assets: [AssetsModel.Asset] = []
  /// What it indexed.
  var indexed: [AssetsModel.Indexed] = []

  /// Every promise that was not kept, in words.
  var violations: [String] {
    coverage + (scenario.settings.profile == .v1_3 ? makings : takings) + endings + moves + attempts
      + outside + limits
  }

  /// No request begins outside the windows, nor one that could end outside.
  private var outside: [String] {
    let settings = scenario.settings
    do {
      guard let calendar = try settings.calendar() else { return [] }
      return requests.compactMap { request in
        let time = calendar.openTime(at: request.at, lasting: settings.timeout)
        guard let time, time.opens <= request.at else {
          return "request \(request.number) began at \(request.at), outside the windows"
        }
        return nil
      }
    } catch {
      return ["the windows cannot be followed: \(error)"]
    }
  }

  /// No window of a limit has more items than it permits. The machine's clock is not set in such a scenario.
  private var limits: [String] {
    var found: [String] = []
    for rate in scenario.settings.itemRates {
      // The steps of one item are told apart by what they carry.
      for sent in [requests.filter(\.isFirstStep), requests.filter { !$0.isFirstStep }] {
        for (place, request) in sent.enumerated() {
          let items = sent[...place].reversed().prefix { request.at.since($0.at) < rate.window.duration }
            .reduce(0) { $0 + $1.items.count }
          if items > rate.count {
            found.append("\(items) items by request \(request.number) in a window of \(rate)")
          }
        }
      }
    }
    return found
  }

  /// Chunks that stand for their items: those that were not divided.
  private var leaves: [Records.Chunk] { records.chunks.filter { $0.state != "split" } }

  /// Nothing lost: every item is in exactly one chunk that counts, and the sums agree.
  private var coverage: [String] {
    var found: [String] = []
    var next = 0
    for leaf in leaves {
      if leaf.items.lowerBound != next {
        found.append("lost: items from \(next) to \(leaf.items.lowerBound) are in no chunk, or in two")
      }
      next = leaf.items.upperBound
    }
    if next != scenario.items.count || records.items != next {
      found.append("lost: \(next) of \(scenario.items.count) items are in chunks")
    }
    for parent in records.chunks where parent.state == "split" {
      let children = records.chunks.filter { $0.parent == parent.number }
      let covered = children.reduce(0) { $0 + $1.items.count }
      if covered != parent.items.count || !children.allSatisfy({ parent.items.contains($0.items.lowerBound) })
      {
        found.append("chunk \(parent.number) is split into ranges that do not cover it")
      }
    }
    for state in ChunkState.itemStates {
      let counted = leaves.filter { $0.state == state.rawValue }.reduce(0) { $0 + $1.items.count }
      if counted != records.tally[state.rawValue, default: 0] {
        found.append("the tally of \(state.rawValue) is not the \(counted) items there are")
      }
    }
    return found
  }

  /// Nothing twice, nothing accepted that was not taken, nothing taken that is said not to be.
  private var takings: [String] {
    var taken: [ServiceModel.Item: [Int]] = [:]
    for taking in ledger { taken[taking.item, default: []].append(taking.request) }
    var found: [String] = []
    for leaf in leaves {
      for number in leaf.items where number < scenario.items.count {
        let times = taken[scenario.items[number]] ?? []
        if leaf.state == "accepted", times.isEmpty {
          found.append("lost: item \(number) of chunk \(leaf.number) is accepted and was never taken")
        }
        if times.count > 1 + resends(of: number) {
          found.append("twice: item \(number) of chunk \(leaf.number) was taken by requests \(times)")
        }
        if !times.isEmpty, isSaidNotTaken(leaf), resends(of: number) == 0 {
          found.append("item \(number) of chunk \(leaf.number) is \(leaf.state) and was taken")
        }
      }
    }
    return found
  }

  /// No video is uploaded twice or indexed twice, and what is accepted is in its index.
  private var makings: [String] {
    let objects = Dictionary(assets.map { ($0.id, $0.object) }) { first, _ in first }
    var usable: [String: Int] = [:]
    for asset in assets where !asset.fails { usable[asset.object, default: 0] += 1 }
    var found: [String] = []
    var places: [String: Int] = [:]
    for entry in indexed { places["\(objects[entry.asset] ?? "?") \(entry.index)", default: 0] += 1 }
    for leaf in leaves {
      for number in leaf.items where number < scenario.items.count {
        let item = scenario.items[number]
        let times = places["\(item.object) \(item.index)"] ?? 0
        let resends = resends(of: number)
        if leaf.state == "accepted", times == 0 {
          found.append("lost: item \(number) is accepted and was never indexed")
        }
        if times > 1 + resends { found.append("twice: item \(number) was indexed \(times) times") }
        if usable[item.object] ?? 0 > 1 + resends {
          found.append("twice: item \(number) was uploaded \(usable[item.object] ?? 0) times")
        }
        if times > 0, resends == 0, ["failed", "cancelled", "rejected"].contains(leaf.state) {
          found.append("item \(number) is \(leaf.state) and was indexed")
        }
      }
    }
    return found
  }

  /// How often an item was sent again unasked, because the user said so.
  private func resends(of item: Int) -> Int {
    records.settlements.count { settlement in
      settlement.authority == "policy" && settlement.verdict == "not_received"
        && records.chunks.contains { $0.number == settlement.chunk && $0.items.contains(item) }
    }
  }

  private func isSaidNotTaken(_ chunk: Records.Chunk) -> Bool {
    switch chunk.state {
    case "failed", "cancelled": true
    case "rejected": !scenario.weather.refusalsTakeParts
    default: false
    }
  }

  /// What is left open only where the run says so.
  private var endings: [String] {
    let open = Set(leaves.map(\.state)).intersection(["pending", "submitting", "processing"])
    switch records.state {
    case "finished", "cancelled":
      return open.isEmpty ? [] : ["the run is \(records.state), and chunks are \(open.sorted())"]
    case "paused", "running": return []
    default: return ["the run is \(records.state)"]
    }
  }

  /// The moves there are, by the table.
  private static let legal: Set<String> = {
    var moves: Set<String> = [" pending"]
    for state in ChunkState.allCases {
      for event in ChunkEvent.allCases {
        do throws(IllegalMove) {
          moves.insert("\(state.rawValue) \(try state.after(event).rawValue)")
        } catch {
          // Not a move.
        }
      }
    }
    return moves
  }()

  /// Every state legal: each move is in the table, and goes on from the one before.
  private var moves: [String] {
    var found: [String] = []
    var states: [Int: String] = [:]
    for move in records.moves {
      if states[move.chunk, default: ""] != move.old {
        found.append("chunk \(move.chunk) moved from \(move.old) without having been there")
      }
      // A range that takes the place of another begins with what is known of it.
      if !Self.legal.contains("\(move.old) \(move.new)"), !(move.old.isEmpty && isChild(move.chunk)) {
        found.append("chunk \(move.chunk) moved from \(move.old) to \(move.new), which is no move")
      }
      states[move.chunk] = move.new
    }
    for chunk in records.chunks where states[chunk.number] != chunk.state {
      found.append("chunk \(chunk.number) is \(chunk.state) without having moved there")
    }
    return found
  }

  private func isChild(_ chunk: Int) -> Bool {
    records.chunks.contains { $0.number == chunk && $0.parent != nil }
  }

  /// No request without its intent, every try ended, none after an acceptance.
  private var attempts: [String] {
    var found: [String] = []
    var accepted: Set<Int> = []
    for attempt in records.attempts {
      if accepted.contains(attempt.chunk) {
        found.append("chunk \(attempt.chunk) was tried again after it was accepted")
      }
      if attempt.outcome == nil, records.state != "running" {
        found.append("attempt \(attempt.number) of chunk \(attempt.chunk) never ended")
      }
      if attempt.outcome == "accepted", attempt.step != "upload" { accepted.insert(attempt.chunk) }
    }
    if requests.count > records.attempts.count {
      found.append("\(requests.count) requests arrived, and there are \(records.attempts.count) intents")
    }
    return found
  }
}

extension ServiceModel.Request {
  /// Whether it is no request that indexes what another one made.
  fileprivate var isFirstStep: Bool { !items.contains { $0.object.hasPrefix("index ") } }
}

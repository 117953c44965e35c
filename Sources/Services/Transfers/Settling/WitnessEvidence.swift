internal import BatchDomain

/// Gathers what one look knows: witnesses, counts of names, and one sweep of the listing for each index that serves
/// every chunk looked at.
struct WitnessEvidence {
  let api: any TransfersAPI
  let context: SettlingContext

  private var clock: any BatchClock { context.clock }
  private var store: any SettlingRecords { context.evidence }

  /// Witnesses of an index that are compared at one look.
  static let witnessesPerLook = 5
  /// A request that started that long ago may still be under way: how far back sends of clashing names are looked
  /// for.
  static let longestRequest: Duration = .seconds(3_600)

  /// What was found.
  struct Found {
    /// By index; one that is missing could not be listed.
    var evidence: [IndexID: IndexEvidence] = [:]
    /// Why an index could not be listed.
    var trouble: [IndexID: String] = [:]

    /// Tasks listed in the indexes of a chunk.
    func tasks(of chunk: UnknownChunk) -> Int {
      chunk.indexes.reduce(0) { $0 + (evidence[$1]?.snapshot.tasks ?? 0) }
    }
  }

  /// Gathers the evidence for some chunks.
  ///
  /// - Parameter memory: which witnesses were seen when; it learns from this look.
  /// - Returns: `nil` when the run stops meanwhile.
  func gather(for chunks: [UnknownChunk], _ memory: inout WitnessMemory) async throws -> Found? {
    var found = Found()
    for index in Set(chunks.flatMap(\.indexes)).sorted() {
      let concerned = chunks.filter { $0.indexes.contains(index) }
      guard let earliest = concerned.map(\.startedAt).min(), let first = concerned.map(\.intent).min(),
        let last = concerned.map(\.endedAfter).max()
      else { continue }
      let held = concerned.filter(\.mayArriveLater).map {
        HeldRequest(end: memory.end(of: $0, grace: context.grace), endedAfter: $0.endedAfter)
      }
      var known = try await witnesses(of: index, before: first, after: last, held: held)
      let sends = try await sends(in: index, of: concerned, beside: known.later + known.earlier)
      let counts = counts(of: concerned, in: index, among: sends)
      known.later = known.later.map { counted($0.witness, in: index, among: sends) }
      known.earlier = known.earlier.map { counted($0.witness, in: index, among: sends) }
      let chosen = known.later + known.earlier
      let windows =
        counts.values.compactMap { $0?.windowStart } + chosen.flatMap { $0.counts.values.map(\.windowStart) }
      let oldest = chosen.map(\.startedAt).reduce(earliest) { min($0, $1) } - SettlingRule.clockMargin
      let names = Set(concerned.flatMap { $0.names(in: index) } + chosen.flatMap(\.names))
      do throws(ListingSweep.Failure) {
        let snapshot = try await ListingSweep(api: api, gate: context.gate, clock: clock)
          .snapshot(
            of: index, since: windows.reduce(oldest) { min($0, $1) },
            lookingFor: names)
        found.evidence[index] = IndexEvidence(
          snapshot: snapshot, witnesses: known.later, earlierWitnesses: known.earlier, firstShown: [:],
          counts: counts)
      } catch {
        switch error {
        case .stopped: return nil
        case .unavailable(let why): found.trouble[index] = why
        }
      }
      if var evidence = found.evidence[index] {
        // A chunk of the same name may have been sent and listed meanwhile: what changed between the two says nothing.
        let after = try await self.sends(in: index, of: concerned, beside: chosen)
        let later = self.counts(of: concerned, in: index, among: after)
        for name in Set(counts.keys).union(later.keys) where counts[name] != later[name] {
          evidence.counts[name] = .some(nil)
        }
        evidence.witnesses = evidence.witnesses.map { confirmed($0, in: index, by: after) }
        evidence.earlierWitnesses = evidence.earlierWitnesses.map { confirmed($0, in: index, by: after) }
        found.evidence[index] = evidence
      }
      try await note(index, in: &found, &memory)
    }
    return found
  }

  /// Learns from a look how far behind the listing of an index is.
  private func note(_ index: IndexID, in found: inout Found, _ memory: inout WitnessMemory) async throws {
    guard let evidence = found.evidence[index] else { return }
    var recorded = try await store.listingLag(of: index)
    if let step = memory.watch(now: clock.now(), elapsed: clock.elapsed()), step.by < .zero {
      memory.forget(upTo: try await store.intents())
    }
    if let lag = memory.learn(from: evidence, index: index, recorded: recorded, now: clock.now()) {
      try await store.remember(lag, of: index)
      recorded = lag
    }
    found.evidence[index]?.firstShown = memory.firstShown
    found.evidence[index]?.wasMissing = memory.wasMissing
    found.evidence[index]?.stepsForward = memory.steps.filter { $0.by > .zero }
    found.evidence[index]?.recordedLag = memory.isContradicted(index) ? nil : recorded
  }

  /// A request that something on the way may hold.
  private struct HeldRequest {
    /// When it can no longer arrive.
    let end: Timestamp
    /// How many intents the run had when its attempt had ended.
    let endedAfter: Int
  }

  /// The accepted chunks an absence is judged by.
  ///
  /// Those soonest after the last of the attempts come first: while sending is fast, the newest are always inside
  /// the listing's lag. What was begun within the grace of an attempt proves nothing about it, and may be more than is
  /// looked at; so those soonest after the grace are looked at as well, behind the first and the last grace that is over.
  ///
  /// - Parameter held: the requests that something on the way may hold.
  private func witnesses(
    of index: IndexID, before first: Int, after last: Int, held: [HeldRequest]
  ) async throws -> (later: [CountedWitness], earlier: [CountedWitness]) {
    var later = try await store.witnesses(
      index: index, intents: last + 1..<Int.max, begunAfter: nil, newestFirst: false,
      limit: Self.witnessesPerLook)
    let now = clock.now()
    let over = held.filter { $0.end <= now }.sorted { $0.end < $1.end }
    for request in over.count > 1 ? [over[0], over[over.count - 1]] : over {
      let found = try await store.witnesses(
        index: index, intents: request.endedAfter + 1..<Int.max, begunAfter: request.end, newestFirst: false,
        limit: Self.witnessesPerLook)
      later += found.filter { !later.contains($0) }
    }
    let newest = try await store.witnesses(
      index: index, intents: 0..<Int.max, begunAfter: nil, newestFirst: true, limit: 1)
    later += newest.filter { !later.contains($0) }
    let earlier = try await store.witnesses(
      index: index, intents: 0..<first, begunAfter: nil, newestFirst: true, limit: Self.witnessesPerLook)
    return (later.map(CountedWitness.init), earlier.map(CountedWitness.init))
  }

  /// Everything sent under the names of these chunks and witnesses, as far as it may be mistaken for theirs.
  private func sends(
    in index: IndexID, of chunks: [UnknownChunk], beside witnesses: [CountedWitness]
  ) async throws -> Sends {
    let names = Set(chunks.flatMap { $0.names(in: index) } + witnesses.flatMap(\.names))
    let earliest = (chunks.map(\.startedAt) + witnesses.map(\.startedAt)).min() ?? clock.now()
    let since = earliest - SettlingRule.clockMargin - Self.longestRequest
    let found = try await store.sends(of: [index: names], since: since)
    return Sends(byName: Dictionary(grouping: found, by: \.name), since: since)
  }

  private struct Sends {
    var byName: [FileName: [NamedSend]]
    var since: Timestamp
  }

  /// A witness with the counts of those of its names that other items may have, of its own run or of another.
  ///
  /// One that cannot be counted stays: that it was accepted is known, and where it is left out, an absence would be
  /// judged as if it had never been.
  private func counted(_ witness: Witness, in index: IndexID, among sends: Sends) -> CountedWitness {
    var counted = CountedWitness(witness)
    for name in Set(witness.names) {
      var same = sends.byName[name] ?? []
      if !witness.namesClash {
        guard !same.isEmpty else { continue }
        // The store leaves out what the run sent of names that are unique within it.
        same.append(
          NamedSend(
            index: index, name: name, object: ObjectName(name.rawValue), startedAt: witness.startedAt,
            endedAt: witness.acceptedAt, isAccepted: true))
      }
      if let count = NameCount(same, since: witness.startedAt, knownSince: sends.since) {
        counted.counts[name] = count
      } else {
        counted.isCountable = false
      }
    }
    return counted
  }

  /// A witness as it was counted before the sweep, which cannot be counted when the sends of its names are others after it.
  private func confirmed(
    _ witness: CountedWitness, in index: IndexID, by after: Sends
  ) -> CountedWitness {
    var confirmed = witness
    if counted(witness.witness, in: index, among: after) != witness { confirmed.isCountable = false }
    return confirmed
  }

  /// The counts of names that may stand for several items.
  private func counts(
    of chunks: [UnknownChunk], in index: IndexID, among sends: Sends
  ) -> [FileName: NameCount?] {
    var counts: [FileName: NameCount?] = [:]
    for chunk in chunks {
      for name in chunk.names(in: index) {
        let same = sends.byName[name] ?? []
        // Attempts of one object that nobody took are one item, whose task speaks for itself.
        guard Set(same.map(\.object)).count > 1 || same.contains(where: \.isAccepted) else { continue }
        let count = NameCount(same, since: chunk.startedAt, knownSince: sends.since)
        guard let known = counts[name] else {
          counts[name] = .some(count)
          continue
        }
        // Of two chunks with the name the wider window serves both.
        if let known, let count, known.windowStart <= count.windowStart { continue }
        counts[name] = .some(known == nil ? nil : count)
      }
    }
    return counts
  }
}

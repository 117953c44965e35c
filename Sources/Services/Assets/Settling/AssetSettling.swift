internal import BatchDomain
internal import ServiceHTTP

/// Finds out what became of unknown chunks: of an upload by the item's tag in the list of assets, of an index step by the
/// list of indexed assets of its asset. Present is proof; absence counts only when two looks agree, beside a witness or,
/// where the list shows what was accepted last, after a time that is long for this service. `docs/settling.md` says it
/// in full.
struct AssetSettling: SettlingStrategy {
  private let api: any AssetsAPI
  private let run: RunID
  private let context: SettlingContext
  private var memory: AssetSettlingMemory

  /// The run stops.
  private struct Stopped: Error {}

  /// What one look found of one chunk.
  private enum Sight {
    /// What the request made; the surplus was made by others of the same step.
    case present(id: String, surplus: [String])
    /// Nothing of it.
    ///
    /// - Parameters:
    ///   - witness: an accepted chunk of the same step that was begun later and that the same list shows.
    ///   - unshown: accepted chunks of the same step, the newest ones, that it does not show.
    case absent(witness: ChunkNumber?, unshown: [StepAcceptance])
    /// Nothing can be concluded from this look, in words.
    case unclear(String)
    /// Nothing can ever be concluded, in words.
    case undecidable(String)
  }

  /// A strategy that has looked at nothing; from here on a clock that is set is noticed.
  init(api: any AssetsAPI, run: RunID, context: SettlingContext) {
    self.api = api
    self.run = run
    self.context = context
    memory = AssetSettlingMemory(now: context.clock.now(), elapsed: context.clock.elapsed())
  }

  private var sweep: AssetSweep {
    AssetSweep(api: api, reading: GatedReading(gate: context.gate), clock: context.clock)
  }

  mutating func look(
    at chunks: [UnknownChunk], canSendMore: Bool
  ) async throws -> [ChunkNumber: SettlingReading]? {
    let lookedAt = context.clock.now()
    memory.watch(now: lookedAt, elapsed: context.clock.elapsed())
    do {
      for step in Set(chunks.map(\.step)) {
        memory.watch(try await context.evidence.acceptance(of: step, after: 0), of: step)
      }
      for chunk in chunks {
        let newest = try await context.evidence.acceptance(of: chunk.step, after: chunk.endedAfter)
        // What was begun while the request could still arrive can never be a witness.
        if let newest, wasBegunLater(newest, than: chunk) { memory.learn(newest, for: chunk) }
      }
      var readings = try await lookAtUploads(chunks.filter { $0.step == .upload }, lookedAt: lookedAt)
      readings.merge(try await lookAtIndexing(chunks.filter { $0.step != .upload }, lookedAt: lookedAt)) {
        first, _ in first
      }
      for number in readings.keys { readings[number]?.evidence.lastLookAt = lookedAt }
      return readings
    } catch is Stopped {
      return nil
    }
  }

  /// Why a chunk cannot be looked up at all.
  private static func obstacle(_ chunk: UnknownChunk) -> String? {
    if chunk.wasSentElsewhere { return "it was sent to another address than the run's present one" }
    guard chunk.items.count == 1 else {
      return "profile v1.3 sends one item per request, and it has \(chunk.items.count)"
    }
    return chunk.step != .upload && chunk.externalIDs[.upload] == nil
      ? "the id of its asset is not recorded" : nil
  }

  // MARK: Uploads

  /// The key under which the lag of the list of assets is kept: it belongs to no index.
  static let listOfAssets = IndexID("")

  private mutating func lookAtUploads(
    _ chunks: [UnknownChunk], lookedAt: Timestamp
  ) async throws -> [ChunkNumber: SettlingReading] {
    var readings: [ChunkNumber: SettlingReading] = [:]
    var tags: [ChunkNumber: String] = [:]
    for chunk in chunks {
      if let why = Self.obstacle(chunk) {
        readings[chunk.number] = SettlingReading(.undecidable, Evidence(why))
      } else if let item = chunk.items.first {
        tags[chunk.number] =
          ItemTag(run: run, number: chunk.firstItem, index: item.index, object: item.object).item
      }
    }
    let open = chunks.filter { tags[$0.number] != nil }
    guard !open.isEmpty else { return readings }
    let acceptances = acceptances(of: .upload, beside: open)
    let earliest = (open.map(\.startedAt) + acceptances.map(\.startedAt)).min() ?? lookedAt
    let snapshot: AssetSnapshot
    switch try await attempt({ sweep throws(GatedReading.Failure) in
      try await sweep.assets(since: earliest - AssetSweep.clockMargin, items: Set(tags.values), run: run)
    }) {
    case .success(let found): snapshot = found
    case .failure(let failure):
      for chunk in open { readings[chunk.number] = self.open(chunk, failure.reason) }
      return readings
    }
    let unshown = try await note(
      acceptances.filter { snapshot.readBackTo <= $0.startedAt - AssetSweep.clockMargin },
      isShown: { snapshot.own.contains($0.externalID) }, lookedAt: lookedAt, list: Self.listOfAssets)
    let recorded = try await recorded(among: snapshot.tagged.values.flatMap { $0 }.map(\.id))
    for chunk in open {
      let tag = tags[chunk.number] ?? ""
      var sight =
        Self.sight(of: chunk, among: snapshot.tagged[tag] ?? [], recorded)
        ?? absence(of: chunk, in: snapshot, unshown: unshown)
      if snapshot.readBackTo > chunk.startedAt - AssetSweep.clockMargin {
        if case .present = sight {
        } else {
          sight = try await narrowed(chunk, tag: tag, isRepeating: snapshot.isRepeating)
        }
      }
      readings[chunk.number] = try await conclude(
        sight, chunk, list: Self.listOfAssets, listed: snapshot.listed, lookedAt: lookedAt)
    }
    return readings
  }

  /// What an absence from the list of assets comes to.
  private func absence(
    of chunk: UnknownChunk, in snapshot: AssetSnapshot, unshown: [StepAcceptance]
  ) -> Sight {
    if let gap = snapshot.gap { return .unclear(gap) }
    let since = chunk.startedAt - AssetSweep.clockMargin
    if let name = chunk.items.first.flatMap({ AssetFileName.name(of: $0.object) }),
      snapshot.bare.contains(where: { $0.fileName == name && ($0.createdAt ?? since) >= since })
    {
      return .undecidable(
        "the list of assets shows its file name at that time without the metadata that was sent with it, so that it "
          + "cannot be told whose asset that is")
    }
    let witness = witnesses(for: chunk).first { snapshot.own.contains($0.externalID) }
    if snapshot.own.isEmpty, !snapshot.bare.isEmpty {
      // Perhaps metadata is not kept at all, and one of these is the chunk's.
      return .unclear(
        "the list of assets shows \(snapshot.bare.count) of that time without metadata, and none that shows the "
          + "metadata of this run")
    }
    return .absent(witness: witness?.chunk, unshown: unshown)
  }

  /// Of several assets of one item the one that is used has not failed, where there is such a one, and has the smallest
  /// id: it is the oldest.
  ///
  /// - Returns: `nil` where none of the rows has an id that says anything about the chunk.
  private static func sight(
    of chunk: UnknownChunk, among rows: [AssetRow], _ recorded: RecordedIDs
  ) -> Sight? {
    let (usable, taken) = split(rows.map(\.id), of: chunk, recorded)
    let own = rows.filter { usable.contains($0.id) }
    guard let used = own.min(by: { ($0.hasFailed ? 1 : 0, $0.id) < ($1.hasFailed ? 1 : 0, $1.id) }) else {
      return taken.map { .undecidable($0) }
    }
    return .present(id: used.id, surplus: own.map(\.id).filter { $0 != used.id }.sorted())
  }

  /// Tells ids that may be of a chunk's request from those that came to nothing, and from those that the service gave to
  /// other chunks of the run: such an id is no proof, and no surplus either, since it is in use.
  ///
  /// - Returns: the ids that may be of it, and, where there is one of another chunk, the clause that says so.
  private static func split(
    _ ids: [String], of chunk: UnknownChunk, _ recorded: RecordedIDs
  ) -> (usable: [String], taken: String?) {
    var usable: [String] = []
    var taken: String?
    for id in ids where !recorded.spent.contains(id) {
      if let holder = recorded.holder(of: id, at: chunk.step, otherThan: chunk.number) {
        taken = taken ?? "the service shows \(id) for it, which it gave to chunk \(holder) of this run"
      } else {
        usable.append(id)
      }
    }
    return (usable, taken)
  }

  /// Looks for one chunk's asset by its file name, where the list is too long to be read back to its time. Present is
  /// proof; that it is absent says nothing, since no witness has its name.
  private func narrowed(_ chunk: UnknownChunk, tag: String, isRepeating: Bool) async throws -> Sight {
    let tooLong = Sight.unclear(
      isRepeating
        ? "the list of assets gives the same rows on every page, so that it cannot be read back to the request"
        : "more than \(AssetSweep.pageCap * api.pageLimit) assets were made since, which is too many to be read"
    )
    guard let name = chunk.items.first.flatMap({ AssetFileName.name(of: $0.object) }) else { return tooLong }
    switch try await attempt({ sweep throws(GatedReading.Failure) in
      try await sweep.assets(named: name, tag: tag, since: chunk.startedAt - AssetSweep.clockMargin)
    }) {
    case .failure(let failure): return .unclear(failure.reason)
    case .success(let rows):
      return Self.sight(of: chunk, among: rows, try await recorded(among: rows.map(\.id))) ?? tooLong
    }
  }

  // MARK: Index steps

  private mutating func lookAtIndexing(
    _ chunks: [UnknownChunk], lookedAt: Timestamp
  ) async throws -> [ChunkNumber: SettlingReading] {
    var readings: [ChunkNumber: SettlingReading] = [:]
    // What a store forgot may have been done long before it was asked about.
    let times =
      chunks.map { $0.code == UnknownChunk.failedOverCode ? Timestamp(milliseconds: 0) : $0.startedAt }
      + memory.watched(of: .index).map(\.startedAt)
    var lists = IndexedAssetLists(windowStart: times.min() ?? lookedAt)
    for chunk in chunks {
      guard let item = chunk.items.first, let asset = chunk.externalIDs[.upload],
        Self.obstacle(chunk) == nil
      else {
        readings[chunk.number] = SettlingReading(.undecidable, Evidence(Self.obstacle(chunk) ?? ""))
        continue
      }
      let ids: [String]
      switch try await ownIndexedAssets(of: asset, in: item.index, chunk, &lists) {
      case .failure(let failure):
        readings[chunk.number] = open(chunk, failure.reason)
        continue
      case .success(let found): ids = found
      }
      let (found, taken) = Self.split(ids, of: chunk, try await recorded(among: ids))
      let usable = found.sorted()
      var sight: Sight
      if let first = usable.first {
        sight = .present(id: first, surplus: Array(usable.dropFirst()))
      } else if let taken {
        sight = .undecidable(taken)
      } else {
        var shown: Set<String> = []
        var lookedUp: [StepAcceptance] = []
        for acceptance in acceptances(of: chunk.step, beside: [chunk]) {
          // Without its asset it cannot be looked up; it says nothing then.
          guard let own = acceptance.externalIDs[.upload],
            case .success(let found) = try await indexedAssets(
              of: own, in: acceptance.index ?? item.index, &lists)
          else { continue }
          lookedUp.append(acceptance)
          if found.contains(acceptance.externalID) { shown.insert(acceptance.externalID) }
        }
        let unshown = try await note(
          lookedUp, isShown: { [shown] in shown.contains($0.externalID) }, lookedAt: lookedAt,
          list: item.index)
        let witness = witnesses(for: chunk).first { shown.contains($0.externalID) }
        sight = .absent(witness: witness?.chunk, unshown: unshown)
      }
      readings[chunk.number] = try await conclude(
        sight, chunk, list: item.index, listed: ids.count, lookedAt: lookedAt)
    }
    return readings
  }

  /// The same for the asset of an unknown chunk. Where the list of the asset has what was made of another chunk's, it is
  /// not kept to the asset, and the list of the index is read.
  private func ownIndexedAssets(
    of asset: String, in index: IndexID, _ chunk: UnknownChunk, _ lists: inout IndexedAssetLists
  ) async throws -> Result<[String], ListingFailure> {
    let found = try await indexedAssets(of: asset, in: index, &lists)
    guard lists.areOfOneAsset, case .success(let ids) = found else { return found }
    guard Self.split(ids, of: chunk, try await recorded(among: ids)).taken != nil else { return found }
    lists.areOfOneAsset = false
    return try await indexedAssets(of: asset, in: index, &lists)
  }

  /// Ids of the indexed assets that were made of an asset for an index: by the list of the asset, or, where the service
  /// has no such list, or has others in it, by the list of the index.
  private func indexedAssets(
    of asset: String, in index: IndexID, _ lists: inout IndexedAssetLists
  ) async throws -> Result<[String], ListingFailure> {
    if lists.areOfOneAsset, let known = lists.byAsset[asset] { return known.flatMap { $0.ids(in: index) } }
    if lists.areOfOneAsset, !lists.hasNoListOfAsset.contains(asset) {
      switch try await attempt({ sweep throws(GatedReading.Failure) in
        try await sweep.indexedAssets(of: asset)
      }) {
      case .success(let (rows, gap)) where rows.allSatisfy({ $0.mayBe(of: asset) }):
        let list = IndexedAssetLists.OfAsset(rows, gap: gap)
        lists.byAsset[asset] = .success(list)
        return list.ids(in: index)
      case .success: lists.areOfOneAsset = false
      case .failure(let failure) where failure.isMissing: lists.hasNoListOfAsset.insert(asset)
      case .failure(let failure):
        lists.byAsset[asset] = .failure(failure)
        return .failure(failure)
      }
    }
    let list: Result<IndexedAssetLists.OfIndex, ListingFailure>
    if let known = lists.byIndex[index] {
      list = known
    } else {
      list = try await attempt { [windowStart = lists.windowStart] sweep throws(GatedReading.Failure) in
        try await sweep.indexedAssets(in: index, since: windowStart - AssetSweep.clockMargin)
      }
      lists.byIndex[index] = list
    }
    return list.flatMap { $0.ids(of: asset) }
  }

  // MARK: Conclusions

  private mutating func conclude(
    _ sight: Sight, _ chunk: UnknownChunk, list: IndexID, listed: Int, lookedAt: Timestamp
  ) async throws -> SettlingReading {
    let what = chunk.step == .upload ? "the list of assets" : "the list of indexed assets of its asset"
    switch sight {
    case .present(let id, let surplus):
      if memory.wasMissing(chunk) {
        try await remember(
          ListingLag(
            acceptedAt: chunk.endedAt, lag: memory.passed(from: chunk.startedAt, to: lookedAt)), of: list)
      }
      memory.forget(chunk)
      let rest = surplus.isEmpty ? "" : "; \(surplus.count) more that it shows are left over"
      return SettlingReading(
        .received,
        Evidence(
          "\(what) shows \(id)\(rest)", firstLookAt: lookedAt, tasksListed: listed, itemsSeen: 1),
        // An asset is polled even where it is ready: only polling records how long its media is, which --media-rate counts.
        externalID: id, isDone: chunk.step != .upload, surplus: surplus)
    case .absent(let witness, let unshown):
      memory.miss(chunk)
      if let why = try await lack(of: witness, unshown, chunk, list: list, what: what, lookedAt: lookedAt) {
        return open(chunk, why.text, notBefore: why.notBefore, listed: listed)
      }
      guard let first = memory.agree(chunk, at: lookedAt) else {
        return SettlingReading(.unconfirmed, Evidence(""))
      }
      let beside =
        witness.map { "beside chunk \($0), which it shows" } ?? "long after the request had ended"
      return SettlingReading(
        .notReceived,
        Evidence(
          "two looks at \(what) showed nothing of it, \(beside)", firstLookAt: first, tasksListed: listed,
          itemsSeen: 0, witnesses: witness.map { [$0] } ?? []))
    case .unclear(let why): return open(chunk, why, listed: listed)
    case .undecidable(let why):
      memory.disagree(chunk)
      return SettlingReading(.undecidable, Evidence(why, tasksListed: listed))
    }
  }

  /// What is missing for an absence to count; `nil` when nothing is.
  private func lack(
    of witness: ChunkNumber?, _ unshown: [StepAcceptance], _ chunk: UnknownChunk, list: IndexID, what: String,
    lookedAt: Timestamp
  ) async throws -> (text: String, notBefore: Timestamp)? {
    let end = arrival(of: chunk)
    let skipped = memory.skipped(since: chunk.endedAt)
    let passed = lookedAt.since(end) - skipped
    guard passed >= .zero else {
      return (
        "\(what) does not show it, and something on the way may still hold its request (--settle-grace)",
        end + skipped
      )
    }
    guard witness == nil else { return nil }
    let behind = unshown.map { memory.passed(from: $0.startedAt, to: lookedAt) }.max() ?? .zero
    let longest = try await longestLag(of: list)
    let needed = max(context.delay, behind, longest) * 2
    let notBefore = end + needed + skipped
    if let newest = unshown.last {
      // The list is behind, and by how far is not known before it shows what was accepted. Then twice that has to pass.
      return (
        "\(what) shows neither it nor chunk \(newest.chunk), which was accepted: it is behind",
        notBefore > lookedAt ? notBefore : lookedAt + max(context.delay, behind)
      )
    }
    guard passed < needed else { return nil }
    return ("\(what) does not show it, and may be behind", notBefore)
  }

  /// The longest lag that the run has seen, of this list or of another one.
  private func longestLag(of list: IndexID) async throws -> Duration {
    var longest = memory.longestLag
    for known in [list, Self.listOfAssets] {
      longest = max(longest, try await context.evidence.listingLag(of: known)?.lag ?? .zero)
    }
    return longest
  }

  private mutating func open(
    _ chunk: UnknownChunk, _ why: String, notBefore: Timestamp? = nil, listed: Int? = nil
  ) -> SettlingReading {
    memory.disagree(chunk)
    return SettlingReading(.open(notBefore: notBefore), Evidence(why, tasksListed: listed))
  }

  /// Accepted chunks of the same step that were begun after the request could arrive.
  ///
  /// What was begun later is known from the order of the intents, which no change of the machine's clock disturbs; the
  /// times have to agree.
  private func witnesses(for chunk: UnknownChunk) -> [StepAcceptance] {
    memory.candidates(for: chunk).filter { wasBegunLater($0, than: chunk) }
  }

  /// Whether an accepted chunk was begun after the request of an unknown one could arrive, by their times.
  private func wasBegunLater(_ acceptance: StepAcceptance, than chunk: UnknownChunk) -> Bool {
    let end = arrival(of: chunk)
    return acceptance.startedAt > (chunk.mayArriveLater ? end + memory.skipped(since: chunk.endedAt) : end)
  }

  /// Accepted chunks of a step that say how far its list is behind, each once, in the order of their beginnings.
  private func acceptances(of step: ChunkStep, beside chunks: [UnknownChunk]) -> [StepAcceptance] {
    var seen: Set<String> = []
    return (memory.watched(of: step) + chunks.flatMap { memory.candidates(for: $0) })
      .filter { seen.insert($0.externalID).inserted }.sorted { $0.startedAt < $1.startedAt }
  }

  /// The moment from which on the request of the last attempt can no longer arrive.
  private func arrival(of chunk: UnknownChunk) -> Timestamp {
    chunk.mayArriveLater ? chunk.endedAt + context.grace : chunk.endedAt
  }

  /// Learns from which accepted chunks a list shows how far it is behind.
  ///
  /// - Parameter acceptances: those that the list would show, in the order of their beginnings.
  /// - Returns: the newest ones, as far as the list shows none that was begun later. What is missing before one that is
  ///   shown is no lag, and what came to nothing may have been deleted.
  private mutating func note(
    _ acceptances: [StepAcceptance], isShown: (StepAcceptance) -> Bool, lookedAt: Timestamp, list: IndexID
  ) async throws -> [StepAcceptance] {
    for acceptance in acceptances {
      guard let lag = memory.note(acceptance, isShown: isShown(acceptance), at: lookedAt) else { continue }
      try await remember(lag, of: list)
    }
    let shownUpTo = acceptances.filter(isShown).map(\.startedAt).max()
    let unshown = acceptances.filter { acceptance in
      !isShown(acceptance) && shownUpTo.map { acceptance.startedAt >= $0 } ?? true
    }
    let spent = try await recorded(among: unshown.map(\.externalID)).spent
    return unshown.filter { !spent.contains($0.externalID) }
  }

  /// Keeps the longest lag that the run has seen.
  private mutating func remember(_ lag: ListingLag, of list: IndexID) async throws {
    memory.keep(lag.lag)
    let known = try await context.evidence.listingLag(of: list)
    if known.map({ $0.lag < lag.lag }) ?? true { try await context.evidence.remember(lag, of: list) }
  }

  private func recorded(among ids: [String]) async throws -> RecordedIDs {
    ids.isEmpty ? RecordedIDs() : try await context.evidence.recorded(among: Set(ids))
  }

  /// Reads something.
  ///
  /// - Throws: ``Stopped`` when the run stops meanwhile.
  private func attempt<Value>(
    _ read: (AssetSweep) async throws(GatedReading.Failure) -> Value
  ) async throws -> Result<Value, ListingFailure> {
    do throws(GatedReading.Failure) {
      return .success(try await read(sweep))
    } catch {
      switch error {
      case .stopped: throw Stopped()
      case .listing(let failure): return .failure(failure)
      }
    }
  }
}

extension UnknownChunk {
  /// Whether a gateway may still hold the request of its last attempt.
  fileprivate var mayArriveLater: Bool {
    mayBeHeldOnTheWay || AssetOutcomes.mayArriveLater(status: status, code: code)
  }
}

package import BatchDomain
internal import ServiceHTTP

/// What is found out about the service before the first request of a run: whether it takes the key, and whether it has the
/// indexes that the manifest names.
package struct AssetsPreflight: Sendable, Equatable {
  /// Something that a person should know and that stops nothing.
  package struct Note: Sendable, Equatable {
    /// The index it is about.
    package var index: IndexID
    /// One clear sentence.
    package var text: String
    /// Whether the service, as far as it is documented, takes no videos into the index because of it.
    package var isProblem: Bool

    /// A note about an index.
    package init(index: IndexID, text: String, isProblem: Bool = false) {
      self.index = index
      self.text = text
      self.isProblem = isProblem
    }
  }

  /// Why nothing may be sent, with a sentence.
  package struct Obstacle: Sendable, Equatable {
    /// The reason that the run is paused with.
    package var reason: PauseReason
    /// One clear sentence.
    package var detail: String

    /// An obstacle.
    package init(reason: PauseReason, detail: String) {
      self.reason = reason
      self.detail = detail
    }
  }

  /// What is worth a warning, in the order of the indexes.
  package var notes: [Note]
  /// Indexes that do not exist for this key, in order.
  package var missing: [IndexID]
  /// Why nothing may be sent; `nil` when sending may begin.
  package var obstacle: Obstacle?

  /// What was found out.
  package init(notes: [Note] = [], missing: [IndexID] = [], obstacle: Obstacle? = nil) {
    self.notes = notes
    self.missing = missing
    self.obstacle = obstacle
  }
}

/// What the service says of one index.
package enum IndexLook: Sendable, Equatable {
  /// It is there.
  case found(IndexDescription, notes: [AssetsPreflight.Note])
  /// It does not exist for this key.
  case missing
  /// The service did not say it.
  ///
  /// - Parameters:
  ///   - pause: why a run would be paused; `nil` for trouble that may pass.
  ///   - isSilent: whether no answer came within the time limit.
  case unread(pause: PauseReason?, detail: String, isSilent: Bool = false)
}

extension AssetsService {
  /// Indexes that are looked at, at most: a manifest with more is a mistake, or will meet the others soon enough.
  package static let preflightLimit = 20

  /// Asks the service, with one request for each index, whether a run may begin; where it has none of them, with one more.
  ///
  /// Trouble that may pass (a time-out, a 5xx, too many requests) is no obstacle: the run meets it in its own way. No limit of
  /// a plan is compiled in; what the index has already is said.
  ///
  /// - Parameter indexes: how many items of the manifest go to each index.
  package func preflight(_ indexes: [IndexID: Int]) async -> AssetsPreflight {
    var result = AssetsPreflight()
    var indexesAsked = 0
    for index in indexes.keys.sorted().prefix(Self.preflightLimit) {
      indexesAsked += 1
      switch await look(at: index, items: indexes[index] ?? 0) {
      case .found(_, let notes): result.notes += notes
      case .missing: result.missing.append(index)
      case .unread(let reason?, let detail, _):
        result.obstacle = AssetsPreflight.Obstacle(reason: reason, detail: detail)
        return result
      case .unread(nil, _, let isSilent):
        // Each of the others would take as long, and the run meets it in its own way.
        if isSilent { return result }
      }
    }
    if !result.missing.isEmpty, result.missing.count == indexesAsked, indexesAsked == indexes.count {
      let names = result.missing.map { VisibleText.escape($0.rawValue, cutAt: 60) }.joined(separator: ", ")
      // A server that is not this service answers 404 for every index, too.
      result.obstacle =
        await obstacleToAll()
        ?? AssetsPreflight.Obstacle(
          reason: .index, detail: "no index of the manifest exists for this key: \(names)")
    }
    return result
  }

  /// What every request would meet, as asking for one asset shows; `nil` where it shows nothing.
  private func obstacleToAll() async -> AssetsPreflight.Obstacle? {
    do throws(ListingFailure) {
      _ = try await api.assets(page: 1, limit: 1, fileName: nil)
      return nil
    } catch {
      return error.pause.map { AssetsPreflight.Obstacle(reason: $0, detail: detail(of: error, $0)) }
    }
  }

  /// Pages of assets of one file name that are read before a run goes on, at most.
  private static let pagesOfName = 3

  /// Asks the service whether it has an asset of an item of which the store has no attempt: then the store is an older copy, or
  /// another copy of it is used as well.
  ///
  /// That none is found says nothing. Trouble with the list is no obstacle: the run meets it in its own way.
  ///
  /// - Returns: the id of the asset.
  package func asset(of item: NeverSentItem) async -> String? {
    guard let name = AssetFileName.name(of: item.object) else { return nil }
    let tag = ItemTag(run: run, number: item.sequence, index: item.index, object: item.object)
    let windowStart = item.knownUntil - AssetSweep.clockMargin
    for page in 1...Self.pagesOfName {
      let rows: [AssetRow]
      do throws(ListingFailure) {
        rows = try await api.assets(page: page, limit: api.pageLimit, fileName: name).rows
      } catch {
        return nil
      }
      if let row = rows.first(where: { $0.item.map { $0.utf8.elementsEqual(tag.item.utf8) } ?? false }) {
        return row.id
      }
      if rows.allSatisfy({ row in row.createdAt.map { $0 < windowStart } ?? false }) { break }
    }
    return nil
  }

  /// Asks the service about one index.
  ///
  /// - Parameter items: how many items are to go there; 0 when that is not known.
  package func look(at index: IndexID, items: Int) async -> IndexLook {
    do throws(ListingFailure) {
      let description = try await describe(index)
      return .found(description, notes: Self.notes(on: description, index, items: items, now: now))
    } catch {
      if error.isMissing { return .missing }
      return .unread(
        pause: error.pause, detail: error.pause.map { detail(of: error, $0) } ?? error.reason,
        isSilent: error.isTimeout)
    }
  }

  /// What is worth saying about an index.
  private static func notes(
    on description: IndexDescription, _ index: IndexID, items: Int, now: Timestamp
  ) -> [AssetsPreflight.Note] {
    var notes: [AssetsPreflight.Note] = []
    func add(_ text: String, isProblem: Bool = false) {
      notes.append(AssetsPreflight.Note(index: index, text: text, isProblem: isProblem))
    }
    let name = VisibleText.escape(index.rawValue, cutAt: 60)
    let models = description.models
    // An index that only has Pegasus 1.2 takes no new videos (the service's SDK 1.3.6).
    if !models.isEmpty, models.allSatisfy({ $0.lowercased() == "pegasus1.2" }) {
      add(
        "index \(name) has only the model \(models[0]), with which the service takes no new videos; "
          + "use an index with a Marengo model", isProblem: true)
    }
    if let end = description.expiresAt {
      add(
        "index \(name) is deleted by the service at \(end)" + (end <= now ? ", which is past" : ""),
        isProblem: end <= now)
    }
    if let count = description.videoCount, count > 0, items > 0 {
      let length =
        description.totalDuration.map { " of \(HumanNumber.text(Int($0.inSeconds / 60), "minute"))" } ?? ""
      add(
        "index \(name) has \(HumanNumber.text(count, "video"))\(length) already, and the manifest adds up to "
          + "\(HumanNumber.text(items)): "
          + "the plan of the account may limit both")
    }
    return notes
  }
}

extension ListingFailure {
  /// Whether no answer came within a time limit.
  fileprivate var isTimeout: Bool {
    if case .transport(let failure) = self {
      ["timeout", "connect_timeout"].contains(failure.code)
    } else {
      false
    }
  }
}

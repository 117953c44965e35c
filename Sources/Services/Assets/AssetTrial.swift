package import BatchDomain
internal import ServiceHTTP

/// What taking one object through both steps showed of the service, above all where its documentation is silent.
package struct AssetTrial: Sendable, Equatable {
  /// What came of step `upload`.
  package enum Upload: Sendable, Equatable {
    /// The service fetched the object, and its asset can be used.
    case ready(Seen)
    /// There is no asset that can be used.
    ///
    /// - Parameters:
    ///   - why: one clause.
    ///   - id: of the asset that was made all the same.
    case failed(_ why: String, id: String?)
  }

  /// What came of step `index`.
  package enum Index: Sendable, Equatable {
    /// The service took the asset.
    ///
    /// - Parameters:
    ///   - id: of the indexed asset.
    ///   - listedAfter: how long the list of its asset took to show it, to within the time between two looks; `nil` where it
    ///     did not within ``AssetsService/listPatience``.
    case accepted(id: String, listedAfter: Duration?)
    /// It did not, in one clause.
    case failed(String)
  }

  /// An asset that was made.
  package struct Seen: Sendable, Equatable {
    /// Its id.
    package var id: String
    /// How long it took to be ready.
    package var readyAfter: Duration
    /// How long the list of assets took to show it, to within the time between two looks; `nil` where it did not within
    /// ``AssetsService/listPatience``.
    package var listedAfter: Duration?
    /// Whether the list shows the metadata that was sent with it: lost answers are settled by it.
    package var showsTag: Bool

    /// An asset that can be used.
    package init(id: String, readyAfter: Duration, listedAfter: Duration?, showsTag: Bool) {
      self.id = id
      self.readyAfter = readyAfter
      self.listedAfter = listedAfter
      self.showsTag = showsTag
    }
  }

  /// What came of step `upload`.
  package var upload: Upload
  /// What came of step `index`; `nil` where there is no asset for it.
  package var index: Index?

  /// A trial in its parts.
  package init(upload: Upload, index: Index? = nil) {
    self.upload = upload
    self.index = index
  }
}

extension AssetsService {
  /// The longest a trial waits for its asset to be ready.
  package static let assetPatience: Duration = .seconds(300)
  /// The longest a trial waits for a list to show what was made.
  package static let listPatience: Duration = .seconds(60)
  /// The most that a request of a trial which makes something may take.
  private static let trialTimeout: Duration = .seconds(60)

  /// Takes one object through both steps, outside of any run, and looks how soon the service's lists show it. What it makes
  /// stays at the service; nothing is sent twice. Indexing is not waited for.
  package func trial(of object: ObjectName, into index: IndexID) async -> AssetTrial {
    let tag = ItemTag(run: run, number: 0, index: index, object: object)
    let url: ObjectURL
    do throws(ObjectURLError) {
      url = try await urls.url(for: object)
    } catch {
      return AssetTrial(upload: .failed(Self.result(of: error).text, id: nil))
    }
    let made = AssetOutcomes.result(
      of: await api.create(
        NewAsset(
          chunk: ChunkNumber(0), url: url.url, fileName: AssetFileName.name(of: object), tag: tag),
        timeout: Self.trialTimeout),
      .upload, wrongEndpoint: wrongEndpoint)
    guard made.outcome == .accepted, let asset = made.externalID else {
      return AssetTrial(upload: .failed(Self.reason(made), id: nil))
    }
    let upload = await watch(asset, tag: tag, isReady: made.isDone)
    guard case .ready = upload else { return AssetTrial(upload: upload) }
    let added = AssetOutcomes.result(
      of: await api.add(
        NewIndexedAsset(asset: asset, index: index, tag: tag), timeout: Self.trialTimeout),
      .index, asset: asset, wrongEndpoint: wrongEndpoint)
    guard added.outcome == .accepted, let id = added.externalID else {
      return AssetTrial(upload: upload, index: .failed(Self.reason(added)))
    }
    return AssetTrial(
      upload: upload, index: .accepted(id: id, listedAfter: await listed(id, of: asset)))
  }

  private static func reason(_ result: SubmissionResult) -> String {
    result.outcome == .unknown
      ? "\(result.text); whether the service took the request is not known" : result.text
  }

  /// Looks at a new asset until it is ready and listed, or that takes too long.
  private func watch(_ asset: String, tag: ItemTag, isReady: Bool) async -> AssetTrial.Upload {
    let made = clock.elapsed()
    var readyAfter: Duration? = isReady ? .zero : nil
    var listed: (after: Duration, showsTag: Bool)?
    var status = "its status was not seen"
    var looks = Looks()
    while true {
      do throws(ListingFailure) {
        if listed == nil {
          let rows = try await api.assets(page: 1, limit: api.pageLimit, fileName: nil).rows
          listed = rows.first { $0.id == asset }.map { (clock.elapsed() - made, $0.item == tag.item) }
        }
        if readyAfter == nil {
          let row = try await api.assets(ids: [asset]).first { $0.id == asset }
          let found: AssetRow
          if let row { found = row } else { found = try await api.asset(asset) }
          guard found.id == asset else { throw .unreadable("the answer describes another asset") }
          if found.hasFailed {
            let reason = found.message ?? "it gave no reason"
            return .failed("the service could not use it: \(reason)", id: asset)
          }
          status = "the service says \(found.status ?? "nothing of its status")"
          if found.isReady { readyAfter = clock.elapsed() - made }
        }
      } catch {
        // It may pass, and what is not seen until the end is said then.
        status = error.reason
      }
      let passed = clock.elapsed() - made
      if let readyAfter, listed != nil || passed - readyAfter >= Self.listPatience {
        return .ready(
          AssetTrial.Seen(
            id: asset, readyAfter: readyAfter, listedAfter: listed?.after,
            showsTag: listed?.showsTag ?? false))
      }
      if readyAfter == nil, passed >= Self.assetPatience {
        return .failed("it was not ready after \(HumanDuration.text(passed)): \(status)", id: asset)
      }
      guard await looks.pause(clock) else { return .failed("the check was interrupted", id: asset) }
    }
  }

  /// Looks at the list of an asset until it shows an indexed asset.
  ///
  /// - Returns: how long that took; `nil` where it takes too long.
  private func listed(_ id: String, of asset: String) async -> Duration? {
    let made = clock.elapsed()
    var looks = Looks()
    while clock.elapsed() - made < Self.listPatience {
      do throws(ListingFailure) {
        let rows = try await api.indexedAssets(of: asset, page: 1).rows
        if rows.contains(where: { $0.id == id && $0.mayBe(of: asset) }) { return clock.elapsed() - made }
      } catch {
        // It may pass; a service that has no such list never shows it.
      }
      guard await looks.pause(clock) else { return nil }
    }
    return nil
  }

  /// The pauses between looks of a trial: short at first, so that what takes long is not asked about often.
  private struct Looks {
    private var next: Duration = .milliseconds(250)

    /// - Returns: whether the time passed; not where the task is cancelled.
    mutating func pause(_ clock: any BatchClock) async -> Bool {
      do { try await clock.sleep(for: next) } catch { return false }
      next = min(next * 2, .seconds(5))
      return true
    }
  }
}

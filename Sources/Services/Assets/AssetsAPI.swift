package import BatchDomain
package import ServiceHTTP

/// The requests of profile v1.3: ``AssetsHTTP`` sends them; tests answer them from a model.
///
/// Implementations never repeat, never follow redirects, and let neither the key nor the address of an object into what
/// they return. Pages count from 1 and have at most ``pageLimit`` rows.
package protocol AssetsAPI: Sendable {
  /// The most rows that a page may have, and the most ids that one request may ask about.
  var pageLimit: Int { get }

  /// Has the service fetch a video and make an asset of it. Cancelling the task abandons the request; it then fails.
  func create(_ asset: NewAsset, timeout: Duration) async -> Result<CreationAnswer, TransportFailure>

  /// Adds an asset to an index. Cancelling the task abandons the request; it then fails.
  func add(_ asset: NewIndexedAsset, timeout: Duration) async -> Result<CreationAnswer, TransportFailure>

  /// The assets that have one of these ids, in any order.
  ///
  /// - Throws: `ListingFailure`.
  func assets(ids: [String]) async throws(ListingFailure) -> [AssetRow]

  /// The asset of this id, which a list may not show yet.
  ///
  /// - Throws: `ListingFailure`; one that says what is asked for does not exist where there is no such asset.
  func asset(_ id: String) async throws(ListingFailure) -> AssetRow

  /// A page of the list of assets, newest first.
  ///
  /// - Parameters:
  ///   - limit: rows per page.
  ///   - fileName: only assets whose file name contains this one, whatever its case, as far as the service keeps to that.
  /// - Throws: `ListingFailure`.
  func assets(page: Int, limit: Int, fileName: FileName?) async throws(ListingFailure) -> ListPage<AssetRow>

  /// A page of the indexed assets that were made of an asset, in any index.
  ///
  /// - Throws: `ListingFailure`.
  func indexedAssets(of asset: String, page: Int) async throws(ListingFailure) -> ListPage<IndexedAssetRow>

  /// A page of the indexed assets of an index, newest first.
  ///
  /// - Throws: `ListingFailure`.
  func indexedAssets(in index: IndexID, page: Int) async throws(ListingFailure) -> ListPage<IndexedAssetRow>

  /// An indexed asset of an index.
  ///
  /// - Throws: `ListingFailure`.
  func indexedAsset(_ id: String, in index: IndexID) async throws(ListingFailure) -> IndexedAssetRow

  /// An index.
  ///
  /// - Throws: `ListingFailure`.
  func index(_ id: IndexID) async throws(ListingFailure) -> IndexDescription
}

/// What an asset is made of. Shows nothing of the address.
package struct NewAsset: Sendable, CustomReflectable {
  /// The chunk, which names the boundary of the request's parts.
  package var chunk: ChunkNumber
  /// From where the service fetches the video: a secret.
  package var url: String
  /// The file name that the service is to show, 1 to 255 bytes; `nil` leaves it to the service.
  package var fileName: FileName?
  /// By what the asset is found again.
  package var tag: ItemTag

  /// An asset to be made.
  package init(chunk: ChunkNumber, url: String, fileName: FileName?, tag: ItemTag) {
    self.chunk = chunk
    self.url = url
    self.fileName = fileName
    self.tag = tag
  }

  /// A mirror without children, so that `dump` shows nothing.
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension NewAsset: CustomStringConvertible {
  /// The asset without its address.
  package var description: String { "NewAsset(\(chunk), \(tag.item))" }
}

/// What an indexed asset is made of.
package struct NewIndexedAsset: Sendable, Equatable {
  /// The id of the asset.
  package var asset: String
  /// The index that receives it.
  package var index: IndexID
  /// By what it is known.
  package var tag: ItemTag

  /// An indexed asset to be made.
  package init(asset: String, index: IndexID, tag: ItemTag) {
    self.asset = asset
    self.index = index
    self.tag = tag
  }
}

/// What the service answered to a request that makes something.
package struct CreationAnswer: Sendable, Equatable {
  /// The answer, read. Where something was made its message is dropped: it describes what was made.
  package var answer: Answer
  /// The id of what was made; `nil` where the answer is no success or says none.
  package var id: String?
  /// The status of what was made, the service's own word.
  package var status: String?
  /// The length of its video, where the service says it.
  package var duration: Duration?
  /// The asset that it was made of, where the service says it.
  package var asset: String?

  /// An answer in its parts.
  package init(
    _ answer: Answer, id: String? = nil, status: String? = nil, duration: Duration? = nil,
    asset: String? = nil
  ) {
    self.answer = answer
    self.id = id
    self.status = status
    self.duration = duration
    self.asset = asset
  }
}

/// An asset as the service lists it, as far as this module needs it.
package struct AssetRow: Sendable, Equatable {
  /// Its id; rows may come twice while a list is read page by page.
  package var id: String
  /// Its status, the service's own word; `nil` where the service says none.
  package var status: String?
  /// The file name that the service shows.
  package var fileName: FileName?
  /// When it was made, by the service's clock; `nil` when that cannot be read.
  package var createdAt: Timestamp?
  /// The length of its video; `nil` until the service knows it.
  package var duration: Duration?
  /// Why it failed, in the service's words, without secrets.
  package var message: String?
  /// Whether it has metadata of any kind.
  package var hasMetadata: Bool
  /// The tag of its item, where this program made it.
  package var item: String?
  /// The run that made it, where this program did.
  package var run: String?

  /// A row as it was decoded.
  package init(
    id: String, status: String?, fileName: FileName? = nil, createdAt: Timestamp? = nil,
    duration: Duration? = nil, message: String? = nil, hasMetadata: Bool = false, item: String? = nil,
    run: String? = nil
  ) {
    self.id = id
    self.status = status
    self.fileName = fileName
    self.createdAt = createdAt
    self.duration = duration
    self.message = message
    self.hasMetadata = hasMetadata
    self.item = item
    self.run = run
  }

  /// Whether it can be added to an index.
  package var isReady: Bool { status == AssetStatus.ready }
  /// Whether it never will be ready.
  package var hasFailed: Bool { status == AssetStatus.failed }
}

/// Statuses of assets that the service documents. Any other word is shown and means that the service still works.
enum AssetStatus {
  /// It cannot be used yet.
  static let processing = "processing"
  /// It can be used.
  static let ready = "ready"
  /// It cannot be used, and never will be.
  static let failed = "failed"
}

/// An indexed asset as the service lists it, as far as this module needs it.
package struct IndexedAssetRow: Sendable, Equatable {
  /// Its id.
  package var id: String
  /// The asset that it was made of; `nil` in the list of one asset.
  package var asset: String?
  /// The index that has it; `nil` in the list of one index.
  package var index: IndexID?
  /// When it was made, by the service's clock; `nil` when that cannot be read.
  package var createdAt: Timestamp?
  /// What the service makes of it, in its own word; `nil` where it says none.
  package var status: String?
  /// Why it failed, in the service's words, without secrets.
  package var reason: String?

  /// Whether it may be of an asset: it says so, or does not say of which it is.
  func mayBe(of asset: String) -> Bool { self.asset.map { $0.utf8.elementsEqual(asset.utf8) } ?? true }

  /// Whether it may be in an index: it says so, or does not say in which it is.
  func mayBe(in index: IndexID) -> Bool { self.index.map { $0 == index } ?? true }

  /// A row as it was decoded.
  package init(
    id: String, asset: String? = nil, index: IndexID? = nil, createdAt: Timestamp? = nil,
    status: String? = nil, reason: String? = nil
  ) {
    self.id = id
    self.status = status
    self.reason = reason
    self.asset = asset
    self.index = index
    self.createdAt = createdAt
  }
}

/// An index as the service describes it, as far as this module needs it.
package struct IndexDescription: Sendable, Equatable {
  /// Names of its models, for example `marengo3.0`.
  package var models: [String]
  /// Videos in it; `nil` where the service does not say.
  package var videoCount: Int?
  /// The length of all its videos; `nil` where the service does not say.
  package var totalDuration: Duration?
  /// When it is deleted; `nil` where it is not, or that cannot be read.
  package var expiresAt: Timestamp?

  /// A description as it was decoded.
  package init(
    models: [String], videoCount: Int? = nil, totalDuration: Duration? = nil, expiresAt: Timestamp? = nil
  ) {
    self.models = models
    self.videoCount = videoCount
    self.totalDuration = totalDuration
    self.expiresAt = expiresAt
  }
}

/// Where the calls are, from the base address on. Source: the service's SDK 1.3.6 and its description of July 2026.
enum AssetPaths {
  /// The list of assets, and where they are made.
  static let assets = "/v1.3/assets"

  /// The assets of these ids, in one page.
  static func assets(ids: [String], limit: Int) -> String {
    let query = ids.map { "asset_ids=\(PercentEncoding.query($0.utf8))&" }.joined()
    return "\(assets)?\(query)page=1&page_limit=\(limit)"
  }

  /// One asset.
  static func asset(_ id: String) -> String { "\(assets)/\(PercentEncoding.query(id.utf8))" }

  /// A page of the list of assets, which is newest first always.
  static func assets(page: Int, limit: Int, fileName: FileName?) -> String {
    let filter = fileName.map { "filename=\(PercentEncoding.query($0.rawValue.utf8))&" } ?? ""
    return "\(assets)?\(filter)page=\(page)&page_limit=\(limit)"
  }

  /// A page of the indexed assets of an asset.
  static func indexedAssets(of asset: String, page: Int, limit: Int) -> String {
    "\(assets)/\(PercentEncoding.query(asset.utf8))/indexed-assets?page=\(page)&page_limit=\(limit)"
  }

  /// An index.
  static func index(_ id: IndexID) -> String { "/v1.3/indexes/\(PercentEncoding.query(id.rawValue.utf8))" }

  /// Where assets are added to an index.
  static func indexedAssets(in index: IndexID) -> String { "\(Self.index(index))/indexed-assets" }

  /// An indexed asset of an index.
  static func indexedAsset(_ id: String, in index: IndexID) -> String {
    "\(indexedAssets(in: index))/\(PercentEncoding.query(id.utf8))"
  }

  /// A page of the indexed assets of an index, newest first.
  static func indexedAssets(in index: IndexID, page: Int, limit: Int) -> String {
    "\(indexedAssets(in: index))?page=\(page)&page_limit=\(limit)&sort_by=created_at&sort_option=desc"
  }
}

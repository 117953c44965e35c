internal import BatchDomain
internal import ServiceHTTP

/// Lists of indexed assets that one look has read.
struct IndexedAssetLists {
  /// The start of the first attempt that is looked into.
  let windowStart: Timestamp
  /// What the list of one asset shows.
  struct OfAsset {
    private var byIndex: [IndexID: [String]] = [:]
    /// Why what is missing may be there all the same, in words.
    private var lack: String?

    /// What the rows of the list say.
    ///
    /// - Parameter gap: where it has a gap, in words.
    init(_ rows: [IndexedAssetRow], gap: String?) {
      lack = gap
      for row in rows {
        if let index = row.index {
          byIndex[index, default: []].append(row.id)
        } else {
          lack = "the list of indexed assets of the asset has a row without its index"
        }
      }
    }

    /// What is in an index; that nothing is there is not said by a list with rows that may be there, or with a gap.
    func ids(in index: IndexID) -> Result<[String], ListingFailure> {
      if let ids = byIndex[index] { return .success(ids) }
      return lack.map { .failure(.unreadable($0)) } ?? .success([])
    }
  }

  /// What the list of an index shows.
  struct OfIndex {
    private var byAsset: [String: [String]] = [:]
    /// Why what is missing may be there all the same, in words.
    private var lack: String?

    /// Takes a row.
    ///
    /// - Parameter isRecent: whether it may have been made since the start of the window.
    mutating func add(_ row: IndexedAssetRow, isRecent: Bool) {
      if let asset = row.asset {
        byAsset[asset, default: []].append(row.id)
      } else if isRecent {
        lack = "the list of indexed assets has a row without its asset"
      }
    }

    /// What was made of an asset; that nothing was is not said by a list with rows that may be of it.
    func ids(of asset: String) -> Result<[String], ListingFailure> {
      if let ids = byAsset[asset] { return .success(ids) }
      return lack.map { .failure(.unreadable($0)) } ?? .success([])
    }
  }

  /// By asset: what was made of it for each index.
  var byAsset: [String: Result<OfAsset, ListingFailure>] = [:]
  /// Whether lists of assets have nothing but what was made of their asset, as far as is known.
  var areOfOneAsset = true
  /// Assets whose own list the service does not have.
  var hasNoListOfAsset: Set<String> = []
  /// By index: what was made of each asset since the start of the window.
  var byIndex: [IndexID: Result<OfIndex, ListingFailure>] = [:]

  /// Lists of which none was read.
  init(windowStart: Timestamp) { self.windowStart = windowStart }
}

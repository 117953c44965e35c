internal import BatchDomain
internal import ServiceHTTP

/// What the list of assets showed of one run at one look.
struct AssetSnapshot: Sendable {
  /// When the look began.
  var takenAt: Timestamp
  /// Assets of the window that were listed, of this run and of others.
  var listed = 0
  /// Assets with the tag of an item that is looked for, by tag.
  var tagged: [String: [AssetRow]] = [:]
  /// Ids of assets that this run made, as their tags say.
  var own: Set<String> = []
  /// Assets without any metadata.
  var bare: [AssetRow] = []
  /// The moment back to which every asset was read, by the service's clock: there may be more of them before.
  var readBackTo: Timestamp
  /// Whether the list gave the same rows page after page, so that it could not be read further back.
  var isRepeating = false
  /// Where a page was empty although others follow it, in words; then nothing is concluded from what is missing.
  var gap: String?
}

/// Reads lists of the service, newest first, back to the start of a window.
///
/// Pages are numbered over a list that grows meanwhile, so rows come twice: they are told apart by their ids. A sweep ends
/// at an empty page, or at one of which every row is older than the window; that a total is reached ends none. An empty page that
/// says that others follow it is a gap, and the list is read on behind it. Then the list is read again from its first page on, as
/// far as it brings only rows that came meanwhile.
struct AssetSweep {
  let api: any AssetsAPI
  let reading: GatedReading
  let clock: any BatchClock

  /// How far before an attempt the service's clock may put what it made: the clocks of two machines differ.
  static let clockMargin: Duration = .seconds(120)
  /// Pages that a sweep reads at most.
  static let pageCap = 400
  /// Pages of assets of one file name that are read at most.
  static let namedPageCap = 20
  /// Pages in a row that bring nothing new after which a list counts as one that ignores the page it is asked for.
  private static let repeatLimit = 3
  /// Empty pages that are read on behind.
  private static let emptyPageCap = 3

  /// How far back a list was read.
  private struct Reach {
    var moment: Timestamp
    var isRepeating = false
    var gap: String?
  }

  /// Reads the list of assets.
  ///
  /// - Parameters:
  ///   - windowStart: by the service's clock; older assets are of no interest.
  ///   - items: tags that are looked for.
  ///   - run: the run's id, as tags have it.
  func assets(
    since windowStart: Timestamp, items: Set<String>, run: RunID
  ) async throws(GatedReading.Failure) -> AssetSnapshot {
    var snapshot = AssetSnapshot(takenAt: clock.now(), readBackTo: windowStart)
    var seen: Set<String> = []
    let reach = try await rows(
      of: "the list of assets", since: windowStart, cap: Self.pageCap,
      page: { page throws(ListingFailure) in
        try await api.assets(page: page, limit: api.pageLimit, fileName: nil)
      }, id: \.id, createdAt: \.createdAt
    ) { row in
      guard seen.insert(row.id).inserted else { return true }
      // The tag says whose it is, whatever the service's clock says.
      let tag = row.item.flatMap { items.contains($0) ? $0 : nil }
      if let tag { snapshot.tagged[tag, default: []].append(row) }
      if row.createdAt.map({ $0 < windowStart }) == true { return false }
      snapshot.listed += 1
      if row.run.map({ $0.utf8.elementsEqual(run.rawValue.utf8) }) == true { snapshot.own.insert(row.id) }
      if tag == nil, !row.hasMetadata { snapshot.bare.append(row) }
      return false
    }
    snapshot.readBackTo = reach.moment
    snapshot.isRepeating = reach.isRepeating
    snapshot.gap = reach.gap
    return snapshot
  }

  /// Assets of one tag among those of one file name: for a window that is too long to be read whole. That none is there
  /// says nothing.
  func assets(
    named name: FileName, tag: String, since windowStart: Timestamp
  ) async throws(GatedReading.Failure) -> [AssetRow] {
    var found: [String: AssetRow] = [:]
    _ = try await rows(
      of: "the list of assets", since: windowStart, cap: Self.namedPageCap,
      page: { page throws(ListingFailure) in
        try await api.assets(page: page, limit: api.pageLimit, fileName: name)
      }, id: \.id, createdAt: \.createdAt
    ) { row in
      if row.item == tag { found[row.id] = row }
      return false
    }
    return found.values.sorted { $0.id < $1.id }
  }

  /// The indexed assets of an index that were made since a moment, told apart by the assets they were made of.
  ///
  /// - Throws: where the window is too long to be read whole, or the list has a gap, too.
  func indexedAssets(
    in index: IndexID, since windowStart: Timestamp
  ) async throws(GatedReading.Failure) -> IndexedAssetLists.OfIndex {
    var list = IndexedAssetLists.OfIndex()
    var seen: Set<String> = []
    let reach = try await rows(
      of: "the list of indexed assets", since: windowStart, cap: Self.pageCap,
      page: { page throws(ListingFailure) in try await api.indexedAssets(in: index, page: page) },
      id: \.id, createdAt: \.createdAt
    ) { row in
      guard seen.insert(row.id).inserted else { return true }
      if row.mayBe(in: index) { list.add(row, isRecent: row.createdAt.map { $0 >= windowStart } ?? true) }
      return false
    }
    if let gap = reach.gap { throw .listing(.unreadable(gap)) }
    guard reach.moment <= windowStart else {
      throw .listing(
        .unreadable(
          reach.isRepeating
            ? "the list of indexed assets gives the same rows on every page"
            : "the index has more than \(Self.pageCap) pages of recent indexed assets"))
    }
    return list
  }

  /// The indexed assets that were made of an asset, in any index, and where the list has a gap, in words.
  func indexedAssets(
    of asset: String
  ) async throws(GatedReading.Failure) -> (rows: [IndexedAssetRow], gap: String?) {
    var rows: [IndexedAssetRow] = []
    var seen: Set<String> = []
    var gaps = Gaps(list: "the list of indexed assets of the asset")
    for page in 1...Self.namedPageCap {
      let listed = try await reading { () throws(ListingFailure) in
        try await api.indexedAssets(of: asset, page: page)
      }
      if gaps.goesOn(behind: listed, page) { continue }
      let new = listed.rows.filter { seen.insert($0.id).inserted }
      rows += new
      if new.isEmpty { break }
    }
    return (rows, gaps.text)
  }

  /// Empty pages of a list that say that others follow them.
  private struct Gaps {
    /// What the list is called.
    let list: String
    private var pages = 0
    /// The first one, in words.
    private(set) var text: String?

    init(list: String) { self.list = list }

    /// Notes a page, and says whether the list is to be read on behind it although it is empty.
    mutating func goesOn<Row>(behind listed: ListPage<Row>, _ page: Int) -> Bool {
      guard listed.rows.isEmpty, !listed.endsList(at: page), let last = listed.lastPage else { return false }
      text = text ?? "page \(page) of \(list) is empty although it has \(last) pages"
      pages += 1
      return pages <= AssetSweep.emptyPageCap
    }
  }

  /// Reads pages of a list that is newest first.
  ///
  /// - Parameters:
  ///   - list: what the list is called in messages.
  ///   - cap: the most pages.
  ///   - take: takes a row and says whether it was there before.
  /// - Returns: the moment back to which the list was read: the start of the window, or later where the window has more
  ///   pages than that or the list gives the same ones again and again.
  private func rows<Row>(
    of list: String, since windowStart: Timestamp, cap: Int,
    page read: (Int) async throws(ListingFailure) -> ListPage<Row>, id: KeyPath<Row, String>,
    createdAt: KeyPath<Row, Timestamp?>, take: (Row) -> Bool
  ) async throws(GatedReading.Failure) -> Reach {
    var page = 1
    var reach = Reach(moment: windowStart)
    var known: Set<String> = []
    var repeats = 0
    var gaps = Gaps(list: list)
    while true {
      let listed = try await reading { () throws(ListingFailure) in try await read(page) }
      if page < cap, gaps.goesOn(behind: listed, page) {
        page += 1
        continue
      }
      let rows = listed.rows
      for row in rows { _ = take(row) }
      if rows.allSatisfy({ row in row[keyPath: createdAt].map { $0 < windowStart } ?? false }) { break }
      let before = known.count
      known.formUnion(rows.map { $0[keyPath: id] })
      repeats = known.count == before ? repeats + 1 : 0
      reach.isRepeating = repeats == Self.repeatLimit
      page += 1
      guard page <= cap, !reach.isRepeating else {
        // What has no time says nothing about how far the list was read.
        let newest = rows.compactMap { $0[keyPath: createdAt] }.max() ?? clock.now()
        reach.moment = max(windowStart, newest) + .milliseconds(1)
        break
      }
    }
    // What was made meanwhile is on the first pages.
    var again = 1
    while page > 1, again <= cap {
      let listed = try await reading { () throws(ListingFailure) in try await read(again) }
      // Every row is taken, whether or not one before it was known.
      let isKnown = listed.rows.reduce(false) { take($1) || $0 }
      if isKnown || (listed.rows.isEmpty && !gaps.goesOn(behind: listed, again)) { break }
      again += 1
    }
    reach.gap = gaps.text
    return reach
  }
}

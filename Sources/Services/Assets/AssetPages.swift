internal import BatchDomain
package import ServiceHTTP

/// Reads what the service says of assets, indexed assets and indexes.
///
/// What is missing from a list is evidence that a request was not received. So a page in which anything cannot be
/// understood is not read at all, rather than read without that row.
package struct AssetPages: Sendable {
  private let scrubber: Scrubber
  /// A key shorter than this is some stand-in's and may well be part of an id.
  private static let realKeyLength = 16
  private let checksKey: Bool

  /// A decoder that lets no id pass that shows the key, and no secret in a message.
  package init(key: APIKey, scrubber: Scrubber) {
    self.scrubber = scrubber
    checksKey = key.length >= Self.realKeyLength
  }

  /// The assets of a page, in its order.
  ///
  /// - Throws: `UnreadablePage` when the body has no array `data`, or a row has no `_id`.
  package func assets(_ body: [UInt8]) throws(UnreadablePage) -> ListPage<AssetRow> {
    try rows(body, of: "the list of assets") { id, row in asset(id, row) }
  }

  /// One asset.
  ///
  /// - Throws: `UnreadablePage` when the body is no object with an `_id`.
  package func asset(_ body: [UInt8]) throws(UnreadablePage) -> AssetRow {
    guard let json = LenientJSON.parse(body), let id = id(of: json) else {
      throw UnreadablePage("the description of the asset has no usable `_id`")
    }
    return asset(id, json)
  }

  /// The indexed assets of a page, in its order.
  ///
  /// - Throws: `UnreadablePage` when the body has no array `data`, or a row has no `_id`.
  package func indexedAssets(_ body: [UInt8]) throws(UnreadablePage) -> ListPage<IndexedAssetRow> {
    try rows(body, of: "the list of indexed assets") { id, row in indexedAsset(id, row) }
  }

  /// An indexed asset.
  ///
  /// - Throws: `UnreadablePage` when the body is no object with an `_id`.
  package func indexedAsset(_ body: [UInt8]) throws(UnreadablePage) -> IndexedAssetRow {
    guard let json = LenientJSON.parse(body), let id = id(of: json) else {
      throw UnreadablePage("the indexed asset has no usable `_id`")
    }
    return indexedAsset(id, json, besides: Self.documented)
  }

  /// The members of an indexed asset (SDK 1.3.6); none is for the reason of a failure.
  private static let documented: Set = [
    "_id", "asset_id", "created_at", "embedding", "hls", "index", "index_id", "indexed_at", "status",
    "system_metadata", "thumbnail", "transcription", "updated_at", "user_metadata",
  ]

  private func indexedAsset(
    _ id: String, _ row: LenientJSON, besides documented: Set<String>? = nil
  ) -> IndexedAssetRow {
    let status = row["status"]?.string
    return IndexedAssetRow(
      id: id, asset: row["asset_id"]?.string,
      index: row["index"]?["_id"]?.string.map { IndexID($0) },
      createdAt: row["created_at"]?.string.flatMap(LenientTimestamp.parse),
      status: status.map { scrubber.scrub($0) },
      reason: status == "failed"
        ? VideoStatus.reason(in: row, besides: documented, scrubber: scrubber) : nil)
  }

  /// An index.
  ///
  /// - Throws: `UnreadablePage` when the body is no object with an `_id`.
  package func index(_ body: [UInt8]) throws(UnreadablePage) -> IndexDescription {
    guard let json = LenientJSON.parse(body), json["_id"]?.string != nil else {
      throw UnreadablePage("the description of the index has no `_id`")
    }
    var models: [String] = []
    if case .array(let list) = json["models"] {
      models = list.compactMap { ($0["model_name"] ?? $0["name"])?.string }.map { scrubber.scrub($0) }
    }
    return IndexDescription(
      models: models, videoCount: json["video_count"]?.count, totalDuration: json["total_duration"]?.seconds,
      expiresAt: json["expires_at"]?.string.flatMap(LenientTimestamp.parse))
  }

  /// What an answer says of what was made: id, status, length of the video, and the asset it was made of.
  func creation(_ body: [UInt8]) -> Creation? {
    guard let json = LenientJSON.parse(body), let id = id(of: json) else { return nil }
    let row = asset(id, json)
    return Creation(id: id, status: row.status, duration: row.duration, asset: json["asset_id"]?.string)
  }

  /// What was made, as an answer has it.
  struct Creation {
    let id: String
    let status: String?
    let duration: Duration?
    let asset: String?
  }

  private func rows<Row>(
    _ body: [UInt8], of list: String, row: (String, LenientJSON) -> Row
  ) throws(UnreadablePage) -> ListPage<Row> {
    try ListPage(body, of: list) { element, what throws(UnreadablePage) in
      guard let id = id(of: element) else { throw UnreadablePage("\(what) has no usable `_id`") }
      return row(id, element)
    }
  }

  /// An id is stored and shown: one that is empty, shows the key, or has other characters than those of ids is none.
  private func id(of json: LenientJSON) -> String? {
    guard let id = json["_id"]?.string, (1...Self.longestID).contains(id.utf8.count),
      id.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C }),
      !(checksKey && scrubber.findsKey(in: id))
    else { return nil }
    return id
  }

  private static let longestID = 100

  private func asset(_ id: String, _ json: LenientJSON) -> AssetRow {
    // It is sent as text and comes back as an object; a text is understood all the same.
    let sent = json["user_metadata"]
    let metadata = sent?.string.flatMap { LenientJSON.parse(Array($0.utf8)) } ?? sent
    let status = json["status"]?.string.map { word in
      [AssetStatus.ready, AssetStatus.failed].contains(word)
        ? word : VisibleText.escape(scrubber.scrub(word), cutAt: 40)
    }
    return AssetRow(
      id: id, status: status, fileName: json["filename"]?.string.map { FileName($0) },
      createdAt: json["created_at"]?.string.flatMap(LenientTimestamp.parse),
      duration: json["duration"]?.seconds, message: json["error"].flatMap(message),
      hasMetadata: metadata?.hasMembers ?? false, item: metadata?[ItemTag.itemName]?.string,
      run: metadata?[ItemTag.runName]?.string)
  }

  /// Why an asset failed: `{"message": ...}`, or a bare text.
  private func message(_ error: LenientJSON) -> String? {
    guard let text = error.string ?? error["message"]?.string else { return nil }
    return BodyText.message(scrubber.scrub(text))
  }
}

extension LenientJSON {
  /// Seconds, if this is a number of seconds that a video can have.
  fileprivate var seconds: Duration? {
    guard case .number(let digits) = self, let seconds = Double(digits), seconds >= 0, seconds < 1e9 else {
      return nil
    }
    return .milliseconds(Int64((seconds * 1_000).rounded(.up)))
  }

  /// A whole number that is not negative.
  fileprivate var count: Int? {
    guard case .number(let digits) = self, let count = Int(digits), count >= 0 else { return nil }
    return count
  }

  /// Whether this is an object with members.
  fileprivate var hasMembers: Bool {
    guard case .object(let members) = self else { return false }
    return !members.isEmpty
  }
}

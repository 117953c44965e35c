/// An asset as the service keeps it. Its state follows from its age; nothing has to be moved along.
struct SimulatedAsset: Sendable {
  /// What becomes of it.
  enum Fate: Sendable, Equatable {
    case ready
    case failed(String)
    /// It stays `processing`.
    case stuck
    /// It is gone when it would be ready.
    case gone
    /// It has a state that nobody knows until it is ready.
    case odd
  }

  let id: String
  let url: String
  let filename: String
  let tag: String?
  let createdAt: Int64
  /// When `processing` ends.
  let settledAt: Int64
  let fate: Fate
  let size: Int64
  /// Seconds.
  let duration: Double
  var metadata: Metadata?
  var isDeleted = false

  /// Whether it can be indexed.
  func isReady(at now: Int64) -> Bool { status(at: now) == "ready" && isThere(at: now) }

  func isThere(at now: Int64) -> Bool { !isDeleted && !(fate == .gone && now >= settledAt) }

  func status(at now: Int64) -> String {
    guard now >= settledAt else { return fate == .odd ? "inspecting" : "processing" }
    switch fate {
    case .ready, .odd, .gone: return "ready"
    case .failed: return "failed"
    case .stuck: return "processing"
    }
  }

  /// The media type by the extension of the name.
  var fileType: String {
    let type = filename.split(separator: ".").last.map { $0.lowercased() } ?? ""
    return switch type {
    case "mov": "video/quicktime"
    case "mkv": "video/x-matroska"
    case "webm": "video/webm"
    case "mp3": "audio/mpeg"
    case "wav": "audio/wav"
    case "jpg", "jpeg", "png": "image/\(type == "png" ? "png" : "jpeg")"
    case "pdf": "application/pdf"
    default: "video/mp4"
    }
  }

  /// What `asset_types` calls it.
  var kind: String { fileType == "application/pdf" ? "document" : String(fileType.prefix { $0 != "/" }) }

  /// The object of an answer; `isDetailed` adds what reading shows and creating does not.
  func json(at now: Int64, isDetailed: Bool, withMetadata: Bool) -> JSONText {
    let status = status(at: now)
    var members: [(String, JSONText)] = [
      ("_id", .string(id)), ("method", "url"), ("status", .string(status)), ("filename", .string(filename)),
    ]
    // The type is known when the file has been looked at.
    if status == "ready" { members.append(("file_type", .string(fileType))) }
    members.append(("created_at", .string(TimeText.rfc3339(createdAt))))
    if withMetadata, let metadata, !metadata.isEmpty { members.append(("user_metadata", metadata.json)) }
    guard isDetailed else { return .object(members) }
    if status == "ready" {
      members += [
        ("size", .integer(Int(size))), ("duration", .number(duration)),
        (
          "technical_metadata",
          .object([
            ("file_size_bytes", .integer(Int(size))), ("file_mime_type", .string(fileType)),
            ("video_codec", "h264"), ("video_width", .integer(1920)), ("video_height", .integer(1080)),
            ("video_duration_seconds", .number(duration)), ("has_audio", .bool(true)),
          ])
        ),
      ]
    }
    if case .failed(let message) = fate, status == "failed" {
      members.append(("error", .object([("message", .string(message))])))
    }
    return .object(members)
  }
}

/// An asset in an index.
struct IndexedAsset: Sendable {
  let id: String
  let index: String
  let assetID: String
  /// The tag of its asset, or its own where the asset has none.
  let tag: String?
  let filename: String
  let duration: Double
  let size: Int64
  let createdAt: Int64
  /// When its turn comes, where only so many are indexed at the same time.
  let startsAt: Int64
  let step: Int64
  let fails: Bool
  let isStuck: Bool
  let isOdd: Bool
  var metadata: Metadata?
  var isDeleted = false

  /// `pending`, `queued`, `validating`, `indexing` and the end, each for one step.
  var finishedAt: Int64 { isStuck ? .max : startsAt + 2 * step }

  func state(at now: Int64) -> (status: String, since: Int64) {
    if isStuck { return ("pending", createdAt) }
    if now >= finishedAt { return (fails ? "failed" : "ready", finishedAt) }
    if isOdd { return ("transmuting", createdAt) }
    if now >= startsAt + step { return ("indexing", startsAt + step) }
    if now >= startsAt { return ("validating", startsAt) }
    if now >= createdAt + step { return ("queued", createdAt + step) }
    return ("pending", createdAt)
  }

  func json(at now: Int64, isDetailed: Bool) -> JSONText {
    let (status, since) = state(at: now)
    var members: [(String, JSONText)] = [
      ("_id", .string(id)), ("asset_id", .string(assetID)),
      ("created_at", .string(TimeText.rfc3339(createdAt))), ("updated_at", .string(TimeText.rfc3339(since))),
    ]
    if status == "ready" { members.append(("indexed_at", .string(TimeText.rfc3339(since)))) }
    members += [
      ("status", .string(status)),
      (
        "system_metadata",
        .object([
          ("filename", .string(filename)), ("duration", .number(duration)), ("fps", .number(25)),
          ("width", .integer(1920)), ("height", .integer(1080)), ("size", .integer(Int(size))),
        ])
      ),
    ]
    if isDetailed, let metadata, !metadata.isEmpty { members.append(("user_metadata", metadata.json)) }
    // Nobody documents it, and some do.
    if isDetailed, status == "failed", id.utf8.last.map({ $0.isMultiple(of: 2) }) == true {
      members.append(("error", .object([("message", "The video has no audio track")])))
    }
    return .object(members)
  }
}

/// What the service has of one asset, in the end or at any moment: assets that were deleted stay in it.
package struct AssetRecord: Sendable, Equatable {
  /// Its id.
  package let id: String
  /// The tag that its creation brought.
  package let tag: String?
  /// The URL it was made from, without the query.
  package let object: String
  /// Its state as the service spells it; `gone` when it was deleted or has vanished.
  package let status: String
  /// The index of each indexed asset that was made of it, in order.
  package let indexes: [String]
  /// The states of these, as the service spells them.
  package let indexedStates: [String]
}

/// What the service took, counted: the truth that "lost 0, assets twice 0, indexed twice 0" is read from.
package struct AssetsTally: Sendable, Equatable {
  /// A video in an index, by its tag.
  package struct Place: Sendable, Hashable {
    /// The tag.
    package let tag: String
    /// The index.
    package let index: String

    /// A place of a tag in an index.
    package init(tag: String, index: String) {
      self.tag = tag
      self.index = index
    }
  }

  /// Assets made, by tag; those without a tag are under the empty text. Failed and deleted ones count.
  package var assets: [String: Int] = [:]
  /// Assets that can still be used or may become usable, by tag.
  package var usable: [String: Int] = [:]
  /// Indexed assets made, by tag and index.
  package var indexed: [Place: Int] = [:]
  /// Usable assets of tags of which another asset was indexed: paid for and of no use.
  package var surplus: [String] = []
  /// Usable assets of tags of which none was indexed.
  package var leftOver: [String] = []

  /// Tags that have more than one usable asset, whether they were indexed or not.
  package var assetsTwice: Int { usable.count { !$0.key.isEmpty && $0.value > 1 } }
  /// Tags that were indexed more than once in the same index.
  package var indexedTwice: Int { indexed.values.count { $0 > 1 } }

  /// The counts as a JSON object on one line.
  package var json: String {
    JSONText.object([
      ("assets", .integer(assets.values.reduce(0, +))), ("usable", .integer(usable.values.reduce(0, +))),
      ("assets_twice", .integer(assetsTwice)), ("indexed", .integer(indexed.values.reduce(0, +))),
      ("indexed_twice", .integer(indexedTwice)), ("surplus", .integer(surplus.count)),
      ("left_over", .integer(leftOver.count)),
    ]).text
  }

  /// How many of those tags are in no index.
  package func lost(of tags: some Sequence<String>) -> Int {
    let found = Set(indexed.keys.map(\.tag))
    return tags.count { !found.contains($0) }
  }
}

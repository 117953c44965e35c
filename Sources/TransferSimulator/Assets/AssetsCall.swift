import Foundation

/// A request of profile v1.3 as the service reads it.
package struct AssetsCall: Sendable {
  /// What is called, with the ids that the path names.
  package enum Kind: Sendable, Equatable {
    case upload
    case assets
    case asset(String)
    case deleteAsset(String)
    case changeAsset(String)
    case byAsset(String)
    case index(String)
    case indexed(String)
    case indexedAsset(String, id: String)
    case changeIndexed(String, id: String)
    case deleteIndexed(String, id: String)
    case indexes
    case indexInfo(String)
    /// The older way in one call, which is marked to be removed.
    case createTask
    case tasks
    case task(String)
    /// The path is served, but not with this method.
    case wrongMethod
    case nowhere
  }

  /// What `POST /assets` brought.
  struct Upload: Sendable {
    var url: String
    var filename: String?
    var metadata: Metadata?
  }

  /// What `POST /indexes/ID/indexed-assets` brought.
  struct Indexing: Sendable {
    var assetID: String
    var metadata: Metadata?
  }

  /// What `POST /tasks` brought.
  struct Task: Sendable {
    var index: String
    var url: String
    var metadata: Metadata?
  }

  /// The body, where the call has one.
  enum Content: Sendable {
    case none
    case upload(Upload)
    case indexing(Indexing)
    case task(Task)
    case metadata(Metadata)
    /// It could not be read; with the refusal.
    case unreadable(SimulatedAnswer)
  }

  /// The first segment of all paths.
  static let root = "/v1.3"

  /// What is called.
  package let kind: Kind
  /// The request.
  package let request: SimulatedRequest
  let query: QueryString
  let content: Content

  /// The call that a method and a path lead to.
  static func kind(method: String, path: Substring) -> Kind {
    guard path.hasPrefix(root + "/") else { return .nowhere }
    let segments = path.dropFirst(root.count + 1).split(separator: "/", omittingEmptySubsequences: false)
      .map { $0.removingPercentEncoding ?? String($0) }
    let offered: [String: Kind]
    switch (segments.first ?? "", segments.count) {
    case ("assets", 1): offered = ["POST": .upload, "GET": .assets]
    case ("assets", 2): offered = ["GET": .asset(segments[1]), "DELETE": .deleteAsset(segments[1])]
    case ("assets", 3) where segments[2] == "user-metadata":
      let change = Kind.changeAsset(segments[1])
      offered = ["PATCH": change, "PUT": change, "DELETE": change]
    case ("assets", 3) where segments[2] == "indexed-assets": offered = ["GET": .byAsset(segments[1])]
    case ("indexes", 1): offered = ["GET": .indexes]
    case ("indexes", 2): offered = ["GET": .indexInfo(segments[1])]
    case ("indexes", 3) where segments[2] == "indexed-assets":
      offered = ["POST": .index(segments[1]), "GET": .indexed(segments[1])]
    case ("indexes", 4) where segments[2] == "indexed-assets":
      let (index, id) = (segments[1], segments[3])
      offered = [
        "GET": .indexedAsset(index, id: id), "PATCH": .changeIndexed(index, id: id),
        "DELETE": .deleteIndexed(index, id: id),
      ]
    case ("tasks", 1): offered = ["POST": .createTask, "GET": .tasks]
    case ("tasks", 2): offered = ["GET": .task(segments[1])]
    default: return .nowhere
    }
    return offered[method] ?? .wrongMethod
  }

  /// Reads a request with its body.
  package init(_ request: SimulatedRequest) {
    self.request = request
    kind = AssetsCall.kind(method: request.method, path: request.path)
    query = QueryString(request.query)
    switch kind {
    case .upload: content = AssetsCall.upload(request)
    case .index: content = AssetsCall.indexing(request)
    case .createTask: content = AssetsCall.task(request)
    case .changeAsset where request.method == "DELETE": content = .none
    case .changeAsset, .changeIndexed: content = AssetsCall.change(request)
    default: content = .none
    }
  }

  /// The calls that faults are given for which this one is.
  package var faultCalls: [FaultCall] { kind.faultCalls }

  /// Our client's tag in `user_metadata`, which names the item.
  package var tag: String? {
    switch content {
    case .upload(let upload): upload.metadata?.tag
    case .indexing(let indexing): indexing.metadata?.tag
    case .task(let task): task.metadata?.tag
    default: nil
    }
  }

  /// What is worked on: the URL of an upload without its query, or the asset that is indexed.
  package var object: String? {
    switch content {
    case .upload(let upload): String(upload.url.prefix { $0 != "?" && $0 != "#" })
    case .indexing(let indexing): indexing.assetID
    case .task(let task): String(task.url.prefix { $0 != "?" && $0 != "#" })
    default: nil
    }
  }

  /// The index that the path names, or the form of a task.
  package var index: String? {
    if case .task(let task) = content { return task.index }
    switch kind {
    case .index(let index), .indexed(let index), .indexInfo(let index), .indexedAsset(let index, _),
      .changeIndexed(let index, _), .deleteIndexed(let index, _):
      return index
    default: return nil
    }
  }

  /// What shares of faults are drawn by: the same for every repeat of the request.
  var subject: String {
    switch content {
    case .upload(let upload): "\(upload.metadata?.tag ?? "") \(object ?? "") \(upload.filename ?? "")"
    case .indexing(let indexing): "\(index ?? "") \(indexing.metadata?.tag ?? indexing.assetID)"
    case .task(let task): "\(task.index) \(task.metadata?.tag ?? "") \(object ?? "")"
    default: request.target
    }
  }

  static func error(_ status: Int, _ code: String, _ message: String) -> SimulatedAnswer {
    .json(status, .object([("code", .string(code)), ("message", .string(message))]))
  }

  private static func unreadable(_ code: String, _ message: String) -> Content {
    .unreadable(error(400, code, message))
  }

  private static func upload(_ request: SimulatedRequest) -> Content {
    let type = request.headers["content-type"] ?? ""
    guard let form = MultipartForm(contentType: type, body: Data(request.body)) else {
      return MultipartForm.parameters(type).value.lowercased() == "multipart/form-data"
        ? unreadable("parameter_invalid", "The request body is not multipart/form-data")
        : unreadable("content_type_invalid", "The content type must be multipart/form-data")
    }
    let method = form.text("method") ?? ""
    guard !method.isEmpty else {
      return unreadable("parameter_not_provided", "The method parameter was not provided")
    }
    guard method == "url" || method == "direct" else {
      return unreadable("parameter_invalid", "The method parameter is invalid")
    }
    guard method == "url" else {
      return unreadable("parameter_invalid", "This stand-in takes no files: the method must be url")
    }
    let url = form.text("url") ?? ""
    guard !url.isEmpty else {
      return unreadable("parameter_not_provided", "The url parameter was not provided")
    }
    guard WebAddress(url) != nil else {
      return unreadable("parameter_invalid", "The url parameter is not the address of a file")
    }
    let filename = form.text("filename")
    guard filename.map({ (1...255).contains($0.unicodeScalars.count) }) ?? true else {
      return unreadable("parameter_invalid", "The filename parameter must have 1 to 255 characters")
    }
    for name in ["enable_hls", "enable_thumbnail"] {
      guard form.text(name).map({ ["true", "false"].contains($0) }) ?? true else {
        return unreadable("parameter_invalid", "The \(name) parameter is invalid")
      }
    }
    guard let part = form["user_metadata"] else {
      return .upload(Upload(url: url, filename: filename, metadata: nil))
    }
    guard let metadata = Metadata(part.content) else {
      return unreadable("parameter_invalid", "The user_metadata parameter is not a flat JSON object")
    }
    return .upload(Upload(url: url, filename: filename, metadata: metadata))
  }

  private static func task(_ request: SimulatedRequest) -> Content {
    guard
      let form = MultipartForm(contentType: request.headers["content-type"] ?? "", body: Data(request.body))
    else { return unreadable("content_type_invalid", "The content type must be multipart/form-data") }
    for name in ["index_id", "video_url"] where (form.text(name) ?? "").isEmpty {
      return unreadable("parameter_not_provided", "The \(name) parameter was not provided")
    }
    let url = form.text("video_url") ?? ""
    guard WebAddress(url) != nil else {
      return unreadable("parameter_invalid", "The video_url parameter is not the address of a file")
    }
    let metadata = form["user_metadata"].map { Metadata($0.content) }
    if case .some(nil) = metadata {
      return unreadable("parameter_invalid", "The user_metadata parameter is not a flat JSON object")
    }
    return .task(Task(index: form.text("index_id") ?? "", url: url, metadata: metadata ?? nil))
  }

  private static func indexing(_ request: SimulatedRequest) -> Content {
    guard let body = decodeTagged(request.body) else {
      return unreadable("parameter_invalid", "The request body is not a JSON object with valid members")
    }
    guard let assetID = body.assetID, !assetID.isEmpty else {
      return unreadable("parameter_not_provided", "The asset_id parameter was not provided")
    }
    return .indexing(Indexing(assetID: assetID, metadata: body.metadata?.withoutEmpty))
  }

  /// Members are read by their exact names: a strategy for keys would change those of the metadata too.
  private struct TaggedBody: Decodable {
    let assetID: String?
    let streams: Bool?
    let metadata: Metadata?

    enum CodingKeys: String, CodingKey {
      case assetID = "asset_id"
      case streams = "enable_video_stream"
      case metadata = "user_metadata"
    }
  }

  private static func decodeTagged(_ body: [UInt8]) -> TaggedBody? {
    try? JSONDecoder().decode(TaggedBody.self, from: Data(body))
  }

  private static func change(_ request: SimulatedRequest) -> Content {
    guard let metadata = decodeTagged(request.body)?.metadata else {
      return unreadable("parameter_not_provided", "The user_metadata parameter was not provided")
    }
    return .metadata(metadata)
  }
}

extension AssetsCall.Kind {
  /// The calls that faults are given for which this one is.
  var faultCalls: [FaultCall] {
    switch self {
    case .upload: [.upload, .any]
    case .index, .createTask: [.index, .any]
    case .assets: [.assets, .read, .any]
    case .asset: [.asset, .read, .any]
    case .byAsset: [.byAsset, .read, .any]
    case .indexed: [.indexed, .read, .any]
    case .indexedAsset: [.indexedAsset, .read, .any]
    case .indexes, .indexInfo: [.indexes, .read, .any]
    case .tasks, .task: [.read, .any]
    case .deleteAsset, .changeAsset, .changeIndexed, .deleteIndexed, .wrongMethod, .nowhere: [.any]
    }
  }

  /// What the ledger calls it.
  var endpoint: SimulatorEndpoint {
    switch self {
    case .upload: .upload
    case .index: .index
    case .assets: .assets
    case .asset: .asset
    case .byAsset: .byAsset
    case .indexed: .indexed
    case .indexedAsset: .indexedAsset
    case .indexes, .indexInfo: .indexes
    case .createTask: .create
    case .tasks: .list
    case .task: .get
    case .deleteAsset, .changeAsset, .changeIndexed, .deleteIndexed: .change
    case .wrongMethod, .nowhere: .unknown
    }
  }
}

/// The flat object that a client may attach: names to texts, numbers, truth values and lists of texts.
struct Metadata: Sendable, Equatable, Decodable {
  /// One value; null deletes a member in a change.
  enum Value: Sendable, Equatable, Decodable {
    case text(String)
    case integer(Int)
    case number(Double)
    case bool(Bool)
    case texts([String])
    case null

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      if value.decodeNil() {
        self = .null
      } else if let bool = try? value.decode(Bool.self) {
        self = .bool(bool)
      } else if let integer = try? value.decode(Int.self) {
        self = .integer(integer)
      } else if let number = try? value.decode(Double.self) {
        self = .number(number)
      } else if let text = try? value.decode(String.self) {
        self = .text(text)
      } else {
        self = .texts(try value.decode([String].self))
      }
    }

    var json: JSONText {
      switch self {
      case .text(let text): .string(text)
      case .integer(let integer): .integer(integer)
      case .number(let number): .number(number)
      case .bool(let bool): .bool(bool)
      case .texts(let texts): .array(texts.map { .string($0) })
      case .null: .null
      }
    }

    var isEmpty: Bool { self == .text("") || self == .texts([]) }

    /// Whether a filter in a query, which is always a text, means this value.
    func matches(_ filter: String) -> Bool {
      switch self {
      case .text(let text): text == filter
      case .integer(let integer): String(integer) == filter
      case .number(let number): Double(filter) == number
      case .bool(let bool): String(bool) == filter
      case .texts(let texts): texts.contains(filter)
      case .null: false
      }
    }
  }

  /// No members.
  static let none = Metadata(members: [:])

  private(set) var members: [String: Value]

  private init(members: [String: Value]) { self.members = members }

  /// Reads a JSON object; nil when it is none, or not flat.
  init?(_ content: Data) {
    guard let members = try? JSONDecoder().decode([String: Value].self, from: content) else { return nil }
    self.members = members
  }

  init(from decoder: any Decoder) throws {
    members = try decoder.singleValueContainer().decode([String: Value].self)
  }

  subscript(name: String) -> Value? { members[name] }

  /// The tag of our client.
  var tag: String? {
    guard case .text(let tag) = members["orchestrate_item"] else { return nil }
    return tag
  }

  var isEmpty: Bool { members.isEmpty }

  /// Without members that are empty or null.
  var withoutEmpty: Metadata {
    var copy = self
    copy.members = members.filter { !$0.value.isEmpty && $0.value != .null }
    return copy
  }

  /// A copy in which members are replaced; null deletes one, empty texts and lists change nothing.
  func merging(_ change: Metadata) -> Metadata {
    var copy = self
    for (name, value) in change.members where !value.isEmpty {
      copy.members[name] = value == .null ? nil : value
    }
    return copy
  }

  /// As a JSON object, in the order of names.
  var json: JSONText { .object(members.sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) }) }
}

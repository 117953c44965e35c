import Crypto
import Foundation
import Synchronization

/// What the small S3 is like.
package struct ObjectStoreConfiguration: Sendable {
  /// How a request that was signed for, or sent to, another region is answered.
  package enum WrongRegion: String, Sendable, CaseIterable {
    /// 301 `PermanentRedirect`, without an address.
    case permanentRedirect = "301"
    /// 307 `TemporaryRedirect` with the address of the bucket's region.
    case temporaryRedirect = "307"
    /// 400 `AuthorizationHeaderMalformed`, as regions opened after March 2019 do.
    case badRequest = "400"
  }

  /// The buckets, by any name that S3 allows.
  package var buckets: [SyntheticBucket] = []
  /// The key pairs it knows.
  package var credentials = [SimulatedCredentials.example]
  /// How the wrong region is answered.
  package var wrongRegion = WrongRegion.permanentRedirect
  /// Whether listings spell a space `%20`, as moto does, and not `+`, as S3 does.
  package var encodesSpaceAsPercent = false
  /// The most keys of a page.
  package var maximumKeys = 1000
  /// When the buckets' objects were last changed; milliseconds since 1970.
  package var modifiedAt: Int64 = 1_793_563_200_000
  /// What keys of inventories begin with; nil makes none. See ``ObjectStore/inventoryKey(of:)``.
  package var inventoryPrefix: String?
  /// The most lines of one file of an inventory.
  package var inventoryLines = 100_000

  /// No buckets.
  package init() {}
}

/// The small S3: verifies signatures, serves objects and lists them. It takes nothing and stores nothing.
///
/// An answer follows from the request, the moment and the objects that there are.
package final class ObjectStore: Sendable {
  let configuration: ObjectStoreConfiguration
  private let settings: SimulatorConfiguration
  private let plan: FaultPlan
  private let buckets: Mutex<[SyntheticBucket]>
  private let endpoints = Mutex<Set<String>>([])
  private let inventories: Mutex<[String: [SyntheticBucket.Object]]> = Mutex([:])

  /// A store with those buckets.
  ///
  /// - Parameters:
  ///   - configuration: its buckets are read; of the rest the waits of faults.
  ///   - plan: the faults; those of calls of S3 are looked at.
  package init(_ configuration: SimulatorConfiguration, plan: FaultPlan) {
    self.configuration = configuration.objects ?? ObjectStoreConfiguration()
    self.settings = configuration
    self.plan = plan
    buckets = Mutex(self.configuration.buckets)
  }

  /// Replaces the objects of a bucket that are named one by one.
  package func setObjects(_ objects: [SyntheticBucket.Object], of bucket: String) {
    buckets.withLock { buckets in
      for place in buckets.indices where buckets[place].name == bucket { buckets[place].objects = objects }
    }
  }

  /// Adds a host, with its port, under which the store is reached besides the names of S3.
  package func addEndpoint(_ authority: String) {
    endpoints.withLock { _ = $0.insert(authority.lowercased()) }
  }

  /// Whether requests to that host come to this store.
  func serves(_ authority: String) -> Bool {
    authority.hasSuffix(".amazonaws.com") || endpoints.withLock { $0.contains(authority) }
  }

  /// A request as the store reads it.
  struct Call: Sendable {
    let request: SimulatedRequest
    let query: [(name: String, value: String)]
    let bucket: String
    /// Nil for the bucket itself.
    let key: [UInt8]?
    /// The region that the host names.
    let hostRegion: String?

    var endpoint: SimulatorEndpoint {
      request.method == "HEAD" ? .s3Head : key == nil ? .s3List : .s3Get
    }

    var faultCalls: [FaultCall] {
      switch endpoint {
      case .s3Head: [.s3Head, .s3]
      case .s3List: [.s3List, .s3]
      default: [.s3Get, .s3]
      }
    }

    func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }
  }

  /// Divides a request into bucket and key, by its host or by its path.
  func call(_ request: SimulatedRequest) -> Call {
    let query = request.query.split(separator: "&").map { pair in
      let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      func text(_ half: Substring) -> String {
        PercentCoding.decode(half, plusIsSpace: true).map { String(decoding: $0, as: UTF8.self) }
          ?? String(half)
      }
      return (name: text(halves[0]), value: halves.count > 1 ? text(halves[1]) : "")
    }
    let host = (request.headers["host"] ?? "").lowercased()
    var path = request.path.dropFirst()
    var bucket = ""
    var region: String?
    if host.hasSuffix(".amazonaws.com"), let mark = host.range(of: "s3.", options: .backwards) {
      // `s3.amazonaws.com` names none.
      region = host[mark.upperBound...].dropLast("amazonaws.com".count).split(separator: ".").first.map(
        String.init)
      bucket = String(host[..<mark.lowerBound].dropLast())
    }
    var isPathStyle = false
    if bucket.isEmpty {
      isPathStyle = true
      bucket = String(path.prefix { $0 != "/" })
      path = path.dropFirst(bucket.count)
    }
    let key = PercentCoding.decode(isPathStyle ? path.dropFirst() : path) ?? []
    return Call(
      request: request, query: query, bucket: bucket, key: key.isEmpty ? nil : key,
      hostRegion: region)
  }

  /// Counts a request by its head, and finds the fault that is given for its number.
  func arrive(_ call: Call) -> FaultRule? { plan.arrive(call.faultCalls) }

  /// What becomes of a request.
  func react(to call: Call, numbered: FaultRule?, at now: Int64) -> Reaction {
    let rule = numbered ?? plan.fault(call.faultCalls, about: call.request.target)
    return Reaction(rule, latency: .zero, silence: settings.stallTime) { rule in
      switch rule.kind {
      case .unavailable, .unavailableWait, .throttle, .throttleBare:
        return self.error(503, "SlowDown", "Please reduce your request rate.", call)
      case .expiredToken: return self.error(400, "ExpiredToken", "The provided token has expired.", call)
      case .forbidden: return self.error(403, "AccessDenied", "Access Denied", call)
      case .html: return .html(200, "Please log in")
      case .badGateway: return .html(502, "502 Bad Gateway")
      case .redirect:
        return SimulatedAnswer(
          status: 307,
          headers: [
            ("Location", settings.redirectTarget ?? "http://elsewhere.invalid\(call.request.target)")
          ])
      default:
        return self.error(500, "InternalError", "We encountered an internal error. Please try again.", call)
      }
    }
  }

  /// The answer to a request that has met its fault.
  func answer(_ call: Call, _ reaction: Reaction, at now: Int64) -> SimulatedAnswer {
    let own = reaction.work == .never ? SimulatedAnswer(status: 500) : answer(call, at: now)
    return reaction.shaped(own, dribble: settings.dribbleInterval, hugeBytes: settings.hugeBytes)
  }

  /// The answer to a request at that moment, whatever the faults.
  package func answer(_ request: SimulatedRequest, at now: Int64) -> SimulatedAnswer {
    answer(call(request), at: now)
  }
}

extension ObjectStore {
  private func answer(_ call: Call, at now: Int64) -> SimulatedAnswer {
    // For tests of clients that follow a redirect; no bucket has this name.
    if call.bucket == "redirect", let target = call.parameter("to") {
      return SimulatedAnswer(status: 302, headers: [("Location", target)])
    }
    guard ["GET", "HEAD"].contains(call.request.method) else {
      return error(
        405, "MethodNotAllowed", "The specified method is not allowed against this resource.", call)
    }
    guard let bucket = buckets.withLock({ $0.first { $0.name == call.bucket } }) else {
      return error(
        404, "NoSuchBucket", "The specified bucket does not exist", call, [("BucketName", call.bucket)])
    }
    var answer: SimulatedAnswer
    do throws(RequestSignature.Refusal) {
      let signature = try RequestSignature(call.request, call.query)
      if let region = [signature?.region, call.hostRegion].compactMap({ $0 }).first(where: {
        $0 != bucket.region
      }) {
        // Of a bucket without a signature, the global endpoint tells the region all the same.
        if signature != nil || call.key != nil || call.hostRegion != "us-east-1" {
          return wrongRegion(region, bucket, call)
        }
      }
      guard let signature else {
        return error(403, "AccessDenied", "Access Denied", call).adding("x-amz-bucket-region", bucket.region)
      }
      try signature.check(call.request, call.query, against: configuration.credentials, at: now)
      answer = serve(bucket, call)
    } catch {
      answer = self.error(error.status, error.code, error.message, call, error.details)
    }
    return answer.adding("x-amz-bucket-region", bucket.region)
  }

  private func wrongRegion(_ region: String, _ bucket: SyntheticBucket, _ call: Call) -> SimulatedAnswer {
    let answer: SimulatedAnswer
    switch configuration.wrongRegion {
    case .permanentRedirect:
      answer = error(
        301, "PermanentRedirect",
        "The bucket you are attempting to access must be addressed using the specified endpoint.", call,
        [("Endpoint", "\(bucket.name).s3.\(bucket.region).amazonaws.com"), ("Bucket", bucket.name)])
    case .temporaryRedirect:
      answer = error(
        307, "TemporaryRedirect", "Please re-send this request to the specified temporary endpoint.", call,
        [("Endpoint", "\(bucket.name).s3.\(bucket.region).amazonaws.com"), ("Bucket", bucket.name)]
      ).adding(
        "Location",
        "https://\(bucket.name).s3.\(bucket.region).amazonaws.com/"
          + PercentCoding.encode(call.key ?? [], keeping: "/")
          + (call.request.query.isEmpty ? "" : "?\(call.request.query)"))
    case .badRequest:
      answer = error(
        400, "AuthorizationHeaderMalformed",
        "The authorization header is malformed; the region '\(region)' is wrong; expecting '\(bucket.region)'",
        call, [("Region", bucket.region)])
    }
    return answer.adding("x-amz-bucket-region", bucket.region)
  }

  private func serve(_ bucket: SyntheticBucket, _ call: Call) -> SimulatedAnswer {
    if bucket.requesterPays {
      let payer = call.parameter("x-amz-request-payer") ?? call.request.headers["x-amz-request-payer"]
      guard payer == "requester" else { return error(403, "AccessDenied", "Access Denied", call) }
    }
    guard let key = call.key else {
      if call.request.method == "HEAD" { return SimulatedAnswer(status: 200) }
      guard call.parameter("list-type") == "2" else {
        return error(501, "NotImplemented", "This stand-in lists with list-type=2 only.", call)
      }
      return list(bucket, call)
    }
    guard !bucket.deniedPrefixes.contains(where: { key.starts(with: $0.utf8) }) else {
      return error(403, "AccessDenied", "Access Denied", call)
    }
    guard let object = inventory(of: bucket).first(where: { $0.key == key }) ?? bucket.object(key) else {
      return error(
        404, "NoSuchKey", "The specified key does not exist.", call,
        [("Key", String(decoding: key, as: UTF8.self))])
    }
    return serve(object, call)
  }

  private func serve(_ object: SyntheticBucket.Object, _ call: Call) -> SimulatedAnswer {
    var headers: [(name: String, value: String)] = [
      ("Last-Modified", TimeText.http(configuration.modifiedAt)), ("ETag", etag(object)),
      ("Accept-Ranges", "bytes"),
      ("Content-Type", call.parameter("response-content-type") ?? "binary/octet-stream"),
    ]
    if object.storageClass != "STANDARD" { headers.append(("x-amz-storage-class", object.storageClass)) }
    if call.request.method == "HEAD" {
      var answer = SimulatedAnswer(status: 200, headers: headers)
      answer.delivery = .headOnly(length: object.size)
      return answer
    }
    guard !["GLACIER", "DEEP_ARCHIVE"].contains(object.storageClass) else {
      return error(
        403, "InvalidObjectState", "The operation is not valid for the object's storage class", call,
        [("StorageClass", object.storageClass)])
    }
    var (first, count, status) = (Int64(0), object.size, 200)
    if let text = call.request.headers["range"] {
      guard let range = ObjectStore.range(text, object.size) else {
        return error(
          416, "InvalidRange", "The requested range is not satisfiable", call,
          [("RangeRequested", text), ("ActualObjectSize", String(object.size))])
      }
      (first, count, status) = (range.lowerBound, Int64(range.count), 206)
      headers.append(("Content-Range", "bytes \(first)-\(first + count - 1)/\(object.size)"))
    }
    var answer = SimulatedAnswer(status: status, headers: headers)
    if let content = object.content {
      answer.body = Array(content[Int(first)..<Int(first + count)])
    } else {
      answer.delivery = .pattern(from: first, count: count)
    }
    return answer
  }

  /// The bytes that `bytes=A-B`, `bytes=A-` or `bytes=-N` asks for; nil when there are none.
  private static func range(_ text: String, _ size: Int64) -> Range<Int64>? {
    guard text.hasPrefix("bytes=") else { return 0..<size }
    let bounds = text.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
    guard bounds.count == 2 else { return 0..<size }
    if bounds[0].isEmpty {
      guard let last = Int64(bounds[1]), last > 0 else { return nil }
      return max(0, size - last)..<size
    }
    guard let first = Int64(bounds[0]), first >= 0, first < size else { return nil }
    let last = bounds[1].isEmpty ? size - 1 : Int64(bounds[1]) ?? -1
    return last < first ? nil : first..<min(size, last + 1)
  }

  private func etag(_ object: SyntheticBucket.Object) -> String {
    let text = object.key + Array(" \(object.size)".utf8)
    return "\"" + RequestSignature.hex(Insecure.MD5.hash(data: Data(object.content ?? text))) + "\""
  }

  private func list(_ bucket: SyntheticBucket, _ call: Call) -> SimulatedAnswer {
    guard call.parameter("delimiter") == nil else {
      return error(501, "NotImplemented", "This stand-in knows no delimiter.", call)
    }
    let asked = call.parameter("max-keys")
    guard asked.map({ Int($0).map { $0 >= 0 } ?? false }) ?? true else {
      return error(400, "InvalidArgument", "Provided max-keys not an integer or within integer range", call)
    }
    let limit = min(asked.flatMap { Int($0) } ?? 1000, configuration.maximumKeys)
    let encoding = call.parameter("encoding-type")
    guard encoding == nil || encoding == "url" else {
      return error(400, "InvalidArgument", "Invalid Encoding Method specified in Request", call)
    }
    let prefix = call.parameter("prefix") ?? ""
    var after = call.parameter("start-after").map { Array($0.utf8) }
    if let token = call.parameter("continuation-token") {
      guard let key = ObjectStore.key(ofToken: token) else {
        return error(400, "InvalidArgument", "The continuation token provided is incorrect", call)
      }
      after = key
    }
    let found = bucket.list(
      prefix: Array(prefix.utf8), after: after, limit: limit + 1, extra: inventory(of: bucket))
    let shown = found.prefix(limit)
    // Nothing is left out of a page of no keys, as S3 counts.
    let isTruncated = limit > 0 && found.count > limit
    func name(_ bytes: some Sequence<UInt8>) -> String {
      guard encoding == "url" else {
        return ObjectStore.escape(String(decoding: Array(bytes), as: UTF8.self))
      }
      let text = PercentCoding.encode(bytes, keeping: "/")
      return configuration.encodesSpaceAsPercent ? text : text.replacing("%20", with: "+")
    }
    var text =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      + "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>\(bucket.name)</Name>"
      + "<Prefix>\(name(prefix.utf8))</Prefix>"
    if let token = call.parameter("continuation-token") {
      text += "<ContinuationToken>\(ObjectStore.escape(token))</ContinuationToken>"
    }
    if isTruncated, let last = shown.last {
      text += "<NextContinuationToken>\(ObjectStore.token(last.key))</NextContinuationToken>"
    }
    if let start = call.parameter("start-after") { text += "<StartAfter>\(name(start.utf8))</StartAfter>" }
    text += "<KeyCount>\(shown.count)</KeyCount><MaxKeys>\(asked ?? "1000")</MaxKeys>"
    if encoding != nil { text += "<EncodingType>url</EncodingType>" }
    text += "<IsTruncated>\(isTruncated)</IsTruncated>"
    let modified = TimeText.rfc3339(configuration.modifiedAt).replacing("Z", with: ".000Z")
    for object in shown {
      text +=
        "<Contents><Key>\(name(object.key))</Key><LastModified>\(modified)</LastModified>"
        + "<ETag>\(ObjectStore.escape(etag(object)))</ETag><Size>\(object.size)</Size>"
        + "<StorageClass>\(object.storageClass)</StorageClass></Contents>"
    }
    return SimulatedAnswer(
      status: 200, headers: [("Content-Type", "application/xml")], body: (text + "</ListBucketResult>").utf8)
  }

  /// A token that has `/`, `+` and `=` in it, as those of S3 do.
  private static func token(_ key: [UInt8]) -> String {
    var bytes: [UInt8] = [0xFB, 0xFF, 0xBF] + key
    bytes.append(contentsOf: Array(repeating: 0, count: (4 - bytes.count % 3) % 3))
    return Data(bytes).base64EncodedString()
  }

  private static func key(ofToken token: String) -> [UInt8]? {
    guard let bytes = Data(base64Encoded: token), bytes.starts(with: [0xFB, 0xFF, 0xBF]) else { return nil }
    var key = Array(bytes.dropFirst(3))
    while key.last == 0 { key.removeLast() }
    return key
  }

  private func error(
    _ status: Int, _ code: String, _ message: String, _ call: Call,
    _ details: [(name: String, value: String)] = []
  ) -> SimulatedAnswer {
    let headers = [(name: "Content-Type", value: "application/xml")]
    // An answer to HEAD has no body: what went wrong is in its status alone.
    guard call.request.method != "HEAD" else { return SimulatedAnswer(status: status, headers: headers) }
    let more = details.map { "<\($0.name)>\(ObjectStore.escape($0.value))</\($0.name)>" }.joined()
    return SimulatedAnswer(
      status: status, headers: headers,
      body: ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>\(code)</Code>"
        + "<Message>\(ObjectStore.escape(message))</Message>\(more)<RequestId>0000000000000000</RequestId></Error>")
        .utf8)
  }

  /// Text as XML has it.
  private static func escape(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;")
  }
}

extension ObjectStore {
  /// The key of the newest `manifest.json` of a bucket's inventory; nil when there is none.
  package func inventoryKey(of bucket: String) -> String? {
    configuration.inventoryPrefix.map { "\($0)\(bucket)/all/2026-11-25T01-00Z/manifest.json" }
  }

  /// The objects of a bucket's inventory: `manifest.json`, `manifest.checksum` and the files it names. They are made when
  /// they are asked for first, and are not in the inventory themselves.
  private func inventory(of bucket: SyntheticBucket) -> [SyntheticBucket.Object] {
    guard let prefix = configuration.inventoryPrefix, let key = inventoryKey(of: bucket.name) else {
      return []
    }
    return inventories.withLock { known in
      if let made = known[bucket.name] { return made }
      let made = Inventory(
        bucket: bucket, prefix: prefix, manifestKey: key, lines: max(1, configuration.inventoryLines),
        modifiedAt: configuration.modifiedAt, etag: etag
      ).objects
      known[bucket.name] = made
      return made
    }
  }
}

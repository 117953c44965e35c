import Foundation

@testable import TransferSimulator

/// A client of the small S3 that signs by the rules, at a time that the test sets.
struct S3Probe {
  static let now: Int64 = 1_795_730_400_000
  static let endpoint = "127.0.0.1:9000"

  let store: ObjectStore
  var credentials = SimulatedCredentials.example
  var region = "us-west-2"
  var now = S3Probe.now

  init(_ configure: (inout SimulatorConfiguration, inout ObjectStoreConfiguration) -> Void) {
    var configuration = SimulatorConfiguration()
    var objects = ObjectStoreConfiguration()
    configure(&configuration, &objects)
    configuration.objects = objects
    store = ObjectStore(configuration, plan: FaultPlan(rules: configuration.faults, seed: configuration.seed))
    store.addEndpoint(S3Probe.endpoint)
  }

  /// A target signed in its query.
  func presigned(
    _ path: String, method: String = "GET", host: String = S3Probe.endpoint, life: Int = 3600,
    at time: Int64? = nil, query: [(String, String)] = []
  ) throws -> String {
    let time = TimeText.compact(time ?? now)
    var own =
      query + [
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", "\(credentials.accessKeyID)/\(time.prefix(8))/\(region)/s3/aws4_request"),
        ("X-Amz-Date", time), ("X-Amz-Expires", String(life)), ("X-Amz-SignedHeaders", "host"),
      ]
    if let token = credentials.sessionToken { own.append(("X-Amz-Security-Token", token)) }
    let text = own.map { "\($0.0)=\(PercentCoding.encode($0.1.utf8))" }.joined(separator: "&")
    let unsigned = SimulatedRequest(
      method: method, target: "\(path)?\(text)&X-Amz-Signature=0", headers: ["host": host])
    return "\(path)?\(text)&X-Amz-Signature=\(try signature(unsigned))"
  }

  /// A request signed in its headers.
  func signed(
    _ target: String, method: String = "GET", host: String = S3Probe.endpoint, at time: Int64? = nil
  )
    throws -> SimulatedRequest
  {
    let time = TimeText.compact(time ?? now)
    var headers = [
      "host": host, "x-amz-date": time,
      "x-amz-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ]
    headers["x-amz-security-token"] = credentials.sessionToken
    let names = headers.keys.sorted().joined(separator: ";")
    func authorization(_ signature: String) -> String {
      "AWS4-HMAC-SHA256 Credential=\(credentials.accessKeyID)/\(time.prefix(8))/\(region)/s3/aws4_request,"
        + " SignedHeaders=\(names), Signature=\(signature)"
    }
    headers["authorization"] = authorization("0")
    var request = SimulatedRequest(method: method, target: target, headers: headers)
    request.headers["authorization"] = authorization(try signature(request))
    return request
  }

  private func signature(_ request: SimulatedRequest) throws -> String {
    let query = store.call(request).query
    return try RequestSignature(request, query)?.expected(request, query, credentials.secret) ?? ""
  }

  func send(_ target: String, method: String = "GET", host: String = S3Probe.endpoint, range: String? = nil)
    -> SimulatedAnswer
  {
    var request = SimulatedRequest(method: method, target: target, headers: ["host": host])
    request.headers["range"] = range
    return store.answer(request, at: now)
  }

  func get(_ target: String) throws -> SimulatedAnswer { store.answer(try signed(target), at: now) }

  /// The code in an error's XML.
  static func code(_ answer: SimulatedAnswer) -> String? { elements("Code", answer).first }

  static func elements(_ name: String, _ answer: SimulatedAnswer) -> [String] {
    answer.text.components(separatedBy: "<\(name)>").dropFirst()
      .map { String($0.components(separatedBy: "</\(name)>")[0]) }
  }
}

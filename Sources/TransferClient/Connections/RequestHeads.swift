internal import BatchDomain
internal import NIOHTTP1

/// Heads of requests: target, and the header lines that all have in common.
struct RequestHeads: Sendable {
  private let path: String
  private let transfers: String
  private let common: HTTPHeaders

  /// Heads of requests to that service.
  init(_ configuration: TransferClientConfiguration) {
    path = String(configuration.baseURL.dropFirst(configuration.origin.count))
    transfers = path + configuration.profile.transfersPath
    let host = configuration.origin.split(separator: "/").last.map { String($0) } ?? ""
    common = [
      "Host": host, "x-api-key": configuration.key.value, "User-Agent": configuration.userAgent,
      "Accept": "application/json", "Accept-Encoding": "identity",
    ]
  }

  /// The head of a submission.
  ///
  /// - Parameter isReusing: whether its connection may be used again.
  func submission(of body: MultipartBody, reusing isReusing: Bool) -> HTTPRequestHead {
    var head = head(.POST, transfers, reusing: isReusing)
    head.headers.add(name: "Content-Type", value: body.contentType)
    head.headers.add(name: "Content-Length", value: String(body.length))
    return head
  }

  /// The head of a request that only reads.
  ///
  /// - Parameters:
  ///   - target: path and query below the address of the service.
  ///   - isReusing: whether its connection may be used again.
  func reading(_ target: String, reusing isReusing: Bool) -> HTTPRequestHead {
    head(.GET, path + target, reusing: isReusing)
  }

  private func head(_ method: HTTPMethod, _ target: String, reusing isReusing: Bool) -> HTTPRequestHead {
    var head = HTTPRequestHead(version: .http1_1, method: method, uri: target, headers: common)
    if !isReusing { head.headers.add(name: "Connection", value: "close") }
    return head
  }
}

import BatchDomain
package import S3Signing

/// What a received request says of its signature, in a query or in headers: what a check of it needs.
package struct SignatureClaims: Sendable {
  /// Why a request has no signature that could be checked.
  package enum Refusal: Error, Sendable, Equatable {
    /// It is not signed at all.
    case unsigned
    /// A part is missing or cannot be read; the text names it.
    case malformed(String)
  }

  /// The public half of the key pair.
  package let accessKeyID: String
  /// Time and region.
  package let scope: SigningScope
  /// For how many seconds from the time on a presigned URL holds; `nil` for signed headers.
  package let life: Int?
  /// The session's token.
  package let sessionToken: String?
  /// The signature: 64 hex digits.
  package let signature: String
  /// The request in the form that was signed.
  package let request: CanonicalRequest

  /// Reads the signature of a request.
  ///
  /// - Parameters:
  ///   - target: path and query as they were received, encoded.
  ///   - headers: all headers, `Host` included.
  /// - Throws: ``Refusal``.
  package init(
    method: String, target: String, headers: [(name: String, value: String)]
  ) throws(Refusal) {
    let halves = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    guard let path = PercentEncoding.decode(halves[0].utf8) else { throw .malformed("path") }
    guard let query = QueryItem.parse(halves.count > 1 ? halves[1] : "") else { throw .malformed("query") }
    func parameter(_ name: String) -> String? {
      query.first { $0.name == Array(name.utf8) }.map { String(decoding: $0.value, as: UTF8.self) }
    }
    func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value }
    let names: String
    let credential: String
    let time: String
    if let algorithm = parameter("X-Amz-Algorithm") {
      guard algorithm == SignatureV4.algorithm else { throw .malformed("X-Amz-Algorithm") }
      guard let signed = parameter("X-Amz-SignedHeaders") else { throw .malformed("X-Amz-SignedHeaders") }
      guard let found = parameter("X-Amz-Credential") else { throw .malformed("X-Amz-Credential") }
      guard let date = parameter("X-Amz-Date") else { throw .malformed("X-Amz-Date") }
      guard let expires = parameter("X-Amz-Expires").flatMap({ Int($0) }),
        (1...S3Signer.longestLife).contains(expires)
      else { throw .malformed("X-Amz-Expires") }
      guard let value = parameter("X-Amz-Signature") else { throw .malformed("X-Amz-Signature") }
      (names, credential, time, life, signature) = (signed, found, date, expires, value)
      sessionToken = parameter("X-Amz-Security-Token")
    } else if let authorization = header("authorization") {
      guard authorization.hasPrefix(SignatureV4.algorithm + " ") else { throw .malformed("Authorization") }
      var fields: [Substring: String] = [:]
      for part in authorization.dropFirst(SignatureV4.algorithm.count).split(separator: ",") {
        let pair = part.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
        if pair.count == 2 { fields[pair[0]] = String(pair[1]) }
      }
      guard let found = fields["Credential"], let signed = fields["SignedHeaders"],
        let value = fields["Signature"]
      else { throw .malformed("Authorization") }
      guard let date = header("x-amz-date") else { throw .malformed("x-amz-date") }
      (names, credential, time, life, signature) = (signed, found, date, nil, value)
      sessionToken = header("x-amz-security-token")
    } else {
      throw .unsigned
    }
    let parts = credential.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 5, parts[3] == "s3", parts[4] == "aws4_request", time.hasPrefix(parts[1]),
      time.utf8.count == 16
    else { throw .malformed("X-Amz-Credential") }
    accessKeyID = String(parts[0])
    scope = SigningScope(time: time, region: String(parts[2]))
    var signed: [(name: String, value: String)] = []
    for name in names.split(separator: ";") {
      guard let value = header(String(name)) else { throw .malformed("signed header \(name)") }
      signed.append((String(name), value))
    }
    guard signed.contains(where: { $0.name == "host" }) else { throw .malformed("signed header host") }
    request = CanonicalRequest(
      method: method, path: path, query: query.filter { $0.name != Array("X-Amz-Signature".utf8) },
      headers: signed,
      payload: life == nil
        ? header("x-amz-content-sha256") ?? CanonicalRequest.emptyPayload : CanonicalRequest.unsignedPayload)
  }

  /// The signature that a secret gives for this request.
  package func expectedSignature(secret: String) -> String {
    SignatureV4.signature(of: request, scope: scope, secret: secret)
  }
}

extension QueryItem {
  /// The parameters of a query as it was received; `nil` when it has an escape that is none.
  package static func parse(_ query: some StringProtocol) -> [QueryItem]? {
    var items: [QueryItem] = []
    for part in query.utf8.split(separator: UInt8(ascii: "&")) {
      let halves = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = PercentEncoding.decode(halves[0]),
        let value = halves.count > 1 ? PercentEncoding.decode(halves[1]) : []
      else { return nil }
      items.append(QueryItem(name: name, value: value))
    }
    return items
  }
}

package import BatchDomain
internal import Crypto

/// When, where and for which service a signature holds.
package struct SigningScope: Sendable, Equatable {
  /// The moment, to the second: `yyyymmddThhmmssZ`.
  package let time: String
  /// The region that is signed for.
  package let region: String

  /// The scope of a moment; parts of a second are dropped.
  package init(at moment: Timestamp, region: String) {
    let parts = CivilTime(moment)
    time =
      "\(parts.year.padded(4))\(parts.month.padded(2))\(parts.day.padded(2))T"
      + "\(parts.hour.padded(2))\(parts.minute.padded(2))\(parts.second.padded(2))Z"
    self.region = region
  }

  /// The scope of a received request, in its own words.
  package init(time: String, region: String) { (self.time, self.region) = (time, region) }

  /// The day of the moment: `yyyymmdd`.
  package var day: String { String(time.prefix(8)) }
  /// `yyyymmdd/region/s3/aws4_request`.
  package var text: String { "\(day)/\(region)/s3/aws4_request" }
}

/// A request in the one form that is signed.
package struct CanonicalRequest: Sendable, Equatable {
  /// What stands for the body's hash where the body is not signed.
  package static let unsignedPayload = "UNSIGNED-PAYLOAD"
  /// The hash of no bytes.
  package static let emptyPayload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

  /// `GET`, `HEAD` and so on.
  package var method: String
  /// The path, not encoded.
  package var path: [UInt8]
  /// All parameters but the signature, in any order, not encoded.
  package var query: [QueryItem]
  /// The headers that are signed, in any order; names without regard to case.
  package var headers: [(name: String, value: String)]
  /// The hash of the body in hex, or ``unsignedPayload``.
  package var payload: String

  /// A request in its parts.
  package init(
    method: String, path: [UInt8], query: [QueryItem], headers: [(name: String, value: String)],
    payload: String
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.headers = headers
    self.payload = payload
  }

  /// Whether both have the same form.
  package static func == (left: CanonicalRequest, right: CanonicalRequest) -> Bool { left.text == right.text }

  /// The names of the signed headers: `host;x-amz-date`.
  package var signedHeaders: String { sortedHeaders.map(\.name).joined(separator: ";") }

  /// The form: method, path, query, headers, their names, and the body's hash, a line each.
  package var text: String {
    var pairs: [(String, String)] = query.map { item in
      (PercentEncoding.query(item.name), PercentEncoding.query(item.value))
    }
    pairs.sort { $0 < $1 }
    let query = pairs.map { $0.0 + "=" + $0.1 }.joined(separator: "&")
    let headers = sortedHeaders.map { "\($0.name):\($0.value)\n" }.joined()
    return [method, PercentEncoding.path(path), query, headers, signedHeaders, payload].joined(
      separator: "\n")
  }

  private var sortedHeaders: [(name: String, value: String)] {
    headers.map { header in
      // Spaces in a row count as one, and those at the ends not at all.
      (header.name.lowercased(), header.value.split(separator: " ").joined(separator: " "))
    }.sorted { $0.0 < $1.0 }
  }
}

/// AWS Signature Version 4.
package enum SignatureV4 {
  /// What names this way to sign.
  package static let algorithm = "AWS4-HMAC-SHA256"

  /// The signature of a request: 64 hex digits.
  package static func signature(
    of request: CanonicalRequest, scope: SigningScope, secret: String
  ) -> String {
    let hash = hex(SHA256.hash(data: Array(request.text.utf8)))
    let text = [algorithm, scope.time, scope.text, hash].joined(separator: "\n")
    var key = SymmetricKey(data: Array("AWS4\(secret)".utf8))
    for part in [scope.day, scope.region, "s3", "aws4_request"] {
      key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: key))
    }
    return hex(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key))
  }

  private static let digits = Array("0123456789abcdef".utf8)

  private static func hex(_ bytes: some Sequence<UInt8>) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(64)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}

/// A URL with which everybody who has it can read one object until it ends: a secret.
package struct PresignedURL: Sendable {
  /// The URL itself.
  package let text: String
  /// The moment from which S3 refuses it.
  package let expiresAt: Timestamp
}

extension PresignedURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The URL without its query.
  package var description: String { text.prefix { $0 != "?" } + "?[removed]" }
  /// The same.
  package var debugDescription: String { description }
  /// A mirror without children, so that `dump` shows no signature.
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// A request whose headers are signed.
package struct SignedRequest: Sendable {
  /// `GET`, `HEAD` and so on.
  package let method: String
  /// The URL; nothing in it is secret.
  package let url: String
  /// All headers that the request needs, `Host` included.
  package let headers: [(name: String, value: String)]
}

/// Signs requests for objects of one bucket.
package struct S3Signer: Sendable {
  /// The longest life of a presigned URL that S3 takes: 7 days.
  package static let longestLife = 604_800

  private let credentials: AWSCredentials
  private let address: S3Address

  /// A signer of those credentials.
  package init(_ credentials: AWSCredentials, for address: S3Address) {
    self.credentials = credentials
    self.address = address
  }

  /// A URL that works without credentials until it ends.
  ///
  /// - Parameters:
  ///   - method: the one method it works for.
  ///   - key: the object's key; `nil` is the bucket itself.
  ///   - moment: when it begins to hold.
  ///   - life: how long it holds, in seconds; less than 1 counts as 1, more than ``longestLife`` as that.
  ///   - extra: parameters that are signed with it, for example `x-amz-request-payer`.
  package func presign(
    _ method: String = "GET", key: [UInt8]?, at moment: Timestamp, life: Int, extra: [QueryItem] = []
  ) -> PresignedURL {
    let scope = SigningScope(at: moment, region: address.region)
    let seconds = min(max(life, 1), Self.longestLife)
    var query =
      extra + [
        QueryItem("X-Amz-Algorithm", SignatureV4.algorithm),
        QueryItem("X-Amz-Credential", "\(credentials.accessKeyID)/\(scope.text)"),
        QueryItem("X-Amz-Date", scope.time), QueryItem("X-Amz-Expires", String(seconds)),
        QueryItem("X-Amz-SignedHeaders", "host"),
      ]
    if let token = credentials.sessionToken { query.append(QueryItem("X-Amz-Security-Token", token)) }
    let request = CanonicalRequest(
      method: method, path: address.path(of: key), query: query, headers: [("host", address.host)],
      payload: CanonicalRequest.unsignedPayload)
    let signature = SignatureV4.signature(of: request, scope: scope, secret: credentials.secretAccessKey)
    query.append(QueryItem("X-Amz-Signature", signature))
    let whole = Timestamp(milliseconds: moment.milliseconds / 1_000 * 1_000)
    return PresignedURL(text: url(key: key, query: query), expiresAt: whole + .seconds(seconds))
  }

  /// A request without a body whose headers are signed.
  ///
  /// - Parameters:
  ///   - key: the object's key; `nil` is the bucket itself.
  ///   - query: parameters of the request.
  ///   - extra: headers that are signed with it, for example `x-amz-request-payer`.
  package func sign(
    _ method: String, key: [UInt8]?, query: [QueryItem] = [], at moment: Timestamp,
    extra: [(name: String, value: String)] = []
  ) -> SignedRequest {
    let scope = SigningScope(at: moment, region: address.region)
    var headers =
      [
        ("host", address.host), ("x-amz-content-sha256", CanonicalRequest.emptyPayload),
        ("x-amz-date", scope.time),
      ] + extra
    if let token = credentials.sessionToken { headers.append(("x-amz-security-token", token)) }
    let request = CanonicalRequest(
      method: method, path: address.path(of: key), query: query, headers: headers,
      payload: CanonicalRequest.emptyPayload)
    let signature = SignatureV4.signature(of: request, scope: scope, secret: credentials.secretAccessKey)
    headers.append(
      (
        "authorization",
        "\(SignatureV4.algorithm) Credential=\(credentials.accessKeyID)/\(scope.text), "
          + "SignedHeaders=\(request.signedHeaders), Signature=\(signature)"
      ))
    return SignedRequest(method: method, url: url(key: key, query: query), headers: headers)
  }

  private func url(key: [UInt8]?, query: [QueryItem]) -> String {
    let path = "\(address.scheme)://\(address.host)\(PercentEncoding.path(address.path(of: key)))"
    return query.isEmpty ? path : path + "?" + query.map(\.encoded).joined(separator: "&")
  }
}

/// One parameter of a query, not encoded.
package struct QueryItem: Sendable, Equatable {
  /// The name's bytes.
  package var name: [UInt8]
  /// The value's bytes; empty where there is none.
  package var value: [UInt8]

  /// A parameter of texts.
  package init(_ name: String, _ value: String) {
    (self.name, self.value) = (Array(name.utf8), Array(value.utf8))
  }

  /// A parameter whose value is bytes.
  package init(_ name: String, bytes: [UInt8]) { (self.name, value) = (Array(name.utf8), bytes) }

  /// A parameter of bytes.
  package init(name: [UInt8], value: [UInt8]) { (self.name, self.value) = (name, value) }

  /// `name=value`, encoded.
  package var encoded: String { PercentEncoding.query(name) + "=" + PercentEncoding.query(value) }
}

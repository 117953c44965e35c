import Crypto
import Foundation

/// A key pair that the small S3 knows.
package struct SimulatedCredentials: Sendable, Equatable {
  /// The access key id, which is no secret.
  package var accessKeyID: String
  /// The secret.
  package var secret: String
  /// The session token that has to come with it; nil for a pair without one.
  package var sessionToken: String?
  /// When the pair ends, in milliseconds since 1970; nil for never.
  package var expiresAt: Int64?

  /// Joins the parts.
  package init(accessKeyID: String, secret: String, sessionToken: String? = nil, expiresAt: Int64? = nil) {
    self.accessKeyID = accessKeyID
    self.secret = secret
    self.sessionToken = sessionToken
    self.expiresAt = expiresAt
  }

  /// The pair of AWS's own examples.
  package static let example = SimulatedCredentials(
    accessKeyID: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
}

/// The signature of a request (AWS Signature Version 4), in its query or its header, and how to recompute it.
///
/// It is computed here from the request as it arrived, with nothing of the client's code, so that an error there is not
/// repeated here.
struct RequestSignature {
  /// Why a request is refused for its signature.
  struct Refusal: Error {
    let status: Int
    let code: String
    let message: String
    var details: [(name: String, value: String)] = []
  }

  private static let algorithm = "AWS4-HMAC-SHA256"
  private static let longestLife: Int64 = 604_800
  private static let skew: Int64 = 15 * 60_000

  let accessKeyID: String
  let day: String
  let region: String
  let time: String
  let signedHeaders: [String]
  let signature: String
  let sessionToken: String?
  let payloadHash: String
  /// Seconds; nil for a signature in the header.
  let life: Int64?

  /// Reads the signature of a request; nil when it has none.
  init?(_ request: SimulatedRequest, _ query: [(name: String, value: String)]) throws(Refusal) {
    func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }
    let scope: String
    if let algorithm = parameter("X-Amz-Algorithm") {
      guard algorithm == RequestSignature.algorithm, let credential = parameter("X-Amz-Credential"),
        let time = parameter("X-Amz-Date"), let signed = parameter("X-Amz-SignedHeaders"),
        let signature = parameter("X-Amz-Signature"), let expires = parameter("X-Amz-Expires")
      else {
        throw Refusal(
          status: 400, code: "AuthorizationQueryParametersError",
          message:
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
            + "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
      }
      guard let life = Int64(expires), (1...RequestSignature.longestLife).contains(life) else {
        throw Refusal(
          status: 400, code: "AuthorizationQueryParametersError",
          message:
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be "
            + "less than 604800 seconds")
      }
      scope = credential
      self.time = time
      signedHeaders = signed.split(separator: ";").map(String.init)
      self.signature = signature
      sessionToken = parameter("X-Amz-Security-Token")
      payloadHash = "UNSIGNED-PAYLOAD"
      self.life = life
    } else if let authorization = request.headers["authorization"] {
      let parts = authorization.split(maxSplits: 1) { $0 == " " }
      var fields: [String: String] = [:]
      for field in (parts.count > 1 ? parts[1] : "").split(separator: ",") {
        let halves = field.split(separator: "=", maxSplits: 1)
        if halves.count == 2 {
          fields[halves[0].trimmingCharacters(in: .whitespaces)] = halves[1].trimmingCharacters(
            in: .whitespaces)
        }
      }
      guard parts.first.map(String.init) == RequestSignature.algorithm, let credential = fields["Credential"],
        let signed = fields["SignedHeaders"], let signature = fields["Signature"]
      else {
        throw Refusal(
          status: 400, code: "AuthorizationHeaderMalformed", message: "The authorization header is malformed."
        )
      }
      guard let hash = request.headers["x-amz-content-sha256"] else {
        throw Refusal(
          status: 400, code: "MissingSecurityHeader",
          message: "Your request was missing a required header: x-amz-content-sha256")
      }
      scope = credential
      time = request.headers["x-amz-date"] ?? ""
      signedHeaders = signed.split(separator: ";").map(String.init)
      self.signature = signature
      sessionToken = request.headers["x-amz-security-token"]
      payloadHash = hash
      life = nil
    } else {
      return nil
    }
    let pieces = scope.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard pieces.count == 5, pieces[3] == "s3", pieces[4] == "aws4_request", time.hasPrefix(pieces[1]) else {
      throw Refusal(
        status: 400,
        code: life == nil ? "AuthorizationHeaderMalformed" : "AuthorizationQueryParametersError",
        message: "The credential must have the form ID/DAY/REGION/s3/aws4_request.")
    }
    (accessKeyID, day, region) = (pieces[0], pieces[1], pieces[2])
  }

  /// Checks key, time and signature; throws the refusal that S3 gives.
  func check(
    _ request: SimulatedRequest, _ query: [(name: String, value: String)],
    against known: [SimulatedCredentials],
    at now: Int64
  ) throws(Refusal) {
    guard let pair = known.first(where: { $0.accessKeyID == accessKeyID }) else {
      throw Refusal(
        status: 403, code: "InvalidAccessKeyId",
        message: "The AWS Access Key Id you provided does not exist in our records.",
        details: [("AWSAccessKeyId", accessKeyID)])
    }
    guard let moment = TimeText.milliseconds(compact: time) else {
      throw Refusal(
        status: 403, code: "AccessDenied",
        message: "AWS authentication requires a valid Date or x-amz-date header")
    }
    if let life {
      guard moment <= now + RequestSignature.skew else {
        throw Refusal(status: 403, code: "AccessDenied", message: "Request is not yet valid")
      }
      let end = moment + life * 1000
      guard now < end else {
        throw Refusal(
          status: 403, code: "AccessDenied", message: "Request has expired",
          details: [
            ("X-Amz-Expires", String(life)), ("Expires", TimeText.rfc3339(end)),
            ("ServerTime", TimeText.rfc3339(now)),
          ])
      }
    } else if abs(moment - now) > RequestSignature.skew {
      throw Refusal(
        status: 403, code: "RequestTimeTooSkewed",
        message: "The difference between the request time and the current time is too large.",
        details: [("RequestTime", time), ("ServerTime", TimeText.rfc3339(now))])
    }
    guard sessionToken == pair.sessionToken else {
      throw Refusal(
        status: pair.sessionToken == nil ? 400 : 403,
        code: pair.sessionToken == nil ? "InvalidToken" : "InvalidAccessKeyId",
        message: "The provided token is malformed or otherwise invalid.")
    }
    if let expiresAt = pair.expiresAt, now >= expiresAt {
      throw Refusal(status: 400, code: "ExpiredToken", message: "The provided token has expired.")
    }
    guard signedHeaders.contains("host"), expected(request, query, pair.secret) == signature else {
      throw Refusal(
        status: 403, code: "SignatureDoesNotMatch",
        message: "The request signature we calculated does not match the signature you provided. "
          + "Check your key and signing method.")
    }
  }

  /// The signature that the request should have.
  func expected(
    _ request: SimulatedRequest, _ query: [(name: String, value: String)], _ secret: String
  ) -> String {
    let path = PercentCoding.encode(
      PercentCoding.decode(request.path) ?? Array(request.path.utf8), keeping: "/")
    let pairs = query.filter { $0.name != "X-Amz-Signature" }
      .map { (name: PercentCoding.encode($0.name.utf8), value: PercentCoding.encode($0.value.utf8)) }
      .sorted { ($0.name, $0.value) < ($1.name, $1.value) }
    let headers = signedHeaders.map { name in
      let value = (request.headers[name] ?? "").split(separator: " ").joined(separator: " ")
      return "\(name):\(value)\n"
    }
    let canonical = [
      request.method, path, pairs.map { "\($0.name)=\($0.value)" }.joined(separator: "&"), headers.joined(),
      signedHeaders.joined(separator: ";"), payloadHash,
    ].joined(separator: "\n")
    let scope = "\(day)/\(region)/s3/aws4_request"
    let text = [
      RequestSignature.algorithm, time, scope, Self.hex(SHA256.hash(data: Data(canonical.utf8))),
    ].joined(separator: "\n")
    var key = Data("AWS4\(secret)".utf8)
    for part in [day, region, "s3", "aws4_request", text] {
      key = Data(HMAC<SHA256>.authenticationCode(for: Data(part.utf8), using: SymmetricKey(data: key)))
    }
    return Self.hex(key)
  }

  /// Bytes as lowercase hexadecimal digits.
  static func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

package import BatchDomain
import Crypto
import Foundation
import HTTPTypes
import Hummingbird
import NIOConcurrencyHelpers

/// Takes webhooks of the service: each that is signed, fresh and new asks for the next look of tracking to be made soon.
/// Nothing that a delivery says is used.
package final class WebhookReceiver: Sendable {
  /// What is said of a delivery.
  enum Verdict: Equatable {
    /// It is the service's, and new.
    case accepted
    /// It is the service's, and was here before.
    case repeated
    /// It is not known to be the service's, or not to be of now.
    case refused
  }

  /// Where it listens.
  static let path = "/webhook"
  /// The longest body that is read, in bytes.
  static let bodyLimit = 64 << 10
  /// How far the time of a signature may be away.
  static let tolerance: Duration = .seconds(300)
  /// Signatures that are remembered at most; the oldest are forgotten first.
  private static let memory = 100_000

  private let secret: SymmetricKey
  private let tracking: any Tracking
  private let clock: any BatchClock
  private let seen = NIOLockedValueBox<[[UInt8]: Timestamp]>([:])

  /// A receiver of the webhooks that are signed with a secret.
  ///
  /// - Parameters:
  ///   - secret: the secret of the webhook as the service shows it, without white space around it.
  ///   - tracking: where looks are asked for.
  package init(secret: String, tracking: any Tracking, clock: any BatchClock) {
    self.secret = SymmetricKey(data: Array(secret.utf8))
    self.tracking = tracking
    self.clock = clock
  }

  /// Answers a delivery.
  func answer(_ request: Request) async throws -> Response {
    var request = request
    let body = try await request.collectBody(upTo: Self.bodyLimit)
    let header = HTTPField.Name("TL-Signature").flatMap { request.headers[$0] }
    switch verdict(on: Array(body.readableBytesView), header: header) {
    case .refused: return Answer.text("the signature does not fit\n", status: .forbidden)
    case .accepted: try await tracking.requestLook(at: clock.now())
    case .repeated: break
    }
    return Answer.text("ok\n")
  }

  /// Looks at the signature of a body.
  ///
  /// - Parameter header: the value of `TL-Signature`: `t=<unix seconds>,v1=<hex>`; `nil` without it.
  func verdict(on body: [UInt8], header: String?) -> Verdict {
    guard let header, let signature = Signature(header) else { return .refused }
    let now = clock.now()
    let message = Array(signature.time.utf8) + [UInt8(ascii: ".")] + body
    // In constant time, as the library has it.
    let fits = signature.codes.first {
      HMAC<SHA256>.isValidAuthenticationCode($0, authenticating: message, using: secret)
    }
    let age = now.since(signature.moment)
    guard let fits, age <= Self.tolerance, age >= .zero - Self.tolerance else {
      return .refused
    }
    return seen.withLockedValue { seen in
      guard seen[fits] == nil else { return .repeated }
      if seen.count >= Self.memory || seen.count.isMultiple(of: 1_000) {
        // Older ones are refused by their time.
        seen = seen.filter { now.since($0.value) <= Self.tolerance * 2 }
      }
      if seen.count >= Self.memory, let oldest = seen.min(by: { $0.value < $1.value }) {
        seen[oldest.key] = nil
      }
      seen[fits] = now
      return .accepted
    }
  }

  /// The value of the header, taken apart.
  private struct Signature {
    /// The time as it came, which is what was signed.
    let time: String
    /// The same.
    let moment: Timestamp
    /// The codes of version 1: more than one while a secret is replaced.
    let codes: [[UInt8]]

    init?(_ header: String) {
      var time: String?
      var codes: [[UInt8]] = []
      for part in header.split(separator: ",").prefix(10) {
        let pair = part.split(separator: "=", maxSplits: 1)
        guard pair.count == 2 else { continue }
        switch pair[0].filter({ $0 != " " }) {
        case "t": time = String(pair[1])
        case "v1": if let code = Self.bytes(pair[1]) { codes.append(code) }
        default: break
        }
      }
      guard let time, time.utf8.count <= 12, time.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        let seconds = Int64(time), !codes.isEmpty
      else { return nil }
      self.time = time
      moment = Timestamp(milliseconds: seconds * 1_000)
      self.codes = codes
    }

    private static func bytes(_ hex: Substring) -> [UInt8]? {
      let digits = Array(hex.utf8)
      guard digits.count == 2 * SHA256.byteCount else { return nil }
      return stride(from: 0, to: digits.count, by: 2).reduce(into: [UInt8]?.some([])) { bytes, place in
        guard let high = nibble(digits[place]), let low = nibble(digits[place + 1]) else {
          bytes = nil
          return
        }
        bytes?.append(high << 4 | low)
      }
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
      switch digit {
      case 0x30...0x39: digit - 0x30
      case 0x61...0x66: digit - 0x61 + 10
      case 0x41...0x46: digit - 0x41 + 10
      default: nil
      }
    }
  }
}

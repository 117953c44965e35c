package import BatchDomain

/// A key pair of AWS, perhaps for a limited time.
///
/// Deliberately neither `Codable` nor reflecting its content: the only readers of the secrets are the signer, and whoever
/// has to keep them out of texts.
package struct AWSCredentials: Sendable {
  /// The public half: 20 characters, beginning with `AKIA` for users and `ASIA` for sessions.
  package let accessKeyID: String
  /// The secret half.
  package let secretAccessKey: String
  /// What a session has beside the pair; `nil` for a user's own key.
  package let sessionToken: String?
  /// When they end; `nil` when they do not, or nobody said.
  package let expiresAt: Timestamp?

  /// Credentials in their parts.
  package init(
    accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil, expiresAt: Timestamp? = nil
  ) {
    self.accessKeyID = accessKeyID
    self.secretAccessKey = secretAccessKey
    self.sessionToken = sessionToken
    self.expiresAt = expiresAt
  }

  /// Texts that must be in nothing that is stored, logged or shown.
  package var secrets: [String] { [secretAccessKey] + (sessionToken.map { [$0] } ?? []) }

  /// Whether both are the same key pair and session, byte for byte.
  package func isSamePair(as other: AWSCredentials) -> Bool {
    accessKeyID.utf8.elementsEqual(other.accessKeyID.utf8)
      && secretAccessKey.utf8.elementsEqual(other.secretAccessKey.utf8)
      && (sessionToken ?? "").utf8.elementsEqual((other.sessionToken ?? "").utf8)
  }
}

extension AWSCredentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The last four characters of the public half and the end, no secret.
  package var description: String {
    let end = expiresAt.map { ", until \($0)" } ?? ""
    return "AWSCredentials(…\(accessKeyID.suffix(4))\(end))"
  }

  /// The same.
  package var debugDescription: String { description }

  /// A mirror without children, so that `dump` shows nothing.
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}

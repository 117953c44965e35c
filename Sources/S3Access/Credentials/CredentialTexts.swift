internal import BatchDomain
internal import S3Signing

/// The parts of credentials as a source has them, with what each is called there. Every source makes its credentials of
/// them, so that all take and refuse the same.
struct CredentialTexts {
  /// A text and its name in messages, such as `$AWS_ACCESS_KEY_ID`.
  typealias Part = (name: String, text: String?)

  let id: Part
  let secret: Part
  let token: Part

  /// A text without the white space around it, which no credential has and a line feed at the end of a file is; `nil` when
  /// nothing else is there.
  static func trimmed(_ text: String?) -> String? {
    guard let text else { return nil }
    let bytes = Array(text.utf8)
    guard let first = bytes.firstIndex(where: { !isSpace($0) }),
      let last = bytes.lastIndex(where: { !isSpace($0) })
    else { return nil }
    return String(decoding: bytes[first...last], as: UTF8.self)
  }

  /// The credentials; `nil` when the id or the secret is missing.
  ///
  /// - Throws: ``S3Error`` for a part that can be in no header; it never has the text.
  func credentials(until expiresAt: Timestamp? = nil) throws(S3Error) -> AWSCredentials? {
    guard let id = try Self.checked(id), let secret = try Self.checked(secret) else { return nil }
    return AWSCredentials(
      accessKeyID: id, secretAccessKey: secret, sessionToken: try Self.checked(token), expiresAt: expiresAt)
  }

  /// Ids, secrets and tokens of AWS are visible ASCII. Anything else would make a header or a URL that is none.
  private static func checked(_ part: Part) throws(S3Error) -> String? {
    guard let text = trimmed(part.text) else { return nil }
    for (index, byte) in text.utf8.enumerated() where !(0x21...0x7E).contains(byte) {
      let found =
        isSpace(byte) ? "white space" : byte < 0x80 ? "a control character" : "a character that is not ASCII"
      throw S3Error(
        .credentialsInvalid,
        "\(part.name) has \(found) at byte \(index + 1), expected visible ASCII on one line",
        remedy: "copy the value again, without line feeds")
    }
    return text
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}

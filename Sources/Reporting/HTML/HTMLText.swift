import BatchDomain
internal import Mustache

/// Text from outside made harmless inside HTML, in elements and in quoted attributes alike.
package enum HTMLText {
  /// The text with control characters written out as on a terminal, and with the characters that mean something in
  /// HTML as references.
  ///
  /// By scalar, not by character: a combining mark after a quote makes another character of both, and leaves the
  /// quote a quote for a browser.
  package static func escape(_ text: String) -> String {
    var escaped = ""
    for scalar in VisibleText.escape(text).unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}

/// How templates escape: as ``HTMLText`` does, instead of Mustache's own way by character.
struct HTMLTextContent: MustacheContentType {
  /// The name templates ask for it by.
  static let name = "ORCHESTRATE"

  /// Makes the name known to Mustache; reading it once is enough.
  static let isRegistered: Bool = {
    MustacheContentTypes.register(HTMLTextContent(), named: name)
    return true
  }()

  func escapeText(_ text: String) -> String { HTMLText.escape(text) }
}

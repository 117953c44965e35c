/// A web page, or another document in markup, where an answer in other words was expected: what something on the way answers,
/// such as a proxy, a firewall or a gateway. It is named, never shown.
package struct MarkupPage: Sendable, Equatable {
  /// Its title in one line; `nil` where it has none.
  package let title: String?
  /// Whether it is HTML, and not another kind of XML.
  package let isHTML: Bool

  private static let longestTitle = 100
  private static let htmlTypes: Set<String> = ["text/html", "application/xhtml+xml"]
  private static let otherTypes: Set<String> = ["text/xml", "application/xml"]

  /// Whether a body of that media type is a page, whatever it says.
  package static func isPage(mediaType: String?) -> Bool {
    mediaType.map { htmlTypes.contains($0) || otherTypes.contains($0) || $0.hasSuffix("+xml") } ?? false
  }

  /// Reads a body that is not JSON; `nil` where it is no page.
  ///
  /// - Parameters:
  ///   - text: the body, or its beginning, without secrets.
  ///   - mediaType: type and subtype in lower case, where they are known.
  package init?(_ text: String, mediaType: String?) {
    let start = text.drop { $0.isWhitespace || $0 == "\u{FEFF}" }.prefix(200).lowercased()
    let afterMark = start.dropFirst().first
    let isMarkup =
      start.first == "<" && (afterMark == "!" || afterMark == "?" || afterMark?.isLetter == true)
    guard isMarkup || Self.isPage(mediaType: mediaType) else { return nil }
    isHTML =
      mediaType.map(Self.htmlTypes.contains) == true || start.contains("<!doctype html")
      || start.contains("<html")
    title = Self.title(in: text)
  }

  /// What it is, with its title.
  package var name: String {
    (isHTML ? "an HTML page" : "an XML document") + (title.map { " titled “\($0)”" } ?? "")
  }

  /// The page in words.
  ///
  /// - Parameter server: what the header `Server` says, in one short word or two.
  package func words(server: String?) -> String {
    var words = name
    if let server { words += " (server: \(server))" }
    return words
      + ", which is not the service's: a proxy, firewall or gateway on the way answers instead"
  }

  private static func title(in text: String) -> String? {
    guard let start = tag("<title", in: text[...]),
      let open = text[start.upperBound...].firstIndex(of: ">")
    else { return nil }
    let rest = text[text.index(after: open)...]
    let end = tag("</title", in: rest)?.lowerBound ?? rest.firstIndex(of: "<") ?? rest.endIndex
    var title = String(rest[..<end])
    for (entity, character) in [
      ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&apos;", "'"), ("&nbsp;", " "),
      ("&amp;", "&"),
    ] {
      title = title.split(separator: entity, omittingEmptySubsequences: false).joined(separator: character)
    }
    let line = title.split { $0.isWhitespace }.joined(separator: " ")
    guard !line.isEmpty else { return nil }
    return line.count <= longestTitle ? line : line.prefix(longestTitle - 1) + "…"
  }

  /// Where the beginning of a tag stands, in whatever case.
  private static func tag(_ beginning: String, in text: Substring) -> Range<Substring.Index>? {
    var position = text.startIndex
    while let mark = text[position...].firstIndex(of: "<") {
      let end = text.index(mark, offsetBy: beginning.count, limitedBy: text.endIndex) ?? text.endIndex
      if text[mark..<end].lowercased() == beginning { return mark..<end }
      position = text.index(after: mark)
    }
    return nil
  }
}

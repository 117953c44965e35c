import Foundation

/// The query of a request: names to values in order, percent-decoding done.
struct QueryString {
  private var pairs: [(name: String, value: String)]

  /// Reads what follows the question mark; a plus sign is a space.
  init(_ text: Substring) {
    pairs = text.split(separator: "&").map { pair in
      let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { half in
        let spaced = half.replacing("+", with: " ")
        return spaced.removingPercentEncoding ?? String(spaced)
      }
      return (halves[0], halves.count > 1 ? halves[1] : "")
    }
  }

  /// The first value with that name.
  subscript(name: String) -> String? { pairs.first { $0.name == name }?.value }

  /// The names, in order, once each.
  var names: [String] {
    var seen: Set<String> = []
    return pairs.map(\.name).filter { seen.insert($0).inserted }
  }

  /// All values with that name.
  func all(_ name: String) -> [String] { pairs.filter { $0.name == name }.map(\.value) }
}

/// An address on the web, divided; nothing in it is decoded.
struct WebAddress: Equatable {
  /// Host and port, as in the header `Host`.
  let authority: String
  /// The path with its query; `/` where the address has none.
  let target: String

  /// Nil when it is not `http://` or `https://` with a host.
  init?(_ text: String) {
    let scheme = text.prefix { $0 != ":" }
    guard ["http", "https"].contains(scheme.lowercased()), text.dropFirst(scheme.count).hasPrefix("://"),
      !text.contains(where: { $0.isWhitespace })
    else { return nil }
    let rest = text.dropFirst(scheme.count + 3).prefix { $0 != "#" }
    let host = rest.prefix { $0 != "/" && $0 != "?" }
    guard !host.isEmpty else { return nil }
    authority = host.lowercased()
    let path = rest.dropFirst(host.count)
    target = path.hasPrefix("/") ? String(path) : "/" + path
  }
}

/// Texts in which bytes are `%XX`, as bytes: not every sequence of bytes is a text.
enum PercentCoding {
  /// The bytes; nil when a percent sign is not followed by two hexadecimal digits.
  static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) -> [UInt8]? {
    var bytes: [UInt8] = []
    var rest = text.utf8.makeIterator()
    while let byte = rest.next() {
      if byte == UInt8(ascii: "%") {
        guard let high = rest.next().flatMap(digit), let low = rest.next().flatMap(digit) else { return nil }
        bytes.append(high << 4 | low)
      } else {
        bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
      }
    }
    return bytes
  }

  /// Every byte but letters, digits, `-`, `_`, `.`, `~` and those kept as `%XX` in upper case.
  static func encode(_ bytes: some Sequence<UInt8>, keeping kept: String = "") -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var output: [UInt8] = []
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "~"):
        output.append(byte)
      case _ where kept.utf8.contains(byte): output.append(byte)
      default: output += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: output, as: UTF8.self)
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}

/// The parts of a `multipart/form-data` body (RFC 7578), read without any help from the client's code.
struct MultipartForm {
  /// One part: its name, file name and content. Its own content type is ignored.
  struct Part {
    var name: String
    var filename: String?
    var content: Data
  }

  private(set) var parts: [Part] = []

  /// Nil when the content type is not multipart with a boundary, or the body does not end as it must.
  init?(contentType: String, body: Data) {
    let pieces = MultipartForm.parameters(contentType)
    guard pieces.value.lowercased() == "multipart/form-data",
      let boundary = pieces.parameters["boundary"], !boundary.isEmpty
    else { return nil }
    let delimiter = Data("\r\n--\(boundary)".utf8)
    // The first delimiter has no line end before it when nothing precedes it.
    let body = Data("\r\n".utf8) + body
    guard var mark = body.range(of: delimiter) else { return nil }
    while true {
      let rest = body[mark.upperBound...]
      if rest.starts(with: Data("--".utf8)) { return }
      guard rest.starts(with: Data("\r\n".utf8)), let next = rest.range(of: delimiter),
        let part = MultipartForm.part(body[(mark.upperBound + 2)..<next.lowerBound])
      else { return nil }
      parts.append(part)
      mark = next
    }
  }

  /// The first part with that name.
  subscript(name: String) -> Part? { parts.first { $0.name == name } }

  /// The content of the first part with that name as text.
  func text(_ name: String) -> String? {
    self[name].flatMap { String(data: $0.content, encoding: .utf8) }
  }

  private static func part(_ bytes: Data) -> Part? {
    let lineEnd = Data("\r\n".utf8)
    var rest = bytes
    var disposition: String?
    while let end = rest.range(of: lineEnd) {
      let line = String(decoding: rest[rest.startIndex..<end.lowerBound], as: UTF8.self)
      rest = rest[end.upperBound...]
      if line.isEmpty {
        guard let disposition else { return nil }
        let pieces = parameters(disposition)
        guard pieces.value.lowercased() == "form-data", let name = pieces.parameters["name"] else {
          return nil
        }
        return Part(name: name, filename: pieces.parameters["filename"], content: rest)
      }
      if line.lowercased().hasPrefix("content-disposition:") {
        disposition = String(line.dropFirst("content-disposition:".count))
      }
    }
    return nil
  }

  /// Splits `value; name=token; name="quoted"`, names in lower case.
  static func parameters(_ text: String) -> (value: String, parameters: [String: String]) {
    var pieces: [String] = [""]
    var isQuoted = false
    var isEscaped = false
    for character in text {
      if isEscaped {
        pieces[pieces.count - 1].append(character)
        isEscaped = false
      } else if isQuoted && character == "\\" {
        isEscaped = true
      } else if character == "\"" {
        isQuoted.toggle()
      } else if character == ";" && !isQuoted {
        pieces.append("")
      } else {
        pieces[pieces.count - 1].append(character)
      }
    }
    var found: [String: String] = [:]
    for piece in pieces.dropFirst() {
      let halves = piece.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
      if halves.count == 2 { found[halves[0].lowercased()] = halves[1] }
    }
    return (pieces[0].trimmingCharacters(in: .whitespaces), found)
  }
}

import Foundation

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

/// Reads multipart requests by RFC 7578, independently of how the client writes them.
enum MultipartReader {
  /// Content of the only part, which must be named `file`; `nil` when the request is not like that.
  static func filePart(of request: [UInt8]) -> [UInt8]? {
    guard let (head, body) = cut(request[...], at: "\r\n\r\n") else { return nil }
    let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
    guard let type = lines.first(where: { $0.lowercased().hasPrefix("content-type: multipart/form-data") }),
      let mark = type.firstRange(of: "boundary=")
    else { return nil }
    let delimiter = "--" + type[mark.upperBound...]
    guard let (preamble, rest) = cut(body, at: delimiter + "\r\n"), preamble.isEmpty,
      let (partHead, content) = cut(rest, at: "\r\n\r\n"),
      let (part, end) = cut(content, at: "\r\n" + delimiter),
      String(decoding: end, as: UTF8.self) == "--\r\n"
    else { return nil }
    let disposition = String(decoding: partHead, as: UTF8.self)
    return disposition.contains("name=\"file\"") ? Array(part) : nil
  }

  private static func cut(_ bytes: ArraySlice<UInt8>, at text: String) -> (
    ArraySlice<UInt8>, ArraySlice<UInt8>
  )? {
    let mark = Array(text.utf8)
    guard bytes.count >= mark.count else { return nil }
    for start in bytes.startIndex...(bytes.endIndex - mark.count) where bytes[start] == mark[0] {
      if bytes[start..<start + mark.count].elementsEqual(mark) {
        return (bytes[..<start], bytes[(start + mark.count)...])
      }
    }
    return nil
  }
}

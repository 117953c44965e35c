/// Answers as they stand on the wire.
enum HTTPAnswer {
  /// An answer with a body of known length.
  static func text(
    _ status: Int, _ body: String = "", type: String? = "application/json", headers: [String] = []
  )
    -> String
  {
    var lines = ["HTTP/1.1 \(status) Whatever"]
    if let type { lines.append("Content-Type: \(type)") }
    if status != 204 { lines.append("Content-Length: \(body.utf8.count)") }
    return (lines + headers).joined(separator: "\r\n") + "\r\n\r\n" + body
  }
}

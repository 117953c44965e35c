/// An answer before it is put on the wire.
struct Answer {
  /// How the body is sent.
  enum Delivery: Equatable {
    case whole
    /// Byte by byte, with a pause before each.
    case dribbled(Duration)
    /// Half of the body, then the end of the connection.
    case truncated
    /// A body of that many bytes instead of `body`.
    case huge(Int)
  }

  var status: Int
  var headers: [(name: String, value: String)] = []
  var body = ""
  var delivery = Delivery.whole

  /// An answer with a JSON body.
  static func json(_ status: Int, _ body: JSONText) -> Answer {
    Answer(status: status, headers: [("Content-Type", "application/json")], body: body.text)
  }

  /// An answer with an HTML page, as gateways give.
  static func html(_ status: Int, _ title: String) -> Answer {
    Answer(
      status: status, headers: [("Content-Type", "text/html; charset=utf-8")],
      body: "<html><head><title>\(title)</title></head><body><h1>\(title)</h1></body></html>")
  }

  /// A copy with one more header.
  func adding(_ name: String, _ value: String) -> Answer {
    var copy = self
    copy.headers.append((name, value))
    return copy
  }
}

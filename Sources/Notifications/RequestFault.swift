/// Why a request reached nobody.
enum RequestFault: Equatable {
  /// An answer came, and was no success.
  case status(Int)
  /// No answer came in time.
  case timeout
  /// There was no connection, or it broke. Its words are not shown: they may have the address in them.
  case noAnswer

  /// Whether another try can help.
  var mayPass: Bool {
    switch self {
    case .status(let status): status == 408 || status == 429 || status >= 500
    case .timeout, .noAnswer: true
    }
  }

  /// The fault as a clause.
  var words: String {
    switch self {
    case .status(let status) where (300..<400).contains(status):
      "it answered with a redirect (\(status)), which is not followed"
    case .status(let status): "it answered \(status)"
    case .timeout: "no answer came in time"
    case .noAnswer: "could not connect, or the connection broke"
    }
  }
}

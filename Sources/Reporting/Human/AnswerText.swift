import BatchDomain

extension VisibleText {
  /// Status, code and message of an answer in a row, as far as it has them, escaped and cut.
  static func answer(_ status: Int?, _ code: String?, _ message: String?, cutAt length: Int) -> String {
    escape(
      [status.map(String.init), code, message].compactMap { $0 }.joined(separator: " "), cutAt: length)
  }
}

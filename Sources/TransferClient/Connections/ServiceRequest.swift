internal import NIOCore
internal import NIOHTTP1

/// A request as it goes into a connection.
struct ServiceRequest: Sendable {
  /// Method, target and header lines; the length of the body is among them.
  var head: HTTPRequestHead
  /// The body; `nil` for a request without one.
  var body: ByteBuffer?
}

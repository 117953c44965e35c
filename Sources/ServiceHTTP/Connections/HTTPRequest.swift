package import NIOCore
internal import NIOHTTP1

/// A request to the service: a `POST` where it has a body, else a `GET`.
package struct HTTPRequest: Sendable {
  /// Path and query below the address of the service.
  package var target: String
  /// What is sent; `nil` for a request that only reads.
  package var body: Body?

  /// What a request sends.
  package struct Body: Sendable {
    /// Value of `Content-Type`.
    package var type: String
    /// The bytes.
    package var bytes: ByteBuffer

    /// Bytes of that type.
    package init(type: String, bytes: ByteBuffer) {
      self.type = type
      self.bytes = bytes
    }
  }

  /// A request below the address of the service.
  package init(_ target: String, body: Body? = nil) {
    self.target = target
    self.body = body
  }
}

/// A request as it goes into a connection.
struct ServiceRequest: Sendable {
  /// Method, target and header lines; the length of the body is among them.
  var head: HTTPRequestHead
  /// The body; `nil` for a request without one.
  var body: ByteBuffer?
}

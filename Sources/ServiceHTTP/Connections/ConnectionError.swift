/// What ends an exchange or the opening of a connection, besides the errors of the network and its protocols.
enum ConnectionError: Error {
  /// No connection was ready in time, tunnel and encryption included.
  case connectTimeout
  /// The time for the whole exchange is up.
  case timeUp
  /// The caller gave it up, or the client was shut down.
  case cancelled
  /// The certificate could not be held against the address of the service.
  case unverifiable
  /// The other side closed the connection.
  case closed
}

/// The port for addresses from which a service can fetch an object by itself, for example presigned ones.
///
/// Everybody who has such an address can fetch the object: it is a secret, made when a request is built and kept in memory alone.
package protocol ObjectURLSource: Sendable {
  /// An address of one object, made now.
  ///
  /// - Throws: ``ObjectURLError``.
  func url(for object: ObjectName) async throws(ObjectURLError) -> ObjectURL
}

/// An address from which an object can be fetched. Shows nothing of itself.
package struct ObjectURL: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The address itself, a secret.
  package let url: String
  /// When it stops working; `nil` where it does not.
  package let expiresAt: Timestamp?
  /// Asks whether it stopped working before that, since the credentials that signed it may have an unknown end. The parameter is a
  /// moment of monotonic time: what was found before it does not count. `nil` if the URL cannot end early.
  package let hasEndedEarly: (@Sendable (_ since: Duration) async -> Bool)?

  /// An address that works until a moment.
  package init(
    _ url: String, expiresAt: Timestamp?,
    hasEndedEarly: (@Sendable (_ since: Duration) async -> Bool)? = nil
  ) {
    self.url = url
    self.expiresAt = expiresAt
    self.hasEndedEarly = hasEndedEarly
  }

  /// A fixed text in place of the address.
  package var description: String { "ObjectURL([removed])" }

  /// A fixed text in place of the address.
  package var debugDescription: String { description }

  /// A mirror without children, so that `dump` shows nothing.
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// Why there is no address of an object. The sentences have no secret in them.
package enum ObjectURLError: Error, Sendable, Equatable {
  /// There is none for any object until a person does something: the run is paused, `credentials`, `source`
  /// or `endpoint`.
  ///
  /// - Parameter detail: one clear sentence: which source was asked, what it said, and what to do.
  case paused(PauseReason, detail: String)
  /// There is none for this object, and never will be: it is refused.
  ///
  /// - Parameters:
  ///   - code: a short stable word for the cause.
  ///   - message: one clear sentence.
  case refused(code: String, message: String)
  /// There is none now, and may be one later: the source of addresses could not be reached.
  ///
  /// - Parameters:
  ///   - code: a short stable word for the cause.
  ///   - message: one clear sentence.
  case unavailable(code: String, message: String)
}

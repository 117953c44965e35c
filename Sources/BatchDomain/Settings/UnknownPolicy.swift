/// What to do about a chunk whose answer was lost.
package enum UnknownPolicy: String, Sendable, CaseIterable, Codable {
  /// Ask the service what became of it.
  case check
  /// Send it again without asking: the service may then get it twice.
  case resend
  /// Leave it to a person.
  case hold
}

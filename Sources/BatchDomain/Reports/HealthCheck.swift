/// One thing that was looked at before a run is trusted to this machine, and what was found.
package struct HealthCheck: Sendable, Equatable {
  /// What was looked at. The raw values are what the outputs have, in this order.
  package enum Subject: String, Sendable, CaseIterable {
    /// The API key, as far as this machine can tell.
    case key
    /// Whether the service answers and takes the key.
    case service
    /// Whether the database is there and may be read and written.
    case database
    /// Whether the schema of the database is this program's.
    case schema
    /// The engine's own check of the database.
    case integrity
    /// Whether locks of the file system keep processes apart.
    case locks
    /// Free space against what the newest unfinished run still needs.
    case space
    /// Waits that the service asked for and that are not over.
    case waits
    /// The version of the engine.
    case sqlite
  }

  /// What was found.
  package enum Status: String, Sendable, CaseIterable {
    /// Nothing is in the way.
    case ok
    /// Something is in the way.
    case problem
    /// It could not be looked at, since something else is in the way or not there yet.
    case skipped
  }

  /// What was looked at.
  package var subject: Subject
  /// What was found.
  package var status: Status
  /// One clear sentence.
  package var message: String
  /// What the user can do; `nil` when there is nothing to do.
  package var remedy: String?

  /// A finding in its parts.
  package init(_ subject: Subject, _ status: Status, _ message: String, remedy: String? = nil) {
    self.subject = subject
    self.status = status
    self.message = message
    self.remedy = remedy
  }
}

/// One thing that `orchestrate doctor` checks before a run is trusted to this machine, and what it found.
///
/// The checks change no record, do not create what they look for, and spend no quota, but for one of them that says so:
///
/// - The service is asked for one row of its list of tasks, without an index, or of assets with profile v1.3. A 4xx that
///   speaks of the request itself still proves that the service is there and did not refuse the key; so does being
///   throttled.
/// - With profile v1.3 an index is only described, a bucket is only asked about, and of an object one byte is read from S3.
///   Only where an index is named beside the object, the service hears of it: it is taken through both steps.
/// - The database is opened for reading only, and never migrated or made. Permissions are asked of the system (`access`),
///   since opening the file by other means than SQLite drops SQLite's locks.
/// - Locks are tried, not assumed: a byte that one descriptor has locked must be refused to another. Some network file
///   systems grant it to both.
/// - The integrity check is `quick_check`, which leaves out UNIQUE constraints and whether indexes match their tables;
///   `verify` does those.
/// - Space is an estimate that names its figures: 4 KiB per chunk that is left, the manifest if it still has to be
///   recorded, and 64 MiB for the write-ahead log.
package struct HealthCheck: Sendable, Equatable {
  /// What was looked at. The raw values are what the outputs have, in this order.
  package enum Subject: String, Sendable, CaseIterable {
    /// The API key, as far as this machine can tell.
    case key
    /// Whether the service answers and takes the key.
    case service
    /// With profile v1.3: whether there are credentials for S3, and from where.
    case credentials
    /// With profile v1.3: whether the index that was named is there and takes videos.
    case index
    /// With profile v1.3: whether the bucket that was named is there, and where.
    case bucket
    /// With profile v1.3: whether the object that was named can be read as the service reads it.
    case object
    /// With profile v1.3: whether the service fetches that object from a signed URL.
    case upload
    /// With profile v1.3: whether the service takes the object's asset into the index that was named.
    case indexing
    /// With profile v1.3: how far the clock of this machine is from those of the service and of S3.
    case clock
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
    /// No problem was found.
    case ok
    /// A problem was found.
    case problem
    /// It could not be checked, because of another problem or because it does not exist yet.
    case skipped
  }

  /// What was looked at.
  package var subject: Subject
  /// What was found.
  package var status: Status
  /// One clear sentence.
  package var message: String
  /// What the user can do; `nil` when there is nothing to do.
  package var remedy: Remedy?
  /// What a report of a bug has in the place of the message, where that may have words of the service, or names that the user gave; `nil`
  /// leaves it out.
  package var shareable: String?

  /// Whether messages about it are this program's own words about this machine.
  package var isShareable: Bool {
    switch subject {
    case .key, .clock, .database, .schema, .integrity, .locks, .space, .waits, .sqlite: true
    case .service, .credentials, .index, .bucket, .object, .upload, .indexing: false
    }
  }

  /// A finding in its parts.
  package init(_ subject: Subject, _ status: Status, _ message: String, remedy: Remedy? = nil) {
    self.subject = subject
    self.status = status
    self.message = message
    self.remedy = remedy
  }
}

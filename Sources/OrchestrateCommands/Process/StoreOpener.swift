import BatchDomain
import RunStore

/// Opens stores: the one place that knows which engine is behind the ports. A path is where SQLite's database is.
enum StoreOpener {
  /// Opens a store for work: made when it is not there, brought to the present format when it is of an older one.
  ///
  /// - Throws: ``StoreError``.
  static func open(_ path: String, in context: ProcessContext) async throws -> any BatchStore {
    if let opened = try await context.passage.store?(path, context.clock) { return opened }
    return try await SQLiteStore.open(path: path, clock: context.clock)
  }

  /// Opens a store that has to be there for reports: nothing in it is changed.
  ///
  /// - Throws: ``StoreError``.
  static func openForReading(_ path: String) async throws -> any RunCatalog & RunControl & KnownItems {
    try await SQLiteStore.openForReading(path: path)
  }

  /// Opens a store that nobody else sees and of which nothing is left when the process ends.
  ///
  /// - Throws: ``StoreError``.
  static func openTemporary(now: Timestamp) async throws -> any BatchStore {
    try await SQLiteStore.openTemporary(now: now)
  }

  /// Whether there is a store at a path. It is not opened.
  static func exists(at path: String) throws(StoreError) -> Bool { try SQLiteStore.exists(at: path) }

  /// The path without symbolic links, of a file that may not be there yet. The file is not opened.
  ///
  /// - Throws: ``StoreError`` when a folder on the way is missing, or links lead in a circle.
  static func withoutLinks(_ path: String) throws(StoreError) -> String {
    try SQLiteStore.withoutLinks(path)
  }

  /// Copies a store, as it is at one moment, into a file that is there and empty, and checks the copy.
  ///
  /// - Throws: ``StoreError``.
  static func copy(_ path: String, to copy: String) async throws -> StoreCopy {
    try await SQLiteStore.copy(path, to: copy)
  }

  /// What `doctor` says of the store at a path, which need not be there.
  static func checks(_ path: String, now: Timestamp) async -> [HealthCheck] {
    await StoreDiagnostics(path: path, now: now).checks()
  }
}

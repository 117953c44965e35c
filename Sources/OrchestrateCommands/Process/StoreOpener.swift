import BatchDomain
import PostgresStore
import RunStore
import StoreCore

/// Opens stores: the one place that knows which engines are behind the ports. A place is the path of an SQLite database, or
/// the address of one on PostgreSQL (`postgresql://HOST/DATABASE`).
enum StoreOpener {
  /// The version of SQLite that this process runs with, such as 3.40.1.
  static var sqliteVersion: String { SQLiteStore.engineVersion }

  /// The formats of stores that this program makes: how many steps of migration each kind has.
  static var formats: (sqlite: Int, postgres: Int) { (SQLiteStore.format, PostgresStore.format) }

  /// Opens a store for work: made when it is not there, brought to the present format when it is an SQLite database of an
  /// older one.
  ///
  /// - Parameters:
  ///   - createsSchema: whether an empty database on PostgreSQL gets the tables.
  ///   - patience: how long it is tried again while it cannot be used for a reason that may pass; `nil` for the default.
  /// - Throws: ``StoreError``.
  static func open(
    _ place: String, createsSchema: Bool = false, patience: Duration? = nil, in context: ProcessContext
  ) async throws -> any BatchStore {
    if let opened = try await context.passage.store?(place, context.clock) { return opened }
    guard let target = try target(place) else {
      return try await SQLiteStore.open(path: place, clock: context.clock, patience: patience)
    }
    var surroundings = surroundings(context)
    surroundings.patience = patience ?? PostgresStore.patience
    let store = try await PostgresStore.open(target, createsSchema: createsSchema, surroundings)
    context.opened.add { try await store.close() }
    return store
  }

  /// Opens a store that has to be there for reports: nothing in it is changed.
  ///
  /// - Throws: ``StoreError``.
  static func openForReading(
    _ place: String, in context: ProcessContext
  ) async throws -> any RunCatalog & RunControl & KnownItems {
    guard let target = try target(place) else { return try await SQLiteStore.openForReading(path: place) }
    return try await PostgresStore.openForReading(target, surroundings(context))
  }

  /// Opens a store that nobody else sees and of which nothing is left when the process ends.
  ///
  /// - Throws: ``StoreError``.
  static func openTemporary(now: Timestamp) async throws -> any BatchStore {
    try await SQLiteStore.openTemporary(now: now)
  }

  /// Whether there is a store at a place, which is not opened: a server is taken to have one until it says otherwise.
  static func exists(at place: String) throws -> Bool {
    if try target(place) != nil { return true }
    return try SQLiteStore.exists(at: place)
  }

  /// The path without symbolic links, of a file that may not be there yet; an address as it is. Nothing is opened.
  ///
  /// - Throws: ``StoreError`` when a folder on the way is missing, or links lead in a circle.
  static func withoutLinks(_ place: String) throws(StoreError) -> String {
    if PostgresTarget.isAddress(place) { return place }
    return try SQLiteStore.withoutLinks(place)
  }

  /// Copies a store, as it is at one moment, into a file that is there and empty, and checks the copy.
  ///
  /// - Parameter name: what messages call the copy.
  /// - Throws: ``StoreError``.
  static func copy(
    _ place: String, to copy: String, called name: String,
    at now: @escaping @Sendable () -> Timestamp
  ) async throws -> StoreCopy {
    guard !PostgresTarget.isAddress(place) else {
      throw StoreError(
        .wrongState, "`backup` copies SQLite databases, and this one is on a PostgreSQL server",
        remedy: "use pg_dump, or a base backup of the server")
    }
    return try await SQLiteStore.copy(place, to: copy, called: name, at: now)
  }

  /// Whether a file is an SQLite database.
  ///
  /// - Throws: ``StoreError`` for one that this user may not read.
  static func isDatabase(at path: String) throws -> Bool { try CopyPlace.isDatabase(path) }

  /// Refuses a place for a copy where a database is, or a backup that somebody worked with.
  ///
  /// - Throws: ``CommandFailure``, ``StoreError``.
  static func checkPlace(ofCopyAt place: String) throws {
    try refuse(try CopyPlace(place).obstacle(), at: place)
  }

  /// Puts a complete copy in its place, as ``CopyPlace/fill(_:)`` does.
  ///
  /// - Throws: ``CommandFailure``, ``StoreError``, and what `move` throws.
  static func putCopy(at place: String, _ move: () throws -> Void) throws {
    try refuse(try CopyPlace(place).fill(move), at: place)
  }

  private static func refuse(_ obstacle: CopyPlace.Obstacle?, at place: String) throws {
    switch obstacle {
    case nil: return
    case .database:
      throw CommandFailure(
        .badInput, code: "output_is_database",
        "\(VisibleText.escape(place)) is a database, or a backup that somebody worked with, and what it records "
          + "would be lost",
        remedy: "name another file, or move that one away, together with its -wal and -shm")
    case .log(let file):
      throw CommandFailure(
        .badInput, code: "output_is_database",
        "\(VisibleText.escape(file)) is the log of another database and would be taken for one of the backup",
        remedy: "name another file, or move the log back to its database")
    }
  }

  /// Brings a database on PostgreSQL to the schema of this program.
  ///
  /// - Parameter isDry: only counts the steps.
  /// - Returns: how many steps were, or would be, applied.
  /// - Throws: ``StoreError``, and ``CommandFailure`` for an SQLite database.
  static func migrate(_ place: String, isDry: Bool, in context: ProcessContext) async throws -> Int {
    guard let target = try target(place) else { throw onlyOnServers("migrate", place) }
    return try await PostgresStore.migrate(target, isDry: isDry, surroundings(context))
  }

  /// The processes that use a database on PostgreSQL, but for those that ended their work.
  ///
  /// - Throws: ``StoreError``, and ``CommandFailure`` for an SQLite database.
  static func workers(_ place: String, in context: ProcessContext) async throws -> [WorkerSummary] {
    guard let target = try target(place) else { throw onlyOnServers("workers", place) }
    return try await PostgresStore.workers(target, surroundings(context))
  }

  /// A place as it is shown: without anything that could be a secret.
  static func shown(_ place: String) -> String {
    do { return try target(place)?.shown ?? VisibleText.escape(place) } catch {
      return "the database on PostgreSQL"
    }
  }

  /// A place as it was given, for commands in advice; `nil` for one that is refused, which may have a password in it.
  static func advised(_ place: String?) -> String? {
    guard let place else { return nil }
    do { _ = try address(place) } catch { return nil }
    return place
  }

  private static func onlyOnServers(_ command: String, _ place: String) -> CommandFailure {
    CommandFailure(
      .badInput, code: "not_a_server",
      "`\(command)` is for databases on PostgreSQL, and \(VisibleText.escape(place)) is a file",
      remedy: "name the server with --db postgresql://HOST/DATABASE")
  }

  /// What `doctor` says of the store at a place, which need not be there.
  static func checks(_ place: String, in context: ProcessContext) async -> [HealthCheck] {
    do {
      guard let target = try target(place) else {
        return await StoreDiagnostics(path: place, now: context.clock.now()).checks()
      }
      return await PostgresDiagnostics(target, surroundings(context)).checks()
    } catch {
      return [HealthCheck(.database, .problem, "\(error)")]
    }
  }

  /// An address of a server as the rest of the program has it.
  ///
  /// - Returns: `nil` for the path of a file.
  /// - Throws: ``ConfigurationError`` for one that cannot be read, for one with a password, and for one of another kind of
  ///   database.
  static func address(_ text: String) throws(ConfigurationError) -> String? {
    try DatabaseAddress.read(text) == nil ? nil : PostgresTarget(text).address
  }

  /// Whether a place is the address of a server.
  static func isServer(_ place: String) -> Bool { PostgresTarget.isAddress(place) }

  private static func target(_ place: String) throws(ConfigurationError) -> PostgresTarget? {
    PostgresTarget.isAddress(place) ? try PostgresTarget(place) : nil
  }

  private static func surroundings(_ context: ProcessContext) -> PostgresStore.Surroundings {
    PostgresStore.Surroundings(
      environment: context.environment, clock: context.clock, random: context.random,
      version: OrchestrateCommand.version, watchdog: context.ownsProcess ? PostgresStore.watchdog() : nil,
      notify: { context.note($0) }, scratch: { try await SQLiteStore.openScratch() })
  }
}

import BatchDomain

/// The row of a run as an audit reads it.
struct AuditedRun: Sendable, Equatable {
  let row: Int64
  let state: String
  let reason: String?
  let finishedAt: Int?
  let items: Int
  let attempts: Int
  let owner: Int
  /// Digest of the items' wire forms; `nil` while the run is being planned.
  let manifestDigest: [UInt8]?
  /// The steps of a chunk, in order.
  let steps: [ChunkStep]
  /// Why its settings cannot be read; `nil` when they can.
  let settingsFault: String?

  /// The place of a step among the steps; after them where the run's service does not have it.
  func place(of step: ChunkStep) -> Int { steps.firstIndex(of: step) ?? steps.count }

  /// The step that follows another one; `nil` after the last.
  func step(after step: ChunkStep) -> ChunkStep? { steps.dropFirst(place(of: step) + 1).first }

  /// Whether another step follows.
  func isFollowed(_ step: ChunkStep) -> Bool { self.step(after: step) != nil }

  /// The steps of the service that settings name, or those of the oldest where they cannot be read.
  private static func steps(_ settings: String) -> (steps: [ChunkStep], fault: String?) {
    do throws(StoreError) {
      return (try StoredSettings.read(settings).profile.steps, nil)
    } catch {
      return (ServiceProfile.v1.steps, error.message)
    }
  }

  /// Reads the row as it is now.
  ///
  /// - Throws: ``StoreError`` with code `no_such_run` when it is gone.
  static func read(_ row: Int64, in connection: Connection) throws -> AuditedRun {
    let found = try connection.first(
      "SELECT state, items, attempts, owner, manifest_digest, reason, finished_at, settings FROM run WHERE id = ?",
      .integer(row)
    ) {
      let (steps, fault) = Self.steps($0.text(7))
      return AuditedRun(
        row: row, state: $0.text(0), reason: $0.optionalText(5), finishedAt: $0.optionalInt(6),
        items: $0.int(1), attempts: $0.int(2), owner: $0.int(3),
        manifestDigest: $0.bytes(4).isEmpty ? nil : [UInt8]($0.bytes(4)),
        steps: steps, settingsFault: fault)
    }
    guard let found else {
      throw StoreError(.noSuchRun, "the run was removed while it was looked at")
    }
    return found
  }
}

extension Connection {
  /// Reads several things as they were at one moment.
  func snapshot<T>(_ body: () throws -> T) throws -> T {
    try run("BEGIN")
    do {
      let value = try body()
      try run("COMMIT")
      return value
    } catch {
      let cause = error
      if isInTransaction {
        // The cause is the better thing to report.
        do { try run("ROLLBACK") } catch { throw cause }
      }
      throw cause
    }
  }
}

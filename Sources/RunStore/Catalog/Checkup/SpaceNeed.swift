import BatchDomain

/// What the newest unfinished run still needs on disk, as an estimate.
struct DiskSpaceEstimate: Sendable, Equatable {
  /// What a chunk that is left may still add: an attempt with its index entries, the outcome in attempt and chunk with
  /// a message of a usual length, and now and then a verdict or another try.
  static let perChunk = 4 << 10
  /// What the write-ahead log may grow to while a reader or a long commit keeps a checkpoint off.
  static let margin = 64 << 20

  /// The run; `nil` when every run is over.
  var run: String?
  /// Chunks of it that are still to be decided.
  var chunks = 0
  /// Bytes of its manifest, when it still has to be recorded.
  var manifestBytes = 0

  /// All together, in bytes.
  var bytes: Int { chunks * Self.perChunk + manifestBytes + Self.margin }

  /// Reads what the newest unfinished run has left.
  static func read(in connection: Connection) throws -> DiskSpaceEstimate {
    let newest = try connection.first(
      """
      SELECT id, run_id, state, manifest_bytes FROM run WHERE state IN ('planning', 'running', 'paused')
      ORDER BY run_id DESC LIMIT 1
      """
    ) { (row: Int64($0.int(0)), run: $0.text(1), state: $0.text(2), bytes: $0.int(3)) }
    guard let newest else { return DiskSpaceEstimate() }
    let counts = try StateCounts.read(run: newest.row, in: connection)
    return DiskSpaceEstimate(
      run: newest.run, chunks: counts.openChunks,
      manifestBytes: newest.state == RunState.planning.rawValue ? newest.bytes : 0)
  }

  /// Holds it against the space that is free.
  ///
  /// - Parameter folder: the folder of the database.
  func check(free: Int, folder: String) -> HealthCheck {
    var parts = ["\(Self.mebibytes(Self.margin)) for the write-ahead log"]
    if chunks > 0 { parts.append("\(Self.mebibytes(chunks * Self.perChunk)) for \(chunks) chunks left") }
    if manifestBytes > 0 { parts.append("\(Self.mebibytes(manifestBytes)) for its manifest") }
    let what = run.map { "run \($0) still needs" } ?? "no run is unfinished, and the next one needs at least"
    let message =
      "\(free >> 20) MiB are free where \(folder) is; \(what) about \(Self.mebibytes(bytes)) "
      + "(\(parts.joined(separator: ", ")))"
    guard free < bytes else { return HealthCheck(.space, .ok, message) }
    return HealthCheck(
      .space, .problem, message, remedy: "free space on that file system before the run goes on")
  }

  /// Mebibytes, rounded up.
  private static func mebibytes(_ bytes: Int) -> String { "\((bytes + (1 << 20) - 1) >> 20) MiB" }
}

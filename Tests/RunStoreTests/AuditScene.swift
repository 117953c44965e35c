import BatchDomain
import Foundation
import RunStore
import StoreCore
import TestSupport
import Testing

/// A paused run of forty items in ten chunks, every one with another history; two were split.
///
/// 0 accepted; 1 throttled, then accepted; 2 settled as received; 3 settled as not received, then accepted;
/// 4 rejected; 5 failed; 6 held; 7 its owner died; 8 settled as partly received, with the children 10 (accepted by
/// that) and 11 (pending); 9 refused and divided, with the children 12 (refused) and 13 (rejected with it).
struct AuditScene {
  let store: TestStore
  let run: RunID

  static let start = TestStore.start.milliseconds
  static let sources = (0..<40).map { PlannedItems.source($0) }

  var path: String { store.path }

  init() async throws {
    store = try await TestStore()
    let first = try await PlannedItems.plan(
      Self.sources, chunkSize: 4, in: store.store, at: TestStore.start, digest: Self.manifestDigest())
    run = first.run
    try await Self.send(first)
    // The death of an owner, as it leaves the records: in a test its lock would end at no certain moment.
    try Raw.execute(
      """
      UPDATE run SET state = 'running', reason = NULL, attempts = attempts + 1;
      UPDATE chunk SET state = 'submitting', owner = 1, attempts = 1 WHERE number = 7;
      UPDATE tally SET chunks = chunks - 1, items = items - 4 WHERE state = 'pending';
      UPDATE tally SET chunks = chunks + 1, items = items + 4 WHERE state = 'submitting';
      \(Self.attempt(7, 1, nil));
      """, in: path)
    let second = try await store.store.take(
      run, isCancelling: false, at: TestStore.start + .seconds(300))
    try await second.release(as: .paused(.signal, detail: nil), at: TestStore.start + .seconds(301))
    try split()
  }

  /// Audits the run as another process would.
  func audit(listing limit: Int = 1_000) async throws -> RunAudit {
    try await SQLiteStore.openForReading(path: path).audit(run, listing: limit)
  }

  /// Digest of the items as planning has it: each wire form and a line feed.
  static func manifestDigest(_ sources: [String] = sources) -> [UInt8] {
    PlannedItems.digest(of: sources)
  }

  /// Text that inserts an attempt that ended after a second, or one that has not ended.
  static func attempt(_ chunk: Int, _ number: Int, _ outcome: String?) -> String {
    let end = outcome.map { "\(start + 1_000), 1000, '\($0)'" } ?? "NULL, NULL, NULL"
    return """
      INSERT INTO attempt (run, chunk, number, origin, destination, step, owner, started_at, bytes, timeout_ms,
                           intent, finished_at, took_ms, outcome)
      VALUES (1, \(chunk), \(number), 1, 1, 'transfer', 1, \(start), 100, 60000,
              (SELECT coalesce(max(intent), 0) + 1 FROM attempt), \(end))
      """
  }

  /// Text that inserts a chunk as splitting does.
  static func child(
    _ number: Int, of parent: Int, _ items: Range<Int>, _ state: String, notIsolated: Bool = false
  ) -> String {
    let wire = sources[items].map { String(decoding: WireForm.bytes(of: $0.utf8), as: UTF8.self) }
    let content = Array("[\(wire.joined(separator: ","))]".utf8)
    var digest = ContentDigest()
    digest.update(content)
    return """
      INSERT INTO chunk (run, number, first_item, item_count, byte_count, digest, names_clash, parent, state,
                         step, not_isolated)
      VALUES (1, \(number), \(items.lowerBound), \(items.count), \(content.count),
              x'\(digest.finished().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())', 0, \(parent),
              '\(state)', 'transfer', \(notIsolated ? 1 : 0))
      """
  }

  private static func send(_ session: any RunSession) async throws {
    var chunks: [ClaimedChunk] = []
    for _ in 0..<7 { chunks.append(try await session.next()) }
    try await session.end(chunks[0], .accepted, .accepted)
    try await session.end(chunks[1], .throttled, .requeued)
    for number in [2, 3, 6] { try await session.end(chunks[number], .unknown, .answerLost) }
    try await session.end(chunks[4], .content, .refused)
    try await session.end(chunks[5], .notProcessed, .exhausted, counted: true)
    try await session.settle(chunks[2], .received, .settledReceived)
    try await session.settle(chunks[3], .notReceived, .settledNotReceived, counted: true)
    try await session.settle(chunks[6], .undecided, nil)
    // Chunks 1 and 3 are the first that are pending again.
    for _ in 0..<2 { try await session.end(try await session.next(), .accepted, .accepted) }
    try await session.release(as: .paused(.account, detail: nil), at: TestStore.start + .seconds(9))
  }

  private func split() throws {
    try Raw.execute(
      """
      BEGIN;
      \(Self.attempt(8, 1, "unknown"));
      INSERT INTO settlement (run, chunk, attempt, decided_at, verdict, authority, evidence, counted)
        VALUES (1, 8, 1, \(Self.start), 'partly_received', 'listing', '2 of 4 items are listed', 0);
      UPDATE chunk SET state = 'split', attempts = 1, last_outcome = 'unknown' WHERE number = 8;
      \(Self.child(10, of: 8, 32..<34, "accepted"));
      \(Self.child(11, of: 8, 34..<36, "pending"));
      \(Self.attempt(9, 1, "content"));
      UPDATE chunk SET state = 'split', attempts = 1, last_outcome = 'content' WHERE number = 9;
      \(Self.child(12, of: 9, 36..<38, "rejected"));
      \(Self.attempt(12, 1, "content"));
      UPDATE chunk SET attempts = 1, last_outcome = 'content' WHERE number = 12;
      \(Self.child(13, of: 9, 38..<40, "rejected", notIsolated: true));
      UPDATE run SET attempts = attempts + 3;
      COMMIT;
      """, in: path)
  }
}

extension RunSession {
  /// Claims the next chunk.
  func next() async throws -> ClaimedChunk {
    guard case .chunk(let chunk) = try await claim(at: TestStore.start) else {
      throw StoreError(.conflict, "no chunk is pending")
    }
    return chunk
  }

  /// Ends the attempt of a chunk after a second.
  func end(
    _ chunk: ClaimedChunk, _ outcome: Outcome, _ event: ChunkEvent, counted: Bool = false
  ) async throws {
    _ = try await record(
      AttemptRecord(
        of: chunk, finishedAt: chunk.startedAt + .seconds(1),
        took: .seconds(1), outcome: outcome, status: nil, code: nil, message: nil, isCounted: counted,
        event: event, readyAt: Timestamp(milliseconds: 0)))
  }

  /// Settles the last attempt of a chunk.
  func settle(
    _ chunk: ClaimedChunk, _ verdict: Settlement.Verdict, _ event: ChunkEvent?, counted: Bool = false
  ) async throws {
    _ = try await settle(
      Settlement(
        chunk: chunk.number, attempt: chunk.attempt, verdict: verdict, authority: .listing,
        evidence: Evidence("as the test has it"), decidedAt: TestStore.start + .seconds(5), event: event,
        countsAttempt: counted))
  }
}

extension AuditScene {
  /// Writes over one page of the file, which nobody may have open.
  func overwrite(page: Int) throws {
    let size = try #require(Int(try Raw.query("PRAGMA page_size", in: path)[0]))
    let file = try #require(FileHandle(forUpdatingAtPath: path))
    try file.seek(toOffset: UInt64((page - 1) * size))
    try file.write(contentsOf: Data(repeating: 0x5A, count: size))
    try file.close()
  }
}

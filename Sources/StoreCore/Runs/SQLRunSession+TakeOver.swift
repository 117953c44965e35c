package import BatchDomain
import NIOConcurrencyHelpers

// What several machines need beside the moves of chunks: claims that are not sent after all, what a lost owner left, and what
// it says late. docs/scale-out.md has the protocol; its rules are named R1 to R9 there.

/// What a run had under way when it was taken from an owner that was taken for lost.
struct Heritage: Sendable {
  /// From when on nothing of it can reach the service any more, by the clock of ``SendingRules``.
  let quietFrom: Duration
}

/// Claims that were recorded and were not confirmed, or too late: they are never sent, and their attempts end with the next
/// change of the run (R3).
final class AbandonedClaims: Sendable {
  private let claims = NIOLockedValueBox<[ClaimedChunk]>([])

  var all: [ClaimedChunk] { claims.withLockedValue { $0 } }

  func add(_ claim: ClaimedChunk) {
    var claim = claim
    claim.filePart = []
    claims.withLockedValue { [claim] in $0.append(claim) }
  }

  /// Removes those that were ended.
  func remove(_ ended: [ClaimedChunk]) {
    let ended = Set(ended.map { [$0.number.rawValue, $0.attempt] })
    claims.withLockedValue { $0.removeAll { ended.contains([$0.number.rawValue, $0.attempt]) } }
  }
}

/// Watches whether a claim is confirmed in time (R2).
final class ClaimWatch: Sendable {
  private struct Seen {
    var claimed: ClaimedChunk?
    var wasConfirmed = false
  }

  private let rules: SendingRules
  private let begun: Duration
  private let seen = NIOLockedValueBox(Seen())

  /// Begins before the change is asked for.
  init(_ rules: SendingRules) {
    self.rules = rules
    begun = rules.clock.elapsed()
  }

  /// Notes what is claimed in the transaction that is under way.
  func note(_ claim: Result<Claim, StoreError>?, in connection: Connection) {
    var claimed: ClaimedChunk?
    if case .success(.chunk(let chunk)) = claim { claimed = chunk }
    seen.withLockedValue { [claimed] in $0 = Seen(claimed: claimed) }
    connection.afterCommit { [self] connection in
      let wasConfirmed = connection.engine.wasConfirmed
      seen.withLockedValue { $0.wasConfirmed = wasConfirmed }
    }
  }

  /// The chunk that must not be sent, and why; `nil` where the claim stands, or nothing was claimed.
  func refusal() -> (chunk: ClaimedChunk, why: StoreError)? {
    let seen = seen.withLockedValue { $0 }
    guard let chunk = seen.claimed else { return nil }
    let took = rules.clock.elapsed() - begun
    let what = "that chunk \(chunk.number) is to be sent; it is not sent, and is tried again"
    if !seen.wasConfirmed {
      return (
        chunk,
        StoreError(
          .unreachable, "the database did not confirm \(what)",
          remedy: "look at the connection to the database, and at its synchronous standby")
      )
    }
    guard took > rules.confirmation else { return nil }
    return (
      chunk,
      StoreError(
        .unreachable,
        "the database took \(DurationText.format(took)) to confirm \(what): \(DurationText.format(rules.confirmation)) is the limit",
        remedy: "look at the load of the database, and at its synchronous standby")
    )
  }
}

extension AttemptRecord {
  /// Error code of an attempt of which nothing was sent, because its claim was not confirmed in time.
  package static let unsentCode = "unsent"

  /// The end of an attempt of which nothing was sent.
  package init(unsent claim: ClaimedChunk) {
    self.init(
      of: claim, finishedAt: claim.startedAt, took: .zero, outcome: .notProcessed, status: nil,
      code: Self.unsentCode, message: "nothing was sent: the database did not confirm the claim in time",
      isCounted: false, event: .requeued)
  }
}

extension SQLRunSession {
  /// Ends the attempts of claims that were abandoned, once in each transaction.
  func endAbandoned(_ sums: CommitSums, in connection: Connection) throws {
    let claims = abandoned.all
    guard !claims.isEmpty, sums.beginsToEndAbandoned() else { return }
    for claim in claims {
      let isOpen = try connection.first(
        """
        SELECT 1 FROM attempt WHERE run = ? AND chunk = ? AND number = ? AND owner = ? AND finished_at IS NULL
        """, .integer(row), .integer(claim.number.rawValue), .integer(claim.attempt), .integer(owner)
      ) { _ in true }
      guard isOpen == true else { continue }
      var share = CommitSums.Share()
      _ = try record(AttemptRecord(unsent: claim), knowing: sums, adding: &share, in: connection)
      sums.add(share)
    }
    connection.afterCommit { [abandoned] _ in
      if sums.hasEndedAbandoned { abandoned.remove(claims) }
    }
  }

  // MARK: What a lost owner left

  /// A former owner may say something late also when nothing of it was under way any more at the take-over.
  var isHeir: Bool { heritage != nil || engine.sendingRules != nil && owner > 1 }

  func inherit(at now: Timestamp) async throws -> [InheritedMove] {
    guard let rules = engine.sendingRules else { return [] }
    guard let heritage else {
      // Most runs have no late word, and a change is more than a look.
      guard try await hasLateWords() else { return [] }
      return try await change { [self] connection, sums in
        try applyLateWords(knowing: sums, in: connection)
      }
    }
    let isQuiet = rules.clock.elapsed() >= heritage.quietFrom
    return try await change { [self] connection, sums in
      var moves = try applyLateWords(knowing: sums, in: connection)
      if isQuiet { moves += try giveUpInherited(at: now, knowing: sums, in: connection) }
      return moves
    }
  }

  /// Applies what former owners said late, also where nothing of them is under way any more.
  func applyLateWords() async throws {
    guard engine.sendingRules != nil else { return }
    _ = try await change { [self] connection, sums in try applyLateWords(knowing: sums, in: connection) }
  }

  private func hasLateWords() async throws -> Bool {
    try await database.read { [row] connection in
      try connection.first("SELECT 1 FROM late_word WHERE run = ? LIMIT 1", .integer(row)) { _ in true }
        ?? false
    }
  }

  /// Makes chunks unknown that the lost owner had under way and of which it said nothing (R6).
  private func giveUpInherited(
    at now: Timestamp, knowing sums: CommitSums, in connection: Connection
  ) throws -> [InheritedMove] {
    let message = "the process that sent this chunk was not heard of any more before it recorded an answer"
    let open = try connection.rows(
      """
      SELECT c.number, c.item_count, c.attempts, c.step FROM chunk AS c
      WHERE c.run = ? AND c.state = 'submitting' AND c.owner < ? AND \(ChunkRows.indexed)
      """, .integer(row), .integer(owner)
    ) { (chunk: $0.int(0), items: $0.int(1), attempt: $0.int(2), step: ChunkStep(rawValue: $0.text(3))) }
    guard let first = open.first else { return [] }
    let state = try ChunkState.submitting.after(.answerLost)
    var moved = StateCounts()
    for chunk in open {
      try connection.run(
        """
        UPDATE attempt SET finished_at = CASE WHEN ?1 < started_at THEN started_at ELSE ?1 END,
                           took_ms = CASE WHEN ?1 < started_at THEN 0
                                          WHEN ?1 - started_at < timeout_ms THEN ?1 - started_at ELSE timeout_ms END,
                           ended_after = ?2, outcome = 'unknown', code = coalesce(code, '\(Self.ownerLostCode)'),
                           message = coalesce(message, ?3)
        WHERE run = ?4 AND chunk = ?5 AND number = ?6 AND finished_at IS NULL
        """, .integer(now.milliseconds), .integer(sums.intents), .text(message), .integer(row),
        .integer(chunk.chunk), .integer(chunk.attempt))
      try connection.run(
        """
        UPDATE chunk SET state = ?1, owner = NULL, last_outcome = 'unknown', last_status = NULL, last_at = ?2,
                         (last_code, last_message) = (SELECT code, message FROM attempt
                                                      WHERE run = ?3 AND chunk = ?4 AND number = ?5)
        WHERE run = ?3 AND number = ?4 AND \(ChunkRows.isIn(.submitting))
        """, .text(state.rawValue), .integer(now.milliseconds), .integer(row), .integer(chunk.chunk),
        .integer(chunk.attempt))
      moved += StateCounts(moving: chunk.items, from: .submitting, to: state)
    }
    return [
      InheritedMove(
        Recorded(moved: moved, request: sums.facts.request), chunk: nil, step: first.step,
        event: .answerLost,
        wasUnknown: false)
    ]
  }

  // MARK: Late words

  /// Leaves what came of a request for the process that took the run over (R8): only an owner moves chunks. Where nobody
  /// owns the run any more, it is applied at once.
  func leaveWord(_ result: AttemptRecord) async throws {
    guard engine.sendingRules != nil else { return }
    try await database.write { [self] connection in
      // What is on record then is not what this process had: an attempt of the same number may be another one.
      guard !hasLostChanges else { return }
      // The run's row is locked: who owns it does not change before this is over.
      _ = try readFacts(in: connection, lock: true, owned: false)
      try connection.run(
        """
        INSERT INTO late_word (run, chunk, attempt, said_at, finished_at, took_ms, outcome, status, code, message,
                               external_id, event, next_step, media_ms, counted, in_outage, ready_at, items, step,
                               url_ends_at)
        SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?21
        WHERE EXISTS (SELECT 1 FROM attempt WHERE run = ?1 AND chunk = ?2 AND number = ?3 AND owner = ?20)
        ON CONFLICT (run, chunk, attempt) DO NOTHING
        """, .integer(row), .integer(result.chunk.rawValue), .integer(result.attempt),
        .integer((clock?.now() ?? result.finishedAt).milliseconds), .integer(result.finishedAt.milliseconds),
        .integer(result.took.millisecondsRoundedUp), .text(result.outcome.rawValue), .integer(result.status),
        .text(result.code), .text(result.message), .text(result.externalID),
        .text(result.division == nil && !result.rejectsRest ? result.event.rawValue : "divided"),
        .text(result.nextStep?.rawValue), .integer(result.mediaLength?.millisecondsRoundedUp),
        .flag(result.isCounted), .flag(result.isInOutage), .integer(result.readyAt?.milliseconds),
        .integer(result.itemCount), .text(result.step.rawValue), .integer(owner),
        .integer(result.urlEndsAt?.milliseconds))
      let hasOwner = try connection.first(
        "SELECT worker IS NOT NULL FROM run WHERE id = ?", .integer(row)
      ) { $0.flag(0) }
      guard hasOwner == false else { return }
      try hearLateWords(in: connection)
    }
  }

  /// Applies what former owners said late, in a transaction that makes or leaves the run one without an owner, or gives it
  /// another one.
  func hearLateWords(in connection: Connection) throws {
    let sums = CommitSums(connection, facts: try readFacts(in: connection, lock: true, owned: false))
    guard try !applyLateWords(knowing: sums, in: connection).isEmpty else { return }
    try sums.write(run: row, in: connection)
    try keepEnded(in: connection)
  }

  /// Sees to it that a run has nothing to be sent that has ended: a late word that a chunk was not sent makes it pending.
  private func keepEnded(in connection: Connection) throws {
    let found = try connection.first("SELECT state, reason_detail FROM run WHERE id = ?", .integer(row)) {
      (
        state: RunState(rawValue: $0.text(0)),
        isCopy: CopyMark(state: $0.text(0), detail: $0.optionalText(1)) != nil
      )
    }
    guard let found, !found.isCopy,
      try StateCounts.read(run: row, in: connection).chunks(in: .pending, .processing) > 0
    else { return }
    switch found.state {
    case .cancelled: try cancelPending(in: connection)
    case .finished:
      try connection.run(
        "UPDATE run SET state = 'paused', reason = ?, reason_detail = ?, finished_at = NULL WHERE id = ?",
        .text(PauseReason.detached.rawValue),
        .text("a process that was taken for lost said after the end that there is something left to be sent"),
        .integer(row))
    case .planning, .running, .paused, nil: break
    }
  }

  /// What a former owner said of an attempt, and how its chunk stands.
  private struct LateWord {
    let claim: ClaimedChunk
    let record: AttemptRecord
    /// Of the attempt.
    let outcome: Outcome?
    let owner: Int64
    /// Of the chunk.
    let state: ChunkState?
    let attempts: Int
    /// The last verdict on the attempt.
    let verdict: Settlement.Verdict?
    let saidAt: Timestamp

    /// Whether the service took it.
    var isAcceptance: Bool { record.outcome == .accepted }
    /// Whether it is certain that the service did not.
    var isProofOfNothing: Bool { record.event == .requeued }
    /// Whether it can be recorded without knowing more of the run than this.
    var isSimple: Bool {
      switch record.event {
      case .accepted, .requeued, .stepAccepted, .stepDone, .refused, .exhausted: true
      default: false
      }
    }

    init?(_ row: Statement) {
      guard let outcome = Outcome(rawValue: row.text(4)), let event = ChunkEvent(rawValue: row.text(9)) else {
        return nil
      }
      let step = ChunkStep(rawValue: row.text(16))
      claim = ClaimedChunk(
        number: ChunkNumber(row.int(0)), attempt: row.int(1), step: step, countedAttempts: 0, firstItem: 0,
        itemCount: row.int(15), index: nil, filePart: [],
        startedAt: Timestamp(milliseconds: Int64(row.int(2)))
      )
      record = AttemptRecord(
        of: claim, finishedAt: Timestamp(milliseconds: Int64(row.int(2))),
        took: .milliseconds(Int64(row.int(3))),
        outcome: outcome, status: row.optionalInt(5), code: row.optionalText(6), message: row.optionalText(7),
        externalID: row.optionalText(8), isCounted: row.flag(12), event: event,
        nextStep: row.optionalText(10).map(ChunkStep.init(rawValue:)),
        mediaLength: row.optionalInt(11).map { .milliseconds(Int64($0)) },
        urlEndsAt: row.optionalInt(23).map { Timestamp(milliseconds: Int64($0)) },
        readyAt: row.optionalInt(14).map { Timestamp(milliseconds: Int64($0)) }, isInOutage: row.flag(13))
      self.outcome = row.optionalText(17).flatMap(Outcome.init(rawValue:))
      owner = Int64(row.int(18))
      state = ChunkState(rawValue: row.text(19))
      attempts = row.int(20)
      verdict = row.optionalText(21).flatMap(Settlement.Verdict.init(rawValue:))
      saidAt = Timestamp(milliseconds: Int64(row.int(22)))
    }

    static let columns = """
      w.chunk, w.attempt, w.finished_at, w.took_ms, w.outcome, w.status, w.code, w.message, w.external_id, w.event,
      w.next_step, w.media_ms, w.counted, w.in_outage, w.ready_at, w.items, w.step, a.outcome, a.owner, c.state,
      c.attempts,
      (SELECT s.verdict FROM settlement AS s WHERE s.run = w.run AND s.chunk = w.chunk AND s.attempt = w.attempt
       ORDER BY s.decided_at DESC LIMIT 1),
      w.said_at, w.url_ends_at
      """
  }

  /// Applies what former owners said of their attempts.
  ///
  /// One that is still open ends as its owner says. One that became unknown meanwhile is settled by it, where it is an
  /// acceptance or proves that nothing was taken. Where the chunk went on meanwhile, what contradicts that is recorded as a
  /// verdict that moves nothing: `verify` and the report show it.
  private func applyLateWords(knowing sums: CommitSums, in connection: Connection) throws -> [InheritedMove] {
    let words = try connection.rows(
      """
      SELECT \(LateWord.columns) FROM late_word AS w
      JOIN attempt AS a ON a.run = w.run AND a.chunk = w.chunk AND a.number = w.attempt
      JOIN chunk AS c ON c.run = w.run AND c.number = w.chunk
      WHERE w.run = ? ORDER BY w.chunk, w.attempt
      """, .integer(row), read: LateWord.init)
    guard !words.isEmpty else { return [] }
    var moves: [InheritedMove] = []
    for word in words.compactMap(\.self) {
      if let move = try apply(word, knowing: sums, in: connection) { moves.append(move) }
    }
    try connection.run("DELETE FROM late_word WHERE run = ?", .integer(row))
    return moves
  }

  private func apply(
    _ word: LateWord, knowing sums: CommitSums, in connection: Connection
  ) throws -> InheritedMove? {
    if let end = word.record.urlEndsAt {
      // Whatever becomes of the attempt: only the process that made the URL knows when it ends.
      try connection.run(
        "UPDATE attempt SET url_ends_at = ? WHERE run = ? AND chunk = ? AND number = ?",
        .integer(end.milliseconds), .integer(row), .integer(word.claim.number.rawValue),
        .integer(word.claim.attempt))
    }
    if word.outcome == nil {
      // Anything else becomes unknown in its turn, and the service is asked.
      guard word.isSimple, word.state == .submitting, word.attempts == word.claim.attempt else { return nil }
      var share = CommitSums.Share()
      let moved = try record(
        word.record, of: word.owner, knowing: sums, adding: &share, in: connection)
      sums.add(share)
      return InheritedMove(
        Recorded(moved: moved, request: sums.facts.request), chunk: word.claim.number, step: word.claim.step,
        event: word.record.event, wasUnknown: false)
    }
    guard word.outcome == .unknown, word.isAcceptance || word.isProofOfNothing else { return nil }
    let verdict: Settlement.Verdict = word.isAcceptance ? .received : .notReceived
    var evidence = Evidence(
      word.isAcceptance
        ? "the answer came late, from the process that was taken for lost: the service accepted the request"
        : "the process that was taken for lost says that the service did not take the request: "
          + (word.record.message ?? word.record.code ?? "it was not sent"))
    let isOpen = word.state == .unknown && word.attempts == word.claim.attempt
    guard isOpen else {
      // What settling found before may say the same.
      guard word.verdict != verdict, !(word.isAcceptance && word.verdict == .partlyReceived) else {
        return nil
      }
      evidence.text += "; the chunk went on before that was known"
      try record(
        Settlement(
          chunk: word.claim.number, attempt: word.claim.attempt, verdict: verdict, authority: .answer,
          evidence: evidence, decidedAt: word.saidAt, event: nil,
          surplus: word.record.externalID.map { [$0] } ?? []), in: connection)
      return nil
    }
    let event: ChunkEvent =
      if word.isProofOfNothing {
        .settledNotReceived
      } else {
        // Whether a step is done is asked again: that says more than the late word.
        word.record.event == .accepted ? .settledReceived : .stepAccepted
      }
    let moved = try counting(in: connection) {
      try record(
        Settlement(
          chunk: word.claim.number, attempt: word.claim.attempt, verdict: verdict, authority: .answer,
          evidence: evidence, decidedAt: word.saidAt, event: event, externalID: word.record.externalID),
        in: connection)
    }
    return InheritedMove(
      Recorded(moved: moved, request: sums.facts.request), chunk: word.claim.number, step: word.claim.step,
      event: event, wasUnknown: true, evidence: evidence.text)
  }
}

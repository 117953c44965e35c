import BatchDomain

/// Whether the state of every chunk agrees with its attempts, verdicts and relatives, and its digest with its items.
///
/// Each page is read as of one moment; a run that is being sent moves chunk and attempt in one transaction.
struct ChunkAudit: AuditPass {
  static let pageSize = 200

  private let row: Int64
  private let mayInherit: Bool
  /// Whether chunks have to match the items that are there: not in a run that died while it was planned.
  private let checksContent: Bool
  private var after = -1
  /// Chunks and items by state, as they were counted.
  private(set) var counted: [String: Tally] = [:]
  /// Attempts as they were counted.
  private(set) var attempts = 0

  /// Chunks and items in one state.
  struct Tally: Sendable, Equatable {
    var chunks = 0
    var items = 0

    /// Adds the items of a chunk, whose count may be damaged: a sum that is too large for a number stays at the largest one.
    mutating func addItems(_ count: Int) {
      let (sum, isOver) = items.addingReportingOverflow(count)
      items = isOver ? (count > 0 ? .max : .min) : sum
    }
  }

  init(_ run: AuditedRun) {
    row = run.row
    mayInherit = run.mayInherit
    checksContent = run.state != RunState.planning.rawValue
  }

  mutating func page(in connection: Connection, _ findings: inout AuditFindings) throws -> Bool {
    var audit = self
    let chunks = try connection.snapshot { try audit.readPage(in: connection, &findings) }
    self = audit
    // Neither items nor ranges ever change, so this needs no common moment.
    if checksContent {
      for chunk in chunks { try ContentAudit.check(chunk, run: row, in: connection, &findings) }
    }
    return chunks.count == Self.pageSize
  }

  private mutating func readPage(
    in connection: Connection, _ findings: inout AuditFindings
  ) throws -> [ChunkRecords] {
    let run = try AuditedRun.read(row, mayInherit: mayInherit, in: connection)
    var chunks = try connection.rows(
      "SELECT \(ChunkRecords.columns) FROM chunk WHERE run = ? AND number > ? ORDER BY number LIMIT ?",
      .integer(row), .integer(after), .integer(Self.pageSize), read: ChunkRecords.init)
    let end = chunks.count == Self.pageSize ? chunks[chunks.count - 1].number : Int.max
    var places: [Int: Int] = [:]
    for (place, chunk) in chunks.enumerated() { places[chunk.number] = place }
    try readAttempts(of: run, to: end, places, &chunks, in: connection, &findings)
    try readVerdicts(of: run, to: end, places, &chunks, in: connection, &findings)
    var family = FamilyAudit(row: row)
    for chunk in chunks {
      let parentVerdict = try family.check(chunk, in: connection, &findings)
      chunk.check(in: run, parentVerdict: parentVerdict, &findings)
      counted[chunk.state, default: Tally()].chunks += 1
      counted[chunk.state, default: Tally()].addItems(chunk.itemCount)
    }
    findings.checked.chunks += chunks.count
    after = end
    return chunks
  }

  private mutating func readAttempts(
    of run: AuditedRun, to end: Int, _ places: [Int: Int], _ chunks: inout [ChunkRecords],
    in connection: Connection,
    _ findings: inout AuditFindings
  ) throws {
    var found = 0
    _ = try connection.rows(
      """
      SELECT chunk, number, owner, started_at, finished_at, outcome, counted, step FROM attempt
      WHERE run = ? AND chunk > ? AND chunk <= ? ORDER BY chunk, number
      """, .integer(row), .integer(after), .integer(end)
    ) { attempt in
      found += 1
      guard let place = places[attempt.int(0)] else {
        findings.add(
          .references, "attempt \(attempt.int(1)) of chunk \(attempt.int(0))",
          "belongs to a chunk that is not there")
        return
      }
      chunks[place].take(
        ChunkRecords.Attempt(
          number: attempt.int(1), owner: attempt.int(2), startedAt: attempt.int(3),
          finishedAt: attempt.optionalInt(4), outcome: attempt.optionalText(5), isCounted: attempt.flag(6),
          step: ChunkStep(rawValue: attempt.text(7))),
        in: run)
    }
    attempts += found
    findings.checked.attempts += found
  }

  private func readVerdicts(
    of run: AuditedRun, to end: Int, _ places: [Int: Int], _ chunks: inout [ChunkRecords],
    in connection: Connection,
    _ findings: inout AuditFindings
  ) throws {
    _ = try connection.rows(
      """
      SELECT s.chunk, s.attempt, s.verdict, s.counted, a.number IS NOT NULL, a.outcome
      FROM settlement AS s
      LEFT JOIN attempt AS a ON a.run = s.run AND a.chunk = s.chunk AND a.number = s.attempt
      WHERE s.run = ? AND s.chunk > ? AND s.chunk <= ? ORDER BY s.chunk, s.attempt, s.decided_at
      """, .integer(row), .integer(after), .integer(end)
    ) { verdict in
      findings.checked.settlements += 1
      guard let place = places[verdict.int(0)], verdict.flag(4) else {
        findings.add(
          .references, "the verdict on attempt \(verdict.int(1)) of chunk \(verdict.int(0))",
          "belongs to an attempt that is not there")
        return
      }
      chunks[place].take(
        verdict: verdict.text(2), on: verdict.int(1), outcome: verdict.optionalText(5),
        isCounted: verdict.flag(3), in: run)
    }
  }
}

/// A chunk with what its attempts and verdicts come to, gathered row by row.
struct ChunkRecords: Sendable {
  let number: Int
  let firstItem: Int
  let itemCount: Int
  let byteCount: Int
  let digest: [UInt8]
  let parent: Int?
  let state: String
  let owner: Int?
  let attempts: Int
  let countedAttempts: Int
  let allowanceFrom: Int
  let isNotIsolated: Bool
  let lastOutcome: String?
  let step: ChunkStep

  /// Columns that ``init(_:)`` reads, in their order.
  static let columns = """
    number, first_item, item_count, byte_count, digest, parent, state, owner, attempts, counted_attempts,
    allowance_from, not_isolated, last_outcome, step
    """

  /// An attempt as the audit reads it.
  struct Attempt {
    let number: Int
    let owner: Int
    let startedAt: Int
    let finishedAt: Int?
    let outcome: String?
    let isCounted: Bool
    let step: ChunkStep
  }

  private var attemptRows = 0
  private var firstMissing: Int?
  private var unfinished: [Int] = []
  private var backwards: Int?
  private var final: (attempt: Int, word: String)?
  private var afterFinal: Int?
  private var lastAttempt: (number: Int, owner: Int, outcome: String?, step: ChunkStep)?
  /// An attempt for a step that comes before that of the attempt before it.
  private var stepBack: (attempt: Int, step: ChunkStep)?
  private var lastEnded: (number: Int, outcome: String?)?
  private var counted = 0
  private(set) var lastVerdict: Settlement.Verdict?
  private var unsettleable: (attempt: Int, outcome: String)?

  /// The chunk a statement stands on, without its attempts.
  init(_ row: Statement) {
    number = row.int(0)
    firstItem = row.int(1)
    itemCount = row.int(2)
    byteCount = row.int(3)
    digest = [UInt8](row.bytes(4))
    parent = row.optionalInt(5)
    state = row.text(6)
    owner = row.optionalInt(7)
    attempts = row.int(8)
    countedAttempts = row.int(9)
    allowanceFrom = row.int(10)
    isNotIsolated = row.flag(11)
    lastOutcome = row.optionalText(12)
    step = ChunkStep(rawValue: row.text(13))
  }

  /// Takes the next attempt, in order of number.
  mutating func take(_ attempt: Attempt, in run: AuditedRun) {
    attemptRows += 1
    let expected = (lastAttempt?.number ?? 0) + 1
    if attempt.number != expected { firstMissing = firstMissing ?? expected }
    if let finishedAt = attempt.finishedAt {
      if finishedAt < attempt.startedAt { backwards = backwards ?? attempt.number }
      lastEnded = (attempt.number, attempt.outcome)
    } else {
      unfinished.append(attempt.number)
    }
    if final != nil { afterFinal = afterFinal ?? attempt.number }
    // A refusal of a step may lead back to the one before: what was made there may be gone.
    if let lastAttempt, run.place(of: attempt.step) < run.place(of: lastAttempt.step),
      lastAttempt.outcome != Outcome.content.rawValue
    {
      stepBack = stepBack ?? (attempt.number, attempt.step)
    }
    if attempt.outcome == Outcome.accepted.rawValue, final == nil, !run.isFollowed(attempt.step) {
      final = (attempt.number, "accepted")
    }
    if attempt.isCounted, attempt.number >= allowanceFrom { counted += 1 }
    lastAttempt = (attempt.number, attempt.owner, attempt.outcome, attempt.step)
  }

  /// Takes the next verdict, in order of attempt and time, once all attempts were taken.
  ///
  /// - Parameter outcome: what the attempt came to.
  mutating func take(verdict: String, on attempt: Int, outcome: String?, isCounted: Bool, in run: AuditedRun)
  {
    switch outcome.flatMap(Outcome.init(rawValue:)) {
    case .unknown, .content, .index: break
    default: unsettleable = unsettleable ?? (attempt, outcome ?? "nothing yet")
    }
    if isCounted, attempt >= allowanceFrom { counted += 1 }
    guard let verdict = Settlement.Verdict(rawValue: verdict), verdict != .undecided else { return }
    if attempt == attempts { lastVerdict = verdict }
    // What the service has whole or in part is never sent again as it is.
    if verdict != .notReceived, run.steps.count == 1, let last = lastAttempt?.number, last > attempt {
      if final == nil || attempt < final?.attempt ?? 0 { final = (attempt, "settled as \(verdict.rawValue)") }
      afterFinal = min(afterFinal ?? .max, attempt + 1)
    }
  }

  /// What the records say happened.
  func trail(in run: AuditedRun, parentVerdict: Settlement.Verdict?) -> ChunkTrail {
    ChunkTrail(
      attempts: attempts, lastOutcome: lastAttempt?.outcome.flatMap(Outcome.init(rawValue:)),
      lastVerdict: lastVerdict, isRetried: attempts > 0 && allowanceFrom == attempts + 1,
      parentVerdict: parentVerdict, hasNextStep: lastAttempt.map { run.isFollowed($0.step) } ?? false,
      hasStepBefore: lastAttempt.map { run.place(of: $0.step) > 0 } ?? false,
      isRejectedWithNeighbours: isNotIsolated)
  }
}

extension ChunkRecords {
  /// Holds the chunk against its attempts and verdicts.
  func check(in run: AuditedRun, parentVerdict: Settlement.Verdict?, _ findings: inout AuditFindings) {
    let row = "chunk \(number)"
    if attemptRows != attempts || firstMissing != nil {
      let gap = firstMissing.map { "; attempt \($0) is missing" } ?? ""
      findings.add(
        .attempts, row,
        "has \(HumanNumber.text(attemptRows, "attempt"))\(gap), expected 1 to \(attempts) without a gap")
    }
    if let backwards { findings.add(.attempts, "attempt \(backwards) of \(row)", "ended before it started") }
    for attempt in unfinished where state != ChunkState.submitting.rawValue || attempt != attempts {
      findings.add(
        .attempts, "attempt \(attempt) of \(row)",
        "has not ended, and the chunk is \(state) after \(HumanNumber.text(attempts, "attempt")); only the last one of a "
          + "chunk that is submitting may be under way")
    }
    if let final, let afterFinal {
      findings.add(
        .attempts, "attempt \(afterFinal) of \(row)",
        "was made after attempt \(final.attempt) was \(final.word), expected none")
    }
    if let unsettleable {
      findings.add(
        .settlements, "attempt \(unsettleable.attempt) of \(row)",
        "has a verdict and came to \(unsettleable.outcome), expected unknown or a refusal")
    }
    checkState(row, run, parentVerdict, &findings)
    checkStep(row, run, &findings)
    checkSums(row, run, &findings)
  }

  private func checkState(
    _ row: String, _ run: AuditedRun, _ parentVerdict: Settlement.Verdict?, _ findings: inout AuditFindings
  ) {
    let trail = trail(in: run, parentVerdict: parentVerdict)
    // Where attempts are missing, the last one is not known, and that is said already.
    if lastAttempt?.number ?? 0 == attempts, !trail.states.contains(where: { $0.rawValue == state }) {
      let expected = trail.states.map(\.rawValue).sorted().joined(separator: " or ")
      findings.add(.state, row, "is \(state), expected \(expected): \(trail.description)")
    }
    guard state == ChunkState.submitting.rawValue else { return }
    // What a lost owner has under way stays so until nothing of it can reach the service any more, also when the run is
    // paused meanwhile.
    let isInherited =
      run.mayInherit && owner.map { $0 < run.owner } ?? false && lastAttempt?.owner == owner
      && [RunState.running, .paused].map(\.rawValue).contains(run.state)
    if isInherited { return }
    if run.state != RunState.running.rawValue {
      findings.add(.state, row, "is submitting, and its run is \(run.state), expected a run that is running")
    } else if owner != run.owner || lastAttempt.map({ $0.owner != run.owner }) ?? false {
      findings.add(
        .state, row,
        "is submitting for owner \(owner ?? 0), its attempt for owner \(lastAttempt?.owner ?? 0), expected "
          + "\(run.owner), who owns the run")
    }
  }

  private func checkStep(_ row: String, _ run: AuditedRun, _ findings: inout AuditFindings) {
    if let stepBack {
      findings.add(
        .attempts, "attempt \(stepBack.attempt) of \(row)",
        "is for the step \(stepBack.step), expected that of the attempt before it or a later one")
    }
    let last = lastAttempt?.step ?? run.steps[0]
    // A step that was taken leads to the next one, and a refusal may lead back to the one before.
    let next = run.step(after: last)
    let mayGoBack = lastAttempt?.outcome == Outcome.content.rawValue
    guard step != last, step != next, !(mayGoBack && run.place(of: step) < run.place(of: last)) else {
      return
    }
    findings.add(
      .state, row,
      "is at the step \(step), expected \(last)\(next.map { " or \($0)" } ?? "") from its attempts")
  }

  private func checkSums(_ row: String, _ run: AuditedRun, _ findings: inout AuditFindings) {
    // A child begins with what was counted against its parent.
    if parent == nil ? countedAttempts != counted : countedAttempts < counted {
      findings.add(
        .totals, row,
        "has counted attempts \(countedAttempts), expected \(parent == nil ? "" : "at least ")\(counted) from its "
          + "attempts and verdicts since attempt \(allowanceFrom)")
    }
    // A range that is rejected with its neighbours shows what they came to, until it is tried again.
    guard let lastEnded, !isNotIsolated, lastEnded.number >= allowanceFrom else { return }
    // What became of a step that was taken may show instead.
    if run.steps.count > 1,
      [Outcome.accepted, .content, .unknown].map(\.rawValue).contains(lastEnded.outcome ?? "")
    {
      return
    }
    if lastOutcome != lastEnded.outcome {
      findings.add(
        .state, row,
        "shows the outcome \(lastOutcome ?? "none"), expected \(lastEnded.outcome ?? "none") from its last attempt "
          + "that ended")
    }
  }
}

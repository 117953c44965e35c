import ArgumentParser
import BatchDomain
import Logging
import Reporting

/// `orchestrate settle`: a person's verdict on chunks that the service's listing could not decide.
struct SettleCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "settle", abstract: "Decide whether items whose answer was lost were received.",
    discussion: """
      For items that stay unknown because the service's listing proves neither that they were received nor that they \
      were not. Check the index first: `resume` sends items again that are settled as not received. With profile v1.3 \
      only --as not-received is possible: what was received has an id, which only the service can tell.

      EXAMPLES
        orchestrate settle latest --as received
        orchestrate settle latest --chunk 17 --as not-received
      """)

  /// What a person can say.
  enum Word: String, ExpressibleByArgument, CaseIterable {
    /// The service has every item.
    case received
    /// The service has none of them.
    case notReceived = "not-received"
  }

  @Argument(help: "A run id, a unique prefix of one, or `latest`.")
  var run: String

  @Option(help: ArgumentHelp("Only this chunk; else every chunk that is unknown.", valueName: "n"))
  var chunk: Int?

  @Option(
    name: .customLong("as"),
    help: ArgumentHelp("Whether the service received the items.", valueName: "received|not-received"))
  var word: Word

  @Option(help: "Format of the result on standard output.")
  var format: ResultFormat = .text

  @OptionGroup(title: "Store") var storeOptions: StoreOptions

  var wantsJSON: Bool { format == .json }

  var databaseGiven: String? { storeOptions.path }

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    let path = try storeOptions.existing(for: run, in: context)
    let store = try await StoreOpener.open(path, in: context)
    let context = context.on(store.clock)
    let id = try await store.resolve(run)
    try await store.refuseOwned(id)
    let before = try await store.summary(of: id)
    guard before.state != .planning else {
      throw StoreError(
        .wrongState, "run \(id) died while it was being planned; nothing was sent",
        remedy: "\(command: .resume(id)) plans it again")
    }
    // Looked at first: a run in which nothing is to be settled stays as it is.
    guard try await isSettleable(before, in: store) else { throw nothingToSettle(id) }
    let profile = try await store.settings(of: id).profile
    guard word == .notReceived || profile.takesReceivedByWord else { throw idNeeded(before, profile) }
    let session = try await store.take(
      id, isCancelling: before.state == .cancelled, at: context.clock.now())
    try await session.inheritAll(in: context)
    let settled = try await settle(in: session, at: context.clock.now())
    try await leave(session, as: before, context)
    guard settled.chunks > 0 else { throw nothingToSettle(id) }
    context.note(
      "settled \(HumanNumber.text(settled.chunks, "chunk")) (\(HumanNumber.text(settled.items, "item"))) as "
        + word.rawValue)
    let execution = RunExecution(
      console: RunConsole(quietIn: context), store: store, database: storeOptions.path, format: format)
    _ = try await execution.conclude(id)
    return .done
  }

  /// Whether there is a chunk to settle. What a dead process was submitting becomes unknown when the run is taken.
  private func isSettleable(_ run: RunSummary, in store: any BatchStore) async throws -> Bool {
    guard let chunk else { return run.counts.chunks(in: .unknown, .submitting) > 0 }
    let (before, isOverflow) = chunk.subtractingReportingOverflow(1)
    guard !isOverflow else { return false }
    let found = try await store.chunks(of: run.run, after: ChunkNumber(before), limit: 1).first
    guard let found, found.number.rawValue == chunk else { return false }
    return found.state == .unknown || found.state == .submitting
  }

  private func settle(
    in session: any RunSession, at now: Timestamp
  ) async throws -> (chunks: Int, items: Int) {
    var settled = (chunks: 0, items: 0)
    var after: ChunkNumber?
    while true {
      let page = try await session.unknownChunks(after: after, limit: Self.pageSize)
      for unknown in page where chunk == nil || unknown.number.rawValue == chunk {
        _ = try await session.settle(verdict(on: unknown, at: now))
        settled.chunks += 1
        settled.items += unknown.items.count
      }
      guard page.count == Self.pageSize, let last = page.last else { return settled }
      after = last.number
    }
  }

  /// Chunks read at a time.
  private static let pageSize = 500

  private func verdict(on unknown: UnknownChunk, at now: Timestamp) -> Settlement {
    let isReceived = word == .received
    return Settlement(
      chunk: unknown.number, attempt: unknown.attempt, verdict: isReceived ? .received : .notReceived,
      authority: .person, evidence: Evidence("a person said so"), decidedAt: now,
      event: isReceived ? .settledReceived : .settledNotReceived,
      semantics: isReceived && unknown.wasRefused ? .partial : nil)
  }

  /// Leaves the run as it was, unless what was settled now has to be sent, or nothing is left.
  private func leave(
    _ session: any RunSession, as before: RunSummary, _ context: ProcessContext
  ) async throws {
    let standing = try await session.standing()
    // A run whose owner died while it cancelled it is being cancelled still.
    let isCancelled = before.state == .cancelled || standing.request == .cancel
    if isCancelled { _ = try await session.cancelPending() }
    try await session.release(
      as: isCancelled ? .cancelled : Self.exit(of: before, standing.counts), at: context.clock.now())
  }

  /// How a run is left that is not cancelled.
  ///
  /// - Parameters:
  ///   - before: as it was found.
  ///   - counts: as they are now.
  static func exit(of before: RunSummary, _ counts: StateCounts) -> RunExit {
    let isOpen =
      counts.chunks(in: .pending, .submitting, .processing) > 0
      || before.state != .finished && counts.chunks(in: .unknown) > 0
    guard isOpen else { return .finished }
    let reason = before.reason.flatMap { $0 == .crash ? nil : $0 }
    return .paused(reason ?? .signal, detail: reason == nil ? "settled by a person" : before.detail)
  }

  private func idNeeded(_ run: RunSummary, _ profile: ServiceProfile) -> CommandFailure {
    let ask = run.state == .cancelled ? AdvisedCommand.cancel(run.run) : .ask(run.run)
    return CommandFailure(
      .badInput, code: "id_needed",
      "items of run \(run.run) cannot be settled as received: with profile \(profile.rawValue) they are accepted by the id "
        + "that the service gave them, which nobody else can tell",
      remedy:
        "\(command: ask) asks the service; \(command: .settleAsNotReceived(run.run)) settles that it has none of them"
    )
  }

  private func nothingToSettle(_ run: RunID) -> CommandFailure {
    CommandFailure(
      .badInput, code: "nothing_unknown",
      chunk.map { "chunk \($0) of run \(run) is not unknown" } ?? "run \(run) has no unknown chunks",
      remedy: "\(command: .reportAsJSON(run)) shows the state of every chunk")
  }
}

package import BatchDomain
import NIOConcurrencyHelpers

/// Tells others about a run while work on it goes on, beside that work: nothing here changes what becomes of the run,
/// and no failure leaves this type except as one line for a person.
package final class Notifier: Sendable {
  /// Longest one request may take.
  package static let requestLimit: Duration = .seconds(10)
  /// Longest a command may take; then it is killed.
  package static let commandLimit: Duration = .seconds(60)
  /// Waits before the second and the third try of a request.
  package static let pauses: [Duration] = [.seconds(1), .seconds(4)]
  /// Time from one heartbeat to the next.
  package static let heartbeatInterval: Duration = .seconds(60)
  /// Longest that is waited at the end for notices that are still under way.
  package static let lastWait: Duration = .seconds(30)

  private enum Outlet: Hashable {
    case address, command, heartbeat
  }

  private let targets: NoticeTargets
  private let transport: any NoticeTransport
  private let runner: any CommandRunner
  private let environment: [String: String]
  private let clock: any BatchClock
  private let say: @Sendable (String) -> Void
  private let requests: Mailbox
  private let starts: Mailbox
  private let saidOf = NIOLockedValueBox<Set<Outlet>>([])

  /// One way's notices that wait to be told.
  private struct Mailbox: Sendable {
    let notices: AsyncStream<RunNotice>
    let entry: AsyncStream<RunNotice>.Continuation

    /// Notices that may wait for a slow receiver; of more the oldest are left out: how the run ended is told last.
    static let limit = 100

    init() {
      (notices, entry) = AsyncStream.makeStream(
        of: RunNotice.self, bufferingPolicy: .bufferingNewest(Self.limit))
    }
  }

  /// A notifier that has told nobody yet.
  ///
  /// - Parameters:
  ///   - environment: what commands get, without secrets; see ``CommandEnvironment``.
  ///   - say: takes the one line about a way that fails.
  package init(
    targets: NoticeTargets, transport: any NoticeTransport, runner: any CommandRunner,
    environment: [String: String], clock: any BatchClock, say: @escaping @Sendable (String) -> Void
  ) {
    self.targets = targets
    self.transport = transport
    self.runner = runner
    self.environment = environment
    self.clock = clock
    self.say = say
    requests = Mailbox()
    starts = Mailbox()
  }

  /// Takes a notice to be told; never blocks.
  package func tell(_ notice: RunNotice) {
    requests.entry.yield(notice)
    starts.entry.yield(notice)
  }

  /// Does some work, beats and tells meanwhile, and waits at the end until all that was said during the work is told,
  /// ``lastWait`` at most.
  ///
  /// - Parameter beats: whether the work is sending, which the heartbeat says.
  /// - Returns: what the work came to.
  package func during<Value>(beats: Bool = true, _ work: () async -> Value) async -> Value {
    let value = await withTaskGroup(of: Bool.self) { group in
      group.addTask {
        for await notice in self.requests.notices where !Task.isCancelled { await self.post(notice) }
        return true
      }
      group.addTask {
        for await notice in self.starts.notices where !Task.isCancelled { await self.start(notice) }
        return true
      }
      let value = await withTaskGroup(of: Void.self) { group in
        if beats { group.addTask { await self.beat() } }
        let value = await work()
        group.cancelAll()
        return value
      }
      requests.entry.finish()
      starts.entry.finish()
      group.addTask {
        do {
          try await self.clock.sleep(for: Self.lastWait)
        } catch {
          // Everything is told; there is nothing to wait for any more.
        }
        return false
      }
      var told = 0
      for await isTold in group {
        told += isTold ? 1 : 0
        if !isTold || told == 2 { group.cancelAll() }
      }
      return value
    }
    await transport.shutdown()
    return value
  }

  private func beat() async {
    guard let address = targets.heartbeat else { return }
    while true {
      // No child of this task: the end of the work does not cut a request off that is under way, and that has its limit.
      let why = await Task { await self.fault { try await self.transport.send(nil, to: address) } }.value
      if let why { failed(.heartbeat, "no heartbeat reached \(address.shown): \(why.words)") }
      do {
        try await clock.sleep(for: Self.heartbeatInterval)
      } catch {
        return
      }
    }
  }

  private func post(_ notice: RunNotice) async {
    guard let address = targets.address else { return }
    do {
      let body = try NoticeDocument(notice: notice).line()
      for pause in Self.pauses + [nil] {
        guard let why = await fault({ try await self.transport.send(body, to: address) }) else { return }
        guard let pause, why.mayPass, !Task.isCancelled else {
          return failed(.address, "failed to notify \(address.shown): \(why.words)")
        }
        try await clock.sleep(for: pause)
      }
    } catch {
      failed(.address, "failed to notify \(address.shown): there was no time left")
    }
  }

  private func start(_ notice: RunNotice) async {
    guard let command = targets.command else { return }
    do {
      let input = notice.text + "\n" + (try NoticeDocument(notice: notice).line()) + "\n"
      let variables = environment.merging(CommandEnvironment.of(notice)) { $1 }
      let status = try await TimeLimit(clock: clock).hold(Self.commandLimit) {
        try await self.runner.run(command, environment: variables, input: input)
      }
      guard let status else {
        return failed(.command, "the command \(command.shown) was killed: it exceeded its time limit")
      }
      guard status == 0 else {
        return failed(.command, "the command \(command.shown) ended with status \(status)")
      }
    } catch let error as CommandNotStarted {
      failed(.command, "the command \(command.shown) cannot be started: \(error.reason)")
    } catch {
      failed(.command, "the command \(command.shown) was stopped")
    }
  }

  /// Sends a request within its limit; `nil` when it was taken.
  private func fault(_ send: @escaping @Sendable () async throws -> Int) async -> RequestFault? {
    do {
      guard let status = try await TimeLimit(clock: clock).hold(Self.requestLimit, send) else {
        return .timeout
      }
      return (200..<300).contains(status) ? nil : .status(status)
    } catch is CancellationError {
      return .timeout
    } catch {
      return RequestFault(error)
    }
  }

  /// Says that a way fails, the first time it does.
  private func failed(_ outlet: Outlet, _ what: String) {
    guard saidOf.withLockedValue({ $0.insert(outlet).inserted }) else { return }
    say("warning: \(what); the run is not affected; this warning is not repeated")
  }
}

/// Bounds work on the injected clock.
struct TimeLimit {
  let clock: any BatchClock

  /// Does work, and cancels it when time is up.
  ///
  /// - Returns: what it came to; `nil` when time was up first.
  /// - Throws: what the work throws; `CancellationError` when the caller was cancelled first.
  func hold<Value: Sendable>(
    _ limit: Duration, _ work: @escaping @Sendable () async throws -> Value
  ) async throws -> Value? {
    try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask { try await work() }
      group.addTask {
        try await clock.sleep(for: limit)
        return nil
      }
      defer { group.cancelAll() }
      // There are two tasks, so there is a first.
      return try await group.next() ?? nil
    }
  }
}

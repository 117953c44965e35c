package import BatchDomain

/// How a process that sends a run is stopped for a while, as by Ctrl-Z.
package struct Suspension: Sendable {
  /// Each element asks for it.
  package let asked: AsyncStream<Void>
  /// Stops the process, and returns when it goes on.
  package let suspend: @Sendable () async -> Void

  /// A way to be stopped.
  package init(asked: AsyncStream<Void>, suspend: @escaping @Sendable () async -> Void) {
    self.asked = asked
    self.suspend = suspend
  }
}

/// Sends a run: a bounded group of senders, one settler beside them, and an ear for requests to stop.
///
/// Every task is a child of ``run()``, so that a run on one seeded executor can be repeated.
package struct RunLoop: Sendable {
  private let session: any RunSession
  private let service: any ServiceModule
  private let clock: any BatchClock
  private let random: any RandomSource
  private let observer: any RunObserver
  private let settings: RunSettings
  private let storePatience: Duration
  private let isStopped: @Sendable () -> Bool

  /// How often a request another process leaves in the store is looked for while nothing is recorded.
  static let requestInterval: Duration = .seconds(1)

  /// What ends the work on a run also while nothing is sent: it is another process's, or has to be.
  private static let leaving: Set<StoreError.Code> = [.owned, .schema, .lostChanges]

  /// A loop over a run this process owns.
  ///
  /// - Parameters:
  ///   - concurrency: requests in flight at most, where the process can hold fewer than the run's settings say.
  ///   - storePatience: how long a change is tried again while the store refuses it for a reason that may pass.
  ///   - isStopped: whether the process was asked to stop before the loop listens to that.
  package init(
    session: any RunSession, service: any ServiceModule, clock: any BatchClock, random: any RandomSource,
    observer: any RunObserver, concurrency: Int? = nil, storePatience: Duration = .seconds(45),
    isStopped: @escaping @Sendable () -> Bool = { false }
  ) {
    self.storePatience = storePatience
    self.isStopped = isStopped
    self.session = session
    self.service = service
    self.clock = clock
    self.random = random
    self.observer = observer
    var settings = session.settings
    settings.concurrency = min(settings.concurrency, concurrency ?? settings.concurrency)
    self.settings = settings
  }

  /// Sends until everything is decided or held, or until the run has to stop; then leaves the run in the
  /// state that fits.
  ///
  /// - Parameters:
  ///   - isCancelling: cancels the run at once: nothing is sent, what is unknown is settled.
  ///   - stops: each element asks to stop; requests under way are waited for.
  ///   - suspension: how the process is stopped for a while, and goes on; `nil` where it never is.
  /// - Returns: how the run was left.
  /// - Throws: ``StoreError`` when the store cannot be used; the run then keeps its owner's mark and is
  ///   resumed like one whose owner died. ``ConfigurationError`` when the run's windows cannot be followed.
  package func run(isCancelling: Bool = false, stops: AsyncStream<StopCause>, suspension: Suspension? = nil)
    async throws
    -> RunExit
  {
    let calendar = try settings.calendar()
    let standing = try await StorePatience(clock: clock, patience: storePatience, isStopped: isStopped) {
      [observer] in
      observer.observe(.storeTrouble($0.description))
    }({ try await session.standing() })
    let dispatcher = Dispatcher(
      settings: settings, calendar: calendar, budgets: service.budgets,
      firstGoesAlone: service.firstGoesAlone,
      standing: standing,
      clock: clock, random: random, observer: observer, storePatience: storePatience)
    dispatcher.handle(.started(standing, isCancelling: isCancelling))
    await withTaskGroup(of: Bool.self) { group in
      group.addTask {
        await sendAndSettle(on: dispatcher)
        return true
      }
      group.addTask {
        for await cause in stops { dispatcher.stop(for: cause) }
        return false
      }
      group.addTask {
        await watchRequests(on: dispatcher)
        return false
      }
      if let suspension {
        group.addTask {
          for await _ in suspension.asked { await dispatcher.suspended(suspension.suspend) }
          return false
        }
      }
      group.addTask {
        await dispatcher.ringAlarm()
        return false
      }
      for await isDone in group where isDone { group.cancelAll() }
    }
    return try await leave(dispatcher)
  }

  private func sendAndSettle(on dispatcher: Dispatcher) async {
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<settings.concurrency {
        group.addTask {
          await Sender(
            number: number, session: session, service: service, clock: clock, random: random,
            dispatcher: dispatcher
          ).work()
        }
      }
      group.addTask {
        await Settler(
          session: session, service: service, clock: clock, random: random, dispatcher: dispatcher
        ).work()
      }
      if service.pollLimit > 0 {
        group.addTask {
          await Poller(
            session: session, service: service, clock: clock, random: random, dispatcher: dispatcher
          ).work()
        }
      }
      group.addTask { await cancelPending(on: dispatcher) }
    }
  }

  /// Once a person cancels the run, what is pending is cancelled at once: whatever happens to this process later,
  /// it is not sent.
  private func cancelPending(on dispatcher: Dispatcher) async {
    guard await dispatcher.waitUntilCancelled() else { return }
    do {
      let recorded = try await StoreRetry(clock: clock, dispatcher: dispatcher)({
        try await session.cancelPending()
      })
      dispatcher.handle(.cancelledPending(recorded))
    } catch {
      dispatcher.stop(for: .store(StoreError(wrapping: error)))
    }
  }

  private func watchRequests(on dispatcher: Dispatcher) async {
    var isInTrouble = false
    while true {
      do {
        try await clock.sleep(for: Self.requestInterval)
        dispatcher.handle(.requested(try await session.request()))
        isInTrouble = false
      } catch is CancellationError {
        return
      } catch let error as StoreError where error.code == .schema && dispatcher.stop != nil {
        // It stops already, and the reason for that is what the next process has to know.
      } catch let error as StoreError where Self.leaving.contains(error.code) {
        // No claim may be due for hours, and others wait for this process to leave.
        dispatcher.stop(for: .store(error))
        return
      } catch {
        // The next change meets the same trouble, and is what decides about it.
        if !isInTrouble { dispatcher.tell(.storeTrouble(String(describing: error))) }
        isInTrouble = true
      }
    }
  }

  private func leave(_ dispatcher: Dispatcher) async throws -> RunExit {
    var stop = dispatcher.stop
    var refusal: StoreError?
    var hasLostChanges = false
    if case .store(let error) = stop {
      switch error.code {
      case .lostChanges:
        stop = .paused(.failedOver, detail: error.message)
        hasLostChanges = true
      case .schema:
        // Everything is recorded, and a newer program goes on with what is left.
        stop = .paused(.detached, detail: error.message)
        refusal = error
      default: throw error
      }
    }
    // A full disk at the very end of a night costs a wait, like anywhere else.
    let persistently = StoreRetry(clock: clock, dispatcher: dispatcher)
    let ending: RunExit
    if dispatcher.isCancelled, !hasLostChanges {
      // Chunks that were under way when it was cancelled, or that settled as not received, are pending again.
      _ = try await persistently { try await session.cancelPending() }
      let counts = try await persistently { try await session.standing() }.counts
      // Where everything was decided already, there was nothing to cancel.
      ending = counts.chunks(in: .cancelled, .unknown) == 0 ? .finished : .cancelled
    } else if try await persistently({ try await session.standing() }).counts.openChunks == 0 {
      // A cause that came when everything was decided already stops nothing.
      ending = .finished
    } else {
      ending =
        switch stop {
        case .asked: .paused(.signal, detail: nil)
        case .paused(let reason, let detail): .paused(reason, detail: detail)
        case nil, .cancelled, .store: .finished
        }
    }
    try await persistently { try await session.release(as: ending, at: clock.now()) }
    if let refusal { throw refusal }
    return ending
  }
}

import BatchDomain
import KillPoints

/// One of the tasks that send: takes a slot, claims a chunk, sends it, records what came of it, and again.
struct Worker {
  /// Its number among those of the run, from 0.
  let number: Int
  let session: any RunSession
  let service: any TransferService
  let clock: any BatchClock
  let random: any RandomSource
  let dispatcher: Dispatcher

  private var persistently: StoreRetry { StoreRetry(clock: clock, dispatcher: dispatcher) }

  /// Works until nothing is left to send or settle, or until the run stops.
  func work() async {
    // The slot is secured before the chunk is claimed: a claimed chunk never waits for one.
    while let slot = await dispatcher.slot(for: number) { await claimAndSend(slot) }
  }

  private func claimAndSend(_ slot: Slot) async {
    KillPoint.beforeIntent.reached()
    do {
      let claim = try await persistently(endsWithRun: true, { try await session.claim(at: clock.now()) })
      var next = take(claim, slot)
      while let (chunk, slot) = next { next = await send(chunk, slot) }
    } catch is StoreRetry.Stopped {
      dispatcher.handle(.slotUnused(slot))
    } catch {
      dispatcher.stop(for: .store(StoreError(wrapping: error)))
      dispatcher.handle(.slotUnused(slot))
    }
  }

  /// The chunk that was claimed with a slot; where none was, the dispatcher learns why and gets the slot back.
  private func take(_ claim: Claim, _ slot: Slot) -> (ClaimedChunk, Slot)? {
    switch claim {
    case .chunk(let chunk):
      dispatcher.handle(.claimed(chunk))
      return (chunk, slot)
    case .none: dispatcher.handle(.foundNothing(slot))
    case .notBefore(let moment, let why): dispatcher.handle(.foundNothingBefore(moment, why, slot))
    }
    return nil
  }

  /// Sends a chunk and records what came of it.
  ///
  /// - Returns: the next chunk to send, claimed in the same change, and the slot for it.
  private func send(_ chunk: ClaimedChunk, _ slot: Slot) async -> (ClaimedChunk, Slot)? {
    KillPoint.afterIntent.reached()
    let started = clock.elapsed()
    let exchange = await service.submit(
      Submission(chunk: chunk.number, filePart: chunk.filePart, timeout: session.settings.timeout))
    KillPoint.afterAnswer.reached()
    let took = clock.elapsed() - started
    // A chunk that may not be divided is sent whole or not at all, as one item is.
    let outcome = RetryContract.outcome(
      of: exchange, items: session.settings.bisect ? chunk.itemCount : 1)
    do {
      let judgement = await judge(outcome, chunk, exchange, startedAt: started)
      let pause = judgement.pause ?? RetryContract.pause(after: exchange)
      let effect = dispatcher.answered(
        Answered(
          slot: slot,
          ending: Gate.Ending(
            outcome: outcome, asked: exchange.askedWait, failure: exchange.text,
            isSuspect: chunk.countedAttempts > 0 && exchange.status != nil,
            isOutOfFiles: exchange.fault == RetryContract.openFiles),
          fault: exchange.fault, pause: pause.map { .paused($0, detail: detail(of: $0, exchange)) },
          // After anything else the record may say that nothing more is to be sent.
          claimsNext: outcome == .accepted))
      let next = try await next(after: judgement, chunk, exchange)
      let result = AttemptResult(
        of: chunk, finishedAt: max(clock.now(), chunk.startedAt),
        took: took, outcome: outcome, status: exchange.status, code: exchange.code,
        message: exchange.message, isCounted: judgement.isCounted, event: next.event,
        readyAt: readyAt(after: outcome, judgement, chunk), division: next.division,
        rejectsRest: next.rejectsRest, isInOutage: effect.isInOutage, wait: effect.wait)
      if outcome != .accepted {
        dispatcher.tell(
          .setback(
            chunk: chunk.number, attempt: chunk.attempt, outcome: outcome, code: exchange.code,
            message: exchange.message))
      }
      if let slot = effect.next, let (recorded, claim) = try await recordAndClaim(result, slot) {
        dispatcher.handle(.recorded(recorded, outcome: outcome, event: result.event))
        switch claim {
        case .success(let claim): return take(claim, slot)
        case .failure(let damage):
          dispatcher.stop(for: .store(damage))
          dispatcher.handle(.slotUnused(slot))
          return nil
        }
      }
      let recorded = try await persistently { try await session.record(result) }
      if let division = result.division {
        dispatcher.tell(.divided(chunk: chunk.number, pieces: division.pieces.count))
      }
      dispatcher.handle(.recorded(recorded, outcome: outcome, event: result.event))
    } catch {
      dispatcher.stop(for: .store(StoreError(wrapping: error)))
      dispatcher.handle(.abandoned)
    }
    return nil
  }

  /// Records an acceptance and claims the next chunk in one change: half the waits for the disk.
  ///
  /// - Parameter slot: the slot for the next chunk; it is given back unless something comes of it.
  ///
  /// - Returns: `nil` when the store refused for a reason that may pass: nothing was changed then, and the record is to
  ///   be made alone, since nothing new is sent while the store is in trouble.
  private func recordAndClaim(
    _ result: AttemptResult, _ slot: Slot
  ) async throws -> (recorded: Recorded, claim: Result<Claim, StoreError>)? {
    KillPoint.beforeIntent.reached()
    do {
      let both = try await session.record(result, claimingAt: clock.now())
      if let claim = both.claim { return (both.recorded, claim) }
    } catch let error as StoreError where error.isTransient {
      // Tried again, without the claim, by the caller.
    } catch {
      dispatcher.handle(.slotUnused(slot))
      throw error
    }
    dispatcher.handle(.slotUnused(slot))
    return nil
  }

  private func judge(
    _ outcome: Outcome, _ chunk: ClaimedChunk, _ exchange: Exchange, startedAt: Duration
  ) async -> Judgement {
    var circumstances = AttemptCircumstances(
      countedAttempts: chunk.countedAttempts, maxAttempts: session.settings.maxAttempts)
    switch outcome {
    case .index:
      if let index = chunk.index {
        do {
          circumstances.isSoleIndexLeft = try await persistently { try await session.isSoleIndexLeft(index) }
        } catch {
          // The outcome is known and has to be recorded; the chunk is then refused instead of the run paused, and
          // the record meets the same trouble.
          dispatcher.tell(.storeTrouble(StoreError(wrapping: error).description))
        }
      }
    case .notProcessed:
      // A limit on open files is this process's own, and what pauses the run is everybody's: neither says anything
      // about the chunk, though others got through on connections that they had.
      circumstances.othersGetThrough =
        exchange.fault != RetryContract.openFiles && RetryContract.pause(after: exchange) == nil
        && dispatcher.othersGotThrough(since: startedAt)
    case .accepted, .account, .endpoint, .throttled, .unknown, .content:
      break
    }
    return RetryContract.judge(outcome, circumstances)
  }

  /// What happens to the chunk, where a refusal or the end of its attempts may divide it.
  private func next(
    after judgement: Judgement, _ chunk: ClaimedChunk, _ exchange: Exchange
  ) async throws -> (event: ChunkEvent, division: Division?, rejectsRest: Bool) {
    guard judgement.event == .refused else { return (judgement.event, nil, false) }
    let history = try await persistently { try await session.refusals(of: chunk.number) }
    let step = Bisection.step(
      code: exchange.code ?? exchange.status.map { "http_\($0)" } ?? "",
      RefusalCircumstances(
        itemCount: chunk.itemCount, isTooLarge: exchange.status == 413, isBisecting: session.settings.bisect,
        onUnknown: session.settings.onUnknown, trust: history.trust, family: history.family))
    return switch step {
    case .reject(let withRest): (.refused, nil, withRest)
    case .halve: (.divided, Division(Piece.halves(of: chunk.items)), false)
    case .lookUp: (.doubted, nil, false)
    }
  }

  private func readyAt(
    after outcome: Outcome, _ judgement: Judgement, _ chunk: ClaimedChunk
  ) -> Timestamp? {
    // Otherwise the gate holds everybody back; the chunk itself goes in its turn.
    guard outcome == .notProcessed, judgement.event == .requeued, judgement.isCounted else { return nil }
    return clock.now() + BackOff.chunk.wait(afterFailures: chunk.countedAttempts, unit: random.nextUnit())
  }

  private func detail(of reason: PauseReason, _ exchange: Exchange) -> String {
    let settings = session.settings
    return switch reason {
    case .endpoint where exchange.fault != nil || exchange.isForeign: exchange.text
    case .endpoint:
      "\(settings.destination) does not answer as the transfers endpoint of profile "
        + "\(settings.profile.rawValue): \(exchange.text)"
    default: exchange.text
    }
  }
}

extension Exchange {
  /// Status, code and message in one line; without an answer the message first.
  fileprivate var text: String {
    switch self {
    case .answered: [status.map { "HTTP \($0)" }, code, message].compactMap { $0 }.joined(separator: " ")
    case .failed(let failure): "\(failure.message) (\(failure.code))"
    }
  }

  /// Whether the answer is visibly not the service's.
  fileprivate var isForeign: Bool {
    switch self {
    case .answered(let answer): answer.isForeign
    case .failed: false
    }
  }

  /// The transport's word for what went wrong; `nil` where an answer came.
  fileprivate var fault: String? {
    switch self {
    case .answered: nil
    case .failed(let failure): failure.code
    }
  }

  /// HTTP status; `nil` when no answer came.
  fileprivate var status: Int? {
    switch self {
    case .answered(let answer): answer.status
    case .failed: nil
    }
  }

  /// The service's error code, or the transport's word.
  fileprivate var code: String? {
    switch self {
    case .answered(let answer): answer.code
    case .failed(let failure): failure.code
    }
  }

  /// The service's message, or the transport's.
  fileprivate var message: String? {
    switch self {
    case .answered(let answer): answer.message
    case .failed(let failure): failure.message
    }
  }

  /// The wait the service asks for: with a refusal any, with a success only when the quota is used up or an error code
  /// says that there are too many requests.
  fileprivate var askedWait: Duration? {
    guard case .answered(let answer) = self else { return nil }
    let isRefusal = !(200..<300).contains(answer.status)
    let isThrottled = answer.code.map(RetryContract.throttleCodes.contains) == true
    return isRefusal || answer.quotaUsedUp || isThrottled ? answer.wait : nil
  }
}

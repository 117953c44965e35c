import BatchDomain
import KillPoints

/// One of the tasks that send: takes a slot, claims a chunk, sends it, records what came of it, and again.
struct Sender {
  /// Its number among those of the run, from 0.
  let number: Int
  let session: any RunSession
  let service: any ServiceModule
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
      let claim = try await persistently(
        endsWithRun: true,
        {
          do {
            return try await session.claim(slot.step, at: clock.now())
          } catch {
            dispatcher.handle(.claimFailed)
            throw error
          }
        })
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
    let settings = session.settings
    let result: SubmissionResult
    if chunk.mayBeDone {
      result = SubmissionResult(
        .unknown, code: UnknownChunk.failedOverCode,
        message: "the database lost changes: whether this step was done is asked first", obstacle: .notSent)
    } else if !dispatcher.isWindowOpen {
      // The commit of the intent may have taken long.
      result = SubmissionResult(.notProcessed, message: RunSettings.noWindow, obstacle: .closedWindow)
    } else {
      result = await service.send(
        SendUnit(
          chunk: chunk.number, firstItem: chunk.firstItem, itemCount: chunk.itemCount,
          content: chunk.filePart,
          timeout: settings.timeout, mayBeDivided: settings.bisect, externalIDs: chunk.externalIDs),
        step: chunk.step)
    }
    KillPoint.afterAnswer.reached()
    let took = clock.elapsed() - started
    do {
      let judgement = await judge(result, chunk, startedAt: started)
      let pause = judgement.pause ?? result.pause
      let effect = dispatcher.answered(
        Answered(
          slot: slot,
          ending: Gate.Ending(
            outcome: result.outcome, asked: result.wait, failure: result.text,
            isSuspect: chunk.mayBeDone || chunk.countedAttempts > 0 && result.obstacle == nil,
            isOutOfFiles: result.obstacle == .openFiles,
            isUnsent: result.obstacle == .closedWindow || result.obstacle == .notSent),
          obstacle: result.obstacle, pause: pause.map { .paused($0, detail: result.pauseText) },
          // After anything else the record may say that nothing more is to be sent.
          claimsNext: result.outcome == .accepted))
      let next = try await next(after: judgement, chunk, result)
      let record = AttemptRecord(
        of: chunk, result, finishedAt: max(clock.now(), chunk.startedAt), took: took,
        isCounted: judgement.isCounted, event: next.event, nextStep: next.step,
        readyAt: readyAt(after: result, judgement, chunk, startedAt: started), division: next.division,
        rejectsRest: next.rejectsRest, isInOutage: effect.isInOutage, wait: effect.wait)
      if result.outcome != .accepted {
        dispatcher.tell(
          .setback(
            chunk: chunk.number, attempt: chunk.attempt, outcome: result.outcome, code: result.code,
            message: result.message))
      }
      if let slot = effect.next, let (recorded, claim) = try await recordAndClaim(record, slot) {
        dispatcher.handle(.recorded(recorded, record.move(result), outcome: result.outcome))
        switch claim {
        case .success(let claim): return take(claim, slot)
        case .failure(let error):
          // What may pass is met again, and said, by the next claim.
          if !error.isTransient { dispatcher.stop(for: .store(error)) }
          dispatcher.handle(.claimFailed)
          dispatcher.handle(.slotUnused(slot))
          return nil
        }
      }
      let recorded = try await persistently { try await session.record(record) }
      if let division = record.division {
        dispatcher.tell(.divided(chunk: chunk.number, pieces: division.pieces.count))
      }
      dispatcher.handle(.recorded(recorded, record.move(result), outcome: result.outcome))
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
    _ record: AttemptRecord, _ slot: Slot
  ) async throws -> (recorded: Recorded, claim: Result<Claim, StoreError>)? {
    KillPoint.beforeIntent.reached()
    do {
      let both = try await session.record(record, claiming: (slot.step, clock.now()))
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
    _ result: SubmissionResult, _ chunk: ClaimedChunk, startedAt: Duration
  ) async -> Judgement {
    var circumstances = AttemptCircumstances(
      countedAttempts: chunk.countedAttempts, maxAttempts: session.settings.maxAttempts)
    switch result.outcome {
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
      // about the chunk, though others got through on connections that they had. Nor does a store of videos that does
      // not answer: others have their addresses, or need none.
      circumstances.othersGetThrough =
        switch result.obstacle {
        case .openFiles, .closedWindow, .objectStore: false
        case nil, .notSent, .unresolvedName, .beforeConnecting, .connection:
          result.pause == nil && dispatcher.othersGotThrough(since: startedAt)
        }
    case .accepted, .account, .endpoint, .throttled, .unknown, .content:
      break
    }
    return RetryContract.judge(result.outcome, circumstances)
  }

  /// What an attempt makes of its chunk.
  private struct Consequence {
    let event: ChunkEvent
    var step: ChunkStep?
    var division: Division?
    var rejectsRest = false
  }

  /// What happens to the chunk, where an acceptance may leave another step to send, and a refusal may divide the chunk.
  private func next(
    after judgement: Judgement, _ chunk: ClaimedChunk, _ result: SubmissionResult
  ) async throws -> Consequence {
    if judgement.event == .accepted, let step = service.step(following: chunk.step) {
      return result.isDone ? Consequence(event: .stepDone, step: step) : Consequence(event: .stepAccepted)
    }
    guard judgement.event == .refused else { return Consequence(event: judgement.event) }
    let history = try await persistently { try await session.refusals(of: chunk.number) }
    let step = service.step(
      after: Refusal(
        items: chunk.items, step: chunk.step, status: result.status, code: result.code, history: history,
        isBisecting: session.settings.bisect, mayAsk: session.settings.onUnknown == .check))
    return switch step {
    case .reject(let withRest): Consequence(event: .refused, rejectsRest: withRest)
    case .divide(let division): Consequence(event: .divided, division: division)
    case .lookUp: Consequence(event: .doubted)
    case .pollAgain: Consequence(event: .stepReopened, step: service.step(before: chunk.step))
    }
  }

  private func readyAt(
    after result: SubmissionResult, _ judgement: Judgement, _ chunk: ClaimedChunk, startedAt: Duration
  ) -> Timestamp? {
    guard result.outcome == .notProcessed, judgement.event == .requeued else { return nil }
    let failures: Int
    if judgement.isCounted {
      failures = chunk.countedAttempts
    } else if result.obstacle == .objectStore, dispatcher.othersGotThrough(since: startedAt) {
      // Items whose videos are elsewhere go first.
      failures = chunk.attempt - 1
    } else {
      // The gate holds everybody back; the chunk itself goes in its turn.
      return nil
    }
    return clock.now() + BackOff.chunk.wait(afterFailures: failures, unit: random.nextUnit())
  }
}

extension AttemptRecord {
  /// The move that it records.
  fileprivate func move(_ result: SubmissionResult) -> ChunkMove {
    ChunkMove(
      event, at: step, to: nextStep,
      generalRefusal: result.isAboutItem ? nil : result.code ?? result.status.map { "HTTP \($0)" })
  }
}

import BatchDomain
import ServiceHTTP
import TestSupport
import TransfersService

/// The client port as a process on one of several machines has it: a request that leaves piece by piece, each after a look
/// at the time limit, as the program's own connection has it.
struct WorkerTransfer: TransfersAPI {
  let process: WorkerProcess

  private var world: WorkerWorld { process.world }

  func submit(_ unit: SendUnit) async -> Result<Answer, TransportFailure> {
    do {
      return try await send(unit)
    } catch {
      return .failure(TransportFailure(progress: .maybeWritten, code: "gone", message: "the process is dead"))
    }
  }

  private func send(_ unit: SendUnit) async throws -> Result<Answer, TransportFailure> {
    try await process.turn()
    let sent = process.elapsed()
    func isOver() -> Bool { world.looksAtLimit && process.elapsed() - sent >= unit.timeout }
    let timeout = TransportFailure(progress: .maybeWritten, code: "timeout", message: "time-out")
    for _ in 0..<world.dice.int(1...3) {
      // Now and then a peer that does not read.
      let stall = world.dice.spread(
        !world.isCalm && world.dice.chance(world.conditions.stallOdds) ? 3...5 : 0...3)
      let left = max(.zero, unit.timeout - (process.elapsed() - sent))
      try await process.sleep(for: world.looksAtLimit ? min(stall, left) : stall)
      if world.decidesToKill() {
        process.die("while it sends chunk \(unit.chunk)")
        throw SimulatedProcess.death
      }
      guard !isOver() else { return .failure(timeout) }
      // Between the look and the write.
      if world.decidesToStop() { process.stop(for: world.whileAway()) }
      try await process.turn()
    }
    // The answer may find no way into the store.
    if world.decidesToCut() {
      world.cut(process, for: world.untilGivenUp() + world.dice.milliseconds(0...10_000))
    }
    // The last piece.
    world.lookForGhost(chunk: unit.chunk, of: process)
    let request = world.service.receive(unit.content)
    let reply = world.service.reply(to: request.items, timeout: unit.timeout, isCalm: world.isCalm)
    let onTheWay = world.dice.milliseconds(0...2_000) * world.dice.source.nextUnit()
    process.note("sends chunk \(unit.chunk) as \(request.number): \(reply.traced)")
    if reply.takes > 0 {
      process.depart(request.number, after: onTheWay + reply.takesAfter) { [world] in
        world.trace.note(
          "\(world.timeline.elapsed.inMilliseconds) takes \(reply.takes) of \(request.number)")
        world.service.take(request.items.prefix(reply.takes), request: request.number)
      }
    }
    let left = max(.zero, unit.timeout - (process.elapsed() - sent))
    // The service's time, on the clock of this machine.
    let answer = (onTheWay + reply.answersAfter) * process.machine.speed
    try await process.sleep(for: min(answer, left))
    if process.isDead { throw SimulatedProcess.death }
    guard answer < left, !isOver() else {
      let weather = world.scenario.weather
      process.abandon(request.number, lateness: max(weather.lateness, weather.gatewayLateness))
      return .failure(timeout)
    }
    if case .failure = reply.exchange {
      process.abandon(request.number, lateness: world.scenario.weather.lateness)
    }
    return reply.exchange
  }

  func task(_ id: String) async throws(ListingFailure) -> TaskRow { throw .refused(Answer(status: 404)) }

  func listTasks(index: IndexID?, page: Int) async throws(ListingFailure) -> TaskListPage {
    do {
      try await process.turn()
      try await process.sleep(for: world.dice.spread(0...2))
    } catch {
      throw .transport(
        TransportFailure(progress: .maybeWritten, code: "gone", message: "the process is dead"))
    }
    switch world.service.list(index: index?.rawValue ?? "", page: page, isCalm: world.isCalm) {
    case .success(let rows):
      process.note("list \(page): \(rows.map(\.id).joined(separator: " "))")
      return TaskListPage(rows)
    case .failure(let failure): throw failure
    }
  }
}

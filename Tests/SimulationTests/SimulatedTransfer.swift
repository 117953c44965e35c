import BatchDomain
import ServiceHTTP
import TestSupport
import TransfersService

/// The client port as a process of a world has it: the model service, with a possible death around every call.
struct SimulatedTransfer: TransfersAPI {
  let process: SimulatedProcess

  private var world: World { process.world }

  func submit(_ unit: SendUnit) async -> Result<Answer, TransportFailure> {
    do {
      try await process.begin("submit \(unit.chunk)")
      let request = world.service.receive(unit.content)
      let reply = world.service.reply(
        to: request.items, timeout: unit.timeout, isCalm: world.isCalm(process.number))
      if world.scenario.strays { await Task { await world.executor.turn() }.value }
      process.note("submit \(unit.chunk) as \(request.number): \(reply.traced)")
      if reply.takes > 0 {
        process.depart(request.number, after: reply.takesAfter) { [world] in
          world.trace.note(
            "\(world.timeline.elapsed.inMilliseconds) takes \(reply.takes) of \(request.number)")
          world.service.take(request.items.prefix(reply.takes), request: request.number)
        }
      }
      let hangsUp = reply.answersAfter >= unit.timeout
      try await process.sleep(for: min(reply.answersAfter, unit.timeout))
      try process.finish("submit \(unit.chunk)")
      guard !hangsUp else {
        let weather = world.scenario.weather
        process.abandon(request.number, lateness: max(weather.lateness, weather.gatewayLateness))
        return .failure(TransportFailure(progress: .maybeWritten, code: "timeout", message: "time-out"))
      }
      if case .failure = reply.exchange {
        process.abandon(request.number, lateness: world.scenario.weather.lateness)
      }
      return reply.exchange
    } catch {
      return .failure(TransportFailure(progress: .maybeWritten, code: "gone", message: "the process is dead"))
    }
  }

  func task(_ id: String) async throws(ListingFailure) -> TaskRow {
    throw .refused(Answer(status: 404))
  }

  func listTasks(index: IndexID?, page: Int) async throws(ListingFailure) -> TaskListPage {
    let gone = ListingFailure.transport(
      TransportFailure(progress: .maybeWritten, code: "gone", message: "the process is dead"))
    do {
      try await process.begin("list \(index?.rawValue ?? "-") \(page)")
      try await process.sleep(for: world.dice.spread(0...2))
    } catch {
      throw gone
    }
    let answer = world.service.list(
      index: index?.rawValue ?? "", page: page, isCalm: world.isCalm(process.number))
    do {
      try await process.sleep(for: world.dice.spread(0...2))
      try process.finish("list \(index?.rawValue ?? "-") \(page)")
    } catch {
      throw gone
    }
    switch answer {
    case .success(let rows):
      process.note("list \(index?.rawValue ?? "-") \(page): \(rows.map(\.id).joined(separator: " "))")
      return TaskListPage(rows)
    case .failure(let failure):
      process.note("list \(index?.rawValue ?? "-") \(page) fails")
      throw failure
    }
  }
}

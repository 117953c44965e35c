import BatchDomain

/// The client port as a process of a world has it: the model service, with a possible death around every call.
struct SimulatedTransfer: TransferService {
  let process: SimulatedProcess

  private var world: World { process.world }

  var pageLimit: Int { world.scenario.weather.pageLimit }

  func submit(_ submission: Submission) async -> Exchange {
    do {
      try await process.begin("submit \(submission.chunk)")
      let request = world.service.receive(submission.filePart)
      let reply = world.service.reply(
        to: request.items, timeout: submission.timeout, isCalm: world.isCalm(process.number))
      if world.scenario.strays { await Task { await world.executor.turn() }.value }
      process.note("submit \(submission.chunk) as \(request.number): \(reply.traced)")
      if reply.takes > 0 {
        process.depart(request.number, after: reply.takesAfter) { [world] in
          world.trace.note(
            "\(world.timeline.elapsed.inMilliseconds) takes \(reply.takes) of \(request.number)")
          world.service.take(request.items.prefix(reply.takes), request: request.number)
        }
      }
      let hangsUp = reply.answersAfter >= submission.timeout
      try await process.sleep(for: min(reply.answersAfter, submission.timeout))
      try process.finish("submit \(submission.chunk)")
      guard !hangsUp else {
        let weather = world.scenario.weather
        process.abandon(request.number, lateness: max(weather.lateness, weather.gatewayLateness))
        return .failed(TransportFailure(progress: .maybeWritten, code: "timeout", message: "time-out"))
      }
      if case .failed = reply.exchange {
        process.abandon(request.number, lateness: world.scenario.weather.lateness)
      }
      return reply.exchange
    } catch {
      return .failed(TransportFailure(progress: .maybeWritten, code: "gone", message: "the process is dead"))
    }
  }

  func listTasks(index: IndexID, page: Int) async throws(ListingFailure) -> [TaskRow] {
    let gone = ListingFailure.transport(
      TransportFailure(progress: .maybeWritten, code: "gone", message: "the process is dead"))
    do {
      try await process.begin("list \(index) \(page)")
      try await process.sleep(for: world.dice.spread(0...2))
    } catch {
      throw gone
    }
    let answer = world.service.list(
      index: index.rawValue, page: page, isCalm: world.isCalm(process.number))
    do {
      try await process.sleep(for: world.dice.spread(0...2))
      try process.finish("list \(index) \(page)")
    } catch {
      throw gone
    }
    switch answer {
    case .success(let rows):
      process.note("list \(index) \(page): \(rows.map(\.id).joined(separator: " "))")
      return rows
    case .failure(let failure):
      process.note("list \(index) \(page) fails")
      throw failure
    }
  }
}

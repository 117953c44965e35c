import Foundation
import Synchronization
import TestSupport
import Testing
import TransferSimulator

@Suite("Crashes of the real program")
struct CrashTests {
  /// Counts what each life saw.
  struct Life {
    let takeOver: Duration
    let inFlightAtDeath: Int
  }

  @Test("killed with -9 at twenty moments and resumed each time, every item is taken once")
  func twentyKills() async throws {
    // Some answers are lost while the process lives, too: taken, and not taken.
    let faults = [
      FaultRule(.resetAfter, share: 0.03), FaultRule(.error, share: 0.03), FaultRule(.throttle, share: 0.02),
    ]
    // Without other faults, and without answers from its twentieth request on, the first life comes to full concurrency on a
    // machine of any speed.
    let atFullConcurrency = [FaultRule(.slow, from: 20, wait: .seconds(3_600))]
    let scene = try await Scene { configuration in
      configuration.delay = .milliseconds(120)
      configuration.taskStep = .zero
      configuration.faults = atFullConcurrency
      configuration.throttleWait = .seconds(1)
      configuration.seed = 11
    }
    // Twice as many chunks as twenty lives can use up: a life that ends by itself is never killed.
    let manifest = try scene.manifest(10_000)
    let ledger = scene.server.ledger
    var process = try scene.startSubmit(manifest, "--chunk-size", "37", "--concurrency", "7")
    var lives: [Life] = []
    var takeOver = Duration.zero
    for kill in 0..<20 {
      // Another point of each life: right at its first request, in the ramp, at full concurrency.
      let arrivals = kill == 0 ? 20 : ledger.transferCount + 1 + kill * 7 % 11
      // From there on no answer comes, so that the kill meets requests under way on a slow machine, too: their elements
      // are taken in one life and not taken in the next.
      let held: FaultKind = kill.isMultiple(of: 2) ? .slow : .stall
      if kill > 0 {
        scene.server.setFaults([FaultRule(held, from: arrivals, wait: .seconds(3_600))] + faults)
      }
      let least = kill == 0 ? 7 : 1
      try await ledger.waitFor { entries in
        entries.contains {
          ($0.transfer ?? 0) >= arrivals && $0.fault == held && $0.answeredAt == nil && $0.inFlight >= least
        }
      }
      let inFlight = ledger.inFlight
      process.send(SIGKILL)
      let dead = await process.ended()
      #expect(dead.status == 128 + SIGKILL)
      lives.append(Life(takeOver: takeOver, inFlightAtDeath: inFlight))
      scene.server.setFaults(faults)
      let start = ContinuousClock.now
      process = try scene.start("resume", "latest", "--log-level", "info")
      await process.says(" left\n")
      takeOver = ContinuousClock.now - start
    }
    let last = await process.ended()
    #expect(last.status == 0, "\(last.diagnostics)\n\(last.output)")
    lives.append(Life(takeOver: takeOver, inFlightAtDeath: 0))

    #expect(scene.timesTaken(10_000) == [1])
    #expect(ledger.acceptedCounts.count == 10_000)
    #expect(ledger.maxInFlight == 7)
    #expect(lives.dropLast().allSatisfy { $0.inFlightAtDeath > 0 }, "\(lives.map(\.inFlightAtDeath))")
    // No lease has to run out: any time-out that a take-over could wait for is far longer than this, on any machine.
    #expect(lives.allSatisfy { $0.takeOver < .seconds(10) }, "\(lives.map(\.takeOver))")

    let report = try json(try await scene.orchestrate("report", "latest", "--format", "json").output)
    let run = try #require(report["run"] as? [String: Any])
    #expect(run["state"] as? String == "finished")
    #expect((run["items_by_state"] as? [String: Int])?["accepted"] == 10_000)
    let became = try await Database.count(
      "SELECT count(DISTINCT chunk) FROM attempt WHERE outcome = 'unknown'", in: scene.database)
    #expect(became > 0, "no chunk ever became unknown")
    let died = try await Database.count(
      "SELECT count(*) FROM attempt WHERE code = 'owner_died'", in: scene.database)
    #expect(died >= 20)
    await scene.server.stop()
  }

  @Test("after a kill -9 nothing more of a request arrives than had arrived")
  func killedWhileBytesAreQueued() async throws {
    let scene = try await Scene()
    let peer = try StallingPeer(.deaf)
    let process = try OrchestrateProcess(
      [
        "submit", try scene.manifest(400), "--chunk-size", "400", "--base-url",
        "http://127.0.0.1:\(peer.port)",
      ], environment: scene.environment)
    try await peer.untilStalled()
    process.send(SIGKILL)
    #expect(await process.ended().status == 128 + SIGKILL)
    let received = try await peer.drain()
    #expect(received.isReset)
    #expect(received.read == received.waiting, "\(received)")
    #expect(received.read < 30_000)
    await scene.server.stop()
  }
}

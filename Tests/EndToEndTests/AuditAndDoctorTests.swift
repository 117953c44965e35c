import Foundation
import TestSupport
import Testing
import TransferSimulator

@Suite("verify and doctor", .timeLimit(.minutes(10)))
struct AuditAndDoctorTests {
  @Test("a run is sound while it is live, after its process was killed, and after it finished")
  func soundThroughout() async throws {
    let scene = try await Scene {
      $0.delay = .milliseconds(100)
      $0.taskStep = .zero
      $0.faults = [
        FaultRule(.resetAfter, share: 0.1), FaultRule(.error, share: 0.1), FaultRule(.throttle, share: 0.05),
      ]
      $0.throttleWait = .milliseconds(200)
      $0.seed = 5
    }
    let process = try scene.startSubmit(try scene.manifest(300), "--chunk-size", "5")
    for requests in [3, 9, 15] {
      try await scene.server.ledger.waitFor(transfers: requests)
      let verified = try await scene.orchestrate("verify", "latest")
      #expect(verified.status == 0, "\(verified.output)")
      #expect(verified.diagnostics.contains("is live"), "\(verified.diagnostics)")
    }
    process.send(SIGKILL)
    await process.ended()
    let crashed = try await scene.orchestrate("verify", "latest")
    #expect(crashed.status == 0, "\(crashed.output)")
    #expect(!crashed.diagnostics.contains("is live"))
    let resumed = try await scene.orchestrate("resume", "latest")
    #expect([0, 7].contains(resumed.status), "\(resumed.diagnostics)")
    let verified = try await scene.orchestrate("verify", "latest", "--format", "json")
    #expect(verified.status == 0, "\(verified.output)")
    let document = try json(verified.output)
    #expect((document["checked"] as? [String: Int])?["items"] == 300)
    #expect(document["problems_total"] as? Int == 0)
    await scene.server.stop()
  }

  @Test("doctor is content with a service and a key that work, and makes no database")
  func content() async throws {
    let scene = try await Scene()
    let before = try await scene.orchestrate("doctor", "--base-url", scene.server.address)
    #expect(before.status == 0, "\(before.output)")
    #expect(before.output.contains("will be made at \(scene.database)"))
    #expect(!FileManager.default.fileExists(atPath: scene.database))
    #expect(scene.server.ledger.transferCount == 0)
    #expect(scene.server.ledger.entries.count == 1)
    #expect(try await scene.submit(try scene.manifest(4)).status == 0)
    let after = try await scene.orchestrate("doctor", "--base-url", scene.server.address)
    #expect(after.status == 0, "\(after.output)")
    #expect(after.output.contains("no problems found"))
    await scene.server.stop()
  }

  @Test("doctor names a key that is refused without showing it, and a service that is not there")
  func refused() async throws {
    let scene = try await Scene()
    let key = "tlk_ZZZZZZZZZZZZZZZZZZZZZ"
    let wrong = try await OrchestrateProcess.run(
      ["doctor", "--base-url", scene.server.address],
      environment: ["TWELVELABS_API_KEY": key, "ORCHESTRATE_DB": scene.database])
    #expect(wrong.status == 1)
    #expect(wrong.output.contains("answered 401"))
    #expect(!(wrong.output + wrong.diagnostics).contains(key))
    await scene.server.stop()
    let gone = try await scene.orchestrate("doctor", "--base-url", scene.server.address)
    #expect(gone.status == 1)
    #expect(gone.output.contains("does not answer"))
    let arguments = try await scene.orchestrate("doctor", "--base-url", "http://example.com")
    #expect(arguments.status == 64)
  }
}

import BatchDomain
import Foundation
import Reporting
import S3Access
import TestSupport
import Testing

@testable import OrchestrateCommands

@Suite("Exit statuses")
struct ExitStatusTests {
  static func run(_ state: RunState, _ reason: PauseReason? = nil, _ items: CountByState = [:])
    -> RunSummary
  {
    RunSummary(
      run: RunID(createdAt: Timestamp(milliseconds: 0), random: 0), name: nil, job: nil, state: state,
      reason: reason, detail: nil, createdAt: Timestamp(milliseconds: 0), finishedAt: nil, manifest: "m",
      destination: "d", items: ChunkState.allCases.reduce(0) { $0 + items[$1] }, repeated: 0,
      counts: StateCounts(items: items),
      attempts: 0, sendingTime: nil, wait: nil, isLive: false)
  }

  static let runs: [(RunSummary, Int32)] = [
    (run(.finished, nil, [.accepted: 3]), 0), (run(.finished, nil, [.accepted: 3, .rejected: 1]), 1),
    (run(.finished, nil, [.accepted: 3, .failed: 1]), 1),
    (run(.finished, nil, [.accepted: 3, .failed: 1, .unknown: 1]), 7),
    (run(.cancelled, nil, [.accepted: 3, .cancelled: 1]), 1), (run(.cancelled, nil, [.unknown: 1]), 7),
    (run(.paused, .signal), 3), (run(.paused, .window), 3), (run(.paused, .throttled), 3),
    (run(.paused, .unreachable), 3), (run(.paused, .failures), 3), (run(.paused, .crash), 3),
    (run(.paused, .account), 4), (run(.paused, .endpoint), 4), (run(.paused, .index), 4),
    (run(.paused, .store), 5), (run(.planning), 3), (run(.running), 3),
  ]

  @Test("a run ends with the status of how it was left", arguments: runs)
  func ofRuns(run: RunSummary, status: Int32) { #expect(ExitStatus(of: run).rawValue == status) }

  @Test("every reason to pause has a status", arguments: PauseReason.allCases)
  func everyReason(reason: PauseReason) {
    #expect([.stopped, .refused, .store].contains(ExitStatus(of: Self.run(.paused, reason))))
  }

  @Test(
    "an error of S3 ends with the status of who has to act",
    arguments: [
      (.credentialsMissing, 2), (.credentialsInvalid, 2), (.credentialsEnding, 4), (.credentialsRefused, 4),
      (.clockSkewed, 4), (.accessDenied, 4), (.bucketMissing, 4), (.objectMissing, 4), (.objectArchived, 4),
      (.addressInvalid, 4), (.proxyUnauthorized, 4), (.certificate, 4), (.foreignAnswer, 4), (.busy, 3),
      (.unreachable, 3),
      (.unexpected, 3),
    ] as [(S3Error.Code, Int32)])
  func ofS3(code: S3Error.Code, status: Int32) {
    let failure = CommandFailure(S3Error(code, "what happened", remedy: "what to do"))
    #expect(failure.status.rawValue == status && failure.code.rawValue == code.rawValue)
    #expect(failure.message == "what happened" && failure.remedy == "what to do")
  }

  @Test("an error of the store ends with the status of its code", arguments: StoreError.Code.allCases)
  func ofStoreErrors(code: StoreError.Code) {
    let expected: Int32 =
      switch code {
      case .locked, .full, .damaged, .schema, .unavailable, .unreachable, .lostChanges, .inputOutput: 5
      case .owned, .busy, .conflict: 6
      case .noSuchRun, .wrongState: 2
      case .internal: 70
      }
    #expect(CommandFailure(StoreError(code, "m")).status.rawValue == expected)
  }

  @Test("what nobody expected is a bug, and says so")
  func unexpected() {
    struct Surprise: Error {}
    let failure = CommandFailure(Surprise())
    #expect(failure.status == .bug)
    #expect(failure.message.contains("Surprise"))
  }
}

@Suite("Errors as documents that cannot be written")
struct UnwrittenErrorTests {
  /// A command that fails with status 2 and has its error as JSON.
  private func fail(on output: CommandStage.Sink) async throws -> [(
    status: OrchestrateCommands.ExitStatus, told: String
  )] {
    var ends: [(status: OrchestrateCommands.ExitStatus, told: String)] = []
    var stage = try CommandStage(output: output)
    let manifest = try stage.folder.write("[{\"language\": \"en\"}]", to: "m.json")
    var status = try await stage.run(ValidateCommand.self, manifest, "--format", "json")
    ends.append((status, stage.diagnostics.written))
    stage = try CommandStage(output: output)
    _ = try await stage.planRun()
    status = try await stage.run(ReportCommand.self, "nosuch", "--format", "json")
    ends.append((status, stage.diagnostics.written))
    return ends
  }

  @Test("a full disk goes before the error, and both are told")
  func fullDisk() async throws {
    for end in try await fail(on: .init(failing: OutputFailed(reason: "No space left on device"))) {
      #expect(end.status == .store)
      let lines = end.told.split(separator: "\n").filter { $0.hasPrefix("error: ") }
      #expect(lines.count == 2 && !lines[0].contains("No space left"))
      #expect(lines.last == "error: failed to write this error as JSON: No space left on device")
    }
  }

  @Test("a result that cannot be written is told once")
  func result() async throws {
    let stage = try CommandStage(output: .init(failing: OutputFailed(reason: "No space left on device")))
    _ = try await stage.planRun()
    #expect(try await stage.run(ReportCommand.self, "latest", "--format", "json") == .store)
    #expect(stage.diagnostics.written.components(separatedBy: "No space left on device").count == 2)
  }

  @Test("that nobody reads changes nothing", arguments: [true, false])
  func unread(isClosed: Bool) async throws {
    let failure: any Error & Sendable =
      isClosed ? OutputFailed(reason: "standard output is closed", isClosed: true) : OutputClosed()
    for end in try await fail(on: .init(failing: failure)) {
      #expect(end.status == .badInput)
      #expect(end.told.contains("error: ") && !end.told.contains("as JSON"))
    }
  }
}

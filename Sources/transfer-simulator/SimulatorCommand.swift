import ArgumentParser
import Foundation
import TransferSimulator

/// Runs the stand-in service until it is told to stop.
@main
struct SimulatorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "transfer-simulator",
    abstract: "A local stand-in for the service and, with --bucket, for S3.",
    discussion: """
      Listens on 127.0.0.1 and prints its address on the first line. SIGINT and SIGTERM end it.
      Durations: 500ms, 30s, 2h, 1h30m, 1d. Without --api-key any key that is not empty is taken.
      With profile v1.3 the last line, at the end, is a JSON document that counts what was taken.
      """)

  @Option(help: "The port; 0 lets the system choose.")
  var port = 0

  @Option(help: "The version of the service: v1, v1.1, v1.2 or v1.3.")
  var profile = "v1"

  @Option(help: "The API key that is accepted; else any key that is not empty.")
  var apiKey: String?

  @Option(help: "A file that receives every request as JSON lines.")
  var ledger: String?

  @Option(
    help: ArgumentHelp(
      "A fault (repeatable): KIND:SHARE, KIND@N, KIND@N+ or KIND@N-M; KIND=PARAMETER sets a wait or size.",
      discussion: """
        Kinds: \(FaultKind.allCases.map(\.rawValue).joined(separator: ", ")).
        With v1.3 and S3 the call stands in front, as in upload/reset-after@3: \
        \(FaultCall.allCases.map(\.rawValue).joined(separator: ", ")).
        """, valueName: "rule"))
  var fault: [String] = []

  @Option(help: "The seed of all random choices.")
  var seed: UInt64 = 1

  @Option(help: "The latency of every transfers answer.")
  var delay = "0s"

  @Option(help: "The time until a task shows up in listings.")
  var listingLag = "0s"

  @Option(help: "A way in which the listing is hard to read (repeatable).")
  var listing: [String] = []

  @Option(help: "Transfers requests per window, N/DURATION, for example 60/1m.")
  var budget: String?

  @Option(help: "The share of tasks that end failed, 0 to 1.")
  var failedShare = 0.0

  @Option(help: "The time a task stays in each state.")
  var taskStep = "200ms"

  @Option(help: "How long slow and stall keep silent.")
  var stallTime = "120s"

  @Option(help: "The wait that throttle answers announce.")
  var throttleWait = "1s"

  @Option(help: "The longest request body in bytes.")
  var maximumBody = 16 << 20

  @Option(help: "Connections without a request are closed after this time.")
  var idleTimeout: String?

  @Option(help: "Every n-th answer says `Connection: close`, and the connection is closed.")
  var announcedCloseEvery: Int?

  @Option(help: "After every n-th answer the connection is closed without notice.")
  var silentCloseEvery: Int?

  @Option(help: "An object, as in the manifest, whose whole request is refused (repeatable).")
  var poisonedObject: [String] = []

  @Flag(help: "The elements before a poisoned one are taken although the request is refused.")
  var takesElementsBeforePoison = false

  @Option(help: "An object, as in the manifest, that makes the service answer 500 (repeatable).")
  var crashingObject: [String] = []

  @Option(help: "An index id that does not exist (repeatable).")
  var goneIndex: [String] = []

  @OptionGroup(title: "Profile v1.3")
  var assets: AssetsOptions

  @OptionGroup(title: "S3")
  var objects: ObjectStoreOptions

  func validate() throws {
    _ = try simulatorConfiguration()
  }

  func run() async throws {
    let server = try await SimulatorServer.start(try simulatorConfiguration())
    let signals = TerminationSignals()
    // Written without the buffer of `print`, so that the process that started this one can continue at once.
    FileHandle.standardOutput.write(Data("\(server.address)\n".utf8))
    await signals.wait()
    await server.stop()
    if profile == "v1.3" {
      FileHandle.standardOutput.write(Data((server.assets.tally(at: server.now).json + "\n").utf8))
    }
  }
}

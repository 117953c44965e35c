import Foundation
import TestSupport
import TransferSimulator

/// A simulator, a folder and a database for one test.
struct Scene {
  static let key = "tlk_0123456789ABCDEFGHIJ"
  static let index = "629d807aa9e2a3a33a92c00b"

  let folder: TemporaryFolder
  let server: SimulatorServer

  init(_ configure: (inout SimulatorConfiguration) throws -> Void = { _ in }) async throws {
    folder = try TemporaryFolder()
    var configuration = SimulatorConfiguration()
    configuration.apiKey = Self.key
    try configure(&configuration)
    server = try await SimulatorServer.start(configuration)
  }

  var database: String { folder.file("orchestrate.db") }

  var environment: [String: String] { ["TWELVELABS_API_KEY": Self.key, "ORCHESTRATE_DB": database] }

  /// Writes a manifest of that many items and returns its path.
  func manifest(_ count: Int, name: String = "manifest.json", prefix: String = "a") throws -> String {
    let items = (0..<count).map {
      #"{"index_id":"\#(Self.index)","language":"en","object":"\#(Self.object($0, prefix))"}"#
    }
    return try folder.write("[\n" + items.joined(separator: ",\n") + "\n]\n", to: name)
  }

  static func object(_ number: Int, _ prefix: String = "a") -> String {
    "s3://media-west/\(prefix)/\(prefix)-\(number).mp4"
  }

  /// Runs the program to its end.
  func orchestrate(_ arguments: String...) async throws -> OrchestrateProcess.Ending {
    try await OrchestrateProcess.run(arguments, environment: environment)
  }

  /// Starts the program.
  func start(_ arguments: String...) throws -> OrchestrateProcess {
    try OrchestrateProcess(arguments, environment: environment)
  }

  /// Options that send to the simulator, with settling fast enough for a test.
  var here: [String] { ["--base-url", server.address, "--settle-delay", "200ms"] }

  func submit(_ manifest: String, _ more: String...) async throws -> OrchestrateProcess.Ending {
    try await OrchestrateProcess.run(["submit", manifest] + here + more, environment: environment)
  }

  func startSubmit(_ manifest: String, _ more: String...) throws -> OrchestrateProcess {
    try OrchestrateProcess(["submit", manifest] + here + more, environment: environment)
  }

  /// How often the service took each of the first `count` items, as a set of the numbers seen.
  func timesTaken(_ count: Int, prefix: String = "a") -> Set<Int> {
    let counts = server.ledger.acceptedCounts
    return Set(
      (0..<count).map { counts[ElementKey(indexID: Self.index, object: Self.object($0, prefix))] ?? 0 })
  }
}

/// A JSON document as nested dictionaries.
func json(_ text: String) throws -> [String: Any] {
  let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
  return object as? [String: Any] ?? [:]
}

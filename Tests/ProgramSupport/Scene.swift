import Foundation
package import TestSupport
package import TransferSimulator

/// A simulator, a folder and a database for one test.
package struct Scene {
  /// The key the simulator takes.
  package static let key = "tlk_0123456789ABCDEFGHIJ"
  /// The index of every item.
  package static let index = "629d807aa9e2a3a33a92c00b"

  /// Where its files are.
  package let folder: TemporaryFolder
  /// The service.
  package let server: SimulatorServer

  /// A scene whose simulator is configured as the test has it.
  package init(_ configure: (inout SimulatorConfiguration) throws -> Void = { _ in }) async throws {
    folder = try TemporaryFolder()
    var configuration = SimulatorConfiguration()
    configuration.apiKey = Self.key
    try configure(&configuration)
    server = try await SimulatorServer.start(configuration)
  }

  /// Path of the database.
  package var database: String { folder.file("orchestrate.db") }

  /// Environment of the programs.
  package var environment: [String: String] { ["TWELVELABS_API_KEY": Self.key, "ORCHESTRATE_DB": database] }

  /// Writes a manifest of that many items and returns its path.
  package func manifest(_ count: Int, name: String = "manifest.json", prefix: String = "a") throws -> String {
    let items = (0..<count).map {
      #"{"index_id":"\#(Self.index)","language":"en","object":"\#(Self.object($0, prefix))"}"#
    }
    return try folder.write("[\n" + items.joined(separator: ",\n") + "\n]\n", to: name)
  }

  /// The object of an item.
  package static func object(_ number: Int, _ prefix: String = "a") -> String {
    "s3://media-west/\(prefix)/\(prefix)-\(number).mp4"
  }

  /// Runs the program to its end.
  package func orchestrate(_ arguments: String...) async throws -> OrchestrateProcess.Ending {
    try await OrchestrateProcess.run(arguments, environment: environment)
  }

  /// Starts the program.
  package func start(_ arguments: String...) throws -> OrchestrateProcess {
    try OrchestrateProcess(arguments, environment: environment)
  }

  /// Options that send to the simulator, with settling fast enough for a test.
  package var here: [String] { ["--base-url", server.address, "--settle-delay", "200ms"] }

  /// Submits a manifest to the simulator and waits for the end.
  package func submit(_ manifest: String, _ more: String...) async throws -> OrchestrateProcess.Ending {
    try await OrchestrateProcess.run(["submit", manifest] + here + more, environment: environment)
  }

  /// Starts to submit a manifest to the simulator.
  package func startSubmit(_ manifest: String, _ more: String...) throws -> OrchestrateProcess {
    try OrchestrateProcess(["submit", manifest] + here + more, environment: environment)
  }

  /// How often the service took each of the first `count` items, as a set of the numbers seen.
  package func timesTaken(_ count: Int, prefix: String = "a") -> Set<Int> {
    let counts = server.ledger.acceptedCounts
    return Set(
      (0..<count).map { counts[ElementKey(indexID: Self.index, object: Self.object($0, prefix))] ?? 0 })
  }
}

/// A JSON document as nested dictionaries.
package func json(_ text: String) throws -> [String: Any] {
  let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
  return object as? [String: Any] ?? [:]
}

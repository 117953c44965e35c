import BatchDomain
import Foundation
import TransferClient

/// Where the key comes from: a file named on the command line, else the environment, else a file named by the
/// job.
enum KeySource {
  /// The environment variable.
  static let variable = "TWELVELABS_API_KEY"

  /// Finds the key.
  ///
  /// - Throws: ``CommandFailure`` with status 2 when there is none, ``TransferClientError`` when it cannot be one.
  static func key(
    commandLineFile: String?, jobFile: String?, environment: [String: String]
  ) throws -> APIKey {
    if let commandLineFile { return try read(commandLineFile) }
    if let key = environment[variable], !key.isEmpty { return try APIKey(key) }
    if let jobFile { return try read(jobFile) }
    throw CommandFailure(
      .badInput, code: "key_missing", "there is no API key: \(variable) is not set",
      remedy: "set \(variable), or name a file that holds the key with --api-key-file")
  }

  private static func read(_ path: String) throws -> APIKey {
    let content: Data
    do {
      content = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw CommandFailure(
        .badInput, code: "key_unreadable", "failed to read the API key from the file \(path)",
        remedy: "check that the file exists and that this user may read it")
    }
    return try APIKey(String(decoding: content, as: UTF8.self))
  }
}

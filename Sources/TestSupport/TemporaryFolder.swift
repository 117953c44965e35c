import Foundation

/// A folder of its own for a test, removed with the object.
package final class TemporaryFolder: Sendable {
  /// Absolute path of the folder.
  package let path: String

  /// Makes the folder.
  package init() throws {
    path =
      FileManager.default.temporaryDirectory.appendingPathComponent("orchestrate-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    // What cannot be removed stays in the system's temporary folder, where it is cleaned up.
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Path of a file in it.
  package func file(_ name: String) -> String { path + "/" + name }

  /// Writes a file into it and returns its path.
  @discardableResult
  package func write(_ text: String, to name: String) throws -> String {
    let target = file(name)
    try Data(text.utf8).write(to: URL(fileURLWithPath: target))
    return target
  }
}

import Foundation
import TestSupport
import Testing

/// Ways to run the program where it may do less than the test: what cannot be had on a machine is found by trying.
enum Confinement {
  /// Words before a command that take from root what lets it pass over permission bits; nobody else needs them.
  static var underPermissionBits: [String] {
    guard geteuid() == 0 else { return [] }
    let capabilities = "-dac_override,-dac_read_search,-linux_immutable"
    return ["setpriv", "--bounding-set=\(capabilities)", "--inh-caps=\(capabilities)"]
  }

  /// Words before a command that give it mounts of its own.
  static var ownMounts: [String] {
    geteuid() == 0 ? ["unshare", "-m"] : ["unshare", "-r", "-m"]
  }

  /// Whether a folder can be mounted that is full soon.
  static let canMount = succeeds(ownMounts + ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"])

  /// Whether permission bits can be made to count.
  static let canDropPrivileges = succeeds(underPermissionBits + ["true"])

  private static func succeeds(_ words: [String]) -> Bool {
    do {
      return try SpawnedProgram(words, diagnostics: .nowhere).wait() == 0
    } catch {
      return false
    }
  }
}

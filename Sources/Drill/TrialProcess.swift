import ChildProcesses
import Synchronization

/// One life of the program under trial.
final class TrialProcess: Sendable {
  /// The most that a command may write: a report of a run's items.
  private static let outputLimit = 64 << 20

  private let task: Task<ChildOutput, any Error>
  private let hasEnded: Flag

  private final class Flag: Sendable {
    let isSet = Atomic(false)
  }

  /// Starts it.
  ///
  /// - Parameter words: the program and its arguments.
  init(_ words: [String], environment: [String: String]) {
    let hasEnded = Flag()
    self.hasEnded = hasEnded
    task = Task {
      defer { hasEnded.isSet.store(true, ordering: .releasing) }
      return try await ChildProgram(words, environment: environment).output(limit: Self.outputLimit)
    }
  }

  /// Whether it has not ended yet.
  var isRunning: Bool { !hasEnded.isSet.load(ordering: .acquiring) }

  /// Kills it with -9, and waits until it is gone.
  ///
  /// - Returns: whether it was still there to be killed.
  func kill() async -> Bool {
    task.cancel()
    do { return try await task.value.status == 128 + 9 } catch { return true }
  }

  /// Waits for its end; a cancelled task kills it.
  ///
  /// - Throws: `ChildNotStarted`, `CancellationError`.
  func end() async throws -> ChildOutput {
    let task = task
    let output = try await withTaskCancellationHandler {
      try await task.value
    } onCancel: {
      task.cancel()
    }
    try Task.checkCancellation()
    return output
  }
}

/// A place for a store that can be filled up: a small file system where this user may mount one, else a limit on the size of
/// files.
package struct SmallDisk: Sendable {
  /// How it is made small.
  package enum Kind: String, Sendable {
    /// A file system in a file on the disk.
    case image
    /// A file system in memory.
    case memory
    /// A limit on the size of files (`ulimit -f`): a write beyond it fails as on a full disk.
    case fileLimit = "file_limit"
  }

  package let kind: Kind
  /// Where the store goes.
  let folder: String

  /// Bytes of the file system: room for a run, and not for much more.
  private static let size = 24 << 20
  /// Blocks of 512 bytes that a file may have: less than the log of a run comes to.
  private static let blocks = 512

  /// Makes one in a folder that is there.
  ///
  /// - Throws: `ChildNotStarted` when there is no shell, `CancellationError`.
  static func make(in folder: String) async throws -> SmallDisk {
    let place = "\(folder)/disk"
    let image = """
      mkdir -p "$1" && truncate -s \(size) "$1.img" && mkfs.ext4 -q -F -m 0 -O ^has_journal "$1.img" && mount -o loop "$1.img" "$1"
      """
    let memory = #"mkdir -p "$1" && mount -t tmpfs -o size=\#(size),mode=700 drill "$1""#
    for (kind, script) in [(Kind.image, image), (.memory, memory)] {
      let disk = SmallDisk(kind: kind, folder: place)
      do {
        if try await shell(script, place) { return disk }
      } catch let error as CancellationError {
        // It may be there already.
        await disk.remove()
        throw error
      }
    }
    return SmallDisk(kind: .fileLimit, folder: folder)
  }

  /// The words that start a program in a life that is to meet the full disk.
  func words(_ words: [String]) -> [String] {
    guard kind == .fileLimit else { return words }
    // Ignored, the signal becomes an error of the write.
    return ["/bin/sh", "-c", "trap '' XFSZ; ulimit -f \(Self.blocks); exec \"$@\"", "sh"] + words
  }

  /// Fills it up, where it has not been small from the start.
  func fill() async throws {
    guard kind != .fileLimit else { return }
    // It ends with an error: that is the point.
    _ = try await Self.shell(#"cat /dev/zero > "$1/filler""#, folder)
  }

  /// Makes room again.
  func free() async throws {
    guard kind != .fileLimit else { return }
    _ = try await Self.shell(#"rm -f "$1/filler""#, folder)
  }

  /// Takes it away, also in a task that was cancelled.
  func remove() async {
    guard kind != .fileLimit else { return }
    let folder = folder
    await Task {
      do { _ = try await Self.shell(#"umount "$1" || umount -l "$1""#, folder) } catch {
        // There is a shell, or there would be no file system.
      }
    }.value
  }

  private static func shell(_ script: String, _ argument: String) async throws -> Bool {
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    let program = ChildProgram(["/bin/sh", "-c", script, "sh", argument], environment: ["PATH": path])
    let status = try await program.output(limit: 1 << 16).status
    try Task.checkCancellation()
    return status == 0
  }
}

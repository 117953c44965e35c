package import BatchDomain
import Foundation

/// This process as other machines see it.
package struct Worker: Sendable, Equatable {
  /// 128 random bits as 32 hexadecimal digits: never used again.
  package let id: String
  /// The machine's name.
  let host: String
  let processID: Int32
  /// The machine's boot and the namespace of its process ids: only there does a lock file say whether a process lives.
  let place: MachinePlace
  /// Of this program.
  let version: String

  /// A process of a machine.
  ///
  /// - Parameter random: where the bits of the id come from.
  package init(
    version: String, random: any RandomSource, host: String = ProcessInfo.processInfo.hostName,
    processID: Int32 = ProcessInfo.processInfo.processIdentifier, place: MachinePlace = .current
  ) {
    id = [random.next(), random.next()].map { bits in
      let digits = String(bits, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
    self.host = host
    self.processID = processID
    self.place = place
    self.version = version
  }
}

/// A boot of a machine and a namespace of process ids in it: where two processes have both in common, a lock of one tells the
/// other whether it lives.
package struct MachinePlace: Sendable, Equatable {
  /// `/proc/sys/kernel/random/boot_id` (random(4)); empty where it cannot be read.
  let boot: String
  /// The target of `/proc/self/ns/pid` (namespaces(7)); empty where it cannot be read.
  let namespace: String

  /// A place in its parts.
  package init(boot: String, namespace: String) {
    self.boot = boot
    self.namespace = namespace
  }

  /// Where this process runs.
  package static let current = MachinePlace(
    boot: read("/proc/sys/kernel/random/boot_id"),
    namespace: link("/proc/self/ns/pid"))

  /// Whether a free lock of a process that ran here proves that it is gone.
  func proves(_ other: MachinePlace) -> Bool { self == other && !boot.isEmpty && !namespace.isEmpty }

  private static func read(_ path: String) -> String {
    // A system without that file tells nothing about its boots, which is a fact and no failure.
    guard let data = FileManager.default.contents(atPath: path) else { return "" }
    return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private static func link(_ path: String) -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    let length = readlink(path, &buffer, buffer.count)
    return length > 0
      ? String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self) : ""
  }
}

/// The locks of the workers of one machine: who finds one free knows that its process is dead (R7).
package protocol WorkerLocks: Sendable {
  /// Takes the lock of a worker of this process, until what is returned goes or the process ends.
  ///
  /// - Returns: the lock; `nil` where there can be none: others then wait for the worker's silence.
  func hold(_ worker: String) -> (any HeldLock)?

  /// Looks whether a worker of this machine lives.
  func look(at worker: String) -> LockLook
}

/// A lock that is held until this object goes, or the process ends.
package protocol HeldLock: AnyObject, Sendable {}

/// What a look at a worker's lock says.
package enum LockLook: Sendable, Equatable {
  /// Somebody holds it.
  case alive
  /// It is there, and nobody holds it.
  case dead
  /// There is none, or it cannot be looked at: nothing is known.
  case unknown
}

/// Locks on files in a folder of the machine.
package struct LockFolder: WorkerLocks {
  /// The folder; made when it is first needed.
  package let folder: String
  /// The server that the workers are of: its system identifier, or what stands for it.
  package let server: String

  /// Locks in a folder.
  package init(folder: String, server: String) {
    self.folder = folder
    self.server = server
  }

  /// The folder of this user's machine: `$XDG_STATE_HOME/orchestrate/workers`, `~/.local/state` where that is not set
  /// (XDG Base Directory Specification).
  package static func folder(in environment: [String: String]) -> String {
    let state =
      environment["XDG_STATE_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
      ?? (environment["HOME"] ?? "/nonexistent") + "/.local/state"
    return state + "/orchestrate/workers"
  }

  private func path(_ worker: String) -> String { "\(folder)/\(server)-\(worker)" }

  /// Makes a worker's file and locks it until the process ends.
  ///
  /// - Returns: the lock; `nil` where there can be none: others then wait for the worker's silence.
  package func hold(_ worker: String) -> (any HeldLock)? {
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      return nil
    }
    let descriptor = open(path(worker), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return nil }
    guard Self.lock(descriptor) else {
      close(descriptor)
      return nil
    }
    return LockedFile(descriptor: descriptor, path: path(worker))
  }

  /// Looks whether a worker of this machine lives.
  package func look(at worker: String) -> LockLook {
    let descriptor = open(path(worker), O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { return .unknown }
    defer { close(descriptor) }
    return Self.lock(descriptor) ? .dead : .alive
  }

  /// A lock of the open file (flock(2)): it ends with the process, however that dies.
  private static func lock(_ descriptor: Int32) -> Bool { flock(descriptor, LOCK_EX | LOCK_NB) == 0 }
}

/// A lock on a file.
private final class LockedFile: HeldLock {
  private let descriptor: Int32
  private let path: String

  init(descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  /// Removes the file first: nobody concludes a death from a lock that was given back.
  deinit {
    unlink(path)
    close(descriptor)
  }
}

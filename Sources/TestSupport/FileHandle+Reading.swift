package import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Reading from pipes of child processes: Foundation's own readers end the whole process when a signal interrupts them.
extension FileHandle {
  /// The bytes that are available, once there are any.
  ///
  /// - Returns: at most 64 KiB; empty at the end.
  /// - Throws: `POSIXError` when it cannot be read.
  package func nextBytes() throws -> Data {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(fileDescriptor, &buffer, buffer.count)
      if count >= 0 { return Data(buffer[..<count]) }
      guard errno == EINTR else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    }
  }

  /// Everything up to the end.
  ///
  /// - Throws: `POSIXError` when it cannot be read.
  package func remainingBytes() throws -> Data {
    var all = Data()
    while true {
      let next = try nextBytes()
      if next.isEmpty { return all }
      all += next
    }
  }
}

/// Does work that blocks, such as opening a pipe by its name, on a thread of its own: the shared pool has no more threads
/// than the machine has cores, and tests run beside each other.
package func onOwnThread<Value: Sendable>(
  _ work: @escaping @Sendable () throws -> Value
) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread {
      do {
        continuation.resume(returning: try work())
      } catch {
        continuation.resume(throwing: error)
      }
    }
  }
}

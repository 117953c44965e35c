import FaultyVFS

/// A folder whose databases can be made to fail at a chosen call.
///
/// Counts the calls that SQLite makes to the storage, from every connection to a file of the folder that was opened
/// since this object was made. Syncs do nothing there.
package final class FaultyFolder: Sendable {
  /// What fails.
  package enum Fault: String, Sendable, CaseIterable {
    /// A write that finds no space; half of it is written.
    case diskFull
    /// A write that fails on the device; half of it is written.
    case writeError
    /// A sync that fails.
    case syncError
    /// Cutting a file to a length.
    case truncateError
    /// A read that fails on the device.
    case readError
    /// Opening a file.
    case openError
    /// Removing a file.
    case deleteError
    /// Taking a lock of a file or of shared memory: another process has it.
    case locked
    /// Mapping the memory that the connections to a write-ahead log share.
    case memoryError

    fileprivate var kind: faulty_kind {
      switch self {
      case .diskFull: FAULTY_DISK_FULL
      case .writeError: FAULTY_WRITE_ERROR
      case .syncError: FAULTY_SYNC_ERROR
      case .truncateError: FAULTY_TRUNCATE_ERROR
      case .readError: FAULTY_READ_ERROR
      case .openError: FAULTY_OPEN_ERROR
      case .deleteError: FAULTY_DELETE_ERROR
      case .locked: FAULTY_LOCKED
      case .memoryError: FAULTY_MEMORY_ERROR
      }
    }
  }

  /// Memory ran out.
  package struct WatchFailure: Error {}

  /// `nonisolated(unsafe)`: it never changes, and what it points to is guarded by a mutex of its own.
  private nonisolated(unsafe) let folder: OpaquePointer

  /// Watches a folder that is there; databases in it are opened afterwards.
  package init(_ temporary: TemporaryFolder) throws {
    guard let folder = faulty_watch(temporary.path) else { throw WatchFailure() }
    self.folder = folder
  }

  deinit { faulty_unwatch(folder) }

  /// Lets the `nth` such call from now on fail, from 1, and every later one when it is `lasting`.
  package func arm(_ fault: Fault, at nth: Int, lasting: Bool) {
    faulty_arm(folder, fault.kind, Int64(nth), lasting ? 1 : 0)
  }

  /// Lets no further call fail.
  ///
  /// - Returns: how many calls failed since it was armed.
  @discardableResult
  package func disarm() -> Int { Int(faulty_disarm(folder)) }

  /// What SQLite asked of the storage so far.
  package struct Counts: Sendable {
    /// Calls that write.
    package let writes: Int
    /// Bytes written.
    package let bytes: Int
    /// Syncs.
    package let syncs: Int
  }

  /// What SQLite asked of the storage since the folder is watched.
  package var counts: Counts {
    let found = faulty_count(folder)
    return Counts(writes: Int(found.writes), bytes: Int(found.bytes), syncs: Int(found.syncs))
  }
}

package import BatchDomain
import Crypto
import Foundation
import StoreCore

extension SQLiteStore {
  /// Copies a store, as it is at one moment, into a file, and checks the copy.
  ///
  /// The store may be of an older or a newer schema; nothing in it is changed. The copy is durable when this returns, but for
  /// its name in its folder.
  ///
  /// - Parameters:
  ///   - copy: a file that is there and empty, and that nothing else uses.
  ///   - name: what messages call the copy; `nil` for its path.
  ///   - now: the time; the copy says that it was made once all of it was read.
  /// - Throws: ``StoreError``; with code `unavailable` when there is no database at that path. The copy is then of no use.
  package static func copy(
    _ path: String, to copy: String, called name: String? = nil,
    at now: @escaping @Sendable () -> Timestamp
  ) async throws -> StoreCopy {
    guard let resolved = try StorePath.existing(path) else {
      throw StoreError(.unavailable, "there is no database at \(path)", remedy: "name another one with --db")
    }
    let database = try await ReadingPlace.open(path: resolved) { connection in
      let mark = try connection.first("PRAGMA application_id") { $0.int(0) } ?? 0
      guard mark == Migrator.applicationID else {
        throw StoreError(
          .damaged, "\(resolved) is a SQLite database of another program",
          remedy: "name another database with --db")
      }
    }
    try await database.read {
      try $0.sqlite?.backUp(to: copy, called: name, mark: { CopyMark(now()).number })
    }
    try await database.close()
    let made = try await Database.open(path: copy, mode: .unchanging, locks: LockFile()) { connection in
      let found = try connection.first("SELECT integrity_check FROM pragma_integrity_check(1)") { $0.text(0) }
      guard found == "ok" else {
        throw StoreError(
          .damaged, "the copy of \(resolved) is damaged: \(found ?? "it cannot be checked")",
          remedy: "run `orchestrate doctor`, and keep the copies that were made before")
      }
    }
    let measured: StoreCopy = try await made.read { _ in try measure(copy) }
    try await made.close()
    return measured
  }

  private static func measure(_ path: String) throws -> StoreCopy {
    do {
      let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
      var hash = SHA256()
      var bytes: Int64 = 0
      while let part = try file.read(upToCount: 1 << 20), !part.isEmpty {
        hash.update(data: part)
        bytes += Int64(part.count)
      }
      try file.synchronize()
      return StoreCopy(bytes: bytes, digest: Array(hash.finalize()))
    } catch {
      throw StoreError(.inputOutput, "failed to read the copy \(path): \(error.localizedDescription)")
    }
  }
}

/// What a copy says of itself: when it was made, in a number of 32 bits that SQLite keeps for programs
/// (https://sqlite.org/pragma.html#pragma_user_version). A copy does not have what happened after it, and a process that goes on with a
/// run in it has to know that.
struct CopyMark {
  /// 2020-01-01T00:00:00Z: the number lasts until 2088.
  private static let epoch: Int64 = 1_577_836_800

  /// Seconds since the epoch, rounded up; never 0.
  let number: Int

  /// The mark of a copy that is made now.
  init(_ moment: Timestamp) {
    let seconds = (moment.milliseconds + 999) / 1_000 - Self.epoch
    number = Int(min(max(seconds, 1), Int64(Int32.max)))
  }

  /// The mark of a database; `nil` for one that has none.
  init?(number: Int) {
    guard number > 0 else { return nil }
    self.number = number
  }

  /// When the copy was made, to the second.
  var moment: Timestamp { Timestamp(milliseconds: (Int64(number) + Self.epoch) * 1_000) }
}

import BatchDomain
import CSQLite
import Foundation
import TestSupport
import Testing

@testable import RunStore

@Suite("A full file system")
struct FullFileSystemTests {
  private func error(_ code: Int32, _ systemError: Int32, hasSpace: Bool = true) -> StoreError {
    StoreError(
      SQLiteFailure(
        code: code, message: "disk I/O error", operation: "open the database", systemError: systemError),
      path: "/m/o.db", hasSpace: { hasSpace })
  }

  @Test("is told as one whichever code SQLite has for it")
  func codes() {
    let index = SQLITE_IOERR | 19 << 8
    #expect(index == 4_874)
    #expect(error(index, 0, hasSpace: false).code == .full)
    #expect(error(index, ENOSPC).code == .full)
    #expect(error(SQLITE_IOERR | 3 << 8, EDQUOT).code == .full)
    #expect(error(SQLITE_CANTOPEN, ENOSPC).code == .full)
    #expect(error(SQLITE_FULL, 0).code == .full)
    #expect(
      error(index, ENOSPC).message
        == "failed to open the database in /m/o.db: disk I/O error (no space is left)")
    #expect(error(index, ENOSPC).remedy?.description.contains("free space") == true)
  }

  @Test("is not suspected where another thing is wrong")
  func others() {
    #expect(error(SQLITE_IOERR | 19 << 8, EIO).code == .inputOutput)
    #expect(error(SQLITE_IOERR | 3 << 8, EIO, hasSpace: false).code == .inputOutput)
    #expect(error(SQLITE_CANTOPEN, EACCES, hasSpace: false).code == .unavailable)
  }

  @Test("under a copy: the copy is named, and no run is to be resumed")
  func copy() {
    let failure = SQLiteFailure(code: SQLITE_FULL, message: "database or disk is full", operation: "")
    let error = StoreError(failure, copy: "/m/b.db", of: "/d/o.db")
    #expect(error.code == .full)
    #expect(error.message == "failed to copy /d/o.db to /m/b.db: database or disk is full")
    #expect(error.remedy == "free space on the file system of the copy, then run the same command again")
  }

  @Test("doctor says what is free, also where the database cannot be read")
  func free() {
    let little = DiskSpaceEstimate.checkUnread(free: 0, folder: "/m")
    #expect(little.status == .problem && little.message.hasPrefix("0 bytes (0 MiB) are free where /m is"))
    #expect(little.remedy?.description.contains("free space") == true)
    #expect(DiskSpaceEstimate.checkUnread(free: 1 << 30, folder: "/m").status == .ok)
  }
}

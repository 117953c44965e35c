import BatchDomain
import Foundation
import NIOConcurrencyHelpers

/// A PostgreSQL server of the tests' own, on a Unix socket in a folder of its own; it ends with the tests.
package final class PostgresCluster: Sendable {
  /// The server of this process, started at its first use; `nil` where there is none to start.
  package static let shared = PostgresCluster()

  /// Whether there is a server to start: Debian keeps its programs apart from `PATH`.
  package static let isAvailable = programs != nil

  /// A user who would need a password, and has none.
  package static let passwordUser = "needs_password"
  /// A user who is not let in from anywhere.
  package static let rejectedUser = "is_rejected"

  private static let programs = ["15", "16", "17", "14"].map { "/usr/lib/postgresql/\($0)/bin" }
    .first { FileManager.default.isExecutableFile(atPath: $0 + "/initdb") }

  /// Where its socket is.
  package let folder: TemporaryFolder
  private let databases = NIOLockedValueBox(0)

  private init?() {
    guard let programs = Self.programs else { return nil }
    do {
      folder = try TemporaryFolder()
      let data = folder.file("data")
      // A server refuses to run as root.
      if geteuid() == 0 { _ = try SpawnedProgram.run(["chown", "postgres", folder.path]) }
      let user = geteuid() == 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : []
      let made = try SpawnedProgram.run(
        user + [
          "\(programs)/initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8",
          "--locale=C.UTF-8",
          "-D", data,
        ])
      guard made.status == 0 else { return nil }
      // The first line that fits counts.
      let rules = "1i local all \(Self.passwordUser) scram-sha-256\\nlocal all \(Self.rejectedUser) reject"
      guard try SpawnedProgram.run(user + ["sed", "-i", rules, data + "/pg_hba.conf"]).status == 0 else {
        return nil
      }
      try Self.start(
        user + [
          "\(programs)/postgres", "-D", data, "-k", folder.path, "-c", "listen_addresses=", "-c",
          "fsync=off",
          "-c", "full_page_writes=off", "-c", "synchronous_commit=off", "-c", "max_connections=500",
        ])
      try waitUntilReady(programs)
    } catch {
      return nil
    }
  }

  /// Starts the server as a child that dies with the thread that made it, which waits for it.
  private static func start(_ words: [String]) throws {
    let started = NIOLockedValueBox<Result<Void, any Error>?>(nil)
    let isStarted = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      do {
        let words = words.first == "setpriv" ? ["setpriv", "--pdeathsig=KILL"] + words.dropFirst() : words
        let server = try SpawnedProgram(Array(words), diagnostics: .nowhere)
        started.withLockedValue { $0 = .success(()) }
        isStarted.signal()
        server.wait()
      } catch {
        started.withLockedValue { $0 = .failure(error) }
        isStarted.signal()
      }
    }
    isStarted.wait()
    try started.withLockedValue { $0 }?.get()
  }

  private func waitUntilReady(_ programs: String) throws {
    // The server has no other way to say that it is ready.
    for _ in 0..<600 {
      if try SpawnedProgram.run(["\(programs)/pg_isready", "-q", "-h", folder.path]).status == 0 { return }
      usleep(50_000)
    }
    throw StoreError(.unavailable, "the server did not become ready within half a minute")
  }

  /// A new database without a table.
  ///
  /// - Returns: its address.
  package func makeDatabase() throws -> String {
    let name = databases.withLockedValue { count in
      count += 1
      return "t\(count)"
    }
    let made = try SpawnedProgram.run([
      "psql", "-q", "-h", folder.path, "-U", "postgres", "-d", "postgres", "-c", "CREATE DATABASE \(name)",
    ])
    guard made.status == 0 else { throw StoreError(.unavailable, "the database \(name) could not be made") }
    let socket = folder.path.replacingOccurrences(of: "/", with: "%2F")
    return "postgresql://postgres@\(socket)/\(name)"
  }
}

import Foundation
import NIOConcurrencyHelpers
import ProgramSupport
import TestSupport

/// A headless Chromium that is spoken to in the DevTools protocol, through pipes
/// (https://chromedevtools.github.io/devtools-protocol/, `--remote-debugging-pipe`: JSON ended by NUL).
final class Browser: Sendable {
  struct Failure: Error {
    let message: String
  }

  private struct State {
    var received = Data()
    var lastCall = 0
    var isGone = false
    var replies: [Int: Data] = [:]
    var events: [Data] = []
    var watchers: [CheckedContinuation<Void, Never>] = []
  }

  private let process: SpawnedProgram
  private let folder: TemporaryFolder
  private let state = NIOLockedValueBox(State())

  init() throws {
    folder = try TemporaryFolder()
    // It reads what it is told from descriptor 3 and answers on 4.
    process = try SpawnedProgram(
      [
        "/bin/sh", "-c", "exec chromium \"$@\" 3<&0 4>&1 0</dev/null 1>&2", "sh", "--headless",
        "--remote-debugging-pipe", "--user-data-dir=\(folder.path)", "--no-first-run", "--disable-gpu",
        "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
        "--disable-extensions", "--disable-sync",
        // Its own sandbox does not work for root.
        geteuid() == 0 ? "--no-sandbox" : "--disable-default-apps",
      ],
      environment: ["PATH": "/usr/bin:/bin", "HOME": folder.path], input: .pipe, output: .pipe,
      diagnostics: .nowhere)
    Thread.detachNewThread { [self] in
      while true {
        // A pipe that cannot be read ends as one that has nothing more; the test then fails for what it waits for.
        let data = (try? process.output?.nextBytes()) ?? Data()
        took(data)
        if data.isEmpty { return }
      }
    }
  }

  /// Ends it.
  func close() {
    process.send(SIGTERM)
    process.wait()
  }

  /// Asks for something and waits for the answer.
  @discardableResult
  func call(
    _ method: String, _ parameters: [String: Any] = [:], session: String? = nil
  ) async throws -> [String: Any] {
    let id = state.withLockedValue { state in
      state.lastCall += 1
      return state.lastCall
    }
    var message: [String: Any] = ["id": id, "method": method, "params": parameters]
    if let session { message["sessionId"] = session }
    try process.input?.write(contentsOf: JSONSerialization.data(withJSONObject: message) + Data([0]))
    await wait { $0.replies[id] != nil || $0.isGone }
    guard let data = state.withLockedValue({ $0.replies.removeValue(forKey: id) }) else {
      throw Failure(message: "the browser ended before it answered \(method)")
    }
    let reply = try Self.object(data)
    if let error = reply["error"] { throw Failure(message: "\(method): \(error)") }
    return reply["result"] as? [String: Any] ?? [:]
  }

  /// What it told by itself about a session so far.
  func events(of session: String, _ method: String) throws -> [[String: Any]] {
    try state.withLockedValue { $0.events }.map(Self.object).filter {
      $0["sessionId"] as? String == session && $0["method"] as? String == method
    }.compactMap { $0["params"] as? [String: Any] }
  }

  /// Suspends until it told that by itself about a session.
  func event(of session: String, _ method: String) async throws {
    let name = Data("\"\(method)\"".utf8)
    let place = Data("\"\(session)\"".utf8)
    await wait { state in
      state.isGone || state.events.contains { $0.range(of: name) != nil && $0.range(of: place) != nil }
    }
    guard try !events(of: session, method).isEmpty else {
      throw Failure(message: "the browser ended before \(method)")
    }
  }

  private func took(_ data: Data) {
    let watchers = state.withLockedValue { state in
      if data.isEmpty { state.isGone = true }
      state.received += data
      while let end = state.received.firstIndex(of: 0) {
        let message = Data(state.received[state.received.startIndex..<end])
        state.received = Data(state.received[state.received.index(after: end)...])
        if let id = (try? Self.object(message))?["id"] as? Int {
          state.replies[id] = message
        } else {
          state.events.append(message)
        }
      }
      defer { state.watchers = [] }
      return state.watchers
    }
    for watcher in watchers { watcher.resume() }
  }

  private func wait(until isMet: @escaping @Sendable (borrowing State) -> Bool) async {
    while !state.withLockedValue({ isMet($0) }) {
      await withCheckedContinuation { continuation in
        let met = state.withLockedValue { state in
          if isMet(state) { return true }
          state.watchers.append(continuation)
          return false
        }
        if met { continuation.resume() }
      }
    }
  }

  private static func object(_ data: Data) throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
  }
}

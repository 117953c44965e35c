import NIOConcurrencyHelpers

@testable import Notifications

/// The world outside: keeps what it is sent and started with, and answers as told.
final class FakeOutside: NoticeTransport, CommandRunner {
  struct Request: Equatable {
    let body: String?
    let address: String
  }

  struct Start: Equatable {
    let words: [String]
    let environment: [String: String]
    let input: String
  }

  enum Reply {
    case status(Int)
    case failure(any Error & Sendable)
    /// Never answers.
    case silence
  }

  private struct State {
    var replies: [Reply]
    var requests: [Request] = []
    var starts: [Start] = []
    var isShutDown = false
    var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let state: NIOLockedValueBox<State>

  /// Answers in that order, then always with success.
  init(_ replies: Reply...) { state = NIOLockedValueBox(State(replies: replies)) }

  var requests: [Request] { state.withLockedValue { $0.requests } }
  var starts: [Start] { state.withLockedValue { $0.starts } }
  var isShutDown: Bool { state.withLockedValue { $0.isShutDown } }

  func send(_ body: String?, to address: NoticeAddress) async throws -> Int {
    try await take { $0.requests.append(Request(body: body, address: address.text)) } ?? 200
  }

  func run(_ command: NoticeCommand, environment: [String: String], input: String) async throws -> Int32 {
    let start = Start(words: command.words, environment: environment, input: input)
    return Int32(try await take { $0.starts.append(start) } ?? 0)
  }

  func shutdown() async { state.withLockedValue { $0.isShutDown = true } }

  /// Suspends until that many requests came.
  func waitForRequests(_ count: Int) async {
    await withCheckedContinuation { continuation in
      let isThere = state.withLockedValue { state in
        if state.requests.count >= count { return true }
        state.watchers.append((count, continuation))
        return false
      }
      if isThere { continuation.resume() }
    }
  }

  private func take(_ change: (inout State) -> Void) async throws -> Int? {
    let (reply, woken) = state.withLockedValue { state in
      change(&state)
      let count = state.requests.count
      let woken = state.watchers.filter { $0.count <= count }
      state.watchers.removeAll { $0.count <= count }
      return (state.replies.isEmpty ? nil : state.replies.removeFirst(), woken)
    }
    for watcher in woken { watcher.continuation.resume() }
    switch reply {
    case .status(let status): return status
    case .failure(let error): throw error
    case .silence:
      // Only being cancelled ends it, as with a connection that nothing comes from.
      let (stream, entry) = AsyncStream.makeStream(of: Never.self)
      for await _ in stream {}
      entry.finish()
      throw CancellationError()
    case nil: return nil
    }
  }
}

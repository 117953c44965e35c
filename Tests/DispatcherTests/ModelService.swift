import BatchDomain
import Foundation
import NIOConcurrencyHelpers
import ServiceHTTP
import TestSupport
import TransfersService

/// A service with rules, on the manual clock: it takes chunks, lists what it took, and answers as a script says.
final class ModelService: TransfersAPI {
  /// What happens to one request.
  enum Reply: Sendable {
    /// It is taken and answered.
    case accept
    /// It is not taken, and answered so.
    case answer(Answer)
    /// It is taken, and its answer is lost.
    case takeAndLose
    /// It is taken that long after it was answered with a status that says nothing.
    case takeLater(Duration, Int)
    /// It is not taken, and its answer is lost.
    case lose
    /// It is not taken, and its connection breaks.
    case breakConnection
    /// It is taken, and answered with a status that says nothing.
    case takeAndAnswer(Int)
    /// The first items of it are taken, and it is answered so.
    case takeSome(Int, Answer)
    /// The first items of it are taken, and its answer is lost.
    case takeSomeAndLose(Int)
    /// It does not get through.
    case refuseConnection
    /// It does not get through for that reason.
    case fail(String)
    /// It hangs for that long before anything else, then is as the other says.
    indirect case after(Duration, Reply)
    /// It hangs until that returns, then is as the other says.
    indirect case when(@Sendable (ModelService) async -> Void, Reply)
  }

  private struct State {
    var sent: [[String]] = []
    var taken: [String: Int] = [:]
    var rows: [TaskRow] = []
    var inFlight = 0
    var maxInFlight = 0
    var listings = 0
    var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    var listingWatchers: [CheckedContinuation<Void, Never>] = []
  }

  let pageLimit = 10
  private let clock: ManualClock
  private let script: @Sendable (_ request: Int, _ names: [String]) -> Reply
  private let listingLag: Duration
  private let listingTakes: Duration
  private let isListed: Bool
  private let state = NIOLockedValueBox(State())

  /// A service whose n-th request, from 0, is answered as `script` says.
  init(
    clock: ManualClock, listingLag: Duration = .zero, listingTakes: Duration = .zero, isListed: Bool = true,
    script: @escaping @Sendable (_ request: Int, _ names: [String]) -> Reply = { _, _ in .accept }
  ) {
    self.clock = clock
    self.listingLag = listingLag
    self.listingTakes = listingTakes
    self.isListed = isListed
    self.script = script
  }

  /// The file names of every request, in the order they came.
  var sent: [[String]] { state.withLockedValue { $0.sent } }
  /// How often each file name was taken.
  var taken: [String: Int] { state.withLockedValue { $0.taken } }
  /// The most requests that were under way at one moment.
  var maxInFlight: Int { state.withLockedValue { $0.maxInFlight } }
  /// Pages that were listed.
  var listings: Int { state.withLockedValue { $0.listings } }

  /// Suspends until that many requests came.
  func waitForRequests(_ count: Int) async {
    await withCheckedContinuation { continuation in
      let isMet = state.withLockedValue { state in
        if state.sent.count >= count { return true }
        state.watchers.append((count, continuation))
        return false
      }
      if isMet { continuation.resume() }
    }
  }

  /// Suspends until a page was asked for.
  func waitForListing() async {
    await withCheckedContinuation { continuation in
      let isMet = state.withLockedValue { state in
        if state.listings > 0 { return true }
        state.listingWatchers.append(continuation)
        return false
      }
      if isMet { continuation.resume() }
    }
  }

  func submit(_ unit: SendUnit) async -> Result<Answer, TransportFailure> {
    let names = Self.names(in: unit.content)
    let (request, watchers) = state.withLockedValue { state -> (Int, [CheckedContinuation<Void, Never>]) in
      state.sent.append(names)
      state.inFlight += 1
      state.maxInFlight = max(state.maxInFlight, state.inFlight)
      let met = state.watchers.filter { $0.count <= state.sent.count }
      state.watchers.removeAll { $0.count <= state.sent.count }
      return (state.sent.count - 1, met.map(\.continuation))
    }
    for watcher in watchers { watcher.resume() }
    let exchange = await follow(script(request, names), names)
    state.withLockedValue { $0.inFlight -= 1 }
    return exchange
  }

  func listTasks(index: IndexID?, page: Int) async throws(ListingFailure) -> TaskListPage {
    guard isListed else { throw .refused(Answer(status: 404)) }
    let watchers = state.withLockedValue { state in
      state.listings += 1
      defer { state.listingWatchers = [] }
      return state.listingWatchers
    }
    for watcher in watchers { watcher.resume() }
    do {
      if listingTakes > .zero { try await clock.sleep(for: listingTakes) }
    } catch {
      throw .transport(TransportFailure(progress: .maybeWritten, code: "cancelled", message: "cancelled"))
    }
    let now = clock.now()
    return state.withLockedValue { state in
      let shown = state.rows.filter { ($0.createdAt ?? now) + listingLag <= now }.reversed()
      return TaskListPage(Array(shown.dropFirst((page - 1) * pageLimit).prefix(pageLimit)))
    }
  }

  func task(_ id: String) async throws(ListingFailure) -> TaskRow {
    let row = state.withLockedValue { $0.rows.first { $0.id == id } }
    guard let row else { throw .refused(Answer(status: 404)) }
    return row
  }

  private func follow(_ reply: Reply, _ names: [String]) async -> Result<Answer, TransportFailure> {
    switch reply {
    case .accept:
      take(names)
      return .success(Answer(status: 200))
    case .answer(let answer):
      return .success(answer)
    case .takeAndLose:
      take(names)
      return .failure(TransportFailure(progress: .maybeWritten, code: "reset", message: "reset"))
    case .lose:
      return .failure(TransportFailure(progress: .maybeWritten, code: "timeout", message: "time-out"))
    case .breakConnection:
      return .failure(TransportFailure(progress: .maybeWritten, code: "reset", message: "reset"))
    case .takeLater(let duration, let status):
      Task {
        try await clock.sleep(for: duration)
        take(names)
      }
      return .success(Answer(status: status))
    case .takeAndAnswer(let status):
      take(names)
      return .success(Answer(status: status))
    case .takeSome(let count, let answer):
      take(Array(names.prefix(count)))
      return .success(answer)
    case .takeSomeAndLose(let count):
      take(Array(names.prefix(count)))
      return .failure(TransportFailure(progress: .maybeWritten, code: "reset", message: "reset"))
    case .fail(let code):
      return .failure(TransportFailure(progress: .notWritten, code: code, message: "because of \(code)"))
    case .refuseConnection:
      return .failure(
        TransportFailure(progress: .notWritten, code: "connect_refused", message: "connection refused"))
    case .after(let duration, let reply):
      do {
        try await clock.sleep(for: duration)
      } catch {
        return .failure(TransportFailure(progress: .maybeWritten, code: "cancelled", message: "cancelled"))
      }
      return await follow(reply, names)
    case .when(let condition, let reply):
      await condition(self)
      return await follow(reply, names)
    }
  }

  private func take(_ names: [String]) {
    let now = clock.now()
    state.withLockedValue { state in
      for name in names {
        state.taken[name, default: 0] += 1
        state.rows.append(TaskRow(id: "task-\(state.rows.count)", fileName: FileName(name), createdAt: now))
      }
    }
  }

  static func names(in filePart: [UInt8]) -> [String] {
    let items = (try? JSONSerialization.jsonObject(with: Data(filePart))) as? [[String: String]] ?? []
    return items.compactMap { $0["object"]?.split(separator: "/").last.map(String.init) }
  }
}

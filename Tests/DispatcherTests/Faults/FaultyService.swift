import BatchDomain
import NIOConcurrencyHelpers
import ServiceHTTP
import TransfersService

/// A service whose `nth` call, submissions and listings together, comes to nothing; with `isLasting` every later one
/// as well.
final class FaultyService: TransfersAPI {
  /// What becomes of a call.
  enum Fault: String, Sendable, CaseIterable {
    /// The connection is refused.
    case refused
    /// The request is lost on its way.
    case lostRequest
    /// The answer is lost on its way.
    case lostAnswer
    /// It is answered 500, and nothing was done.
    case brokenBefore
    /// It is answered 500 after it was done.
    case brokenAfter
    /// It is answered 429.
    case throttled
    /// It is answered 401.
    case forbidden

    /// Whether the service does what it was asked.
    fileprivate var isDone: Bool { self == .lostAnswer || self == .brokenAfter }

    fileprivate var exchange: Result<Answer, TransportFailure> {
      switch self {
      case .refused:
        .failure(TransportFailure(progress: .notWritten, code: "connect_refused", message: "refused"))
      case .lostRequest, .lostAnswer:
        .failure(TransportFailure(progress: .maybeWritten, code: "reset", message: "reset"))
      case .brokenBefore, .brokenAfter: .success(Answer(status: 500))
      case .throttled: .success(Answer(status: 429, wait: .seconds(3)))
      case .forbidden: .success(Answer(status: 401))
      }
    }
  }

  private struct State {
    var fault: Fault?
    var left: Int
    var failed = 0
  }

  private let service: ModelService
  private let isLasting: Bool
  private let state: NIOLockedValueBox<State>

  init(_ service: ModelService, _ fault: Fault, at nth: Int, isLasting: Bool) {
    self.service = service
    self.isLasting = isLasting
    state = NIOLockedValueBox(State(fault: fault, left: nth))
  }

  /// Lets no further call fail.
  ///
  /// - Returns: how many did.
  func mend() -> Int {
    state.withLockedValue { state in
      state.fault = nil
      return state.failed
    }
  }

  func submit(_ unit: SendUnit) async -> Result<Answer, TransportFailure> {
    guard let fault = next() else { return await service.submit(unit) }
    if fault.isDone { _ = await service.submit(unit) }
    return fault.exchange
  }

  func listTasks(index: IndexID?, page: Int) async throws(ListingFailure) -> TaskListPage {
    guard let fault = next() else { return try await service.listTasks(index: index, page: page) }
    switch fault.exchange {
    case .success(let answer): throw .refused(answer)
    case .failure(let failure): throw .transport(failure)
    }
  }

  func task(_ id: String) async throws(ListingFailure) -> TaskRow { try await service.task(id) }

  private func next() -> Fault? {
    state.withLockedValue { state in
      guard let fault = state.fault else { return nil }
      if state.left > 0 { state.left -= 1 }
      guard state.left == 0 else { return nil }
      state.failed += 1
      if !isLasting { state.fault = nil }
      return fault
    }
  }
}

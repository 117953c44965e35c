internal import NIOConcurrencyHelpers

/// How far a request's body got on its way into the socket; shared by the connection that writes it and by whoever judges
/// a failure.
final class WriteProgress: Sendable {
  /// What was handed to the socket.
  enum Stage: Int, Sendable, Comparable {
    /// Nothing: no connection was ready to take the body.
    case nothing
    /// A part of the body, not its end.
    case part
    /// The last piece: from here on the service may have the whole request.
    case everything

    static func < (left: Stage, right: Stage) -> Bool { left.rawValue < right.rawValue }
  }

  private struct State {
    var stage: Stage
    var isJudged = false
  }

  private let state: NIOLockedValueBox<State>

  /// Progress of a request; at first its body is untouched, unless it has none.
  init(stage: Stage = .nothing) { state = NIOLockedValueBox(State(stage: stage)) }

  /// Notes that a piece is about to be handed to the socket.
  ///
  /// - Returns: whether it may be given out; not after ``judge()``.
  func advance(to stage: Stage) -> Bool {
    state.withLockedValue { state in
      guard !state.isJudged else { return false }
      state.stage = max(state.stage, stage)
      return true
    }
  }

  /// Takes the last step back: the end was handed out and provably not written. Changes nothing once it was judged.
  func retreat() {
    state.withLockedValue { state in
      if !state.isJudged, state.stage == .everything { state.stage = .part }
    }
  }

  /// The final word: how far it got, and no further from now on.
  func judge() -> Stage {
    state.withLockedValue { state in
      state.isJudged = true
      return state.stage
    }
  }
}

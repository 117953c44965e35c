import BatchDomain
import DequeModule
import Dispatch
import NIOConcurrencyHelpers

/// Does what writes to a place that may be slow or stuck (a stopped terminal, a pipe that nobody reads) in order, on a
/// thread of its own, so that nobody else waits for that place.
///
/// What waits is bounded: of progress the oldest is left out first, and of lasting pieces only when there are very many.
/// What was left out is counted and said before the next piece.
final class OutputQueue: Sendable {
  /// What becomes of a piece of work when too much waits.
  enum Importance: Sendable {
    /// It only says how far something is: a later piece says the same, and more.
    case progress
    /// It is left out only when nothing else can be.
    case lasting
  }

  /// How much may wait.
  struct Limits: Sendable {
    /// Pieces of progress.
    var progress = 1_000
    /// Other pieces.
    var lasting = 20_000
  }

  private struct Piece {
    let number: Int
    let work: @Sendable () -> Void
    /// Called instead of the work when the piece is left out.
    let leftOut: (@Sendable () -> Void)?
  }

  private struct Waiter {
    /// It waits for all pieces with smaller numbers.
    let end: Int
    let continuation: CheckedContinuation<Bool, Never>
  }

  private struct State {
    var progress: Deque<Piece> = []
    var lasting: Deque<Piece> = []
    /// The number of the next piece.
    var next = 0
    /// The number of the piece that is being done.
    var underWay: Int?
    /// Pieces left out that nobody was told of.
    var leftOut = 0
    /// Grows with every sign that the place takes something.
    var steps = 0
    /// Whether somebody waited for the place in vain since it last took something.
    var isStuck = false
    var nextWaiter = 0
    var waiters: [Int: Waiter] = [:]

    /// Whether all pieces with numbers below `end` are done or left out.
    func isDone(before end: Int) -> Bool {
      let open = [underWay, progress.first?.number, lasting.first?.number].compactMap { $0 }.min()
      return open.map { $0 >= end } ?? true
    }

    /// The piece that comes next, taken out.
    mutating func takeFirst() -> Piece? {
      guard let first = progress.first else { return lasting.popFirst() }
      guard let other = lasting.first, other.number < first.number else { return progress.popFirst() }
      return lasting.popFirst()
    }
  }

  private let queue: DispatchQueue
  private let limits: Limits
  private let patience: Duration
  private let unread: @Sendable () -> Int?
  private let sayLeftOut: @Sendable (Int) -> Void
  private let state = NIOLockedValueBox(State())

  /// A queue.
  ///
  /// - Parameters:
  ///   - label: its name in a debugger.
  ///   - limits: how much may wait.
  ///   - patience: how long an end waits for a place that takes nothing at all.
  ///   - unread: bytes that were written and that the reader has not taken yet, `nil` where that is not known. A pipe takes
  ///     a write only when it has room for all of it; a slow reader is told from none by what it leaves there.
  ///   - sayLeftOut: writes how many pieces were left out; called on the queue, before the piece that follows them.
  init(
    label: String, limits: Limits = Limits(), patience: Duration = .seconds(1),
    unread: @escaping @Sendable () -> Int? = { nil },
    sayLeftOut: @escaping @Sendable (Int) -> Void = { _ in }
  ) {
    queue = DispatchQueue(label: label)
    self.limits = limits
    self.patience = patience
    self.unread = unread
    self.sayLeftOut = sayLeftOut
  }

  /// Does work after all that was handed in before.
  ///
  /// - Parameter leftOut: called instead of the work when this piece is left out.
  /// - Returns: whether something, this piece or an older one, was left out for it.
  @discardableResult
  func add(
    _ importance: Importance = .lasting, leftOut: (@Sendable () -> Void)? = nil,
    _ work: @escaping @Sendable () -> Void
  ) -> Bool {
    let (isIdle, dropped) = state.withLockedValue { state in
      let piece = Piece(number: state.next, work: work, leftOut: leftOut)
      state.next += 1
      var dropped: Piece?
      switch importance {
      case .progress:
        if state.progress.count >= limits.progress { dropped = state.progress.popFirst() }
        state.progress.append(piece)
      case .lasting:
        if state.lasting.count >= limits.lasting { dropped = state.lasting.popFirst() }
        state.lasting.append(piece)
      }
      if dropped != nil { state.leftOut += 1 }
      let isIdle = state.underWay == nil
      // Held until the queue comes to it, so that only one of several callers wakes the queue.
      if isIdle { state.underWay = piece.number }
      return (isIdle, dropped)
    }
    dropped?.leftOut?()
    if isIdle { queue.async { self.workThrough() } }
    return dropped != nil
  }

  private func workThrough() {
    while true {
      let (piece, leftOut, met) = state.withLockedValue { state in
        let piece = state.takeFirst()
        state.underWay = piece?.number
        let leftOut = state.leftOut
        state.leftOut = 0
        state.steps += 1
        state.isStuck = false
        return (piece, leftOut, Self.takeMet(&state))
      }
      for continuation in met { continuation.resume(returning: true) }
      if leftOut > 0 { sayLeftOut(leftOut) }
      guard let piece else { return }
      piece.work()
    }
  }

  /// Takes note that the place took a part of a piece of work that is long.
  func step() {
    state.withLockedValue { state in
      state.steps += 1
      state.isStuck = false
    }
  }

  /// Suspends until all that was handed in so far is done, or the place has taken nothing for as long as the queue's
  /// patience. A place that was waited for in vain is not waited for again until it takes something.
  ///
  /// - Returns: whether it is done.
  @discardableResult
  func drained() async -> Bool {
    await withCheckedContinuation { continuation in
      let (answer, waiter, steps) = state.withLockedValue { state -> (Bool?, Int, Int) in
        if state.isDone(before: state.next) { return (true, 0, 0) }
        if state.isStuck { return (false, 0, 0) }
        state.nextWaiter += 1
        state.waiters[state.nextWaiter] = Waiter(end: state.next, continuation: continuation)
        return (nil, state.nextWaiter, state.steps)
      }
      if let answer { return continuation.resume(returning: answer) }
      watch(waiter, since: steps, unread: unread())
    }
  }

  /// Gives a waiter its answer if the place takes nothing for as long as the queue's patience.
  private func watch(_ waiter: Int, since steps: Int, unread before: Int?) {
    DispatchQueue.global().asyncAfter(deadline: .now() + patience.inSeconds) { [self] in
      let unread = unread()
      let isRead = before.map { before in unread.map { $0 != before } ?? false } ?? false
      let (lost, seen) = state.withLockedValue { state -> (Waiter?, Int?) in
        guard state.waiters[waiter] != nil else { return (nil, nil) }
        guard state.steps == steps, !isRead else { return (nil, state.steps) }
        state.isStuck = true
        return (state.waiters.removeValue(forKey: waiter), nil)
      }
      lost?.continuation.resume(returning: false)
      if let seen { watch(waiter, since: seen, unread: unread) }
    }
  }

  private static func takeMet(_ state: inout State) -> [CheckedContinuation<Bool, Never>] {
    guard !state.waiters.isEmpty else { return [] }
    let met = state.waiters.filter { [state] in state.isDone(before: $0.value.end) }
    for id in met.keys { state.waiters[id] = nil }
    return met.values.map(\.continuation)
  }
}

import BatchDomain
import Dispatch
import Dispatcher
import Foundation
import NIOConcurrencyHelpers
import Synchronization
import UnixSignals

/// Which signals are one request to stop.
///
/// `timeout` of GNU coreutils signals its child and then the group that the child is in, so that one request comes as two
/// signals within microseconds. A person who wants the process to end at once takes longer than that, or sends another signal.
struct StopRequest: Sendable {
  /// How long after the first signal another one of its kind belongs to it.
  static let window: Duration = .milliseconds(100)

  private let signal: Int32
  private let time: Duration

  /// The first signal.
  ///
  /// - Parameter time: when it came, by a clock that never goes back.
  init(_ signal: Int32, at time: Duration) {
    self.signal = signal
    self.time = time
  }

  /// Whether a further signal is the same request.
  func includes(_ other: Int32, at moment: Duration) -> Bool {
    other == signal && moment - time < Self.window
  }
}

/// The two-stage stop: the first SIGINT, SIGTERM or SIGHUP asks the run to stop, the second leaves at once. Signals that come
/// together are one (``StopRequest``).
///
/// SIGHUP keeps being ignored when it was ignored at the start, as under nohup.
///
/// SIGTSTP (Ctrl-Z) stops the process at once where nothing is sent; a run lets its requests end first
/// (``suspension(_:)``). SIGSTOP cannot be caught.
final class StopSignals: Sendable {
  private let flag: Flag
  private let listener: Task<Void, Never>
  private let suspensions = NIOLockedValueBox(Suspensions())
  private let terminalStop: SignalSource?

  /// `@unchecked Sendable`: a dispatch source may be used from any thread (dispatch(3)).
  private struct SignalSource: @unchecked Sendable {
    let source: any DispatchSourceSignal
  }

  /// What SIGTSTP means now.
  private struct Suspensions {
    /// Of the run that is sent.
    var asking: AsyncStream<Void>.Continuation?
    var say: (@Sendable (String) -> Void)?
    /// Whether requests are waited for.
    var isWaiting = false
  }

  private final class Flag: Sendable {
    let isRaised = Atomic(false)
    let endsAtOnce = Atomic(false)
    let farewell = NIOLockedValueBox<(@Sendable () -> Void)?>(nil)
    private let listeners = NIOLockedValueBox<[(AsyncStream<StopCause>.Continuation, StopCause)]>([])

    /// Tells those who listen from now on, too.
    func listen(_ listener: AsyncStream<StopCause>.Continuation, _ cause: StopCause) {
      listeners.withLockedValue { $0.append((listener, cause)) }
      if isRaised.load(ordering: .sequentiallyConsistent) { listener.yield(cause) }
    }

    func tell() { for (listener, cause) in listeners.withLockedValue({ $0 }) { listener.yield(cause) } }

    /// Ends the process, with what has to be done before.
    func leave(_ status: Int32) -> Never {
      farewell.withLockedValue { $0 }?()
      _exit(status)
    }
  }

  /// Starts to listen.
  init(in context: ProcessContext) async {
    let flag = Flag()
    let trapped: [UnixSignal] =
      Self.isIgnored(SIGHUP) ? [.sigint, .sigterm] : [.sigint, .sigterm, .sighup]
    let signals = await UnixSignalsSequence(trapping: trapped)
    self.flag = flag
    listener = Task { [clock = context.clock] in
      var first: StopRequest?
      for await received in signals {
        if flag.endsAtOnce.load(ordering: .relaxed) { flag.leave(ExitStatus.stopped.rawValue) }
        let (number, now) = (Self.number(of: received), clock.elapsed())
        guard flag.isRaised.exchange(true, ordering: .sequentiallyConsistent) else {
          first = StopRequest(number, at: now)
          flag.tell()
          continue
        }
        if first?.includes(number, at: now) ?? false { continue }
        flag.leave(128 + number)
      }
    }
    guard context.ownsProcess, !Self.isIgnored(SIGTSTP) else {
      terminalStop = nil
      context.passage.signals(self)
      return
    }
    // A source only tells of a signal that does nothing by itself.
    signal(SIGTSTP, SIG_IGN)
    let source = DispatchSource.makeSignalSource(
      signal: SIGTSTP, queue: DispatchQueue(label: "orchestrate.suspend"))
    source.setEventHandler { [suspensions] in Self.suspend(suspensions) }
    source.resume()
    terminalStop = SignalSource(source: source)
    context.passage.signals(self)
  }

  // MARK: Being stopped for a while

  /// Has SIGTSTP wait for the requests of a run from now on.
  ///
  /// - Parameters:
  ///   - say: tells the person who runs the process.
  ///   - told: suspends until that is written: a stopped process writes nothing.
  func suspension(
    _ say: @escaping @Sendable (String) -> Void, told: @escaping @Sendable () async -> Void
  ) -> Suspension {
    let (asked, asking) = AsyncStream.makeStream(of: Void.self)
    suspensions.withLockedValue { $0 = Suspensions(asking: asking, say: say) }
    return Suspension(asked: asked) { [suspensions] in
      suspensions.withLockedValue { $0.isWaiting = false }
      say("stopped; no request is under way. Continue with fg, or SIGCONT")
      await told()
      Self.stopNow()
      say("going on")
    }
  }

  /// The run is over: SIGTSTP stops the process at once again.
  func endSuspension() { suspensions.withLockedValue { $0 = Suspensions() } }

  private static func suspend(_ suspensions: NIOLockedValueBox<Suspensions>) {
    let (asking, say) = suspensions.withLockedValue { state in
      defer { state.isWaiting = state.asking != nil && !state.isWaiting }
      return state.isWaiting ? (nil, nil) : (state.asking, state.say)
    }
    // Nothing is sent, or the person does not want to wait.
    guard let asking else { return stopNow() }
    say?(
      "stopping once the requests in flight have ended; Ctrl-Z again stops at once and leaves them to time out"
    )
    asking.yield()
  }

  /// Stops the process until it gets SIGCONT.
  private static func stopNow() { kill(getpid(), SIGSTOP) }

  /// Asks to stop, as the first signal does.
  func ask() {
    if !flag.isRaised.exchange(true, ordering: .sequentiallyConsistent) { flag.tell() }
  }

  /// One element for the first signal, also when it came before. Each who listens needs a stream of its own: one whose
  /// reader was cancelled has ended.
  var stops: AsyncStream<StopCause> { stops(as: .asked) }

  /// The same with another cause.
  func stops(as cause: StopCause) -> AsyncStream<StopCause> {
    let (stops, continuation) = AsyncStream.makeStream(of: StopCause.self)
    flag.listen(continuation, cause)
    return stops
  }

  /// Whether the first signal ends the process: true while it reads a pipe, which may be silent for ever, to plan a
  /// run. Nothing is under way then, and a pipe cannot be read a second time.
  func endAtOnce(_ isAtOnce: Bool) { flag.endsAtOnce.store(isAtOnce, ordering: .relaxed) }

  /// Whether the first signal came; what plans a run looks at it between batches.
  var isAsked: Bool { flag.isRaised.load(ordering: .relaxed) }

  /// What is done before a signal ends the process at once: it must not wait.
  func beforeLeaving(_ farewell: (@Sendable () -> Void)?) {
    flag.farewell.withLockedValue { $0 = farewell }
  }

  deinit {
    listener.cancel()
    terminalStop?.source.cancel()
  }

  private static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
      == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  private static func number(of signal: UnixSignal) -> Int32 {
    switch signal {
    case .sigint: SIGINT
    case .sighup: SIGHUP
    default: SIGTERM
    }
  }
}

import NIOConcurrencyHelpers
import Reporting
import Synchronization

/// A few lines at the bottom of a terminal that are drawn again and again, and text above them that stays.
///
/// Everything that is written to the terminal while lines are drawn goes through it, on a queue of its own: a terminal
/// that is stopped or gone stops nothing. It asks for the terminal's size at each drawing, so a window may be resized
/// at any time, without a handler for the signal. A process in the background draws nothing: the terminal belongs to
/// another one then.
///
/// Nothing is drawn in the first 250 ms, then at most ten times a second when something changed and once a second when not.
/// The end removes the lines: the report says the rest. Three control sequences (cursor up, erase line, erase below) and
/// the eight colours are enough for that, so no library is used; a bar of a library assumes that it alone writes to the
/// terminal, and the alternate screen would take away what was there. Words that do not fit are left out from the end,
/// whole.
final class LiveDisplay: TextSink {
  private struct State {
    /// The lines as they are on the terminal, the cursor behind the last one.
    var lines: [LiveLine] = []
    var isLost = false
  }

  private let sink: any TextSink
  private let isColored: Bool
  private let queue: OutputQueue
  /// Only the queue's work takes the lock, so it is held by one thread and never waited for.
  private let state = NIOLockedValueBox(State())
  /// Whether lines are on the terminal; beside the lock, for ``leave()``.
  private let isDrawn = Atomic(false)
  /// Whether a drawing waits for its turn: further ones would only say the same later.
  private let isDrawing = Atomic(false)

  /// A display on a terminal.
  ///
  /// - Parameter patience: how long the end waits for a terminal that takes nothing.
  init(on sink: any TextSink, isColored: Bool, patience: Duration = .seconds(1)) {
    // What is drawn and what is written share one queue, and so their order.
    let queued = sink as? QueuedOutput
    self.sink = queued?.base ?? sink
    queue = queued?.queue ?? OutputQueue(label: "orchestrate.display", patience: patience)
    self.isColored = isColored
  }

  var isTerminal: Bool { sink.isTerminal }
  var size: TerminalSize? { sink.size }

  /// Draws lines in the place of those drawn before, unless an earlier drawing still waits for the terminal.
  ///
  /// - Parameter make: the lines for a terminal on which a line takes at most that many columns.
  func draw(_ make: @escaping @Sendable (_ columns: Int) -> [LiveLine]) {
    guard !isDrawing.exchange(true, ordering: .relaxed) else { return }
    let isOver: @Sendable () -> Void = { [self] in isDrawing.store(false, ordering: .relaxed) }
    queue.add(leftOut: isOver) { [self] in
      isOver()
      change { state in
        guard let size = sink.size else {
          // In the background: what is on the terminal now belongs to somebody else.
          state.lines = []
          return nil
        }
        // The last column stays free: some terminals go on to the next line when it is written.
        let lines = Array(make(max(1, size.columns - 1)).prefix(max(1, size.rows - 1)))
        let text = back(over: state.lines, size) + paint(lines)
        state.lines = lines
        return text
      }
    }
  }

  /// Removes the lines. Returns when that is done, or the terminal does not take it.
  func end() async {
    queue.add { [self] in
      change { state in
        guard !state.lines.isEmpty, let size = sink.size else {
          state.lines = []
          return nil
        }
        defer { state.lines = [] }
        return back(over: state.lines, size) + Self.eraseBelow
      }
    }
    await drained()
  }

  /// Suspends until the terminal shows all that was written so far, or does not take it.
  func drained() async { await queue.drained() }

  /// Writes text above the lines.
  func write(_ text: String) { write(text, .lasting) }

  func writeProgress(_ text: String) { write(text, .progress) }

  private func write(_ text: String, _ importance: OutputQueue.Importance) {
    queue.add(importance) { [self] in
      change { state in
        guard !state.lines.isEmpty, let size = sink.size else {
          state.lines = []
          return text
        }
        let above = text.hasSuffix("\n") ? text : text + "\n"
        return back(over: state.lines, size) + Self.eraseBelow + above + paint(state.lines)
      }
    }
  }

  /// Leaves the lines as they are and the cursor below them, for a process that ends at once: takes no lock, and does not
  /// wait for the terminal.
  func leave() {
    if isDrawn.load(ordering: .relaxed) { sink.writeIfReady("\n") }
  }

  /// Writes what comes of a change. What cannot be written is given up: a lost terminal never stops a run.
  private func change(_ body: (inout State) -> String?) {
    state.withLockedValue { state in
      guard !state.isLost else { return }
      if let text = body(&state) {
        do {
          try sink.write(text)
        } catch {
          state = State(isLost: true)
        }
      }
      isDrawn.store(!state.lines.isEmpty, ordering: .relaxed)
    }
  }

  /// Moves the cursor to the beginning of the first line. A window that became narrower has wrapped the lines.
  private func back(over lines: [LiveLine], _ size: TerminalSize) -> String {
    let columns = max(1, size.columns)
    let rows = lines.reduce(0) { $0 + max(1, ($1.columns + columns - 1) / columns) }
    return "\r" + (rows > 1 ? "\u{1b}[\(rows - 1)A" : "")
  }

  /// Each line is written over the old one and its rest erased: erasing first would flicker.
  private func paint(_ lines: [LiveLine]) -> String {
    lines.map { $0.text(isColored: isColored) + "\u{1b}[K" }.joined(separator: "\n") + Self.eraseBelow
  }

  /// ECMA-48, section 8.3.39 (ED).
  private static let eraseBelow = "\u{1b}[J"
}

import NIOConcurrencyHelpers
import Reporting
import Synchronization

/// A few lines at the bottom of a terminal that are drawn again and again, and text above them that stays.
///
/// Everything that is written to the terminal goes through it. It asks for the terminal's size at each drawing, so a
/// window may be resized at any time. What cannot be written is given up: a lost terminal never stops a run.
final class LiveDisplay: TextSink {
  private struct State {
    /// The lines as they are on the terminal, the cursor behind the last one.
    var lines: [LiveLine] = []
    var isLost = false
  }

  private let sink: any TextSink
  private let isColored: Bool
  private let state = NIOLockedValueBox(State())
  /// Whether lines are drawn; beside the lock, for ``leave()``.
  private let isDrawn = Atomic(false)

  /// A display on a terminal.
  init(on sink: any TextSink, isColored: Bool) {
    self.sink = sink
    self.isColored = isColored
  }

  var isTerminal: Bool { sink.isTerminal }
  var size: TerminalSize? { sink.size }

  /// Draws lines in the place of those drawn before.
  ///
  /// - Parameter make: the lines for a terminal on which a line takes at most that many columns.
  func draw(_ make: (_ columns: Int) -> [LiveLine]) {
    state.withLockedValue { state in
      guard !state.isLost else { return }
      guard let size = sink.size else {
        // In the background: what is on the terminal now belongs to somebody else.
        state.lines = []
        return
      }
      // The last column stays free: some terminals go on to the next line when it is written.
      let lines = Array(make(max(1, size.columns - 1)).prefix(max(1, size.rows - 1)))
      put(back(over: state.lines, size) + paint(lines), &state)
      state.lines = lines
      isDrawn.store(!lines.isEmpty, ordering: .relaxed)
    }
  }

  /// Removes the lines.
  func clear() {
    state.withLockedValue { state in
      guard !state.lines.isEmpty, !state.isLost else { return }
      put(back(over: state.lines, sink.size) + Self.eraseBelow, &state)
      state.lines = []
      isDrawn.store(false, ordering: .relaxed)
    }
  }

  /// Writes text above the lines.
  func write(_ text: String) throws {
    try state.withLockedValue { state in
      guard !state.lines.isEmpty, !state.isLost else { return try sink.write(text) }
      let above = text.hasSuffix("\n") ? text : text + "\n"
      try sink.write(back(over: state.lines, sink.size) + Self.eraseBelow + above + paint(state.lines))
    }
  }

  /// Leaves the lines as they are and the cursor below them, for a process that ends at once: takes no lock.
  func leave() {
    guard isDrawn.load(ordering: .relaxed) else { return }
    do { try sink.write("\n") } catch {}
  }

  private func put(_ text: String, _ state: inout State) {
    do { try sink.write(text) } catch { state.isLost = true }
  }

  /// Moves the cursor to the beginning of the first line. A window that became narrower has wrapped the lines.
  private func back(over lines: [LiveLine], _ size: TerminalSize?) -> String {
    let columns = max(1, size?.columns ?? .max)
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

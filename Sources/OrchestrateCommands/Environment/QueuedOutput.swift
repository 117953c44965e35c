import NIOConcurrencyHelpers

/// Text on its way to a place that may be slow or stuck: whoever writes never waits.
///
/// A reader that is gone, or that does not read, changes nothing for the writer.
final class QueuedOutput: TextSink {
  /// The place itself.
  let base: any TextSink
  /// What writes to it.
  let queue: OutputQueue

  /// Text for a place.
  ///
  /// - Parameters:
  ///   - label: the name of the queue in a debugger.
  ///   - name: what the place is called in the line that says how much was left out.
  init(to base: any TextSink, label: String, name: String, limits: OutputQueue.Limits = .init()) {
    self.base = base
    queue = OutputQueue(label: label, limits: limits, unread: { base.unreadBytes }) { count in
      Self.put("warning: \(name) was read too slowly: \(count) lines were left out here\n", to: base)
    }
  }

  var isTerminal: Bool { base.isTerminal }
  var size: TerminalSize? { base.size }

  func write(_ text: String) { add(text, .lasting) }

  func writeProgress(_ text: String) { add(text, .progress) }

  func writeIfReady(_ text: String) { base.writeIfReady(text) }

  var unreadBytes: Int? { base.unreadBytes }

  /// Suspends until all that was written so far is out, or its reader has read nothing for a second.
  func drained() async { await queue.drained() }

  private func add(_ text: String, _ importance: OutputQueue.Importance) {
    queue.add(importance) { [base, queue] in
      for piece in text.pieces(ofBytes: Self.pieceSize) {
        Self.put(String(piece), to: base)
        queue.step()
      }
    }
  }

  /// Bytes that are written at once: a reader that takes that much in a second is not taken for one that is gone.
  static let pieceSize = 4_096

  /// What cannot be written is dropped: a lost terminal never stops a run.
  private static func put(_ text: String, to base: any TextSink) {
    do { try base.write(text) } catch {}
  }
}

/// The reader of a result reads nothing.
struct OutputStuck: Error {}

extension ProcessContext {
  /// Writes a result, on a thread of its own.
  ///
  /// - Throws: ``OutputStuck`` when its reader has read nothing for a second, ``OutputClosed`` and ``OutputFailed`` as
  ///   ``TextSink/write(_:)`` does.
  func deliver(_ text: String) async throws {
    // What was said before comes first, where both go to one place.
    await diagnostics.drained()
    let queue = OutputQueue(label: "orchestrate.result", unread: { [output] in output.unreadBytes })
    let result = NIOLockedValueBox(Result<Void, any Error>.success(()))
    queue.add { [output] in
      do {
        for piece in text.pieces(ofBytes: QueuedOutput.pieceSize) {
          try output.write(String(piece))
          queue.step()
        }
      } catch {
        result.withLockedValue { $0 = .failure(error) }
      }
    }
    guard await queue.drained() else { throw OutputStuck() }
    try result.withLockedValue { $0 }.get()
  }

  /// Writes a line to standard error and waits until it is there: what is written to standard output next comes after it.
  func tell(_ line: String) async {
    note(line)
    await diagnostics.drained()
  }
}

extension String {
  /// The text in pieces of at most that many bytes of UTF-8, no Unicode scalar divided.
  ///
  /// - Parameter limit: 4 or more.
  func pieces(ofBytes limit: Int) -> [Substring] {
    var pieces: [Substring] = []
    var start = startIndex
    while start < endIndex {
      var end = utf8.index(start, offsetBy: limit, limitedBy: endIndex) ?? endIndex
      while end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
      pieces.append(self[start..<end])
      start = end
    }
    return pieces
  }
}

import Dispatch
import NIOConcurrencyHelpers
import Testing

@testable import OrchestrateCommands

@Suite("Output that may be stuck", .timeLimit(.minutes(10)))
struct OutputQueueTests {
  /// A place that takes nothing until it is let go, and then all.
  private final class StuckPlace: TextSink {
    let isTerminal = false
    private let gate = DispatchSemaphore(value: 0)
    private let begun = DispatchSemaphore(value: 0)
    private let texts = NIOLockedValueBox<[String]>([])

    var written: [String] { texts.withLockedValue { $0 } }

    func write(_ text: String) throws {
      begun.signal()
      gate.wait()
      gate.signal()
      texts.withLockedValue { $0.append(text) }
    }

    func letGo() { gate.signal() }

    /// Waits, off the task pool, until a write has begun.
    func waitForWrite() async {
      await withCheckedContinuation { continuation in
        DispatchQueue.global().async { [begun] in
          begun.wait()
          continuation.resume()
        }
      }
    }
  }

  @Test("the oldest progress is left out, lasting lines are not, and the order stays")
  func bounded() async {
    let place = StuckPlace()
    let output = QueuedOutput(
      to: place, label: "test", name: "standard error", limits: .init(progress: 3, lasting: 10))
    output.write("first\n")
    await place.waitForWrite()
    for number in 1...6 {
      output.writeProgress("progress \(number)\n")
      if number.isMultiple(of: 2) { output.write("error \(number)\n") }
    }
    place.letGo()
    await output.drained()
    #expect(
      place.written == [
        "first\n", "warning: standard error was read too slowly: 3 lines were dropped here\n", "error 2\n",
        "progress 4\n", "error 4\n", "progress 5\n", "progress 6\n", "error 6\n",
      ])
  }

  @Test("even lasting lines are bounded")
  func boundedLasting() async {
    let place = StuckPlace()
    let output = QueuedOutput(
      to: place, label: "test", name: "standard error", limits: .init(progress: 1, lasting: 2))
    output.write("first\n")
    await place.waitForWrite()
    for number in 1...5 { output.write("line \(number)\n") }
    place.letGo()
    await output.drained()
    #expect(place.written.count == 4)
    #expect(place.written.suffix(2) == ["line 4\n", "line 5\n"])
  }

  @Test("an end does not wait for a place that takes nothing, and not twice")
  func stuck() async {
    let gate = DispatchSemaphore(value: 0)
    let queue = OutputQueue(label: "test", patience: .milliseconds(20))
    queue.add { gate.wait() }
    #expect(await !queue.drained())
    #expect(await !queue.drained())
    queue.add {}
    gate.signal()
    // What waits is done as soon as the place takes something again.
    let isDone = await withCheckedContinuation { continuation in
      queue.add { continuation.resume(returning: true) }
    }
    #expect(isDone)
  }

  @Test("a reader that takes a few bytes at a time is waited for, though no write ends meanwhile")
  func slowReader() async {
    let gate = DispatchSemaphore(value: 0)
    let unread = NIOLockedValueBox(100)
    let queue = OutputQueue(
      label: "test", patience: .milliseconds(5),
      unread: {
        let left = unread.withLockedValue { left in
          left -= 1
          return left
        }
        if left == 0 { gate.signal() }
        return left
      })
    queue.add { gate.wait() }
    #expect(await queue.drained())
  }

  @Test("a place that takes a little at a time is waited for to the end")
  func slow() async {
    let queue = OutputQueue(label: "test", patience: .seconds(30))
    let count = NIOLockedValueBox(0)
    for _ in 0..<50 {
      queue.add {
        queue.step()
        count.withLockedValue { $0 += 1 }
      }
    }
    #expect(await queue.drained())
    #expect(count.withLockedValue { $0 } == 50)
  }

  @Test("text is divided between characters, and nothing is lost", arguments: ["", "a", "äöü", "e\u{301}😀x"])
  func pieces(unit: String) {
    let text = String(repeating: unit, count: 1_000)
    let pieces = text.pieces(ofBytes: 7)
    #expect(pieces.joined() == text)
    #expect(pieces.allSatisfy { $0.utf8.count <= 7 && !$0.isEmpty })
  }
}

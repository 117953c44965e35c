import BatchDomain
import Reporting

/// Shows how far the reading of a manifest is. Told once for each batch, so that it costs nothing per item.
final class PlanningProgress {
  private let console: RunConsole
  private let text: PlanningText
  private let totalBytes: Int?
  private let startedAt: Duration
  private var lastShown: Duration

  /// Progress of a reading that begins now.
  ///
  /// - Parameters:
  ///   - manifest: its name as given.
  ///   - totalBytes: size of the file, before decompression; `nil` where it has none.
  init(_ console: RunConsole, manifest: String, totalBytes: Int?) {
    self.console = console
    self.totalBytes = totalBytes
    text = PlanningText(manifest: manifest)
    startedAt = console.context.clock.elapsed()
    lastShown = startedAt
  }

  /// Takes notice of how far the reading is.
  ///
  /// - Parameters:
  ///   - bytes: bytes of the file read so far, before decompression.
  ///   - items: distinct items so far.
  func read(bytes: Int, items: Int) {
    let now = console.context.clock.elapsed()
    let standing = PlanningText.Standing(
      bytes: bytes, totalBytes: totalBytes, items: items, elapsed: now - startedAt)
    switch console.progress {
    case .none: break
    case .lines:
      guard now - lastShown >= RunProgress.interval else { return }
      lastShown = now
      console.context.noteProgress(text.line(standing))
    case .live(let display):
      guard now - startedAt >= RunProgress.firstDrawing, now - lastShown >= RunProgress.drawing else {
        return
      }
      lastShown = now
      display.draw { [text] in [text.live(standing, columns: $0)] }
    }
  }

  /// Reads, and leaves a clean terminal when that is over, well or not.
  func during<Value>(_ work: () async throws -> Value) async throws -> Value {
    let result: Result<Value, any Error>
    do {
      result = .success(try await work())
    } catch {
      result = .failure(error)
    }
    if case .live(let display) = console.progress { await display.end() }
    return try result.get()
  }
}

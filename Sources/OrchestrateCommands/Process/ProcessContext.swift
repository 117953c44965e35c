import AssetsService
package import BatchDomain
import Foundation
import NIOConcurrencyHelpers
import Reporting
import ServiceHTTP
import TransfersService

/// What a command has of the world: environment, output, time and chance. Injected, so that commands can be
/// run inside a test.
package struct ProcessContext: Sendable {
  /// Environment variables.
  package var environment: [String: String]
  /// Where results go.
  package var output: any TextSink
  /// Where progress and diagnostics go.
  package var diagnostics: any TextSink
  /// Where time comes from.
  package var clock: any BatchClock
  /// Where randomness comes from.
  package var random: any RandomSource
  /// Local time, for moments shown to a person.
  package var zone: LocalZone
  /// How long the end waits for a reader that takes nothing.
  package var patience: Duration
  /// What stores and requests pass on their way out of the process.
  var passage = Passage()
  /// Stores that are to be closed when the command ends.
  let opened = OpenedStores()
  /// Whether the process is this program's alone, and may be ended by a watchdog; not inside a test.
  var ownsProcess = false

  /// A context in its parts.
  package init(
    environment: [String: String], output: any TextSink, diagnostics: any TextSink, clock: any BatchClock,
    random: any RandomSource, zone: LocalZone, patience: Duration = .seconds(1)
  ) {
    self.environment = environment
    self.output = output
    self.diagnostics = diagnostics
    self.clock = clock
    self.random = random
    self.zone = zone
    self.patience = patience
  }

  /// The same with another clock, where there is one: that of a store.
  func on(_ clock: (any BatchClock)?) -> ProcessContext {
    var context = self
    context.clock = clock ?? context.clock
    return context
  }
}

/// Stores whose use by this process others see: they are told when it ends.
final class OpenedStores: Sendable {
  private let closings = NIOLockedValueBox<[@Sendable () async throws -> Void]>([])

  /// Has a store closed at the end.
  func add(_ close: @escaping @Sendable () async throws -> Void) {
    closings.withLockedValue { $0.append(close) }
  }

  /// Closes all of them.
  func closeAll() async {
    let closings = closings.withLockedValue { closings in
      defer { closings = [] }
      return closings
    }
    for close in closings {
      // Where that cannot be told, others see it by this process's silence.
      do { try await close() } catch {}
    }
  }
}

/// Takes text.
package protocol TextSink: Sendable {
  /// Whether it is a terminal.
  var isTerminal: Bool { get }

  /// How large that terminal is now; `nil` when it is none, or when this process has no business drawing on it,
  /// being in the background.
  var size: TerminalSize? { get }

  /// Writes text whole.
  ///
  /// - Throws: ``OutputClosed`` when nobody reads it any more, ``OutputFailed`` when it cannot be written.
  func write(_ text: String) throws

  /// Writes a line that only says how far something is: it may be left out when its reader is slow.
  func writeProgress(_ text: String)

  /// Writes text if that can be done without waiting, for a process that ends at once.
  func writeIfReady(_ text: String)

  /// Bytes that are written and that the reader has not taken yet; `nil` where the system does not tell.
  var unreadBytes: Int? { get }

  /// Suspends until all that was written so far is out, where that takes time; not for longer than a second in which
  /// nothing of it is taken.
  func drained() async
}

extension TextSink {
  /// Writes text, whatever becomes of it: most places never make anybody wait.
  package func writeIfReady(_ text: String) {
    do { try write(text) } catch {}
  }

  /// Writes the line, whatever becomes of it.
  package func writeProgress(_ text: String) {
    do { try write(text) } catch {}
  }

  /// Not told: most places have no reader of their own.
  package var unreadBytes: Int? { nil }

  /// Returns at once: most places have taken what was written.
  package func drained() async {}

  /// No size: most places are no terminals.
  package var size: TerminalSize? { nil }
}

/// The output cannot be written, for example to a full disk.
package struct OutputFailed: Error {
  /// Why, as a clause, mostly in the system's words.
  package let reason: String
  /// Whether the program was started without that output, so that nobody can expect anything there.
  package let isClosed: Bool

  /// A failure for that reason.
  package init(reason: String, isClosed: Bool = false) {
    self.reason = reason
    self.isClosed = isClosed
  }
}

extension ProcessContext {
  /// Writes a result that the exit status tells, too: where nobody can read it, the status is kept.
  ///
  /// - Throws: ``OutputFailed`` when it cannot be written for another reason, such as a full disk.
  func writeResult(_ text: String) throws {
    do {
      try output.write(text)
    } catch is OutputClosed {
      // The reader went away, and did not want more.
    } catch let failure as OutputFailed where failure.isClosed {
      note("warning: \(failure.reason): the result is not shown")
    }
  }
}

/// The reader of the output is gone, as after `| head`.
package struct OutputClosed: Error {
  /// A mark without content.
  package init() {}
}

extension ProcessContext {
  /// The context of this process.
  static func current() -> ProcessContext {
    var context = ProcessContext(
      environment: ProcessInfo.processInfo.environment, output: StandardStream.output,
      diagnostics: QueuedOutput(
        to: StandardStream.diagnostics, label: "orchestrate.diagnostics", name: "standard error"),
      clock: SystemClock(), random: SystemRandom(),
      zone: .ofMachine)
    context.ownsProcess = true
    return context
  }

  /// Writes a line to standard error. Whether anybody reads it changes nothing: a lost terminal never stops a
  /// run.
  func note(_ line: String) {
    do { try diagnostics.write(line + "\n") } catch {}
  }

  /// Writes a line to standard error that only says how far something is.
  func noteProgress(_ line: String) { diagnostics.writeProgress(line + "\n") }
}

extension ProcessContext {
  /// The way to the service at an address, as the environment describes it.
  ///
  /// - Throws: ``ServiceHTTPError`` when a proxy or a file of certificates cannot be used.
  func route(to baseURL: String) throws(ServiceHTTPError) -> ServiceRoute {
    try ServiceRoute(to: baseURL, environment: environment)
  }
}

/// The machine's clocks.
struct SystemClock: BatchClock {
  private let start = ContinuousClock.now

  func now() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(milliseconds: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
  }

  func elapsed() -> Duration { ContinuousClock.now - start }

  func sleep(for duration: Duration) async throws {
    try await Task.sleep(for: max(duration, Duration.zero), clock: .continuous)
  }
}

/// The machine's randomness.
struct SystemRandom: RandomSource {
  func next() -> UInt64 { UInt64.random(in: .min ... .max) }
}

/// What the stores and the requests of a command pass on their way out of the process. The program lets all of them
/// through; a test that decides the order and the time of everything stands here, and nowhere further inside.
struct Passage: Sendable {
  /// Opens the store of a path in place of the program; `nil` leaves it to the program.
  var store: (@Sendable (_ path: String, _ clock: any BatchClock) async throws -> any BatchStore)?
  /// Is given what listens to signals, and may ask in their place.
  var signals: @Sendable (StopSignals) -> Void = { _ in }
  /// What the requests of the profiles v1 to v1.2 pass.
  var transfers: @Sendable (any TransfersAPI) -> any TransfersAPI = { $0 }
  /// What the requests of profile v1.3 pass.
  var assets: @Sendable (any AssetsAPI) -> any AssetsAPI = { $0 }
  /// What questions for the address of an object pass.
  var urls: @Sendable (any ObjectURLSource) -> any ObjectURLSource = { $0 }
  /// What a service passes that was opened, with the executor of its tasks and its look before the first request.
  var opened: @Sendable (OpenService) -> OpenService = { $0 }
}

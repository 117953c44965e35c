import Foundation
import Synchronization

/// The simulator's source of time, so that tests can drive it.
package protocol SimulatorClock: Sendable {
  /// Milliseconds since 1970, UTC.
  var now: Int64 { get }

  /// Suspends for `duration`; throws `CancellationError` when the task is cancelled meanwhile.
  func sleep(for duration: Duration) async throws
}

/// The clock of the machine.
package struct SystemSimulatorClock: SimulatorClock {
  /// Creates the clock.
  package init() {}

  /// Milliseconds since 1970, UTC.
  package var now: Int64 { Int64((Date().timeIntervalSince1970 * 1000).rounded(.down)) }

  /// Suspends for `duration` of real time.
  package func sleep(for duration: Duration) async throws {
    try await Task.sleep(for: duration)
  }
}

/// A clock that moves only when told.
package final class ManualSimulatorClock: SimulatorClock {
  private struct Sleeper {
    let wakesAt: Duration
    let continuation: CheckedContinuation<Void, any Error>
  }

  private struct State {
    var elapsed = Duration.zero
    var nextID = 0
    var sleepers: [Int: Sleeper] = [:]
    var watchers: [Int: (count: Int, continuation: CheckedContinuation<Void, any Error>)] = [:]
  }

  private let start: Int64
  private let state = Mutex(State())

  /// Creates a clock that stands at `now`, in milliseconds since 1970.
  package init(now: Int64 = 1_700_000_000_000) {
    self.start = now
  }

  /// Milliseconds since 1970, UTC.
  package var now: Int64 { start + state.withLock { $0.elapsed.wholeMilliseconds } }

  /// Suspends until the clock was moved by `duration`.
  package func sleep(for duration: Duration) async throws {
    try await suspend { state, id, continuation in
      let wakesAt = state.elapsed + duration
      guard wakesAt > state.elapsed else { return [continuation] }
      state.sleepers[id] = Sleeper(wakesAt: wakesAt, continuation: continuation)
      let met = state.watchers.filter { $0.value.count <= state.sleepers.count }
      for key in met.keys { state.watchers[key] = nil }
      return met.values.map(\.continuation)
    }
  }

  /// Suspends until at least `count` sleepers wait at the same time.
  package func waitForSleepers(_ count: Int) async throws {
    try await suspend { state, id, continuation in
      guard state.sleepers.count < count else { return [continuation] }
      state.watchers[id] = (count, continuation)
      return []
    }
  }

  /// Moves the clock and wakes who is due, earliest first.
  package func advance(by duration: Duration) {
    let due = state.withLock { state in
      state.elapsed += duration
      let due = state.sleepers.filter { $0.value.wakesAt <= state.elapsed }
      for key in due.keys { state.sleepers[key] = nil }
      return due.values.sorted { $0.wakesAt < $1.wakesAt }.map(\.continuation)
    }
    for continuation in due { continuation.resume() }
  }

  /// Registers a continuation by `register`, which returns those to be resumed at once.
  private func suspend(
    _ register:
      (inout State, Int, CheckedContinuation<Void, any Error>) -> [CheckedContinuation<
        Void, any Error
      >]
  ) async throws {
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let resumed = state.withLock { state in
          // Cancellation that came first found nothing to remove; it is seen here, under the same lock.
          Task.isCancelled ? nil : register(&state, id, continuation)
        }
        guard let resumed else { return continuation.resume(throwing: CancellationError()) }
        for one in resumed { one.resume() }
      }
    } onCancel: {
      let removed = state.withLock { state in
        state.sleepers.removeValue(forKey: id)?.continuation
          ?? state.watchers.removeValue(forKey: id)?.continuation
      }
      removed?.resume(throwing: CancellationError())
    }
  }
}

/// Times as the service writes them. Milliseconds since 1970 come in, text goes out.
enum TimeText {
  private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// The fixed form of HTTP dates (RFC 9110, section 5.6.7), for example `Sun, 06 Nov 1994 08:49:37 GMT`.
  static func http(_ milliseconds: Int64) -> String {
    let part = Parts(milliseconds)
    let clock = "\(two(part.hour)):\(two(part.minute)):\(two(part.second))"
    return "\(days[part.weekday]), \(two(part.day)) \(months[part.month - 1]) \(part.year) \(clock) GMT"
  }

  /// RFC 3339 in UTC; up to three fraction digits, zeros at the end dropped, as the service does.
  static func rfc3339(_ milliseconds: Int64) -> String {
    "\(stem(milliseconds))\(shortFraction(milliseconds))Z"
  }

  /// One of several spellings seen in the service's samples, chosen by `variant`.
  static func varied(_ milliseconds: Int64, variant: UInt64) -> String {
    switch variant % 5 {
    case 0: rfc3339(milliseconds)
    case 1: stem(milliseconds) + "Z"
    case 2: "\(stem(milliseconds)).\(three(milliseconds))000Z"
    case 3: "\(stem(milliseconds + 9 * 3_600_000)).\(three(milliseconds))000+09:00"
    default: stem(milliseconds) + shortFraction(milliseconds)
    }
  }

  /// Milliseconds since 1970 of an RFC 3339 time; nil when it is none.
  static func milliseconds(rfc3339 text: String) -> Int64? {
    let style = Date.ISO8601FormatStyle(includingFractionalSeconds: text.contains("."))
    guard let date = try? style.parse(text) else { return nil }
    return Int64((date.timeIntervalSince1970 * 1000).rounded())
  }

  /// `yyyymmddThhmmssZ`, as signatures have it.
  static func compact(_ milliseconds: Int64) -> String {
    stem(milliseconds).replacing("-", with: "").replacing(":", with: "") + "Z"
  }

  /// Milliseconds since 1970 of `yyyymmddThhmmssZ`; nil when it is something else.
  static func milliseconds(compact text: String) -> Int64? {
    let digits = Array(text)
    guard digits.count == 16, digits[8] == "T", digits[15] == "Z" else { return nil }
    func part(_ range: Range<Int>) -> String { String(digits[range]) }
    let date = "\(part(0..<4))-\(part(4..<6))-\(part(6..<8))"
    return milliseconds(rfc3339: "\(date)T\(part(9..<11)):\(part(11..<13)):\(part(13..<15))Z")
  }

  private static func stem(_ milliseconds: Int64) -> String {
    let part = Parts(milliseconds)
    return "\(part.year)-\(two(part.month))-\(two(part.day))"
      + "T\(two(part.hour)):\(two(part.minute)):\(two(part.second))"
  }

  private static func shortFraction(_ milliseconds: Int64) -> String {
    var digits = Substring(three(milliseconds))
    while digits.last == "0" { digits.removeLast() }
    return digits.isEmpty ? "" : "." + digits
  }

  private static func three(_ milliseconds: Int64) -> String {
    let rest = Int(milliseconds - Parts.floorDivide(milliseconds, 1000) * 1000)
    return rest < 10 ? "00\(rest)" : rest < 100 ? "0\(rest)" : "\(rest)"
  }

  private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

  /// A civil date, by the days-to-civil formula with eras of 400 years (146,097 days).
  private struct Parts {
    var year: Int
    var month: Int
    var day: Int
    var hour: Int
    var minute: Int
    var second: Int
    var weekday: Int

    init(_ milliseconds: Int64) {
      let seconds = Parts.floorDivide(milliseconds, 1000)
      let dayNumber = Parts.floorDivide(seconds, 86400)
      let inDay = Int(seconds - dayNumber * 86400)
      let shifted = Int(dayNumber) + 719_468
      let era = Int(Parts.floorDivide(Int64(shifted), 146_097))
      let dayOfEra = shifted - era * 146_097
      let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
      let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
      let shiftedMonth = (5 * dayOfYear + 2) / 153
      day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
      month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
      year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
      hour = inDay / 3600
      minute = inDay % 3600 / 60
      second = inDay % 60
      // 1970-01-01 was a Thursday.
      weekday = ((Int(dayNumber) + 4) % 7 + 7) % 7
    }

    static func floorDivide(_ number: Int64, _ divisor: Int64) -> Int64 {
      let quotient = number / divisor
      return number % divisor < 0 ? quotient - 1 : quotient
    }
  }
}

extension Duration {
  /// The duration in milliseconds, rounded down.
  package var wholeMilliseconds: Int64 {
    components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
  }

  /// The duration in whole seconds, rounded up, as waits are announced.
  var secondsRoundedUp: Int64 {
    components.seconds + (components.attoseconds > 0 ? 1 : 0)
  }

  /// Reads `500ms`, `30s`, `2h`, `1h30m`, `1d`; nil when the text is anything else.
  package init?(text: String) {
    var total = Duration.zero
    var rest = Substring(text)
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      guard let count = Int64(digits), count <= 1_000_000_000 else { return nil }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(unit.count)
      switch unit {
      case "ms": total += .milliseconds(count)
      case "s": total += .seconds(count)
      case "m", "min": total += .seconds(count * 60)
      case "h": total += .seconds(count * 3600)
      case "d": total += .seconds(count * 86400)
      default: return nil
      }
    }
    self = total
  }
}

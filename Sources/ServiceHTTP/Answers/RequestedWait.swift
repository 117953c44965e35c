package import BatchDomain

/// What the headers of an answer say about when to come back.
///
/// Order: `Retry-After` (RFC 9110 section 10.2.3), else the latest `-Reset` of a limit whose `-Remaining` is 0, else, where
/// the service refuses the request, the earliest `-Reset`: with nothing used up the next try is not long in vain. Moments
/// are held against the answer's own `Date` where it has one, so that a wrong clock on either side cancels out.
///
/// A number is read for what it can only mean, in either header: a number of seconds up to ``longest``, a moment in
/// seconds since 1970 from 10^9 on, a moment in milliseconds with 13 digits. A longer wait than ``longest`` is
/// somebody's mistake, and says nothing.
package struct RequestedWait: Sendable, Equatable {
  /// A limit of the service, by what its headers begin with: `-Remaining` and `-Reset` follow.
  package enum Limit: String, Sendable, CaseIterable {
    /// All requests: documented for v1.2.
    case all = "x-ratelimit"
    /// Requests of one budget: clients of v1.3 read it.
    case requests = "x-ratelimit-request"
    /// Minutes of media that are indexed: clients of v1.3 read it.
    case media = "x-ratelimit-duration"

    fileprivate var reset: String { rawValue + "-reset" }
    fileprivate var remaining: String { rawValue + "-remaining" }
  }

  /// How long to wait from the answer on, zero to ``longest``; `nil` when the answer does not say.
  package var wait: Duration?
  /// Whether a limit is said to be used up: its `-Remaining` is 0, and its `-Reset` is not over.
  package var quotaUsedUp: Bool

  /// The longest wait that is believed: 30 days.
  package static let longest: Duration = .seconds(30 * 86_400)

  private struct Reading {
    /// How far ahead the reset is; `nil` where that is not known.
    var reset: Duration?
    /// Whether nothing remains, and the reset is not over.
    var isUsedUp: Bool
  }

  /// Reads the headers.
  ///
  /// - Parameters:
  ///   - headers: headers of the answer.
  ///   - status: its status; a reset counts only for 429 and 503, or when its limit is used up.
  ///   - now: when the answer came by this machine's clock; used when it has no readable `Date`.
  ///   - limits: the limits that matter: what was sent uses them up.
  package init(_ headers: AnswerHeaders, status: Int, now: Timestamp, limits: [Limit] = [.all]) {
    guard headers.contains(anyOf: ["retry-after"] + limits.flatMap { [$0.reset, $0.remaining] }) else {
      (wait, quotaUsedUp) = (nil, false)
      return
    }
    let reference = headers["date"].lazy.compactMap { HTTPDate.parse($0, now: now) }.first ?? now
    let retryAfter = headers["retry-after"].compactMap { Self.retryAfter($0, reference: reference) }.max()
    let readings = limits.map { limit in
      let reset = headers[limit.reset].compactMap { Self.reset($0, reference: reference) }.max()
      let isEmpty = headers[limit.remaining].contains { Self.seconds($0).map { $0 <= 0 } ?? false }
      let isOver = reset == nil && !headers[limit.reset].isEmpty
      return Reading(reset: reset, isUsedUp: isEmpty && !isOver)
    }
    quotaUsedUp = readings.contains(where: \.isUsedUp)
    let usedUp = readings.compactMap { $0.isUsedUp ? $0.reset : nil }.max()
    let isRefused = status == 429 || status == 503
    wait = retryAfter ?? usedUp ?? (isRefused ? readings.compactMap(\.reset).min() : nil)
  }

  /// A number, or a date. A negative number says nothing; a moment that is past asks for no wait.
  private static func retryAfter(_ text: String, reference: Timestamp) -> Duration? {
    if let number = seconds(text) { return ahead(number, reference: reference) }
    return HTTPDate.parse(text, now: reference).flatMap { believed($0.since(reference).inSeconds) }
  }

  /// A number. A moment that is not ahead says nothing: the window it closed is over.
  private static func reset(_ text: String, reference: Timestamp) -> Duration? {
    guard let number = seconds(text), let wait = ahead(number, reference: reference) else { return nil }
    return wait > .zero ? wait : nil
  }

  private static let leastMoment = 1e9
  private static let milliseconds = 1e12..<1e13

  /// How far ahead the moment is that a number names.
  private static func ahead(_ number: Double, reference: Timestamp) -> Duration? {
    let now = Double(reference.milliseconds) / 1_000
    if milliseconds.contains(number) { return believed(number / 1_000 - now) }
    if number > leastMoment { return believed(number - now) }
    return number < 0 ? nil : believed(number)
  }

  /// That many seconds; none where they are over, `nil` where nobody can mean them.
  private static func believed(_ seconds: Double) -> Duration? {
    guard seconds <= longest.inSeconds else { return nil }
    return .milliseconds(Int64((max(0, seconds) * 1_000).rounded(.up)))
  }

  /// A decimal number with an optional sign and fraction, of any size; no exponent, no `inf`.
  private static func seconds(_ text: String) -> Double? {
    var bytes = Array(text.utf8)[...]
    while let first = bytes.first, first == 0x20 || first == 0x09 { bytes.removeFirst() }
    while let last = bytes.last, last == 0x20 || last == 0x09 { bytes.removeLast() }
    let number = String(decoding: bytes, as: UTF8.self)
    if bytes.first == 0x2B || bytes.first == 0x2D { bytes.removeFirst() }
    let parts = bytes.split(separator: 0x2E, omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count),
      parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy { (0x30...0x39).contains($0) } })
    else { return nil }
    return Double(number)
  }
}

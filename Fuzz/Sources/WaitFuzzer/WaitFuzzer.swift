import BatchDomain
import Oracles
import ServiceHTTP

private let now = Timestamp(milliseconds: 1_795_447_345_000)
/// Thirty days, the documented limit, in milliseconds.
private let longest = 30 * 86_400_000

/// The milliseconds from a moment that a number in `Retry-After` names, as the documented table has it: seconds from
/// now, or a moment in seconds or milliseconds since 1970; `nil` for what is no number, and an inner `nil` for one that
/// nobody can mean.
private func delay(_ text: String, after reference: Int) -> Int?? {
  guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return .none }
  let digits = text.drop { $0 == "0" }
  // More digits than any number that means something has.
  guard digits.count <= 13 else { return .some(nil) }
  let number = Int(digits) ?? 0
  if digits.count == 13 { return .some(believed(number - reference)) }
  return .some(believed(number > 1_000_000_000 ? number * 1_000 - reference : number * 1_000))
}

private func believed(_ milliseconds: Int) -> Int? { milliseconds > longest ? nil : max(0, milliseconds) }

/// The seconds since 1970 that an IMF-fixdate (RFC 9110, section 5.6.7) names, counted day by day.
private func fixedDate(_ text: String) -> Int? {
  let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
  let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
  let parts = text.split(separator: " ", omittingEmptySubsequences: false)
  guard parts.count == 6, days.contains(where: { parts[0] == $0 + "," }), parts[5] == "GMT",
    let day = number(parts[1], digits: 2), let month = months.firstIndex(where: { parts[2] == $0 }),
    let year = number(parts[3], digits: 4), year >= 1970
  else { return nil }
  let clock = parts[4].split(separator: ":", omittingEmptySubsequences: false)
  guard clock.count == 3, let hour = number(clock[0], digits: 2), hour < 24,
    let minute = number(clock[1], digits: 2), minute < 60, let second = number(clock[2], digits: 2),
    second < 60
  else { return nil }
  func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
  func length(_ month: Int) -> Int {
    [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month]
  }
  guard (1...length(month)).contains(day) else { return nil }
  let before =
    (1970..<year).reduce(0) { $0 + (isLeap($1) ? 366 : 365) } + (0..<month).reduce(0) { $0 + length($1) }
  return ((before + day - 1) * 24 + hour) * 3_600 + minute * 60 + second
}

private func number(_ text: Substring, digits: Int) -> Int? {
  text.utf8.count == digits && text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
}

/// Reads the wait that an answer's headers ask for.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzWait(_ data: UnsafePointer<UInt8>, _ size: Int) -> Int32 {
  let input = AnswerText(Array(UnsafeBufferPointer(start: data, count: size)))
  var headers = AnswerHeaders()
  for (name, value) in input.headers { headers.add(name, value) }
  let requested = RequestedWait(headers, status: input.status, now: now)
  if let wait = requested.wait {
    expect((.zero...RequestedWait.longest).contains(wait), "a wait of \(wait)")
  }
  expect(RequestedWait.longest == .milliseconds(longest), "the limit has changed")
  for (_, value) in input.headers {
    for moment in [HTTPDate.parse(value, now: now), LenientTimestamp.parse(value)].compactMap(\.self) {
      expect(moment.description.utf8.count == 24, "a moment far off: \(moment)")
    }
    if let seconds = fixedDate(value) {
      expect(
        HTTPDate.parse(value, now: now) == Timestamp(milliseconds: Int64(seconds) * 1_000),
        "\(value) is misread")
    }
  }
  guard input.values("retry-after").count == 1, let value = input.values("retry-after").first else {
    return 0
  }
  let dates = input.values("date")
  guard dates.isEmpty || (dates.count == 1 && fixedDate(dates[0]) != nil) else { return 0 }
  let reference = dates.first.flatMap(fixedDate).map { $0 * 1_000 } ?? Int(now.milliseconds)
  guard
    let expected = delay(value, after: reference)
      ?? fixedDate(value).map({ believed($0 * 1_000 - reference) })
  else { return 0 }
  // Without a wait to believe the other header counts.
  guard expected != nil || input.values("x-ratelimit-reset").isEmpty else { return 0 }
  expect(
    requested.wait == expected.map { .milliseconds($0) }, "\(value) is a wait of \(requested.wait as Any)")
  return 0
}

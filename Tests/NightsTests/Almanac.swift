import BatchDomain
import Foundation

/// When the nights of a zone begin and end: by Foundation's zones alone, and without a line of the product.
struct Almanac: Sendable {
  /// A time in which requests may be sent.
  struct Night: Sendable, Equatable {
    let opens: Timestamp
    let closes: Timestamp

    func contains(_ moment: Timestamp) -> Bool { opens <= moment && moment < closes }
  }

  let zone: TimeZone
  /// Midnight of the first day, as if its clocks showed UTC.
  private let first: Int
  /// Minutes since midnight.
  let opens: Int
  let closes: Int

  /// The almanac of a zone, from a day on.
  ///
  /// - Parameter day: `2027-03-25`.
  init(zone: String, day: String, opens: Int, closes: Int) throws {
    guard let zone = TimeZone(identifier: zone) else { throw NoSuchZone() }
    self.zone = zone
    first = Int(try Date.ISO8601FormatStyle().year().month().day().parse(day).timeIntervalSince1970)
    self.opens = opens
    self.closes = closes
  }

  private struct NoSuchZone: Error {}

  /// The moments at which clocks show a time on a day, in order: two where they show it twice, none where they leave it out.
  func moments(day: Int, _ minutes: Int) -> [Timestamp] {
    let shown = first + day * 86_400 + minutes * 60
    // Clocks are changed once in two days at most.
    let offsets = Set([-86_400, 86_400].map { offset(at: shown + $0) })
    return offsets.map { shown - $0 }.filter { $0 + offset(at: $0) == shown }.sorted()
      .map { Timestamp(milliseconds: Int64($0) * 1_000) }
  }

  private func offset(at seconds: Int) -> Int {
    zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds)))
  }

  /// The night of a day: it opens when clocks show its beginning first, and closes when they show its end last.
  func night(_ day: Int) -> Night? {
    guard let opening = moments(day: day, opens).first, let closing = moments(day: day, closes).last else {
      return nil
    }
    return Night(opens: opening, closes: closing)
  }

  /// The night that a moment is part of, else the next one, of which at least so much is left.
  func night(at moment: Timestamp, lasting least: Duration) -> Night? {
    (-2...20).lazy.compactMap { night($0) }.first {
      $0.closes > moment && $0.closes.since(max($0.opens, moment)) >= least
    }
  }
}

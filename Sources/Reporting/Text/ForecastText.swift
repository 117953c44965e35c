package import BatchDomain

/// A forecast in words.
package struct ForecastText: Sendable {
  private let zone: LocalZone
  private let hasWindows: Bool

  /// - Parameters:
  ///   - zone: the time zone times are shown in.
  ///   - hasWindows: whether the run has sending windows: else days are counted.
  package init(zone: LocalZone, hasWindows: Bool) {
    self.zone = zone
    self.hasWindows = hasWindows
  }

  /// `3,500 requests, from 22:00 on, the last at about 2026-12-01 22:00; 1000/day holds them back: 4 nights`.
  package func sentence(_ forecast: Forecast, now: Timestamp) -> String {
    var text = HumanNumber.text(forecast.requests, "request")
    guard forecast.requests > 0 else { return text }
    if forecast.startsAt > now { text += ", from \(zone.text(forecast.startsAt, from: now)) on" }
    if let end = forecast.endsAt, end > forecast.startsAt {
      text += ", the last at about \(zone.text(end, from: now))"
    }
    switch forecast.binding {
    case .limit(let limit): text += "; the limit \(limit) holds them back"
    case .window: text += "; the sending windows hold them back"
    case nil: break
    }
    if forecast.nights > 1 { text += ": \(nights(forecast.nights))" }
    return text
  }

  /// `1000/day: 4 nights`, for a line with little room; `nil` where nothing holds the run back for longer than a night.
  package func brief(_ forecast: Forecast) -> String? {
    guard let binding = forecast.binding, forecast.nights > 1 else { return nil }
    return "\(binding): \(nights(forecast.nights))"
  }

  private func nights(_ count: Int) -> String { HumanNumber.text(count, hasWindows ? "night" : "day") }
}

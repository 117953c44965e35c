import BatchDomain

/// Lengths of time as people read them.
package enum HumanDuration {
  /// With its two greatest units, for example `1h 30m`, `2m 5s`, `2.4s` or `350ms`.
  package static func text(_ duration: Duration) -> String {
    let milliseconds = max(0, duration.millisecondsRoundedUp)
    if milliseconds < 1_000 { return "\(milliseconds)ms" }
    if milliseconds < 59_950 {
      let tenths = (milliseconds + 50) / 100
      return tenths % 10 == 0 ? "\(tenths / 10)s" : "\(tenths / 10).\(tenths % 10)s"
    }
    let seconds = (milliseconds + 500) / 1_000
    if seconds < 3_600 { return pair(seconds / 60, "m", seconds % 60, "s") }
    let minutes = (seconds + 30) / 60
    if minutes < 1_440 { return pair(minutes / 60, "h", minutes % 60, "m") }
    let hours = (minutes + 30) / 60
    return pair(hours / 24, "d", hours % 24, "h")
  }

  /// With one unit where that is close enough, for what is only estimated, for example `45s`, `12m`, `5h`,
  /// `1h 30m`, `3d`.
  package static func rough(_ duration: Duration) -> String {
    let seconds = max(1, (max(0, duration.millisecondsRoundedUp) + 999) / 1_000)
    if seconds < 90 { return "\(seconds)s" }
    let minutes = (seconds + 30) / 60
    if minutes < 60 { return "\(minutes)m" }
    if minutes < 600 { return pair(minutes / 60, "h", (minutes % 60) / 10 * 10, "m") }
    let hours = (minutes + 30) / 60
    if hours < 48 { return "\(hours)h" }
    return pair(hours / 24, "d", hours % 24, "h")
  }

  /// The same with the unit set off and the greater one only, for sentences: `45 s`, `12 min`, `5 h`, `3 days`.
  package static func spoken(_ duration: Duration) -> String {
    let seconds = max(1, (max(0, duration.millisecondsRoundedUp) + 999) / 1_000)
    if seconds < 90 { return "\(seconds) s" }
    if seconds < 90 * 60 { return "\((seconds + 30) / 60) min" }
    if seconds < 36 * 3_600 { return "\((seconds + 1_800) / 3_600) h" }
    return "\((seconds + 43_200) / 86_400) days"
  }

  private static func pair(_ great: Int64, _ unit: String, _ small: Int64, _ part: String) -> String {
    small == 0 ? "\(great)\(unit)" : "\(great)\(unit) \(small)\(part)"
  }
}

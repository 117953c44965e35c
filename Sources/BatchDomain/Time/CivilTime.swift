/// A moment as the parts of a UTC date and time (proleptic Gregorian calendar).
package struct CivilTime: Equatable, Sendable {
  /// Year, for example 2026.
  package var year: Int
  /// Month, 1 to 12.
  package var month: Int
  /// Day of the month, 1 to 31.
  package var day: Int
  /// Hour, 0 to 23.
  package var hour: Int
  /// Minute, 0 to 59.
  package var minute: Int
  /// Second, 0 to 59.
  package var second: Int
  /// Millisecond, 0 to 999.
  package var millisecond: Int

  /// The parts of a moment.
  package init(_ moment: Timestamp) {
    let day = moment.milliseconds.flooredQuotient(86_400_000)
    // Not the difference to the midnight before: that is out of range at the least moment there is.
    let signed = Int(moment.milliseconds % 86_400_000)
    let rest = signed < 0 ? signed + 86_400_000 : signed
    hour = rest / 3_600_000
    minute = rest / 60_000 % 60
    second = rest / 1_000 % 60
    millisecond = rest % 1_000
    // Days are counted from 1 March of year 0, so that the leap day ends a year and 400 years are one era.
    let shifted = day + 719_468
    let era = shifted.flooredQuotient(146_097)
    let dayOfEra = Int(shifted - era * 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    self.day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    year = yearOfEra + Int(era) * 400 + (month <= 2 ? 1 : 0)
  }

  /// Takes the parts of a UTC date and time; values outside their ranges are not checked.
  package init(
    year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0, millisecond: Int = 0
  ) {
    self.year = year
    self.month = month
    self.day = day
    self.hour = hour
    self.minute = minute
    self.second = second
    self.millisecond = millisecond
  }

  /// The moment these parts name.
  package var timestamp: Timestamp {
    let shiftedYear = Int64(month <= 2 ? year - 1 : year)
    let era = shiftedYear.flooredQuotient(400)
    let yearOfEra = shiftedYear - era * 400
    let shiftedMonth = Int64(month > 2 ? month - 3 : month + 9)
    let dayOfYear = (153 * shiftedMonth + 2) / 5 + Int64(day) - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    let inDay = Int64(((hour * 60 + minute) * 60 + second) * 1_000 + millisecond)
    return Timestamp(milliseconds: days * 86_400_000 + inDay)
  }
}

extension CivilTime {
  /// The moment these parts name, if there is such a date and time of day; a leap second (60) counts as the
  /// second after.
  package var checkedTimestamp: Timestamp? {
    guard (0...9_999).contains(year), (1...12).contains(month), (1...31).contains(day),
      (0...23).contains(hour),
      (0...59).contains(minute), (0...60).contains(second), (0...999).contains(millisecond)
    else { return nil }
    var base = self
    base.second = min(second, 59)
    // A day that the month does not have comes back as a day of the next one.
    guard CivilTime(base.timestamp) == base else { return nil }
    return (second == 60 ? base.timestamp + .seconds(1) : base.timestamp).ifWritable
  }
}

extension Timestamp {
  /// This moment, unless its year in UTC is not one of 0 to 9999: RFC 3339 cannot write it down.
  package var ifWritable: Timestamp? { (0...9_999).contains(CivilTime(self).year) ? self : nil }
}

extension Int64 {
  /// The quotient rounded towards negative infinity; `divisor` is positive.
  func flooredQuotient(_ divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }
}

extension Int {
  /// The number in digits with leading zeros to that width.
  package func padded(_ width: Int) -> String {
    let digits = String(self)
    return String(repeating: "0", count: Swift.max(0, width - digits.utf8.count)) + digits
  }
}

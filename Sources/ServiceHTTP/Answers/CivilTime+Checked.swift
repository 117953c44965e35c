internal import BatchDomain

extension CivilTime {
  /// The moment these parts name, if there is such a date and time of day; a leap second (60) counts as the
  /// second after.
  var checkedTimestamp: Timestamp? {
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
  var ifWritable: Timestamp? { (0...9_999).contains(CivilTime(self).year) ? self : nil }
}

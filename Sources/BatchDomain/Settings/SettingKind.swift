/// What kind of value a setting takes where it is written in a job file.
package enum SettingShape: Sendable, Equatable {
  /// Words.
  case text
  /// A list of words, or all of them in one text.
  case wordList
  /// A bare whole number.
  case number
  /// A number with a unit, or several kinds of number.
  case quantity
  /// `true` or `false`.
  case flag

  /// What is expected, for messages.
  package var words: String {
    switch self {
    case .text: "a text"
    case .wordList: "a list of words"
    case .number: "a whole number without quotes"
    case .quantity: "a value with its unit, such as 30s, 1MiB, 50/min or 5%"
    case .flag: "true or false"
    }
  }
}

/// The value of a setting as a store keeps it with a run.
package enum StoredValue: Sendable, Equatable, Codable {
  case flag(Bool)
  case number(Int64)
  case text(String)
  case rates([Rate])
  case mediaRates([MediaRate])
  case texts([String])
  /// Something that this version does not know.
  case other

  /// Reads whatever is there: a setting of a newer version is no reason to refuse a run.
  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    // A failure only says that the value is of another kind; one of no known kind is `other`.
    if let isOn = try? container.decode(Bool.self) {
      self = .flag(isOn)
    } else if let number = try? container.decode(Int64.self) {
      self = .number(number)
    } else if let text = try? container.decode(String.self) {
      self = .text(text)
    } else if let rates = try? container.decode([Rate].self) {
      self = .rates(rates)
    } else if let rates = try? container.decode([MediaRate].self) {
      self = .mediaRates(rates)
    } else if let texts = try? container.decode([String].self) {
      self = .texts(texts)
    } else {
      self = .other
    }
  }

  /// Writes the bare value.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .flag(let isOn): try container.encode(isOn)
    case .number(let number): try container.encode(number)
    case .text(let text): try container.encode(text)
    case .rates(let rates): try container.encode(rates)
    case .mediaRates(let rates): try container.encode(rates)
    case .texts(let texts): try container.encode(texts)
    case .other: try container.encodeNil()
    }
  }
}

/// How the values of a setting are read, written, bounded and stored.
package struct SettingKind<Value: Equatable & Sendable>: Sendable {
  /// What it takes in a job file.
  package var shape: SettingShape
  /// What help calls a value, for example `duration`.
  package var valueName: String
  /// The words it takes, where there are only a few.
  package var choices: [String] = []
  /// The numbers it takes, where it is a number.
  package var bounds: ClosedRange<Int>?
  /// Whether a value is a path, which is joined to the folder of a job file.
  package var isPath = false
  /// What is added to the key of the stored form, for example `_milliseconds`.
  package var storedSuffix = ""
  /// Reads a value; the second text is what messages call it.
  package var parse: @Sendable (String, String) throws(ConfigurationError) -> Value
  /// Writes a value so that `parse` gives it back; nothing for a value that cannot be written.
  package var format: @Sendable (Value) -> String?
  /// Refuses a value out of its range, whichever way it came about; the text is what messages call it.
  package var check: @Sendable (Value, String) throws(ConfigurationError) -> Void
  /// The words of the options that give this value on a command line; the text is the option's name.
  package var options: @Sendable (Value, String) -> [String]
  /// Adds a value to those given before; `nil` where a value takes the place of the one before.
  package var adding: (@Sendable (Value, Value) -> Value)?
  /// The stored form; nothing is stored for `nil`.
  package var store: @Sendable (Value) -> StoredValue?
  /// Reads the stored form, `nil` where none is stored; `nil` when it is no such value.
  package var restore: @Sendable (StoredValue?) -> Value?

  /// A kind whose values are text.
  package init(
    shape: SettingShape, valueName: String,
    parse: @escaping @Sendable (String, String) throws(ConfigurationError) -> Value,
    format: @escaping @Sendable (Value) -> String?
  ) {
    self.shape = shape
    self.valueName = valueName
    self.parse = parse
    self.format = format
    check = { (value, thing) throws(ConfigurationError) in
      if let text = format(value) { _ = try parse(text, thing) }
    }
    options = { value, option in format(value).map { ["--\(option)", $0] } ?? [] }
    store = { format($0).map(StoredValue.text) }
    restore = { stored in
      guard case .text(let text) = stored else { return nil }
      do { return try parse(text, "") } catch { return nil }
    }
  }

  /// The same, also without a value.
  package var optional: SettingKind<Value?> {
    var kind = SettingKind<Value?>(
      shape: shape, valueName: valueName,
      parse: { (text, thing) throws(ConfigurationError) in try parse(text, thing) },
      format: { $0.flatMap(format) })
    kind.choices = choices
    kind.bounds = bounds
    kind.isPath = isPath
    kind.storedSuffix = storedSuffix
    kind.check = { (value, thing) throws(ConfigurationError) in
      if let value { try check(value, thing) }
    }
    kind.options = { value, option in value.map { options($0, option) } ?? [] }
    kind.store = { $0.flatMap(store) }
    kind.restore = { stored in stored == nil ? .some(nil) : restore(stored).map(Optional.some) }
    return kind
  }
}

extension SettingKind where Value == Int {
  /// A whole number in a range.
  package static func number(_ range: ClosedRange<Int>) -> SettingKind {
    var kind = SettingKind(
      shape: .number, valueName: "n",
      parse: { (text, thing) throws(ConfigurationError) in
        try WholeNumberText.parse(text, for: thing, in: range)
      },
      format: String.init)
    kind.bounds = range
    kind.store = { .number(Int64($0)) }
    kind.restore = { restored($0, in: range) }
    return kind
  }

  /// An amount of bytes in a range.
  package static func bytes(_ range: ClosedRange<Int>) -> SettingKind {
    var kind = SettingKind(
      shape: .quantity, valueName: "size",
      parse: { (text, thing) throws(ConfigurationError) in
        try ByteSizeText.parse(text, for: thing, in: range)
      },
      format: ByteSizeText.format)
    kind.bounds = range
    kind.store = { .number(Int64($0)) }
    kind.restore = { restored($0, in: range) }
    return kind
  }

  /// Bounds change from version to version, but none took nothing for a number that has to be there.
  private static func restored(_ stored: StoredValue?, in range: ClosedRange<Int>) -> Int? {
    guard case .number(let number) = stored, number >= min(1, range.lowerBound) else { return nil }
    return Int(exactly: number)
  }
}

extension SettingKind where Value == Duration {
  /// A length of time from `least` to `most`, to the millisecond.
  ///
  /// A longer one that an earlier version took, and stored, is cut.
  package static func duration(
    from least: Duration, to most: Duration = DurationText.longest
  ) -> SettingKind {
    var kind = SettingKind(
      shape: .quantity, valueName: "duration",
      parse: { (text, thing) throws(ConfigurationError) in
        let value = try DurationText.parse(text, for: thing, allowingZero: least == .zero)
        guard value >= least, value <= most else {
          throw ConfigurationError(
            .badValue,
            "\(thing) is \(ConfigurationError.quoted(text)), expected a duration from \(DurationText.format(least)) to "
              + DurationText.format(most))
        }
        return value
      },
      format: DurationText.format)
    kind.check = { (value, thing) throws(ConfigurationError) in
      guard value >= least, value <= most else {
        throw ConfigurationError(
          .badValue,
          "\(thing) is \(value), expected a duration from \(DurationText.format(least)) to "
            + DurationText.format(most))
      }
    }
    kind.storedSuffix = "_milliseconds"
    kind.store = { .number($0.millisecondsRoundedUp) }
    kind.restore = { stored in
      // No version took longer ones: clocks do not count them.
      guard case .number(let milliseconds) = stored, case let value = Duration.milliseconds(milliseconds),
        (.zero...DurationText.longest).contains(value)
      else { return nil }
      return min(value, most)
    }
    return kind
  }
}

extension SettingKind where Value == Bool {
  /// A switch, with an option that turns it on and one that turns it off.
  package static var flag: SettingKind {
    var kind = SettingKind(
      shape: .flag, valueName: "true|false",
      parse: { (text, thing) throws(ConfigurationError) in try FlagText.parse(text, for: thing) },
      format: FlagText.format)
    kind.options = { isOn, option in [isOn ? "--\(option)" : "--no-\(option)"] }
    kind.store = { .flag($0) }
    kind.restore = { stored in
      guard case .flag(let isOn) = stored else { return nil }
      return isOn
    }
    return kind
  }
}

extension SettingKind where Value == String {
  /// Any text.
  package static var text: SettingKind {
    SettingKind(shape: .text, valueName: "text", parse: { (text, _) throws(ConfigurationError) in text }) {
      $0
    }
  }

  /// A text that is shown in lists.
  package static var label: SettingKind {
    SettingKind(
      shape: .text, valueName: "text",
      parse: { (text, thing) throws(ConfigurationError) in try LabelText.parse(text, for: thing) }
    ) { $0 }
  }

  /// A path.
  package static var path: SettingKind {
    var kind = SettingKind(
      shape: .text, valueName: "path",
      parse: { (text, thing) throws(ConfigurationError) in try PathText.parse(text, for: thing) }
    ) { $0 }
    kind.isPath = true
    return kind
  }

  /// The name of a time zone.
  package static var zone: SettingKind {
    var kind = SettingKind(
      shape: .text, valueName: "zone",
      parse: { (text, thing) throws(ConfigurationError) in
        guard LocalZone(named: text) != nil else {
          throw .badValue(thing, text, expected: "the name of a time zone, such as Europe/Berlin or UTC")
        }
        return text
      }
    ) { $0 }
    // A zone that another machine knew is no damage; it is looked for before it is used.
    kind.restore = { stored in
      guard case .text(let text) = stored else { return nil }
      return text
    }
    return kind
  }

  /// The address of the service in its one form.
  package static var baseURL: SettingKind {
    var kind = SettingKind(
      shape: .text, valueName: "url",
      parse: { (text, thing) throws(ConfigurationError) in try BaseURLText.parse(text, for: thing) }
    ) { $0 }
    // An address that an older version took is no damage; it is checked before it is used.
    kind.restore = { stored in
      guard case .text(let text) = stored else { return nil }
      return text
    }
    return kind
  }
}

extension SettingKind where Value: CaseIterable & RawRepresentable<String> {
  /// One of a few words.
  package static var choice: SettingKind {
    let words = Value.allCases.map(\.rawValue)
    var kind = SettingKind(
      shape: .text, valueName: words.joined(separator: "|"),
      parse: { (text, thing) throws(ConfigurationError) in try ChoiceText.parse(text, for: thing) },
      format: \.rawValue)
    kind.choices = words
    return kind
  }
}

extension SettingKind where Value == [Rate] {
  /// Limits that all hold; the option may be repeated.
  package static var rates: SettingKind {
    var kind = SettingKind(
      shape: .quantity, valueName: "n/window",
      parse: { (text, thing) throws(ConfigurationError) in
        try ListWord.isNone(text) ? [] : [RateText.parse(text, for: thing)]
      },
      format: { rates in rates.isEmpty ? nil : RateText.format(rates) })
    // A run of an earlier version may have a greater number, which is no reason to refuse it.
    kind.check = { (rates, thing) throws(ConfigurationError) in
      for rate in rates { _ = try RateText.parse(rate.description, for: thing, upTo: .max) }
    }
    kind.options = { rates, option in rates.flatMap { ["--\(option)", $0.description] } }
    kind.adding = { $0 + $1 }
    kind.store = { .rates($0) }
    kind.restore = { stored in
      guard case .rates(let rates) = stored else { return nil }
      return rates
    }
    return kind
  }
}

/// The word for a limit that is not there, which takes away one that is stored.
private enum ListWord {
  static func isNone(_ text: String) -> Bool { text == "none" }
}

extension SettingKind where Value == [Rate] {
  /// Limits on items, which name no step.
  package static var itemRates: SettingKind {
    var kind = rates
    kind.parse = { (text, thing) throws(ConfigurationError) in
      if ListWord.isNone(text) { return [] }
      guard !text.contains(":") else { throw .badValue(thing, text, expected: RateText.expectation) }
      return [try RateText.parse(text, for: thing)]
    }
    return kind
  }
}

extension SettingKind where Value == [MediaRate] {
  /// Limits that all hold; the option may be repeated.
  package static var mediaRates: SettingKind {
    var kind = SettingKind(
      shape: .quantity, valueName: "nmin/window",
      parse: { (text, thing) throws(ConfigurationError) in
        try ListWord.isNone(text) ? [] : [MediaRateText.parse(text, for: thing)]
      },
      format: { rates in rates.isEmpty ? nil : MediaRateText.format(rates) })
    // A run of an earlier version may have a greater number, which is no reason to refuse it.
    kind.check = { (rates, thing) throws(ConfigurationError) in
      for rate in rates { _ = try MediaRateText.parse(rate.description, for: thing, upTo: .max) }
    }
    kind.options = { rates, option in rates.flatMap { ["--\(option)", $0.description] } }
    kind.adding = { $0 + $1 }
    kind.store = { .mediaRates($0) }
    kind.restore = { stored in
      switch stored {
      case .mediaRates(let rates): rates
      // An empty list has no kind.
      case .rates(let rates) where rates.isEmpty: []
      default: nil
      }
    }
    return kind
  }
}

extension SettingKind where Value == [SendingWindow] {
  /// Windows, of which any may be open; the option may be repeated.
  package static var windows: SettingKind {
    var kind = SettingKind(
      shape: .text, valueName: "[days ]hh:mm-hh:mm",
      parse: { (text, thing) throws(ConfigurationError) in
        try ListWord.isNone(text) ? [] : [WindowText.parse(text, for: thing)]
      },
      format: { windows in
        windows.isEmpty ? nil : windows.map(\.description).joined(separator: ", ")
      })
    kind.check = { (windows, thing) throws(ConfigurationError) in
      for window in windows { _ = try WindowText.parse(window.description, for: thing) }
    }
    kind.options = { windows, option in windows.flatMap { ["--\(option)", $0.description] } }
    kind.adding = { $0 + $1 }
    kind.store = { .texts($0.map(\.description)) }
    kind.restore = { stored in
      switch stored {
      case .texts(let texts):
        do { return try texts.map { try WindowText.parse($0, for: "") } } catch { return nil }
      // An empty list has no kind.
      case .rates(let rates) where rates.isEmpty: return []
      default: return nil
      }
    }
    return kind
  }
}

extension SettingKind where Value == FailureThreshold {
  /// A number of items, or a percentage.
  package static var threshold: SettingKind {
    var kind = SettingKind(
      shape: .quantity, valueName: "n|n%",
      parse: { (text, thing) throws(ConfigurationError) in try ThresholdText.parse(text, for: thing) },
      format: { $0.text })
    kind.restore = { stored in
      guard case .text(let text) = stored else { return nil }
      return FailureThreshold(text)
    }
    return kind
  }
}

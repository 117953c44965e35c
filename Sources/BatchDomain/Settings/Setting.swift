/// Where help lists the option.
package enum SettingSection: Sendable {
  /// There is no option: it is an argument, or a key of job files alone.
  case none
  /// With the command's own options.
  case general
  /// How a manifest is read and cut into chunks.
  case plan
  /// How a run is sent.
  case sending
  /// How objects of S3 are reached.
  case objects
  /// Who gets notifications.
  case notifications
  /// Where the store is.
  case store
}

/// Whether `resume` may change it.
package enum SettingResuming: Sendable {
  /// It was used up when the run was planned.
  case fixed
  /// A change is stored and holds from then on.
  case changes
  /// It is not stored with the run: it holds as it is given.
  case asGiven
  /// `resume` has no such option, and nothing depends on it.
  case ignored
}

/// One row of the table of settings: all that is known about a setting but its use.
///
/// Options and their help, keys of job files, `jobs/job.schema.json`, what is stored with a run, what `resume` may change,
/// the sources that `--dry-run` shows and the options of advised commands are made from these rows; a test compares
/// `docs/settings.md` with them.
package struct Setting<Values: Sendable>: Sendable {
  /// The key in a job file; the option has the same name.
  package let key: String
  /// What it is, for help and for editors of job files: sentences, the default left out.
  package let help: String
  /// Where help lists it.
  package let section: SettingSection
  /// Whether `resume` may change it.
  package let resuming: SettingResuming
  /// The environment variable that stands between option and job file.
  package let variable: String?
  /// Whether a value may be a secret, which messages never repeat.
  package let isSecret: Bool
  /// What it takes in a job file.
  package let shape: SettingShape
  /// What help calls a value.
  package let valueName: String
  /// The words it takes, where there are only a few.
  package let choices: [String]
  /// The numbers it takes, where it is a number.
  package let bounds: ClosedRange<Int>?
  /// Whether several values hold together: the option may be repeated and a job file may have a list.
  package let isList: Bool
  /// Its member in the stored form; `nil` when it is not stored with the run.
  package let storedKey: String?

  /// Reads a value, and adds it to those given before where several hold together.
  ///
  /// - Parameters: the text, what messages call the value, how a path is brought to the form it is opened with, and whether
  ///   a value was given before.
  package let read:
    @Sendable (
      inout Values, String, String, (String) throws(ConfigurationError) -> String, _ isGiven: Bool
    ) throws(ConfigurationError) -> Void
  /// Reads a list of words where the setting is one; `nil` where it is none.
  package let readWords: (@Sendable (inout Values, [String], String) throws(ConfigurationError) -> Void)?
  /// The value as a job file has it; `nil` when there is none.
  package let text: @Sendable (Values) -> String?
  /// The words on a command line that give this value; none when there is no value.
  package let options: @Sendable (Values) -> [String]
  /// Takes the value of other settings.
  package let take: @Sendable (inout Values, Values) -> Void
  /// Refuses a value out of its range.
  package let check: @Sendable (Values) throws(ConfigurationError) -> Void
  /// The stored form; `nil` when nothing is stored.
  package let store: @Sendable (Values) -> StoredValue?
  /// Takes a stored value, `nil` where none is stored; whether it is one.
  package let restore: @Sendable (inout Values, StoredValue?) -> Bool

  /// The option, for example `--chunk-size`.
  package var option: String { "--\(key)" }

  /// A row.
  ///
  /// - Parameters:
  ///   - path: where the value is.
  ///   - isStored: whether it is stored with the run; by default when `resume` keeps or changes it.
  ///   - storedKey: its member in the stored form; by default made from the key.
  ///   - whenNotStored: what holds for runs of versions that did not have the setting; without it, such a run is damaged.
  ///   - words: reads a list of words.
  package init<Value: Equatable & Sendable>(
    _ key: String, _ path: any WritableKeyPath<Values, Value> & Sendable, _ kind: SettingKind<Value>,
    _ section: SettingSection, resuming: SettingResuming, variable: String? = nil, isSecret: Bool = false,
    isStored: Bool? = nil, storedKey: String? = nil, whenNotStored: Value? = nil,
    words: (@Sendable ([String], String) throws(ConfigurationError) -> Value)? = nil, help: String
  ) {
    self.key = key
    self.help = help
    self.section = section
    self.resuming = resuming
    self.variable = variable
    self.isSecret = isSecret
    shape = kind.shape
    valueName = kind.valueName
    choices = kind.choices
    bounds = kind.bounds
    isList = kind.adding != nil
    let isStored = isStored ?? (resuming == .fixed || resuming == .changes)
    self.storedKey =
      isStored ? storedKey ?? key.replacing("-", with: "_") + kind.storedSuffix : nil
    read = { (values, text, thing, resolve, isGiven) throws(ConfigurationError) in
      var value = try kind.parse(text, thing)
      if kind.isPath { value = try kind.parse(try resolve(text), thing) }
      if isGiven, let adding = kind.adding { value = adding(values[keyPath: path], value) }
      values[keyPath: path] = value
    }
    if let words {
      readWords = { (values, list, thing) throws(ConfigurationError) in
        values[keyPath: path] = try words(list, thing)
      }
    } else {
      readWords = nil
    }
    text = { kind.format($0[keyPath: path]) }
    options = { kind.options($0[keyPath: path], key) }
    take = { $0[keyPath: path] = $1[keyPath: path] }
    check = { (values) throws(ConfigurationError) in try kind.check(values[keyPath: path], key) }
    store = { kind.store($0[keyPath: path]) }
    restore = { values, stored in
      guard let value = kind.restore(stored) ?? (stored == nil ? whenNotStored : nil) else { return false }
      values[keyPath: path] = value
      return true
    }
  }

  private init<Inner: Sendable>(
    _ inner: Setting<Inner>, in path: any WritableKeyPath<Values, Inner> & Sendable
  ) {
    key = inner.key
    help = inner.help
    section = inner.section
    resuming = inner.resuming
    variable = inner.variable
    isSecret = inner.isSecret
    shape = inner.shape
    valueName = inner.valueName
    choices = inner.choices
    bounds = inner.bounds
    isList = inner.isList
    storedKey = inner.storedKey
    read = { (values, text, thing, resolve, isGiven) throws(ConfigurationError) in
      try inner.read(&values[keyPath: path], text, thing, resolve, isGiven)
    }
    if let readInner = inner.readWords {
      readWords = { (values, list, thing) throws(ConfigurationError) in
        try readInner(&values[keyPath: path], list, thing)
      }
    } else {
      readWords = nil
    }
    text = { inner.text($0[keyPath: path]) }
    options = { inner.options($0[keyPath: path]) }
    take = { inner.take(&$0[keyPath: path], $1[keyPath: path]) }
    check = { (values) throws(ConfigurationError) in try inner.check(values[keyPath: path]) }
    store = { inner.store($0[keyPath: path]) }
    restore = { inner.restore(&$0[keyPath: path], $1) }
  }

  /// The row for settings that these are a part of.
  package func within<Outer>(_ path: any WritableKeyPath<Outer, Values> & Sendable) -> Setting<Outer> {
    Setting<Outer>(self, in: path)
  }
}

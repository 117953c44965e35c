/// A setting as it holds for a submission, and where its value comes from.
package struct EffectiveSetting: Sendable, Equatable {
  /// Where a value comes from, the strongest first.
  package enum Source: String, Sendable, CaseIterable {
    /// An option or argument.
    case commandLine = "command line"
    /// An environment variable.
    case environment
    /// The job file.
    case jobFile = "job file"
    /// Nobody said anything.
    case builtIn = "default"
  }

  /// The setting.
  package let key: SettingKey
  /// Its value as it would be written in a job file; a word such as `none` where there is none.
  package let value: String
  /// Where it comes from.
  package let source: Source
}

/// What is wrong with an address or a command that is to be told about a run.
package struct NoticeTargetError: Error, Sendable, Equatable {
  /// Words that follow the name of the setting, for example `does not begin with https://`; never the value itself,
  /// which may have a secret in it.
  package let reason: String

  /// An error in words.
  package init(_ reason: String) { self.reason = reason }
}

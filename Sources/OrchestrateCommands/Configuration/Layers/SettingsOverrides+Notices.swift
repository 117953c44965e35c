extension SettingsOverrides {
  /// The environment variable with the address that notices go to.
  static let notifyVariable = "ORCHESTRATE_NOTIFY_URL"
  /// The environment variable with the address of the heartbeat.
  static let heartbeatVariable = "ORCHESTRATE_HEARTBEAT_URL"

  /// Reads the variables that say who is told about a run; an empty one counts as not set.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  mutating func readNotices(from variables: [String: String]) throws(ConfigurationError) {
    if let text = variables[Self.notifyVariable], !text.isEmpty {
      notifyURL = try NoticeText.address(text, for: "$\(Self.notifyVariable)")
    }
    if let text = variables[Self.heartbeatVariable], !text.isEmpty {
      heartbeatURL = try NoticeText.address(text, for: "$\(Self.heartbeatVariable)")
    }
  }
}

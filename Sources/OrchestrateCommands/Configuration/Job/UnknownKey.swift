import BatchDomain

/// What to say about a key that a job file does not have.
enum UnknownKey {
  /// The sentence, with the nearest right name where one is near.
  static func message(_ name: String) -> String {
    let plain = name.lowercased().filter { $0 != "-" && $0 != "_" && $0 != " " && $0 != "." }
    if secretNames.contains(plain) {
      return "an API key does not belong in a job file, where it gets copied and committed; put it into "
        + "$TWELVELABS_API_KEY, or into a file that api-key-file names"
    }
    let found = "unknown key \(ConfigurationError.quoted(name))"
    if let near = nearest(name) { return "\(found), did you mean \"\(near.rawValue)\"?" }
    return "\(found), expected one of \(SettingKey.allCases.map(\.rawValue).joined(separator: ", "))"
  }

  /// The known key that takes the fewest changes to type instead, if that is few enough to be meant.
  static func nearest(_ name: String) -> SettingKey? {
    let typed = name.lowercased().split { $0 == "_" || $0 == " " }.joined(separator: "-")
    return NearestWord.to(typed, among: SettingKey.allCases.map(\.rawValue)).flatMap(SettingKey.init)
  }

  private static let secretNames: Set<String> = [
    "apikey", "xapikey", "twelvelabsapikey", "key", "token", "secret",
  ]
}

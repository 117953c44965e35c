import BatchDomain
import Foundation

/// The settings of a run as the database has them: one JSON object with a member for each row of ``RunSettings/table``.
enum StoredSettings {
  /// The JSON text.
  static func json(_ settings: RunSettings) throws -> String {
    var members: [String: StoredValue] = [:]
    for row in RunSettings.table {
      if let key = row.storedKey { members[key] = row.store(settings) }
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(members), as: UTF8.self)
  }

  /// Reads the JSON text.
  ///
  /// - Throws: ``StoreError`` with code `damaged`.
  static func read(_ text: String) throws(StoreError) -> RunSettings {
    let members: [String: StoredValue]
    do {
      members = try JSONDecoder().decode([String: StoredValue].self, from: Data(text.utf8))
    } catch {
      throw StoreError(.damaged, "the settings of a run cannot be read: \(error)")
    }
    var settings = RunSettings()
    for row in RunSettings.table {
      guard let key = row.storedKey, !row.restore(&settings, members[key]) else { continue }
      throw StoreError(.damaged, "the settings of a run have no valid \(key)")
    }
    return settings
  }
}

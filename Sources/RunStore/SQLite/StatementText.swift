/// The text of a statement as a key: told apart by all of it, hashed by its length alone, since the texts are long, few,
/// and looked up all the time.
struct StatementText: Hashable {
  private let sql: String

  /// The key of a text.
  init(_ sql: String) { self.sql = sql }

  func hash(into hasher: inout Hasher) { hasher.combine(sql.utf8.count) }
}

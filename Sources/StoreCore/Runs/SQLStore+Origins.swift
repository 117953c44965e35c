import BatchDomain

/// The services and destinations that runs of the store are sent to.
extension SQLStore {
  static func noteDestination(_ url: String, in connection: Connection) throws {
    try connection.run("INSERT INTO destination (url) VALUES (?) ON CONFLICT (url) DO NOTHING", .text(url))
  }

  /// The row of a service. Databases of older versions may have one service under several addresses; they become one row
  /// here, with all that was sent there and the longest of their waits.
  static func origin(_ url: String, in connection: Connection) throws -> Int64 {
    let wanted = Origin.canonical(url)
    let known = try origins(of: wanted, in: connection)
    if let first = known.first {
      for other in known.dropFirst() { try merge(other, into: first, in: connection) }
      return first
    }
    try connection.run("INSERT INTO origin (url) VALUES (?) ON CONFLICT (url) DO NOTHING", .text(wanted))
    guard let id = try origins(of: wanted, in: connection).first else {
      throw StoreError(.damaged, "the origin \(wanted) was recorded and is not there")
    }
    return id
  }

  /// Makes two rows of one service one. No process works with the other row: runs are taken with the first.
  private static func merge(_ other: Int64, into first: Int64, in connection: Connection) throws {
    try connection.run("UPDATE attempt SET origin = ? WHERE origin = ?", .integer(first), .integer(other))
    try connection.run("UPDATE run SET origin = ? WHERE origin = ?", .integer(first), .integer(other))
    try connection.run(
      """
      INSERT INTO budget (origin, step, intents, wait_until, wait_reason, wait_ms)
      SELECT ?1, step, intents, wait_until, wait_reason, wait_ms FROM budget WHERE origin = ?2
      ON CONFLICT (origin, step) DO UPDATE SET intents = budget.intents + excluded.intents
      """, .integer(first), .integer(other))
    try connection.run(
      """
      UPDATE budget SET (wait_until, wait_reason, wait_ms)
        = (SELECT wait_until, wait_reason, wait_ms FROM budget AS b WHERE b.origin = ?2 AND b.step = budget.step)
      WHERE origin = ?1 AND coalesce(wait_until, 0)
        < (SELECT coalesce(b.wait_until, 0) FROM budget AS b WHERE b.origin = ?2 AND b.step = budget.step)
      """, .integer(first), .integer(other))
    try connection.run("DELETE FROM budget WHERE origin = ?", .integer(other))
    try connection.run(
      "UPDATE known_segment SET origin = ? WHERE origin = ?", .integer(first), .integer(other))
    try connection.run("DELETE FROM origin WHERE id = ?", .integer(other))
    connection.revise()
  }

  /// For each row of a service the first row of the same service, which stands for all of them.
  static func firstOrigins(in connection: Connection) throws -> [Int64: Int64] {
    var firsts: [String: Int64] = [:]
    var found: [Int64: Int64] = [:]
    for (id, url) in try connection.rows(
      "SELECT id, url FROM origin ORDER BY id", read: { (Int64($0.int(0)), Origin.canonical($0.text(1))) })
    {
      let first = firsts[url] ?? id
      firsts[url] = first
      found[id] = first
    }
    return found
  }

  /// The rows of a service, in the order they were made.
  static func origins(of url: String, in connection: Connection) throws -> [Int64] {
    let wanted = Origin.canonical(url)
    return try connection.rows("SELECT id, url FROM origin ORDER BY id") {
      (id: Int64($0.int(0)), url: $0.text(1))
    }
    .filter { Origin.canonical($0.url) == wanted }.map(\.id)
  }
}

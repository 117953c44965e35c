import BatchDomain

/// The tables that a run has rows in, as a copy of the run reads and writes them. What is derived (the tallies), what belongs
/// to the store (budgets, known items, requests for a look) and what ends with an owner (shares of rates) is not among them.
enum CopiedTables {
  /// Every kind of rows but the run itself, in an order in which rows refer to earlier ones only. Their places are the kinds of
  /// ``RunRecords``, after ``itemKind``.
  static let all: [CopiedTable] = [
    CopiedTable(
      "chunk", key: "number",
      """
      number first_item item_count byte_count digest:blob index_id:text names_clash parent state:text step:text media_ms
      ready_at attempts counted_attempts allowance_from not_isolated last_outcome:text last_status last_code:text
      last_message:text last_at
      """),
    CopiedTable(
      "attempt", key: "chunk number",
      """
      chunk number origin:origin destination:destination step:text owner started_at finished_at took_ms bytes timeout_ms
      outcome:text status code:text message:text external_id:text url_ends_at media_ms counted in_outage intent
      ended_after
      """),
    CopiedTable(
      "settlement", key: "chunk attempt decided_at",
      """
      chunk attempt decided_at verdict:text authority:text evidence:text first_look_at last_look_at tasks_listed items_seen
      controls:text counted
      """),
    CopiedTable(
      "surplus", key: "chunk step:text external_id:text", "chunk step:text external_id:text seen_at"),
    CopiedTable("listing_lag", key: "index_id:text", "index_id:text accepted_at lag_ms"),
    CopiedTable(
      "run_skipped", key: "kind:text earlier:text code:text", "kind:text earlier:text code:text items"),
    CopiedTable("tracked_run", key: "run", "looked_at changed_at"),
    CopiedTable("tracked_listing", key: "index_id:text", "index_id:text next_page"),
    CopiedTable(
      "tracked_item", of: .positions, key: "position",
      "position:sequence listing:listing mark:blob since until state:text external_id:text detail:text explained"
    ),
    CopiedTable(
      "tracked_video", of: .listings, key: "listing mark:blob id:text",
      "listing:listing mark:blob id:text created_at state:text detail:text"),
  ]

  /// The columns of the run's own row that are copied; the state and what goes with it are apart.
  static let run = CopiedTable(
    "run", key: "id",
    """
    run_id:text name:text job:text job_path:text created_at manifest:text manifest_path:text manifest_bytes manifest_modified_at again
    manifest_digest:blob origin:origin destination:text settings:text items repeated attempts first_intent_at last_outcome_at
    owner owner_host:text owner_pid refusals:text skipped items_digest:blob
    """)

  /// The kind of rows of items.
  static let itemKind = 0

  /// The next rows of a run in the order of their kinds.
  static func page(
    of run: Int64, after mark: RunRecords.Mark?, in connection: Connection
  ) throws -> (records: RunRecords, mark: RunRecords.Mark)? {
    var kind = mark?.kind ?? itemKind
    var key = mark?.key ?? []
    while kind <= all.count {
      let (rows, last) =
        kind == itemKind
        ? try CopiedItems.page(of: run, after: key, in: connection)
        : try all[kind - 1].page(of: run, after: key, in: connection)
      if let last { return (RunRecords(kind: kind, rows: rows), RunRecords.Mark(kind: kind, key: last)) }
      (kind, key) = (kind + 1, [])
    }
    return nil
  }

  /// Records rows that belong to a run.
  static func insert(_ records: RunRecords, of run: Int64, in connection: Connection) throws {
    if records.kind == itemKind { return try CopiedItems.insert(records.rows, of: run, in: connection) }
    guard all.indices.contains(records.kind - 1) else {
      throw StoreError(.internal, "records of the kind \(records.kind) are to be recorded")
    }
    let table = all[records.kind - 1]
    try table.insert(records.rows, of: run, in: connection)
    if table.name == "attempt" { try table.countIntents(records.rows, in: connection) }
  }
}

/// A table whose rows are copied.
struct CopiedTable: Sendable {
  /// What the values of a column are.
  enum Role: String, Sendable {
    case integer, text, blob
    /// The number of a service's row, of an address's row, of the listing of an index: what those rows are found by goes.
    case origin, destination, listing
    /// `run.id * 2^40` and a number within the run, which goes.
    case sequence
  }

  struct Column: Sendable {
    let name: String
    let role: Role

    /// `name`, or `name:role`.
    init(_ text: Substring) {
      let parts = text.split(separator: ":")
      name = String(parts[0])
      role = parts.count > 1 ? Role(rawValue: String(parts[1])) ?? .integer : .integer
    }

    static func list(_ text: String) -> [Column] {
      text.split { $0 == " " || $0 == "\n" }.map(Column.init)
    }
  }

  /// How rows of a run are found.
  enum Scope: Sendable {
    case run, positions, listings
  }

  let name: String
  let columns: [Column]
  private let scope: Scope
  /// The columns by which rows are in order within a run, in the store that has them.
  private let keys: [Column]

  init(_ name: String, of scope: Scope = .run, key: String, _ columns: String) {
    self.name = name
    self.scope = scope
    keys = Column.list(key)
    self.columns = Column.list(columns)
  }

  /// Rows in a page.
  private static let rowsPerPage = 1_000
  /// Rows that one statement inserts.
  private static let rowsPerStatement = 50

  // MARK: Reading

  /// The columns as a query has them, of a table that is called `t`.
  var selected: String {
    columns.map { column in
      switch column.role {
      case .integer, .text, .blob, .sequence: "t.\(column.name)"
      case .origin: "(SELECT url FROM origin WHERE origin.id = t.\(column.name))"
      case .destination: "(SELECT url FROM destination WHERE destination.id = t.\(column.name))"
      case .listing: "(SELECT index_id FROM tracked_listing WHERE tracked_listing.id = t.\(column.name))"
      }
    }.joined(separator: ", ")
  }

  /// The values of the row that a statement stands on.
  func values(_ row: Statement) -> [RunRecords.Value] {
    columns.indices.map { Self.value(row, $0, columns[$0].role) }
  }

  private static func value(_ row: Statement, _ column: Int, _ role: Role) -> RunRecords.Value {
    guard !row.isNull(column) else { return .none }
    switch role {
    case .integer: return .integer(Int64(row.int(column)))
    case .sequence: return .integer(Int64(ItemPosition.sequence(at: Int64(row.int(column)))))
    case .blob: return .bytes([UInt8](row.bytes(column)))
    case .origin: return .bytes(Array(Origin.canonical(row.text(column)).utf8))
    case .text, .destination, .listing:
      let text = row.text(column)
      // PostgreSQL has no text with this character in it.
      return .bytes(Array((text.utf8.contains(0) ? text.replacing("\0", with: "\u{FFFD}") : text).utf8))
    }
  }

  func page(
    of run: Int64, after key: [RunRecords.Value], in connection: Connection
  ) throws -> (rows: [[RunRecords.Value]], last: [RunRecords.Value]?) {
    let names = keys.map { "t.\($0.name)" }.joined(separator: ", ")
    let isIn =
      switch scope {
      case .run: "t.run = ?"
      case .positions: "t.position >= ? AND t.position < ?"
      case .listings: "t.listing IN (SELECT id FROM tracked_listing WHERE run = ?)"
      }
    let places = keys.map { _ in "?" }.joined(separator: ", ")
    let statement = try connection.prepare(
      """
      SELECT \(selected), \(names) FROM \(name) AS t
      WHERE \(isIn)\(key.isEmpty ? "" : " AND (\(names)) > (\(places))") ORDER BY \(names) LIMIT ?
      """)
    defer { statement.reset() }
    var values: [SQLValue] =
      scope == .positions
      ? [
        .integer(ItemPosition.of(run: run, sequence: 0)),
        .integer(ItemPosition.of(run: run + 1, sequence: 0)),
      ] : [.integer(run)]
    values += zip(keys, key).map { $0.bound($1) }
    values.append(.integer(Self.rowsPerPage))
    for (place, value) in values.enumerated() { try statement.bind(value, at: place + 1) }
    var rows: [[RunRecords.Value]] = []
    var last: [RunRecords.Value]?
    while try statement.step() {
      rows.append(self.values(statement))
      last = keys.indices.map { Self.value(statement, columns.count + $0, keys[$0].role) }
    }
    return (rows, last)
  }

  // MARK: Writing

  /// The names of the columns that a row is inserted with.
  private var inserted: [String] { (scope == .run ? ["run"] : []) + columns.map(\.name) }

  func insert(_ rows: [[RunRecords.Value]], of run: Int64, in connection: Connection) throws {
    var known = KnownRows(run: run)
    var left = rows[...]
    while !left.isEmpty {
      let count = left.count >= Self.rowsPerStatement ? Self.rowsPerStatement : 1
      let row = "(" + inserted.map { _ in "?" }.joined(separator: ", ") + ")"
      let statement = try connection.prepare(
        "INSERT INTO \(name) (\(inserted.joined(separator: ", "))) VALUES "
          + repeatElement(row, count: count).joined(separator: ", "))
      defer { statement.reset() }
      var place = 0
      for values in left.prefix(count) {
        if scope == .run {
          place += 1
          try statement.bind(.integer(run), at: place)
        }
        guard values.count == columns.count else {
          throw StoreError(
            .internal, "a row of \(name) has \(values.count) values, expected \(columns.count)")
        }
        for (column, value) in zip(columns, values) {
          place += 1
          try statement.bind(try known.bound(value, of: column, in: connection), at: place)
        }
      }
      while try statement.step() {}
      left = left.dropFirst(count)
    }
  }

  /// Notes that intents were added to budgets, and that they are not the newest: every one counts, since a process that follows a
  /// budget looks for that many behind the last that it knows.
  func countIntents(_ rows: [[RunRecords.Value]], in connection: Connection) throws {
    guard let origin = columns.firstIndex(where: { $0.role == .origin }),
      let step = columns.firstIndex(where: { $0.name == "step" })
    else { return }
    var counts: [[String]: Int] = [:]
    for row in rows { counts[[row[origin].text, row[step].text], default: 0] += 1 }
    for (budget, count) in counts.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      try connection.run(
        """
        INSERT INTO budget (origin, step, intents) VALUES (?, ?, ?)
        ON CONFLICT (origin, step) DO UPDATE SET intents = budget.intents + excluded.intents
        """, .integer(try SQLStore.origin(budget[0], in: connection)), .text(budget[1]), .integer(count))
    }
    connection.revise()
  }
}

extension CopiedTable.Column {
  /// A value as a parameter of this store; what stands for a row of another table is not looked up.
  func bound(_ value: RunRecords.Value) -> SQLValue {
    switch (role, value) {
    case (.blob, .bytes(let bytes)): .blob(bytes)
    case (.blob, _): .blob(nil)
    case (.text, .none): .text(nil)
    case (_, .bytes): .text(value.text)
    case (_, .integer(let integer)): .integer(integer)
    case (_, .none): .integer(Int64?.none)
    }
  }
}

extension RunRecords.Value {
  /// The value as text.
  var text: String {
    switch self {
    case .none: ""
    case .integer(let integer): String(integer)
    case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
    }
  }
}

/// Rows that others refer to, in the store that is written: looked up once for each page.
struct KnownRows {
  private let run: Int64
  private var found: [String: Int64] = [:]

  init(run: Int64) { self.run = run }

  /// A value as a parameter.
  mutating func bound(
    _ value: RunRecords.Value, of column: CopiedTable.Column, in connection: Connection
  ) throws -> SQLValue {
    switch column.role {
    case .integer, .text, .blob: return column.bound(value)
    case .sequence:
      guard case .integer(let sequence) = value else { return .integer(Int64?.none) }
      return .integer(ItemPosition.of(run: run, sequence: Int(sequence)))
    case .origin, .destination, .listing:
      let text = value.text
      let key = "\(column.role.rawValue) \(text)"
      if let known = found[key] { return .integer(known) }
      let row = try self.row(text, column.role, in: connection)
      found[key] = row
      return .integer(row)
    }
  }

  private func row(_ text: String, _ role: CopiedTable.Role, in connection: Connection) throws -> Int64 {
    if role == .origin { return try SQLStore.origin(text, in: connection) }
    if role == .destination { try SQLStore.noteDestination(text, in: connection) }
    let found =
      role == .destination
      ? try connection.first("SELECT id FROM destination WHERE url = ?", .text(text)) { Int64($0.int(0)) }
      : try connection.first(
        "SELECT id FROM tracked_listing WHERE run = ? AND index_id = ?", .integer(run), .text(text)
      ) { Int64($0.int(0)) }
    guard let found else {
      throw StoreError(
        .damaged, "a row refers to the \(role.rawValue) \(VisibleText.escape(text)), which is not there")
    }
    return found
  }
}

/// Rows of items. Their checksums depend on where they are in their store: they are held against them when they are read, and
/// made anew when they are written.
enum CopiedItems {
  /// Items in a page.
  private static let itemsPerPage: Int64 = 1 << 14
  /// Rows in a page.
  private static let rowsPerPage = 2_000
  private static let rowsPerStatement = 50

  /// Rows of a page: first item, how many, whether they are in wire form, whether a checksum is kept, their texts, and how they
  /// were written.
  static func page(
    of run: Int64, after key: [RunRecords.Value], in connection: Connection
  ) throws -> (rows: [[RunRecords.Value]], last: [RunRecords.Value]?) {
    var from = ItemPosition.of(run: run, sequence: 0)
    if case .integer(let last)? = key.first { from = last + 1 }
    let end = ItemPosition.of(run: run + 1, sequence: 0)
    let first = try connection.first(
      "SELECT min(position) FROM item_block WHERE position >= ? AND position < ?", .integer(from),
      .integer(end)
    ) { row in row.optionalInt(0).map { Int64($0) } }
    guard let first = first ?? nil else { return ([], nil) }
    var rows: [[RunRecords.Value]] = []
    var last: [RunRecords.Value]?
    try connection.forEach(
      """
      SELECT \(ItemBlock.columnsAndLayouts) FROM item_block WHERE position >= ? AND position < ?
      ORDER BY position LIMIT ?
      """, .integer(first), .integer(min(end, first + itemsPerPage)), .integer(rowsPerPage)
    ) { row in
      let position = Int64(row.int(0))
      let block = ItemBlock(row)
      let layouts = row.isNull(5) ? nil : ItemLayouts.unsealed(row.bytes(5), at: position)
      guard block.isIntact != false, row.isNull(5) || layouts != nil else {
        throw StoreError(
          .damaged,
          "items \(block.items.lowerBound) to \(block.items.upperBound - 1) are not those that were recorded",
          remedy: "\(command: .verify(nil)) shows where; restore the database from a backup")
      }
      rows.append([
        .integer(Int64(block.items.lowerBound)), .integer(Int64(row.int(1))), .integer(Int64(row.int(2))),
        .integer(row.isNull(3) ? 0 : 1), .bytes([UInt8](row.bytes(4))), layouts.map { .bytes($0) } ?? .none,
      ])
      last = [.integer(position)]
    }
    return (rows, last)
  }

  static func insert(_ rows: [[RunRecords.Value]], of run: Int64, in connection: Connection) throws {
    var left = rows[...]
    while !left.isEmpty {
      let count = left.count >= rowsPerStatement ? rowsPerStatement : 1
      let statement = try connection.prepare(
        "INSERT INTO item_block (position, item_count, in_wire_form, checksum, sources, layouts) VALUES "
          + repeatElement("(?, ?, ?, ?, ?, ?)", count: count).joined(separator: ", "))
      defer { statement.reset() }
      let part = left.prefix(count)
      // Texts of all rows stay where they are until the statement has run: they are bound as what their column has in this
      // engine, text or bytes.
      let texts = part.flatMap { row in
        if case .bytes(let text)? = row.dropFirst(4).first { text } else { [UInt8]() }
      }
      try texts.withUnsafeBytes { texts in
        var start = 0
        for (place, row) in part.enumerated() {
          guard row.count == 6, case .integer(let first) = row[0], case .integer(let items) = row[1],
            case .integer(let wire) = row[2], case .integer(let hasChecksum) = row[3],
            case .bytes(let text) = row[4]
          else { throw StoreError(.internal, "a row of items has other values than it has to have") }
          let bytes = UnsafeRawBufferPointer(rebasing: texts[start..<start + text.count])
          start += text.count
          let position = ItemPosition.of(run: run, sequence: Int(first))
          let checksum = ItemBlock.checksum(of: bytes, at: position, isInWireForm: wire == 1)
          try statement.bind(.integer(position), at: 6 * place + 1)
          try statement.bind(.integer(items), at: 6 * place + 2)
          try statement.bind(.integer(wire), at: 6 * place + 3)
          try statement.bind(.integer(hasChecksum == 1 ? checksum : nil), at: 6 * place + 4)
          try statement.bind(keeping: bytes, at: 6 * place + 5)
          var layouts: [UInt8]?
          if case .bytes(let unsealed) = row[5] { layouts = ItemLayouts.sealed(unsealed, at: position) }
          try statement.bind(.blob(layouts), at: 6 * place + 6)
        }
        while try statement.step() {}
        statement.rewind()
      }
      left = left.dropFirst(count)
    }
  }
}

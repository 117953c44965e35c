import CSQLite
import TestSupport

/// The records of a run as they are on disk, read with SQL of its own.
struct Records {
  struct Failure: Error {
    let message: String
  }

  struct Chunk {
    let number: Int
    let items: Range<Int>
    let state: String
    let parent: Int?
    let attempts: Int
  }

  struct Attempt {
    let chunk: Int
    let number: Int
    let step: String
    let outcome: String?
  }

  struct Move {
    let chunk: Int
    let old: String
    let new: String
    /// The outcome of the attempt, or the verdict and who gave it.
    let cause: String
  }

  struct Settlement {
    let chunk: Int
    let verdict: String
    let authority: String
  }

  let state: String
  let items: Int
  let chunks: [Chunk]
  let attempts: [Attempt]
  let moves: [Move]
  let settlements: [Settlement]
  let tally: [String: Int]

  /// Makes every move of a chunk leave a row: the state a move began with is nowhere else.
  static let recorder = """
    CREATE TABLE simulated_move (id INTEGER PRIMARY KEY, chunk INTEGER, old TEXT, new TEXT, cause TEXT);
    CREATE TRIGGER simulated_addition AFTER INSERT ON chunk BEGIN
      INSERT INTO simulated_move (chunk, old, new, cause) VALUES (new.number, '', new.state, '');
    END;
    CREATE TRIGGER simulated_change AFTER UPDATE OF state ON chunk WHEN old.state <> new.state BEGIN
      INSERT INTO simulated_move (chunk, old, new, cause) VALUES (new.number, old.state, new.state,
        CASE old.state
        WHEN 'submitting' THEN iif(new.last_code IN ('owner_died', 'owner_lost', 'failed_over'), new.last_code, new.last_outcome)
        WHEN 'unknown' THEN (SELECT authority || ' ' || verdict FROM settlement
                             WHERE run = new.run AND chunk = new.number ORDER BY attempt DESC, decided_at DESC)
        ELSE '' END);
    END;
    """

  /// Reads the only run of a store.
  init(path: String) throws {
    let reader = try Reader(path: path)
    let run = try reader.rows("SELECT state, items FROM run")
    guard run.count == 1, let items = Int(run[0][1] ?? "") else {
      throw Failure(message: "there are \(run.count) runs")
    }
    state = run[0][0] ?? ""
    self.items = items
    chunks = try reader.rows(
      "SELECT number, first_item, item_count, state, parent, attempts FROM chunk ORDER BY first_item, number"
    ).map { row in
      let first = Int(row[1] ?? "") ?? -1
      return Chunk(
        number: Int(row[0] ?? "") ?? -1, items: first..<first + (Int(row[2] ?? "") ?? 0), state: row[3] ?? "",
        parent: row[4].flatMap { Int($0) }, attempts: Int(row[5] ?? "") ?? -1)
    }
    attempts = try reader.rows("SELECT chunk, number, step, outcome FROM attempt ORDER BY chunk, number").map
    {
      Attempt(
        chunk: Int($0[0] ?? "") ?? -1, number: Int($0[1] ?? "") ?? -1, step: $0[2] ?? "", outcome: $0[3])
    }
    moves = try reader.rows("SELECT chunk, old, new, cause FROM simulated_move ORDER BY id").map {
      Move(chunk: Int($0[0] ?? "") ?? -1, old: $0[1] ?? "", new: $0[2] ?? "", cause: $0[3] ?? "")
    }
    settlements = try reader.rows("SELECT chunk, verdict, authority FROM settlement").map {
      Settlement(chunk: Int($0[0] ?? "") ?? -1, verdict: $0[1] ?? "", authority: $0[2] ?? "")
    }
    tally = Dictionary(
      uniqueKeysWithValues: try reader.rows("SELECT state, items FROM tally WHERE state <> 'split'").map {
        ($0[0] ?? "", Int($0[1] ?? "") ?? -1)
      })
  }

  /// Runs statements on a store that nobody uses.
  static func execute(_ sql: String, in path: String) throws {
    let reader = try Reader(path: path)
    guard sqlite3_exec(reader.handle, sql, nil, nil, nil) == SQLITE_OK else { throw reader.failure }
  }
}

/// A connection of its own.
private final class Reader {
  let handle: OpaquePointer

  init(path: String) throws(Records.Failure) {
    var opened: OpaquePointer?
    guard sqlite3_open_v2(path, &opened, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK, let opened else {
      sqlite3_close_v2(opened)
      throw Records.Failure(message: "\(path) cannot be opened")
    }
    handle = opened
  }

  deinit { sqlite3_close_v2(handle) }

  var failure: Records.Failure { Records.Failure(message: String(cString: sqlite3_errmsg(handle))) }

  func rows(_ sql: String) throws(Records.Failure) -> [[String?]] {
    var statement: OpaquePointer?
    guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK else { throw failure }
    defer { sqlite3_finalize(statement) }
    var rows: [[String?]] = []
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_ROW:
        rows.append(
          (0..<sqlite3_column_count(statement)).map { column in
            sqlite3_column_text(statement, column).map { String(cString: $0) }
          })
      case SQLITE_DONE: return rows
      default: throw failure
      }
    }
  }
}

import NIOConcurrencyHelpers
import Reporting

@testable import OrchestrateCommands

/// A terminal that does what the programs here ask of one: wraps, goes up, erases. What it cannot do fails the test.
final class Screen: TextSink {
  fileprivate struct State {
    var rows: [[Character]] = [[]]
    var row = 0
    var column = 0
    var size: TerminalSize?
    var failure: (any Error & Sendable)?
    var written = ""
  }

  private let state: NIOLockedValueBox<State>

  /// A terminal of that size.
  init(columns: Int = 80, rows: Int = 24) {
    state = NIOLockedValueBox(State(size: TerminalSize(columns: columns, rows: rows)))
  }

  var isTerminal: Bool { true }
  var size: TerminalSize? { state.withLockedValue { $0.size } }

  /// The window gets another size, and wraps what is on it; `nil` puts the process into the background.
  func resize(columns: Int?) {
    state.withLockedValue { state in
      let old = state.size?.columns
      state.size = columns.map { TerminalSize(columns: $0, rows: 24) }
      guard let columns, let old, columns < old else { return }
      state.row = 0
      state.rows = state.rows.enumerated().flatMap { number, row -> [[Character]] in
        let pieces = stride(from: 0, to: max(1, row.count), by: columns).map {
          Array(row[$0..<min(row.count, $0 + columns)])
        }
        return pieces
      }
      state.row = state.rows.count - 1
      state.column = state.rows[state.row].count
    }
  }

  /// From now on nothing can be written.
  func fail(with error: any Error & Sendable) { state.withLockedValue { $0.failure = error } }

  /// All that was written, with its control sequences.
  var written: String { state.withLockedValue { $0.written } }

  /// What is to be seen: rows without blanks at their ends, and without empty rows at the end.
  var seen: [String] {
    state.withLockedValue { state in
      var rows = state.rows.map { row in
        var row = row
        while row.last == " " { row.removeLast() }
        return String(row)
      }
      while rows.last?.isEmpty == true { rows.removeLast() }
      return rows
    }
  }

  func write(_ text: String) throws {
    try state.withLockedValue { state in
      if let failure = state.failure { throw failure }
      state.written += text
      var rest = text[...]
      while let character = rest.popFirst() {
        switch character {
        case "\r": state.column = 0
        case "\n": state.nextRow()
        case "\u{1b}": state.obey(Self.sequence(&rest))
        default: state.put(character)
        }
      }
    }
  }

  private static func sequence(_ rest: inout Substring) -> (number: Int, letter: Character) {
    precondition(rest.popFirst() == "[", "not a control sequence")
    let digits = rest.prefix { $0.isNumber }
    rest = rest.dropFirst(digits.count)
    guard let letter = rest.popFirst() else { preconditionFailure("a control sequence that ends early") }
    return (Int(digits) ?? 0, letter)
  }
}

extension Screen.State {
  fileprivate mutating func nextRow() {
    row += 1
    column = 0
    if row == rows.count { rows.append([]) }
  }

  fileprivate mutating func put(_ character: Character) {
    if column == size?.columns { nextRow() }
    while rows[row].count <= column { rows[row].append(" ") }
    rows[row][column] = character
    column += 1
  }

  fileprivate mutating func obey(_ sequence: (number: Int, letter: Character)) {
    switch sequence.letter {
    case "A": row = max(0, row - max(1, sequence.number))
    case "K": rows[row] = Array(rows[row].prefix(column))
    case "J":
      rows[row] = Array(rows[row].prefix(column))
      rows.removeLast(rows.count - row - 1)
    case "m": break
    default: preconditionFailure("a control sequence that no program here should use")
    }
  }
}

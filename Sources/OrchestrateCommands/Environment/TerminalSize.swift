/// How large a terminal is now, in characters.
package struct TerminalSize: Sendable, Equatable {
  /// Characters beside each other.
  package var columns: Int
  /// Lines below each other.
  package var rows: Int

  /// A size; what a terminal does not tell (0) is taken as 80 by 24.
  package init(columns: Int, rows: Int) {
    self.columns = columns > 0 ? columns : 80
    self.rows = rows > 0 ? rows : 24
  }
}

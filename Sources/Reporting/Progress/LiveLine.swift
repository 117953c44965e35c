/// One line of a live display: pieces of text, each with its look.
package struct LiveLine: Sendable, Equatable {
  /// How a piece looks where colour is wanted.
  package enum Look: Sendable, Equatable {
    case plain, strong, good, warning, bad

    /// The parameters of the terminal's "select graphic rendition" (ECMA-48, section 8.3.117); `nil` for none.
    fileprivate var code: String? {
      switch self {
      case .plain: nil
      case .strong: "1"
      case .good: "32"
      case .warning: "33"
      case .bad: "31"
      }
    }
  }

  /// A text without control characters, and its look.
  package struct Piece: Sendable, Equatable {
    /// The text.
    package var text: String
    /// Its look.
    package var look: Look

    /// A piece of a line.
    package init(_ text: String, _ look: Look = .plain) {
      self.text = text
      self.look = look
    }
  }

  /// The pieces from left to right.
  package private(set) var pieces: [Piece]

  /// A line of these pieces.
  package init(_ pieces: [Piece]) { self.pieces = pieces }

  /// Columns it takes.
  package var columns: Int { pieces.reduce(0) { $0 + TextColumns.count($1.text) } }

  /// The line cut to that many columns.
  package func cut(to columns: Int) -> LiveLine {
    var room = columns
    var kept: [Piece] = []
    for piece in pieces {
      guard room > 0 else { break }
      let text = TextColumns.cut(piece.text, to: room)
      kept.append(Piece(text, piece.look))
      room -= text == piece.text ? TextColumns.count(text) : room
    }
    return LiveLine(kept)
  }

  /// The line with the same words, one after the other as long as they fit: what is least needed stands last.
  ///
  /// - Parameter separator: what stands between two words.
  package static func fitting(_ words: [Piece], separator: String = ", ", columns: Int) -> LiveLine {
    var line = LiveLine([])
    for word in words {
      let more = (line.pieces.isEmpty ? [] : [Piece(separator)]) + [word]
      let longer = LiveLine(line.pieces + more)
      guard longer.columns <= columns else { break }
      line = longer
    }
    return line.pieces.isEmpty ? LiveLine(Array(words.prefix(1))).cut(to: columns) : line
  }

  /// The text to write, without a line end.
  package func text(isColored: Bool) -> String {
    pieces.map { piece in
      guard isColored, let code = piece.look.code else { return piece.text }
      return "\u{1b}[\(code)m\(piece.text)\u{1b}[0m"
    }.joined()
  }
}

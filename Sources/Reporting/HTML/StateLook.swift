import BatchDomain

/// How a state of chunks looks in pages: a colour by class and, since colours are not for everyone, a mark.
enum StateLook {
  /// The class that gives its colour.
  static func name(_ state: ChunkState) -> String { "s-\(state.rawValue)" }

  /// What is drawn on a cell of the map beside its colour, as an SVG path in a square of 10; `nil` for none.
  static func mark(_ state: ChunkState) -> String? {
    switch state {
    case .accepted, .split: nil
    case .pending: "M4.5 5h1"
    case .submitting: "M2.5 5h5"
    case .processing: "M2.5 5h5M5 2.5v5"
    case .unknown: "M5 2.6v2.9M5 7v.6"
    case .rejected: "M3 3l4 4M7 3l-4 4"
    case .failed: "M3 3l4 4"
    case .cancelled: "M7 3l-4 4"
    }
  }

  /// The mark alone as a small picture, for legends and tables.
  static func swatch(_ state: ChunkState) -> HTMLFragment {
    HTMLFragment(
      trusted: "<svg class=\"swatch \(name(state))\" viewBox=\"0 0 10 10\" aria-hidden=\"true\">"
        + cell(state) + "</svg>")
  }

  /// A cell of the map in a square of 10.
  static func cell(_ state: ChunkState) -> String {
    "<rect width=\"9\" height=\"9\" x=\".5\" y=\".5\" rx=\"1.5\"/>"
      + (mark(state).map { "<path d=\"\($0)\"/>" } ?? "")
  }
}

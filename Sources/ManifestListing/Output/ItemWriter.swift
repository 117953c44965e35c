import BatchDomain

/// How a manifest is laid out.
package enum ManifestLayout: String, Sendable, CaseIterable {
  /// An array, each object over several lines: as the service's dashboard writes it.
  case json
  /// One object on each line.
  case jsonl
}

/// One item of a manifest that is made: names as bytes in UTF-8.
struct MadeItem: Equatable {
  var object: [UInt8]
  var transcription: [UInt8]?
  var note: ItemNote?
}

/// Writes items as a manifest.
struct ItemWriter {
  /// How many bytes are gathered before they are handed on.
  private static let pieceLength = 64 * 1024

  private let layout: ManifestLayout
  /// What stands before the object, and what stands in front of the transcription.
  private let beginning: [UInt8]
  private let write: (String) throws -> Void
  private var text: [UInt8] = []
  private var count = 0

  /// - Parameter write: takes the text piece by piece, whole items at a time.
  init(indexID: String, language: String, layout: ManifestLayout, write: @escaping (String) throws -> Void) {
    self.layout = layout
    self.write = write
    var beginning: [UInt8] = []
    let (before, between) = layout == .json ? ("  {\n    ", ",\n    ") : ("{", ", ")
    beginning += before.utf8
    beginning += "\"index_id\": ".utf8
    JSONString.append(Array(indexID.utf8), to: &beginning)
    beginning += between.utf8
    beginning += "\"language\": ".utf8
    JSONString.append(Array(language.utf8), to: &beginning)
    beginning += between.utf8
    beginning += "\"object\": ".utf8
    self.beginning = beginning
  }

  /// Writes an item. A member `transcription` is there in any case: people fill it in by hand.
  mutating func append(_ item: MadeItem) throws {
    let between = layout == .json ? ",\n    " : ", "
    if layout == .json { text += (count == 0 ? "[\n" : ",\n").utf8 }
    text += beginning
    JSONString.append(item.object, to: &text)
    text += between.utf8
    text += "\"transcription\": ".utf8
    if let transcription = item.transcription {
      JSONString.append(transcription, to: &text)
    } else {
      text += "null".utf8
    }
    if let note = item.note {
      text += between.utf8
      text += note.json.utf8
    }
    text += (layout == .json ? "\n  }" : "}\n").utf8
    count += 1
    if text.count >= Self.pieceLength { try flush() }
  }

  /// Ends the manifest. An array that is never ended is refused by the manifest reader.
  mutating func finish() throws {
    if layout == .json { text += (count == 0 ? "[]\n" : "\n]\n").utf8 }
    try flush()
  }

  private mutating func flush() throws {
    guard !text.isEmpty else { return }
    try write(String(decoding: text, as: UTF8.self))
    text.removeAll(keepingCapacity: true)
  }
}

import BatchDomain

/// Brings each video together with the transcription that lies beside it: `NAME.srt` or `NAME.vtt` beside `NAME.mp4`, the
/// bytes of NAME being the same.
///
/// In a list in the order of names any number of others can stand between the two (`NAME.parts/...`), and many lists are in no
/// order at all. So names are sorted in bounded memory: first by NAME, which brings the two together, then by where the video
/// stood in the list, which is the order of the manifest.
final class TranscriptionJoin {
  private let byName: RecordSorter
  private let byPlace: RecordSorter
  private var sequence: UInt64 = 0

  init(memoryLimit: Int, folder: String) {
    byName = RecordSorter(memoryLimit: memoryLimit, folder: folder)
    byPlace = RecordSorter(memoryLimit: memoryLimit, folder: folder)
  }

  /// What marks a video in a record: behind all kinds of transcriptions, so that these come first.
  private static let itemMark: UInt8 = 0xFF

  /// Takes a video. Its name has no NUL.
  func add(item object: [UInt8], _ note: ItemNote?) throws(ListError) {
    let stem = Self.stemLength(object)
    var record = Array(object[..<stem])
    record += [0, Self.itemMark]
    append(sequence, to: &record)
    append(UInt64(bitPattern: note?.size ?? -1), to: &record)
    record += [UInt8(clamping: (note?.storageClass ?? "").utf8.count)]
    record += (note?.storageClass ?? "").utf8.prefix(Int(UInt8.max))
    record += object[stem...]
    try byName.add(record)
    sequence += 1
  }

  /// Takes a file with a transcription. Its name has no NUL.
  func add(transcription object: [UInt8], _ kind: TranscriptionKind) throws(ListError) {
    let stem = object.count - TranscriptionKind.suffixLength
    try byName.add(object[..<stem] + [0, kind.rawValue] + object[stem...])
  }

  /// Hands on all videos in the order in which they came.
  ///
  /// - Returns: how many transcriptions no video has.
  func drain(_ take: (MadeItem) throws -> Void) throws -> Int {
    var unused = 0
    var stem: ArraySlice<UInt8> = []
    /// The transcription of that name that sorts first, and whether a video has it.
    var transcription: [UInt8]?
    var isUsed = false
    try byName.drain { record in
      // A name has no NUL, so the first one ends it.
      guard let end = record.firstIndex(of: 0) else { return }
      if record[..<end] != stem {
        stem = record[..<end]
        (transcription, isUsed) = (nil, false)
      }
      if record[end + 1] != Self.itemMark {
        unused += 1
        if transcription == nil { transcription = Array(stem) + record[(end + 2)...] }
        return
      }
      if transcription != nil, !isUsed {
        isUsed = true
        unused -= 1
      }
      try byPlace.add(Self.placed(record, end: end, transcription: transcription))
    }
    try byPlace.drain { try take(Self.item($0)) }
    return unused
  }

  /// Bytes before the storage class: where it stood, and the size.
  private static let fixedLength = 16

  /// The record of the second sort: where the video stood, size, storage class, length of its name, name, transcription.
  private static func placed(_ record: [UInt8], end: Int, transcription: [UInt8]?) -> [UInt8] {
    let start = end + 2
    let classEnd = start + fixedLength + 1 + Int(record[start + fixedLength])
    var placed = Array(record[start..<classEnd])
    append(UInt64(end + record.count - classEnd), to: &placed)
    placed += record[..<end]
    placed += record[classEnd...]
    placed += transcription ?? []
    return placed
  }

  private static func item(_ record: [UInt8]) -> MadeItem {
    let size = Int64(bitPattern: number(record[8...]))
    let classStart = fixedLength + 1
    let classEnd = classStart + Int(record[fixedLength])
    let nameStart = classEnd + 8
    let nameEnd = nameStart + Int(number(record[classEnd...]))
    let storageClass =
      classEnd > classStart ? String(decoding: record[classStart..<classEnd], as: UTF8.self) : nil
    return MadeItem(
      object: Array(record[nameStart..<nameEnd]),
      transcription: nameEnd < record.count ? Array(record[nameEnd...]) : nil,
      note: size < 0 ? nil : ItemNote(size: size, storageClass: storageClass))
  }

  /// How much of a name is before its suffix: up to the last dot of what follows the last slash, else all.
  private static func stemLength(_ object: [UInt8]) -> Int {
    for place in object.indices.reversed() {
      if object[place] == UInt8(ascii: "/") { break }
      if object[place] == UInt8(ascii: ".") { return place }
    }
    return object.count
  }

  private func append(_ number: UInt64, to record: inout [UInt8]) { Self.append(number, to: &record) }

  /// Eight bytes, the most significant first, so that records are in the order of the numbers.
  private static func append(_ number: UInt64, to record: inout [UInt8]) {
    withUnsafeBytes(of: number.bigEndian) { record.append(contentsOf: $0) }
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }
}

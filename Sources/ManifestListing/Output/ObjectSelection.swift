import BatchDomain

/// Which objects of a bucket become items.
package struct ObjectSelection: Sendable, Equatable {
  /// Why an object is left out, in the order in which it is asked.
  package enum Reason: Sendable, CaseIterable {
    /// An older version of an object, in an inventory of all versions.
    case olderVersion
    /// A mark that an object was deleted, in an inventory of all versions.
    case deleteMarker
    /// Its key ends in `/`: it stands for a folder.
    case folder
    /// Its name has none of the suffixes.
    case suffix
    /// It has no content.
    case empty
    /// It cannot be read before somebody restores it.
    case archived
    /// Its key is no UTF-8, and JSON has no way to write it.
    case notUTF8
    /// Its key has the character NUL, which no request can carry.
    case nul
  }

  /// What an object is to a manifest.
  enum Verdict: Equatable {
    /// A video.
    case item
    /// The text of what is said in a video, for which a manifest has a member.
    case transcription(TranscriptionKind)
    case leftOut(Reason)
  }

  /// The suffixes that are taken unless others are given: the container formats for video that FFmpeg reads, by the
  /// extensions that its demuxers name (FFmpeg Formats Documentation, to which the service's requirements for videos refer).
  package static let videoSuffixes = [
    ".3g2", ".3gp", ".asf", ".avi", ".dv", ".f4v", ".flv", ".gxf", ".ismv", ".m2t", ".m2ts", ".m4v", ".mj2",
    ".mk3d",
    ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogv", ".rm", ".rmvb", ".ts", ".vob",
    ".webm",
    ".wmv", ".wtv",
  ]

  /// The suffixes in small letters, by their last byte: for nearly all names a look at one or two of them tells.
  private let suffixes: [[[UInt8]]]
  private let findsTranscriptions: Bool

  /// - Parameters:
  ///   - suffixes: ends of names, compared without regard to the case of ASCII letters.
  ///   - findsTranscriptions: whether files with transcriptions are told apart.
  package init(suffixes: [String] = ObjectSelection.videoSuffixes, findsTranscriptions: Bool) {
    var byLast = [[[UInt8]]](repeating: [], count: Int(UInt8.max) + 1)
    for suffix in suffixes.map({ $0.utf8.map(Self.small) }) {
      if let last = suffix.last { byLast[Int(last)].append(suffix) }
    }
    self.suffixes = byLast
    self.findsTranscriptions = findsTranscriptions
  }

  func verdict(on object: ListedObject) -> Verdict {
    let key = object.key
    guard let last = key.last, last != UInt8(ascii: "/") else { return .leftOut(.folder) }
    let isItem = suffixes[Int(Self.small(last))].contains { Self.ends(key, in: $0) }
    let transcription = isItem || !findsTranscriptions ? nil : TranscriptionKind(key)
    guard isItem || transcription != nil else { return .leftOut(.suffix) }
    if object.size == 0 { return .leftOut(.empty) }
    if object.storageClass.map(ItemNote.isArchived) ?? false { return .leftOut(.archived) }
    if let reason = Self.fault(of: key) { return .leftOut(reason) }
    return transcription.map(Verdict.transcription) ?? .item
  }

  /// Whether a name ends like that of a video, by the suffixes that are taken unless others are given.
  static func isVideo(_ name: [UInt8]) -> Bool { videoSuffixes.contains { ends(name, in: Array($0.utf8)) } }

  /// Why a key cannot be written; `nil` for nearly all, at the cost of one pass over its bytes.
  private static func fault(of key: [UInt8]) -> Reason? {
    let (all, isNULIn) = key.withUnsafeBufferPointer { bytes in
      var (all, isNULIn) = (UInt8(0), false)
      for place in 0..<bytes.count {
        all |= bytes[place]
        if bytes[place] == 0 { isNULIn = true }
      }
      return (all, isNULIn)
    }
    if all >= 0x80, String(validating: key, as: UTF8.self) == nil { return .notUTF8 }
    return isNULIn ? .nul : nil
  }

  /// Whether a key ends in a suffix, which is in small letters.
  private static func ends(_ key: [UInt8], in suffix: [UInt8]) -> Bool {
    guard key.count >= suffix.count else { return false }
    return zip(key.suffix(suffix.count), suffix).allSatisfy { small($0) == $1 }
  }

  static func small(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
  }
}

/// A file with a transcription beside a video: which of several is taken.
enum TranscriptionKind: UInt8, Equatable {
  case srt = 1
  /// `.srt` in other letters.
  case srtInOtherCase
  case vtt
  case vttInOtherCase

  static let suffixLength = 4

  /// Tells by the end of a key; `nil` for any other.
  init?(_ key: [UInt8]) {
    let end = key.suffix(Self.suffixLength)
    let small = end.map(ObjectSelection.small)
    if small.elementsEqual(".srt".utf8) {
      self = end.elementsEqual(small) ? .srt : .srtInOtherCase
    } else if small.elementsEqual(".vtt".utf8) {
      self = end.elementsEqual(small) ? .vtt : .vttInOtherCase
    } else {
      return nil
    }
  }
}

/// What became of the objects of a list.
package struct ListTally: Sendable, Equatable {
  /// How many objects the list has.
  package var listed = 0
  /// How many of them are items.
  package var items = 0
  /// How many items are larger than the service documents; they are items all the same.
  package var tooLarge = 0
  /// How many items have a transcription.
  package var transcribed = 0
  /// How many files with transcriptions belong to no item, or to one that has another.
  package var unusedTranscriptions = 0
  /// How many objects are left out, by reason.
  package var leftOut: [ObjectSelection.Reason: Int] = [:]

  /// Nothing yet.
  package init() {}

  /// How many objects are left out for any reason.
  package var leftOutCount: Int { leftOut.values.reduce(0, +) }
}

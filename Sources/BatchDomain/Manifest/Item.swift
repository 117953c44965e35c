/// One video of a manifest, read from its already validated text.
package struct Item: Sendable, Equatable {
  /// The index that receives the video.
  package private(set) var indexID: IndexID = ""
  /// The language of the video.
  package private(set) var language = ""
  /// The video, `s3://bucket/key`.
  package private(set) var object: ObjectName = ""
  /// The transcription, `s3://bucket/key`; nil when the item has none (absent, null or "").
  package private(set) var transcription: String?

  /// Reads the fields of `text`, a source text or a wire form; one that is missing or not a string is left empty. Linear.
  package init(_ text: some Sequence<UInt8>) {
    var fields = self
    Array(text).withUnsafeBufferPointer { fields.read($0) }
    self = fields
  }

  /// The file name: the last path segment of `object`, by which the service's task listing names the video.
  package var name: FileName { object.fileName }

  /// The last path segment of an `object` given as UTF-8: what follows the last slash.
  package static func name(ofObject object: [UInt8]) -> ArraySlice<UInt8> {
    object[(object.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0)...]
  }

  private mutating func read(_ text: UnsafeBufferPointer<UInt8>) {
    let members = ItemMembers(text)
    for member in members.members {
      guard let bytes = members.string(of: member) else { continue }
      let value = String(decoding: bytes, as: UTF8.self)
      switch String(decoding: members.name(of: member), as: UTF8.self) {
      case "index_id": indexID = IndexID(value)
      case "language": language = value
      case "object": object = ObjectName(value)
      case "transcription": transcription = value.isEmpty ? nil : value
      default: break
      }
    }
  }
}

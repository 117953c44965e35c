package import BatchDomain
internal import Crypto
package import NIOCore

/// By what the service's copy of an item is found again: stored with it as metadata, and returned by the list of assets.
package struct ItemTag: Sendable, Hashable {
  /// Names of the members of the metadata.
  static let itemName = "orchestrate_item"
  static let runName = "orchestrate_run"

  /// What tells the item from every other of every run: 32 hexadecimal digits, the same for each attempt.
  package let item: String
  /// The run's id.
  package let run: String

  /// The tag of an item.
  ///
  /// The first 128 bits of SHA-256 over the run's id, the item's number, its index and its object, each behind its
  /// length, so that no two items have the same bytes.
  ///
  /// - Parameter number: the item's sequence number within the run.
  package init(run: RunID, number: Int, index: IndexID, object: ObjectName) {
    self.run = run.rawValue
    var hash = SHA256()
    for part in [run.rawValue, String(number), index.rawValue, object.rawValue] {
      withUnsafeBytes(of: UInt64(part.utf8.count).littleEndian) { hash.update(bufferPointer: $0) }
      Array(part.utf8).withUnsafeBytes { hash.update(bufferPointer: $0) }
    }
    item = hash.finalize().prefix(16).map { byte in
      let digits = String(byte, radix: 16)
      return digits.utf8.count < 2 ? "0" + digits : digits
    }.joined()
  }

  /// The metadata as a JSON object. Neither text has a character that JSON escapes.
  package var metadata: String { #"{"\#(Self.itemName)":"\#(item)","\#(Self.runName)":"\#(run)"}"# }
}

/// File names as the service takes them.
package enum AssetFileName {
  /// The most that the service takes. Whether it counts bytes or characters is documented nowhere; 255 bytes are never
  /// too many.
  package static let longest = 255
  /// An ending longer than this is no extension.
  private static let longestExtension = 16

  /// The file name that an object gets: its last path segment, cut to ``longest`` bytes at the border of a
  /// Unicode scalar, with its extension kept; `nil` for an object that ends in a slash.
  package static func name(of object: ObjectName) -> FileName? {
    let name = object.fileName
    guard !name.isEmpty else { return nil }
    guard name.rawValue.utf8.count > longest else { return name }
    var ending = ""
    if let dot = name.rawValue.lastIndex(of: "."), case let tail = name.rawValue[dot...],
      tail.utf8.count <= longestExtension
    {
      ending = String(tail)
    }
    var stem = ""
    var left = longest - ending.utf8.count
    for scalar in name.rawValue.unicodeScalars {
      left -= Unicode.UTF8.width(scalar)
      guard left >= 0 else { break }
      stem.unicodeScalars.append(scalar)
    }
    return FileName(stem + ending)
  }
}

/// The body of the request that makes an asset: `multipart/form-data` (RFC 7578) of plain parts without file name and
/// type, in the order of the service's SDK.
package struct AssetForm: Sendable, CustomReflectable {
  /// The boundary, made of the chunk's number.
  package let boundary: String
  private let text: String

  /// The body that makes an asset.
  ///
  /// The renditions for players and the pictures that the service makes unasked are declined: who indexes in bulk needs
  /// neither.
  package init(_ asset: NewAsset) {
    var parts = [("method", "url"), ("url", asset.url)]
    if let name = asset.fileName { parts.append(("filename", name.rawValue)) }
    parts += [
      ("enable_hls", "false"), ("enable_thumbnail", "false"), ("user_metadata", asset.tag.metadata),
    ]
    let name = "----chunk-\(asset.chunk.rawValue.padded(6))"
    var boundary = name
    var counter = 0
    // RFC 2046 section 5.1.1: the boundary must not occur in the content.
    while parts.contains(where: { $0.1.utf8.firstRange(of: boundary.utf8) != nil }) {
      counter += 1
      boundary = "\(name)-\(counter)"
    }
    self.boundary = boundary
    text =
      parts.map { part in
        "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(part.0)\"\r\n\r\n\(part.1)\r\n"
      }.joined() + "--\(boundary)--\r\n"
  }

  /// Value of the request's `Content-Type`.
  package var contentType: String { "multipart/form-data; boundary=\(boundary)" }

  /// The whole body, as connections write it: it has the address in it.
  package var buffer: ByteBuffer { ByteBuffer(string: text) }

  /// A mirror without children, so that `dump` shows nothing.
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension NewIndexedAsset {
  /// The body of the request that makes it.
  package var body: String {
    #"{"asset_id":\#(Self.quoted(asset)),"enable_video_stream":false,"user_metadata":\#(tag.metadata)}"#
  }

  /// A JSON string (RFC 8259 section 7).
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x22, 0x5C: result += "\\" + String(scalar)
      case 0..<0x10: result += "\\u000" + String(scalar.value, radix: 16)
      case 0x10..<0x20: result += "\\u00" + String(scalar.value, radix: 16)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

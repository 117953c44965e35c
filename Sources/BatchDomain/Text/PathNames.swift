/// The folder and the name of a path, taken apart at its bytes as dirname(1) and basename(1) do.
///
/// Foundation's `NSString.deletingLastPathComponent` is not used anywhere: with a name of one character it ends the process
/// (swift-corelibs-foundation of Swift 6.3).
package enum PathNames {
  private static let slash = UInt8(ascii: "/")

  /// The folder that a path names something in: `.` where it names none, and `/` for the root itself.
  package static func folder(of path: String) -> String {
    let bytes = withoutEnd(path)
    guard let last = bytes.lastIndex(of: slash) else { return "." }
    let folder = trimmed(bytes[..<last])
    return folder.isEmpty ? "/" : String(decoding: folder, as: UTF8.self)
  }

  /// The last name of a path, without slashes behind it; `/` for the root, and nothing for an empty path.
  package static func name(of path: String) -> String {
    let bytes = withoutEnd(path)
    guard let last = bytes.lastIndex(of: slash) else { return String(decoding: bytes, as: UTF8.self) }
    let name = bytes[(last + 1)...]
    return name.isEmpty ? "/" : String(decoding: name, as: UTF8.self)
  }

  private static func withoutEnd(_ path: String) -> ArraySlice<UInt8> {
    let bytes = ArraySlice(Array(path.utf8))
    let end = trimmed(bytes)
    return end.isEmpty && !bytes.isEmpty ? bytes.prefix(1) : end
  }

  private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard let last = bytes.lastIndex(where: { $0 != slash }) else { return [] }
    return bytes[...last]
  }
}

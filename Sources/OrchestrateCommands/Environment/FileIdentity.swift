import Foundation

/// What makes two paths the same file.
struct FileIdentity: Equatable {
  private let device: UInt64
  private let node: UInt64

  /// Looks a path up without opening the file; `nil` when nothing is there.
  init?(path: String) {
    var facts = stat()
    guard stat(path, &facts) == 0 else { return nil }
    device = UInt64(facts.st_dev)
    node = UInt64(facts.st_ino)
  }
}

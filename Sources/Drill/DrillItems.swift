import BatchDomain

/// The items of a run: no two have the same object.
package struct DrillItems: Sendable {
  private static let bucket = "media-west"
  private static let index = "629d807aa9e2a3a33a92c00b"

  /// Index and object of each item, in order.
  let items: [(index: String, object: String)]
  /// The manifest, as JSON lines.
  let manifest: [UInt8]

  /// So many made-up items.
  package init(count: Int) {
    items = (0..<count).map { (Self.index, "s3://\(Self.bucket)/a/\($0).mp4") }
    manifest = Array(
      items.map { #"{"index_id":"\#($0.index)","language":"en","object":"\#($0.object)"}"# + "\n" }
        .joined().utf8)
  }

  /// Items of a manifest. Of those with the same object only the first is taken.
  ///
  /// - Parameter texts: their texts, valid and in order.
  package init(_ texts: [[UInt8]]) {
    var seen: Set<[UInt8]> = []
    var items: [(index: String, object: String)] = []
    var manifest: [UInt8] = []
    for text in texts {
      let item = Item(text)
      guard seen.insert(Array(item.object.rawValue.utf8)).inserted else { continue }
      items.append((item.indexID.rawValue, item.object.rawValue))
      manifest += text + [UInt8(ascii: "\n")]
    }
    self.items = items
    self.manifest = manifest
  }

  /// How many there are.
  package var count: Int { items.count }
}

/// What a list of a bucket knew of an item's object beside its name: the member `orchestrate` of an item.
///
/// The member is this program's own. `list` writes it where something in it matters, the manifest reader makes findings of
/// it, and it is no part of the wire form: the service never sees it. Its name cannot be a member that somebody else
/// means for the service; those go through untouched.
package struct ItemNote: Sendable, Equatable {
  /// The member's name.
  package static let member: StaticString = "orchestrate"
  /// The largest video that the service documents, in bytes: 4 GB by URL (create an asset, v1.3).
  package static let sizeLimit: Int64 = 4_000_000_000

  /// The object's size in bytes; `nil` where the list did not say it.
  package var size: Int64?
  /// How it is kept, in the words of S3; `nil` where the list did not say it.
  package var storageClass: String?

  /// A note in its parts.
  package init(size: Int64? = nil, storageClass: String? = nil) {
    self.size = size
    self.storageClass = storageClass
  }

  /// Whether the object is larger than the service documents.
  package var isTooLarge: Bool { size.map { $0 > Self.sizeLimit } ?? false }

  /// Whether the object cannot be read before somebody restores it.
  package var isArchived: Bool { storageClass.map(Self.isArchived) ?? false }

  /// Whether objects of a storage class cannot be read before somebody restores them (Amazon S3 User Guide, "Understanding
  /// S3 Glacier storage classes"): `GLACIER_IR` is read at once.
  package static func isArchived(_ storageClass: String) -> Bool {
    storageClass.utf8.elementsEqual("GLACIER".utf8) || storageClass.utf8.elementsEqual("DEEP_ARCHIVE".utf8)
  }

  /// The member as it stands in an item, name and value.
  package var json: String {
    var parts: [String] = []
    if let size { parts.append(#""size": \#(size)"#) }
    if let storageClass {
      var literal: [UInt8] = []
      JSONString.append(Array(storageClass.utf8), to: &literal)
      parts.append(#""storage_class": \#(String(decoding: literal, as: UTF8.self))"#)
    }
    return "\"\(Self.member)\": {\(parts.joined(separator: ", "))}"
  }

  /// Reads the member's value, already validated JSON; `nil` when it is not a note: no object, a size that is not a whole
  /// number of bytes, a storage class that is no string. Other members are passed over.
  package init?(value text: UnsafeBufferPointer<UInt8>) {
    guard text.first == UInt8(ascii: "{") else { return nil }
    let walk = ItemMembers(text)
    for member in walk.members {
      let name = walk.name(of: member)
      if name.elementsEqual("size".utf8) {
        guard let size = Self.number(text[member.value]) else { return nil }
        self.size = size
      } else if name.elementsEqual("storage_class".utf8) {
        guard let word = walk.string(of: member) else { return nil }
        storageClass = String(decoding: word, as: UTF8.self)
      }
    }
  }

  /// A whole number that is not negative, in digits; `nil` for any other text.
  package static func number(_ digits: some Collection<UInt8>) -> Int64? {
    guard !digits.isEmpty else { return nil }
    var number: Int64 = 0
    for byte in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      let (tenfold, isOver) = number.multipliedReportingOverflow(by: 10)
      let (sum, isOverToo) = tenfold.addingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
      guard !isOver, !isOverToo else { return nil }
      number = sum
    }
    return number
  }
}

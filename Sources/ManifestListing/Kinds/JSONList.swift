import BatchDomain

/// JSON that lists objects: answers of `aws s3api list-objects-v2`, one or several put together; an array or a stream of
/// their `Contents`, as `--query` and jq make them; or the manifest of an inventory, which is kept for later.
///
/// Only one value is in memory at a time: an object of the list, or a member of the document around it.
final class JSONList: ListParser {
  /// The longest object of a list, and the longest member of a document that is kept.
  private static let elementLimit = 1 << 20
  private static let memberLimit = 64 << 20
  /// Members of a document that say something.
  private static let known: Set<String> = [
    "Name", "EncodingType", "IsTruncated", "NextToken", "NextContinuationToken", "KeyCount", "Contents",
    "CommonPrefixes", "Key", "Size", "StorageClass", "IsLatest", "sourceBucket", "destinationBucket",
    "fileFormat",
    "fileSchema", "files",
  ]
  private static let otherProgram: Remedy =
    "take the whole answer of `aws s3api list-objects-v2`; of what another program wrote, `orchestrate validate FILE` says how to make a manifest"
  /// How much is kept of a member of which only its beginning says something.
  private static let beginningLength = 256

  private enum Place {
    case outside, beforeName, afterName, beforeValue, afterMember, beforeElement, afterElement
  }

  /// What the value that is read is.
  private enum Role { case name, member, element, document }

  private(set) var kind = "the answer of `aws s3api list-objects-v2`"
  /// The inventory, when the file is the manifest of one; set at the end.
  private(set) var inventory: InventoryManifest?
  var doubt: String? {
    (isCutOff ? "says that more objects follow (IsTruncated or NextToken)" : leavesOut)
      .map { "\($0): the list is not complete" }
  }

  /// Whether the last document says that more objects follow in another.
  private var isCutOff = false
  /// What a document leaves out by what it says of itself.
  private var leavesOut: String?

  private let name: String
  private let expected: [UInt8]?
  private var place = Place.outside
  private var role: Role?
  private var value: [UInt8] = []
  private var isKept = true
  private var depth = 0
  private var isInString = false
  private var isEscaped = false
  /// Nothing was read since the bracket.
  private var isFirst = false
  private var isInDocument = false
  private var elements = 0
  /// How many elements came before this document.
  private var elementsBefore = 0
  private var memberName = ""
  private var members: [String: [UInt8]] = [:]
  /// The first member that no answer of a listing has.
  private var stranger: String?
  private var hasContents = false
  /// What the keys of this document tell of whether they are encoded.
  private var spelling = KeySpelling()
  private var check = JSONCheck()
  private var isManifest = false
  private var isAtHead = true

  /// - Parameter expected: the bucket that the option names.
  init(name: String, bucket expected: [UInt8]?) { (self.name, self.expected) = (name, expected) }

  func take(_ text: UnsafeBufferPointer<UInt8>, into lister: ManifestLister) throws {
    guard let fault = check.take(text) else { return try parse(text, lister) }
    // What stands before the fault may have one of its own.
    try parse(UnsafeBufferPointer(rebasing: text[..<fault.offset]), lister)
    throw ListError(
      .damaged, name,
      "line \(fault.line) has \(ListError.quoted([text[fault.offset]])) after \(elements) whole objects, where JSON has \(fault.expected)",
      remedy: "make the list again")
  }

  private func parse(_ text: UnsafeBufferPointer<UInt8>, _ lister: ManifestLister) throws {
    var position = 0
    while position < text.count {
      if let role {
        guard try collect(text, from: &position) else { return }
        self.role = nil
        try complete(role, lister)
      } else {
        try step(text[position], &position, lister)
      }
    }
  }

  func finish(into lister: ManifestLister) throws {
    if role == .document, depth == 0, !isInString {
      role = nil
      try complete(.document, lister)
    }
    guard role == nil, place == .outside else {
      throw ListError.truncated(name, "inside its JSON, after \(HumanNumber.text(elements, "object"))")
    }
  }

  // MARK: Structure

  private func step(_ byte: UInt8, _ position: inout Int, _ lister: ManifestLister) throws {
    if JSONSyntax.isSpace(byte) || (place == .outside && JSONCheck.isBeforeDocument(byte)) {
      position += 1
      return
    }
    switch (place, byte) {
    case (.outside, UInt8(ascii: "{")):
      begin(.beforeName, &position)
      members = [:]
      (memberName, stranger) = ("", nil)
      (hasContents, elementsBefore) = (false, elements)
      spelling = KeySpelling()
      isInDocument = true
    case (.outside, UInt8(ascii: "[")):
      isInDocument = false
      members = [:]
      begin(.beforeElement, &position)
    case (.outside, UInt8(ascii: "\"")), (.outside, UInt8(ascii: "n")): start(.document)
    case (.beforeName, UInt8(ascii: "\"")): start(.name)
    case (.beforeName, UInt8(ascii: "}")) where isFirst, (.afterMember, UInt8(ascii: "}")):
      position += 1
      place = .outside
      try endDocument(lister)
    case (.afterName, UInt8(ascii: ":")):
      position += 1
      place = .beforeValue
    case (.beforeValue, UInt8(ascii: "[")) where memberName.utf8.elementsEqual("Contents".utf8):
      hasContents = true
      begin(.beforeElement, &position)
    case (.beforeValue, _): start(.member)
    case (.afterMember, UInt8(ascii: ",")):
      position += 1
      (place, isFirst) = (.beforeName, false)
    case (.beforeElement, UInt8(ascii: "]")) where isFirst, (.afterElement, UInt8(ascii: "]")):
      position += 1
      place = isInDocument ? .afterMember : .outside
    case (.afterElement, UInt8(ascii: ",")):
      position += 1
      (place, isFirst) = (.beforeElement, false)
    case (.beforeElement, _): start(.element)
    default:
      throw ListError(
        .damaged, name,
        "its JSON is broken after \(HumanNumber.text(elements, "object")): found \(ListError.quoted([byte])), expected JSON",
        remedy: "make the list again")
    }
  }

  private func begin(_ next: Place, _ position: inout Int) {
    position += 1
    (place, isFirst) = (next, true)
  }

  private func start(_ role: Role) {
    self.role = role
    value.removeAll(keepingCapacity: true)
    isKept = role != .member || Self.known.contains(memberName)
    (depth, isInString, isEscaped) = (0, false, false)
  }

  /// How much of the value is kept: of prefixes, which can be as many as objects, whether there are any.
  private var keepLimit: Int {
    role == .member && memberName.utf8.elementsEqual("CommonPrefixes".utf8) ? Self.beginningLength : .max
  }

  /// Goes on to the end of the value; whether it was reached. A value that is no string and no bracket ends before what
  /// ends it.
  private func collect(_ text: UnsafeBufferPointer<UInt8>, from position: inout Int) throws(ListError) -> Bool
  {
    let start = position
    var isDone = false
    scan: while position < text.count {
      let byte = text[position]
      if isInString {
        position += 1
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          isInString = false
          if depth == 0 {
            isDone = true
            break scan
          }
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isInString = true
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth > 0 { depth -= 1 } else { isDone = true }
        if isDone { break scan }
        if depth == 0 {
          position += 1
          isDone = true
          break scan
        }
      case UInt8(ascii: ","), 0x20, 0x09, 0x0A, 0x0D:
        if depth == 0 {
          isDone = true
          break scan
        }
      default: break
      }
      position += 1
    }
    if isKept {
      value.append(contentsOf: text[start..<position].prefix(keepLimit - min(keepLimit, value.count)))
    }
    guard value.count <= (role == .member ? Self.memberLimit : Self.elementLimit) else {
      throw ListError(
        .damaged, name,
        "its JSON has a value of more than \(value.count - 1) bytes after \(HumanNumber.text(elements, "object")), expected a list of objects",
        remedy: "make the list again")
    }
    return isDone
  }

  private func complete(_ role: Role, _ lister: ManifestLister) throws {
    switch role {
    case .name:
      memberName = String(decoding: string(value) ?? [], as: UTF8.self)
      if memberName.utf8.elementsEqual("index_id".utf8) { isManifest = true }
      if stranger == nil, !Self.ofPages.contains(memberName) { stranger = memberName }
      place = .afterName
    case .member:
      if isKept { members[memberName] = value }
      place = .afterMember
    case .element:
      place = .afterElement
      try read(value, lister)
    case .document:
      if !value.elementsEqual("null".utf8) { try read(value, lister) }
    }
  }

  // MARK: Objects

  /// Reads an object of the list, or an address.
  private func read(_ element: [UInt8], _ lister: ManifestLister) throws {
    elements += 1
    if element.first == UInt8(ascii: "\"") {
      guard let text = string(element) else { return lister.leaveOut(.notUTF8) }
      if text.starts(with: "s3://".utf8), let address = S3ObjectAddress(text) {
        try check(address.bucket)
        try lister.take(ListedObject(key: address.key), in: address.bucket)
      } else {
        try take(ListedObject(key: text), lister)
      }
      return
    }
    let found = element.withUnsafeBufferPointer {
      text -> (key: [UInt8]?, size: [UInt8]?, storageClass: [UInt8]?, isLatest: [UInt8]?) in
      let walk = ItemMembers(text)
      var found: (key: [UInt8]?, size: [UInt8]?, storageClass: [UInt8]?, isLatest: [UInt8]?)
      for member in walk.members {
        let name = walk.name(of: member)
        if name.elementsEqual("Key".utf8) {
          found.key = Array(text[member.value])
        } else if name.elementsEqual("Size".utf8) {
          found.size = Array(text[member.value])
        } else if name.elementsEqual("StorageClass".utf8) {
          found.storageClass = Array(text[member.value])
        } else if name.elementsEqual("IsLatest".utf8) {
          found.isLatest = Array(text[member.value])
        } else if name.elementsEqual("index_id".utf8) {
          isManifest = true
        }
      }
      return found
    }
    try take(
      key: found.key, size: found.size, storageClass: found.storageClass, isLatest: found.isLatest, lister)
  }

  private func take(
    key: [UInt8]?, size: [UInt8]?, storageClass: [UInt8]?, isLatest: [UInt8]?, _ lister: ManifestLister
  ) throws {
    guard let key, key.first == UInt8(ascii: "\"") else {
      if isManifest { throw alreadyManifest }
      throw ListError(
        .damaged, name,
        "object \(elements) of its list has no Key, expected objects with Key, Size and StorageClass",
        remedy: Self.otherProgram)
    }
    // `--query Versions` of `aws s3api list-object-versions` has all of them.
    if let isLatest, isLatest.elementsEqual("false".utf8) { return lister.leaveOut(.olderVersion) }
    // Half of a surrogate pair stands for nothing that a key can have.
    guard let bytes = string(key) else { return lister.leaveOut(.notUTF8) }
    var object = ListedObject(key: bytes)
    if let size, !size.elementsEqual("null".utf8) {
      guard let number = ItemNote.number(size) else {
        throw ListError(
          .damaged, name,
          "object \(elements) of its list has the size \(ListError.quoted(size)), expected a number of bytes",
          remedy: "take the whole answer of `aws s3api list-objects-v2`")
      }
      object.size = number
    }
    object.storageClass = storageClass.flatMap(string).map { String(decoding: $0, as: UTF8.self) }
    try take(object, lister)
  }

  private func take(_ object: ListedObject, _ lister: ManifestLister) throws {
    let named = members["Name"].flatMap(string)
    if let named { try check(named) }
    guard let bucket = named ?? expected else { throw ListError.bucketNeeded(name) }
    spelling.see(object.key, number: elements)
    try lister.take(object, in: bucket)
  }

  private func check(_ bucket: [UInt8]) throws(ListError) {
    if let expected, expected != bucket { throw ListError.otherBucket(name, bucket, given: expected) }
  }

  // MARK: Documents

  private func endDocument(_ lister: ManifestLister) throws {
    isInDocument = false
    if hasContents { return try endPage() }
    if members["Key"] != nil {
      elements += 1
      try take(
        key: members["Key"], size: members["Size"], storageClass: members["StorageClass"],
        isLatest: members["IsLatest"], lister)
      return try checkSpelling()
    }
    if members["fileSchema"] != nil || members["files"] != nil || members["fileFormat"] != nil {
      guard inventory == nil else {
        throw ListError(
          .damaged, name, "it has the manifests of two inventories, expected one",
          remedy: "make a list of each inventory")
      }
      inventory = try InventoryManifest(document(), of: name)
      kind = "the manifest of an S3 inventory"
      return
    }
    if isManifest { throw alreadyManifest }
    if let contents = members["Contents"], !contents.elementsEqual("null".utf8) {
      throw ListError(
        .damaged, name, "its Contents is \(ListError.quoted(contents)), expected an array of objects",
        remedy: "take the whole answer of `aws s3api list-objects-v2`")
    }
    // What is printed for a prefix that no key has: no Contents at all, or null.
    if let stranger {
      throw ListError(
        .notRecognized, name,
        "it is JSON without Contents, and with \(ListError.quoted(stranger.utf8)), expected \(ListKind.expected)",
        remedy: Self.otherProgram)
    }
    try endPage()
  }

  /// Members of an answer, those that it has without objects as well.
  private static let ofPages: Set<String> = [
    "Contents", "RequestCharged", "Name", "Prefix", "MaxKeys", "KeyCount", "EncodingType", "IsTruncated",
    "StartAfter", "CommonPrefixes", "Delimiter", "ResponseMetadata", "ContinuationToken",
    "NextContinuationToken", "NextToken", "Marker", "NextMarker",
  ]

  /// What stands behind the objects must agree with how they were read.
  private func endPage() throws(ListError) {
    isCutOff =
      members["IsTruncated"]?.elementsEqual("true".utf8) == true
      || ["NextToken", "NextContinuationToken"].contains {
        members[$0].map { $0.first == UInt8(ascii: "\"") && $0.count > 2 } ?? false
      }
    if let named = members["Name"].flatMap(string), let expected, named != expected {
      throw ListError.otherBucket(name, named, given: expected)
    }
    try checkSpelling()
    guard leavesOut == nil else { return }
    let hasPrefixes =
      members["CommonPrefixes"].map { value in
        value.first == UInt8(ascii: "[")
          && value.dropFirst().first { !JSONSyntax.isSpace($0) } != UInt8(ascii: "]")
      } ?? false
    let count = members["KeyCount"].flatMap { ItemNote.number($0) }
    if hasPrefixes {
      leavesOut = "leaves out what is below its CommonPrefixes, as with --delimiter"
    } else if let count, count > elements - elementsBefore {
      leavesOut =
        "says that it has \(HumanNumber.text(Int(clamping: count), "key")) (KeyCount), and has "
        + HumanNumber.text(elements - elementsBefore)
    }
  }

  /// Refuses keys that are perhaps not as in the bucket: one wrong address is worse than no list.
  private func checkSpelling() throws(ListError) {
    guard members["EncodingType"].flatMap(string)?.elementsEqual("url".utf8) == true, !spelling.isPlain,
      let (key, number) = spelling.doubtful
    else { return }
    let (plain, decoded) = (ListError.quoted(key), ListError.quoted(FormText.decode(key) ?? key))
    throw ListError(
      .damaged, name,
      """
      object \(number) of its list has the key \(plain) and the list says EncodingType: the object is \(plain) where boto3 or \
      `aws s3api --no-paginate` wrote it, which decode keys, and \(decoded) where nothing did, expected a list without EncodingType
      """,
      remedy:
        "make the list without --no-paginate and --encoding-type; where the keys are as in the bucket: `jq 'del(.EncodingType)' FILE`"
    )
  }

  private var alreadyManifest: ListError {
    ListError(
      .notRecognized, name, "it is a manifest already, expected a list of a bucket",
      remedy: "submit it as it is")
  }

  /// The members that are kept, as a document again.
  private func document() -> [UInt8] {
    var text: [UInt8] = [UInt8(ascii: "{")]
    for (name, value) in members {
      if text.count > 1 { text.append(UInt8(ascii: ",")) }
      JSONString.append(Array(name.utf8), to: &text)
      text.append(UInt8(ascii: ":"))
      text += value
    }
    return text + [UInt8(ascii: "}")]
  }

  /// The text of a string literal; `nil` for another value, and where an escape is half of a surrogate pair.
  private func string(_ literal: [UInt8]) -> [UInt8]? {
    guard literal.count >= 2, literal.first == UInt8(ascii: "\""), !Self.hasHalfPair(literal) else {
      return nil
    }
    var text: [UInt8] = []
    literal.withUnsafeBufferPointer { JSONString.decode($0, from: 0, to: $0.count, into: &text) }
    return text
  }

  private static func hasHalfPair(_ literal: [UInt8]) -> Bool {
    var position = 0
    var isHigh = false
    while position < literal.count {
      guard literal[position] == UInt8(ascii: "\\"), position + 1 < literal.count else {
        if isHigh { return true }
        position += 1
        continue
      }
      guard literal[position + 1] == UInt8(ascii: "u"), position + 5 < literal.count else {
        if isHigh { return true }
        position += 2
        continue
      }
      let unit = literal[position + 2..<position + 6].reduce(UInt32(0)) {
        $0 << 4 | (JSONString.hexValue($1) ?? 0)
      }
      position += 6
      switch (isHigh, unit & 0xFC00) {
      case (false, 0xD800): isHigh = true
      case (true, 0xDC00): isHigh = false
      case (true, _), (false, 0xDC00): return true
      default: break
      }
    }
    return isHigh
  }
}

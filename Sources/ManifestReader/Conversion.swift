import BatchDomain

/// The commands that convert other kinds of files into a manifest.
///
/// None of them contains a single quotation mark, so that each can be put into single quotes for a shell, nor a
/// backquote, which surrounds the whole command in a message.
enum Conversion {
  /// What the placeholders in the commands stand for.
  static let indexHint = "put the id of your index in place of INDEX_ID"
  /// As `indexHint`, where the bucket is not known either.
  static let bucketHint = "put the id of your index and the bucket in place of INDEX_ID and BUCKET"

  /// Members of an item in the language of jq, `object` being the given expression.
  private static func jqItem(_ object: String) -> String {
    #"{index_id: "INDEX_ID", language: "en", object: \#(object)}"#
  }

  /// Takes what `path` (a path of jq such as `.videos[]`; empty for the input itself) leads to.
  static func jq(_ path: String, _ elements: JSONShape.Elements) -> Finding.Remedy {
    let start = path.isEmpty ? "" : path + " | "
    let filter: String
    var sentence = "Extract the items with jq"
    switch elements {
    case .items, .other: filter = path.isEmpty ? "." : path
    case .inventory:
      return Finding.Remedy("Give it to orchestrate list with --from, with its data files beside it")
    case .keys(let listing):
      var steps: [String] = []
      if listing.hasVersions { steps.append("select(.IsLatest)") }
      if listing.hasFolders { steps.append("select(.IsDir | not)") }
      steps.append(#"select(.\#(listing.member) | strings | endswith("/") | not)"#)
      let object = ".\(listing.member)"
      steps.append(jqItem(listing.holdsAddresses ? object : #"("s3://BUCKET/" + \#(object))"#))
      filter = start + steps.joined(separator: " | ")
      sentence = "Make items with jq, and " + (listing.holdsAddresses ? indexHint : bucketHint)
    case .addresses:
      filter = start + "strings | " + jqItem(".")
      sentence = "Make items with jq, and " + indexHint
    case .names:
      filter = start + "strings | " + jqItem(#"("s3://BUCKET/" + .)"#)
      sentence = "Make items with jq, and " + bucketHint
    }
    return Finding.Remedy(
      sentence, commands: ["jq -c " + quoted(filter)], output: "converted.jsonl")
  }

  /// Makes an item of each line that `pattern` (of awk) takes, after `statement` has left only the object in `$0`.
  static func awk(_ pattern: String, _ statement: String, bucket: Bool) -> Finding.Remedy {
    let object = bucket ? "s3://BUCKET/" : ""
    let program =
      #"{sub(/\r$/, ""); if (NR == 1) sub(/^\357\273\277/, "")} \#(pattern) {\#(statement)gsub(/["\\]/, "\\\\&"); "#
      + #"print "{\"index_id\":\"INDEX_ID\",\"language\":\"en\",\"object\":\"\#(object)" $0 "\"}"}"#
    return Finding.Remedy(
      "Make items with awk, and " + (bucket ? bucketHint : indexHint), commands: ["awk " + quoted(program)],
      output: "converted.jsonl")
  }

  /// Runs Python over standard input; `rows` are an expression for a list of what is to be written.
  static func python(_ sentence: String, _ imports: String, _ rows: String) -> Finding.Remedy {
    Finding.Remedy(
      sentence,
      commands: [
        "python3 -c "
          + quoted(
            "import \(imports); sys.stdin.reconfigure(encoding=\"utf-8-sig\", newline=\"\"); "
              + "[print(json.dumps(r)) for r in \(rows)]")
      ], output: "converted.jsonl")
  }

  /// An item in the language of Python, `object` being the given expression.
  static func pythonItem(_ object: String) -> String {
    #"{"index_id": "INDEX_ID", "language": "en", "object": \#(object)}"#
  }

  /// A word of a POSIX shell in single quotes.
  private static func quoted(_ word: String) -> String {
    var result = "'"
    for scalar in word.unicodeScalars {
      if scalar == "'" { result += #"'\''"# } else { result.unicodeScalars.append(scalar) }
    }
    return result + "'"
  }

  /// The pipeline of a remedy as it has to be for a manifest that is compressed or not in UTF-8.
  ///
  /// - Parameter isListed: whether `orchestrate list` reads such a file, which is then named first.
  static func behind(
    _ source: ManifestInput, _ remedy: Finding.Remedy, isListed: Bool = false
  ) -> Finding.Remedy {
    guard !remedy.commands.isEmpty else { return remedy }
    var result = remedy
    if isListed, source.encoding == .utf8 {
      result.sentence =
        "Give it to orchestrate list with --from, or " + result.sentence.prefix(1).lowercased()
        + result.sentence.dropFirst()
    }
    if source.encoding != .utf8 { result.commands.insert("iconv -f \(source.encoding.name) -t UTF-8", at: 0) }
    if source.isCompressed { result.commands.insert("gzip -dc", at: 0) }
    return result
  }
}

/// What is known of the file before its text.
struct ManifestInput: Equatable {
  var isCompressed = false
  var encoding = TextEncoding.utf8
}

/// Valid JSON that is a list, but not one of items: where the list is, and what it holds.
struct JSONShape: Equatable {
  /// What the elements of a list are.
  enum Elements: Equatable {
    /// Objects with `index_id` and `object`.
    case items
    /// Objects of a bucket's listing.
    case keys(Listing)
    /// None: the object is the manifest of an S3 inventory, whose data files have them.
    case inventory
    /// Strings that are addresses.
    case addresses
    /// Strings that look like keys.
    case names
    /// Other objects.
    case other

    /// Which of two lists in one object is more likely meant: the lower one.
    fileprivate var rank: Int {
      switch self {
      case .items, .inventory: 0
      case .keys: 1
      case .addresses: 2
      case .other: 3
      case .names: 4
      }
    }
  }

  /// How objects of a listing say what they are.
  struct Listing: Equatable {
    /// The member with the key: `Key` of `aws s3api`, `key` of s5cmd and mc, `Path` of rclone.
    var member: String
    /// Whether it is an `s3://` address.
    var holdsAddresses = false
    /// Whether `IsLatest` tells the latest of several versions.
    var hasVersions = false
    /// Whether `IsDir` tells folders.
    var hasFolders = false

    /// Whether `orchestrate list` reads such objects.
    var isListed: Bool { self == Listing(member: "Key") }
  }

  /// The way to the list in the language of jq, from an element of the manifest: empty when the element itself is of
  /// the list, else such as `.Contents[]`, `["a name"][]` or, for a list in a list, `[]`, or `[0]` for a column of it.
  var path: String
  var elements: Elements

  /// Whether the list is a member of an object.
  var isInsideObject: Bool { path.hasPrefix(".") || path.hasPrefix("[\"") }

  /// How deep a list is looked for.
  private static let depthLimit = 4

  /// The list inside an object that is no item; `text` may be cut off. nil when there is none.
  init?(insideObject text: UnsafeBufferPointer<UInt8>) {
    let walk = ItemMembers(text)
    let names = walk.members.map { walk.name(of: $0) }
    if ["sourceBucket", "fileSchema"].allSatisfy({ name in names.contains { $0.elementsEqual(name.utf8) } }) {
      self.init(path: "", elements: .inventory)
      return
    }
    guard let found = JSONShape.list(in: text, path: "", depth: 0) else { return nil }
    self = found
  }

  /// What an object, a string or an array says about a list it is the first element of; nil when that is nothing.
  init?(ofElement text: UnsafeBufferPointer<UInt8>) {
    guard let first = text.first else { return nil }
    switch first {
    case UInt8(ascii: "["):
      guard let found = JSONShape.list(inArray: text) else { return nil }
      self = found
    case UInt8(ascii: "\""):
      guard let elements = JSONShape.kind(of: text) else { return nil }
      self.init(path: "", elements: elements)
    case UInt8(ascii: "{"):
      if case .keys(let listing)? = JSONShape.kind(of: text) {
        self.init(path: "", elements: .keys(listing))
      } else {
        self.init(insideObject: text)
      }
    default: return nil
    }
  }

  private init(path: String, elements: Elements) {
    self.path = path
    self.elements = elements
  }

  /// The list that an array is which itself is the element of one: all that it has, or one column of it, since
  /// `--query "Contents[].[Key,Size]"` writes a row for each object.
  private static func list(inArray array: UnsafeBufferPointer<UInt8>) -> JSONShape? {
    var kinds: [Elements?] = []
    var rest = firstElement(of: array)
    while let text = rest {
      kinds.append(kind(of: text))
      rest = element(after: text)
    }
    guard let first = kinds.first else { return nil }
    if let first, kinds.allSatisfy({ $0 == first }) { return JSONShape(path: "[]", elements: first) }
    // What is no string may be the size, and what is one may be the date.
    guard let column = kinds.firstIndex(where: { $0 == .addresses || $0 == .names }),
      let elements = kinds[column]
    else { return first.map { JSONShape(path: "[]", elements: $0) } }
    return JSONShape(path: "[\(column)]", elements: elements)
  }

  private static func list(in text: UnsafeBufferPointer<UInt8>, path: String, depth: Int) -> JSONShape? {
    guard depth < depthLimit else { return nil }
    let walk = ItemMembers(text)
    var best: JSONShape?
    // What `aws s3api list-object-versions` says of objects that are gone stands before those that are there.
    for member in walk.members where !walk.name(of: member).elementsEqual("DeleteMarkers".utf8) {
      let value = UnsafeBufferPointer(rebasing: text[member.value])
      let memberPath = path + step(walk.name(of: member))
      var found: JSONShape?
      if value.first == UInt8(ascii: "{") {
        found = list(in: value, path: memberPath, depth: depth + 1)
      } else if value.first == UInt8(ascii: "["), let element = firstElement(of: value),
        let elements = kind(of: element)
      {
        found = JSONShape(path: memberPath + "[]", elements: elements)
      }
      if let found, best.map({ found.elements.rank < $0.elements.rank }) ?? true { best = found }
    }
    return best
  }

  /// A step of jq to a member.
  private static func step(_ name: [UInt8]) -> String {
    let isIdentifier =
      !name.isEmpty
      && name.enumerated().allSatisfy { place, byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"):
          true
        case UInt8(ascii: "0")...UInt8(ascii: "9"): place > 0
        default: false
        }
      }
    let text = String(decoding: name.prefix(60), as: UTF8.self)
    if isIdentifier { return "." + text }
    var literal = ""
    for scalar in text.unicodeScalars {
      if scalar == "\"" || scalar == "\\" { literal += "\\" }
      literal.unicodeScalars.append(VisibleText.isHidden(scalar) || scalar == "`" ? "?" : scalar)
    }
    return "[\"\(literal)\"]"
  }

  /// The text of an array from its first element on; nil when it has none.
  private static func firstElement(of array: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8>? {
    var position = 1
    while position < array.count, [0x20, 0x09, 0x0A, 0x0D].contains(array[position]) { position += 1 }
    guard position < array.count, array[position] != UInt8(ascii: "]") else { return nil }
    return UnsafeBufferPointer(rebasing: array[position...])
  }

  /// The text of an array from the element behind the one that `text` begins with; nil when there is none.
  private static func element(after text: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8>? {
    let end = ItemMembers.end(ofValueIn: text)
    guard end > 0, let comma = text[end...].firstIndex(where: { !JSONSyntax.isSpace($0) }),
      text[comma] == UInt8(ascii: ",")
    else { return nil }
    return firstElement(of: UnsafeBufferPointer(rebasing: text[comma...]))
  }

  /// What a list holds whose text, from its first element on, is given.
  private static func kind(of text: UnsafeBufferPointer<UInt8>) -> Elements? {
    switch text.first {
    case UInt8(ascii: "{"):
      let end = ItemMembers.end(ofValueIn: text)
      let walk = ItemMembers(UnsafeBufferPointer(rebasing: text[..<end]))
      func member(_ name: String) -> ItemMembers.Member? {
        walk.members.first { walk.name(of: $0).elementsEqual(name.utf8) }
      }
      guard member("object") == nil else { return member("index_id") == nil ? .other : .items }
      for name in ["Key", "key", "Path"] {
        guard let found = member(name) else { continue }
        let value = walk.string(of: found) ?? []
        var listing = Listing(member: name)
        listing.holdsAddresses = value.starts(with: "s3://".utf8)
        listing.hasVersions = member("IsLatest") != nil
        listing.hasFolders = member("IsDir") != nil
        // Members of the other two names mean many things.
        if name == "Key" || listing.hasFolders || isName(value) { return .keys(listing) }
      }
      return .other
    case UInt8(ascii: "\""):
      let end = ItemMembers.end(ofValueIn: text)
      let string = text[..<end].dropFirst().dropLast()
      if string.starts(with: "s3://".utf8) { return .addresses }
      return isName(string) ? .names : nil
    default: return nil
    }
  }

  /// Whether a text may be a key: it has a dot or a slash, and is no date with fractions of a second.
  private static func isName(_ text: some Collection<UInt8>) -> Bool {
    guard text.contains(UInt8(ascii: "/")) || text.contains(UInt8(ascii: ".")) else { return false }
    let pattern = Array("0000-00-00T00:00:00.".utf8)
    func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    return text.count < pattern.count
      || !zip(text, pattern).allSatisfy { $1 == UInt8(ascii: "0") ? isDigit($0) : $0 == $1 }
  }
}

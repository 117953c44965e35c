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
    case .keys:
      let isFolder = #"select(.Key | endswith("/") | not)"#
      filter = "\(start)\(isFolder) | " + jqItem(#"("s3://BUCKET/" + .Key)"#)
      sentence = "Make items with jq, and " + bucketHint
    case .addresses:
      filter = start + jqItem(".")
      sentence = "Make items with jq, and " + indexHint
    case .names:
      filter = start + jqItem(#"("s3://BUCKET/" + .)"#)
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
    /// Objects of a bucket's listing, with `Key`.
    case keys
    /// Strings that are addresses.
    case addresses
    /// Strings that look like keys.
    case names
    /// Other objects.
    case other

    /// Which of two lists in one object is more likely meant: the lower one.
    fileprivate var rank: Int {
      switch self {
      case .items: 0
      case .keys: 1
      case .addresses: 2
      case .other: 3
      case .names: 4
      }
    }
  }

  /// The way to the list in the language of jq, from an element of the manifest: empty when the element itself is of
  /// the list, else such as `.Contents[]`, `["a name"][]` or, for a list in a list, `[]`.
  var path: String
  var elements: Elements

  /// How deep a list is looked for.
  private static let depthLimit = 4

  /// The list inside an object that is no item; `text` may be cut off. nil when there is none.
  init?(insideObject text: UnsafeBufferPointer<UInt8>) {
    guard let found = JSONShape.list(in: text, path: "", depth: 0) else { return nil }
    self = found
  }

  /// What an object, a string or an array says about a list it is the first element of; nil when that is nothing.
  init?(ofElement text: UnsafeBufferPointer<UInt8>) {
    guard let first = text.first else { return nil }
    switch first {
    case UInt8(ascii: "["):
      // `aws --query "Contents[].[Key]"` writes such.
      guard let inner = JSONShape.firstElement(of: text), let elements = JSONShape.kind(of: inner) else {
        return nil
      }
      self.init(path: "[]", elements: elements)
    case UInt8(ascii: "\""):
      guard let elements = JSONShape.kind(of: text) else { return nil }
      self.init(path: "", elements: elements)
    case UInt8(ascii: "{"):
      if JSONShape.kind(of: text) == .keys {
        self.init(path: "", elements: .keys)
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

  private static func list(in text: UnsafeBufferPointer<UInt8>, path: String, depth: Int) -> JSONShape? {
    guard depth < depthLimit else { return nil }
    let walk = ItemMembers(text)
    var best: JSONShape?
    for member in walk.members {
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

  /// What a list holds whose text, from its first element on, is given.
  private static func kind(of text: UnsafeBufferPointer<UInt8>) -> Elements? {
    switch text.first {
    case UInt8(ascii: "{"):
      let end = ItemMembers.end(ofValueIn: text)
      let walk = ItemMembers(UnsafeBufferPointer(rebasing: text[..<end]))
      let names = walk.members.map { walk.name(of: $0) }
      func has(_ name: String) -> Bool { names.contains { $0.elementsEqual(name.utf8) } }
      if has("index_id") && has("object") { return .items }
      if has("Key") && !has("object") { return .keys }
      return .other
    case UInt8(ascii: "\""):
      let end = ItemMembers.end(ofValueIn: text)
      let string = text[..<end].dropFirst().dropLast()
      if string.starts(with: "s3://".utf8) { return .addresses }
      return string.contains(UInt8(ascii: "/")) || string.contains(UInt8(ascii: ".")) ? .names : nil
    default: return nil
    }
  }
}

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
  static func behind(_ source: ManifestInput, _ remedy: Finding.Remedy) -> Finding.Remedy {
    guard !remedy.commands.isEmpty else { return remedy }
    var result = remedy
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

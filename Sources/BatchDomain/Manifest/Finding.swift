/// One result of the validation of a manifest.
package struct Finding: Sendable, Equatable {
  /// How serious a finding is.
  package enum Severity: String, Sendable, CaseIterable {
    /// Nothing of the manifest may be sent.
    case fatal
    /// The manifest may be sent; with `--strict` it may not.
    case warning
  }

  /// How to make a manifest of the file, as a value: only the command line knows the name of the file.
  package struct Remedy: Sendable, Equatable {
    /// What to do, a sentence in the imperative without its full stop.
    package var sentence: String
    /// The commands of a pipeline that writes the manifest, in the language of a POSIX shell; each but a first one
    /// that `takesName` reads standard input. Empty when no command does it.
    package var commands: [String]
    /// Whether the first command takes the name of the file as its last argument.
    package var takesName: Bool
    /// The file that the pipeline writes. It is never a likely name of the manifest, which the shell would empty
    /// first.
    package var output: String

    /// Makes advice from its parts.
    package init(
      _ sentence: String, commands: [String] = [], takesName: Bool = false, output: String = "converted.json"
    ) {
      self.sentence = sentence
      self.commands = commands
      self.takesName = takesName
      self.output = output
    }

    /// The advice as a sentence; `file` is the manifest's name as a word of a shell.
    package func text(file: String) -> String {
      guard !commands.isEmpty else { return sentence + "." }
      var pipeline = commands
      pipeline[0] += (takesName ? " " : " < ") + file
      let target = file.hasSuffix(output) ? "new-" + output : output
      return "\(sentence): `\(pipeline.joined(separator: " | ")) > \(target)`."
    }
  }

  /// The most characters a message has; a longer one is cut and ends in an ellipsis.
  package static let messageLimit = 200

  /// The kind of the finding; its severity follows from it.
  package let code: Code
  /// The line of the offending value, from 1; nil when the finding has no place.
  package let line: Int?
  /// The column of the offending value, from 1, counted in Unicode scalars; nil when the finding has no place.
  package let column: Int?
  /// The ordinal of the element in the file, from 0, repeated and refused elements included; nil outside any.
  package let item: Int?
  /// What was found and what was expected, at most `messageLimit` characters, without control characters.
  package let message: String
  /// What to do about it, where that is more than correcting the value.
  package let remedy: Remedy?

  /// Makes a finding. `message` may have any length and content; it is escaped and cut here.
  package init(
    code: Code, line: Int?, column: Int?, item: Int?, message: String, remedy: Remedy? = nil
  ) {
    self.code = code
    self.line = line
    self.column = column
    self.item = item
    self.message = VisibleText.escape(message, cutAt: Finding.messageLimit)
    self.remedy = remedy
  }

  /// How serious the finding is.
  package var severity: Severity { code.severity }

  /// Whether this finding stands before `other` in the file; one without a place stands first.
  package func precedes(_ other: Finding) -> Bool {
    (line ?? 0, column ?? 0) < (other.line ?? 0, other.column ?? 0)
  }
}

extension Finding {
  /// The kinds of findings; the raw values are stable and meant for programs.
  package enum Code: String, Sendable, CaseIterable {
    // Fatal: the text.

    /// The file is of another kind than JSON; the message names the kind where it is known.
    case notJSON = "not_json"
    /// The JSON is another list than one of items: a list inside one object, of addresses, of a bucket's keys.
    case otherList = "other_list"
    /// The text breaks a rule of RFC 8259.
    case syntaxError = "syntax_error"
    /// The bytes are not UTF-8 (RFC 3629), or UTF-16 with half of a surrogate pair.
    case invalidUTF8 = "invalid_utf8"
    /// The manifest, or a line of JSON lines, ends inside an element or before the closing bracket, or goes on as NUL bytes.
    case truncated = "truncated"
    /// Something other than whitespace follows the array.
    case trailingContent = "trailing_content"
    /// Values are nested deeper than the reader follows.
    case nestingTooDeep = "nesting_too_deep"
    /// An item has more members than the reader keeps apart.
    case tooManyMembers = "too_many_members"
    /// The source text of one item is longer than the reader keeps in memory.
    case itemTooLong = "item_too_long"
    /// A `\u` escape is half of a surrogate pair.
    case loneSurrogate = "lone_surrogate"
    /// One of the fields that the service documents holds `\u0000`.
    case nulCharacter = "nul_character"

    // Fatal: the items.

    /// The manifest holds nothing but whitespace.
    case emptyManifest = "empty_manifest"
    /// The array has no elements.
    case emptyArray = "empty_array"
    /// An element is not a JSON object.
    case notAnObject = "not_an_object"
    /// A member name occurs more than once in an item, compared after decoding escapes.
    case duplicateMember = "duplicate_member"
    /// `index_id`, `language` or `object` is missing.
    case missingField = "missing_field"
    /// `index_id`, `language` or `object` is not a string.
    case notAString = "not_a_string"
    /// `index_id` is empty, or nothing but white space.
    case emptyIndexID = "empty_index_id"
    /// `object` is not `s3://bucket/key`.
    case invalidObject = "invalid_object"
    /// `transcription` is neither `s3://bucket/key` nor null, empty or absent.
    case invalidTranscription = "invalid_transcription"
    /// The wire form of an item does not fit in a chunk of its own.
    case itemExceedsChunk = "item_exceeds_chunk"
    /// An earlier item has the same `index_id` and `object` and different content.
    case conflictingItem = "conflicting_item"

    // Warnings.

    /// `index_id` is not 24 hexadecimal digits.
    case unusualIndexID = "unusual_index_id"
    /// `language` is not `en`.
    case unusualLanguage = "unusual_language"
    /// `transcription` ends neither in `.srt` nor in `.vtt`.
    case unusualTranscription = "unusual_transcription"
    /// A bucket name is outside the rules of S3.
    case unusualBucket = "unusual_bucket"
    /// A key ends in a slash: the empty object that stands for a folder.
    case folderObject = "folder_object"
    /// A file that a system leaves beside others (`.DS_Store`, `Thumbs.db`), not a video.
    case systemFile = "system_file"
    /// A name begins or ends in white space.
    case surroundingSpace = "surrounding_space"
    /// A value holds control characters or characters that are not shown.
    case hiddenCharacter = "hidden_character"
    /// A key is longer than the 1024 bytes that S3 allows.
    case longKey = "long_key"
    /// The object is larger than the service documents.
    case largeObject = "large_object"
    /// The object is in an archive and cannot be read before somebody restores it.
    case archivedObject = "archived_object"
    /// The member for this program says something else than a size and a storage class.
    case unusualNote = "unusual_note"
    /// The item has a field that the service does not document; it is passed through untouched, where requests carry items.
    case unknownField = "unknown_field"
    /// An earlier item is the same; it is sent once.
    case repeatedItem = "repeated_item"
    /// An earlier item of the same index has the same file name.
    case nameClash = "name_clash"
    /// The file was written to while it was read: what came late may be missing.
    case fileChanged = "file_changed"
    /// Items have a transcription or a language that no request carries: once for the whole manifest.
    case notSent = "not_sent"
    /// An earlier run has the item with other content. No reason to refuse the manifest.
    case changedItem = "changed_item"

    /// How serious a finding of this kind is.
    package var severity: Severity {
      switch self {
      case .notJSON, .otherList, .syntaxError, .invalidUTF8, .truncated, .trailingContent, .nestingTooDeep,
        .tooManyMembers, .itemTooLong, .loneSurrogate, .nulCharacter, .emptyManifest, .emptyArray,
        .notAnObject, .duplicateMember, .missingField, .notAString, .emptyIndexID, .invalidObject,
        .invalidTranscription,
        .itemExceedsChunk, .conflictingItem:
        .fatal
      case .unusualIndexID, .unusualLanguage, .unusualTranscription, .unusualBucket, .folderObject,
        .systemFile, .surroundingSpace, .hiddenCharacter, .longKey,
        .largeObject, .archivedObject, .unusualNote,
        .unknownField, .repeatedItem, .nameClash, .fileChanged, .notSent, .changedItem:
        .warning
      }
    }
  }
}

/// The findings of one manifest: the first ones in full, the others counted.
///
/// Memory is bounded by `keptLimit` whatever the manifest. Fatal findings are kept in preference to warnings.
package struct FindingLog: Sendable, Equatable {
  /// The most findings kept in full.
  package static let keptLimit = 20

  /// The findings kept in full, in file order, at most `keptLimit`.
  package private(set) var kept: [Finding] = []
  /// How many fatal findings there are, kept or not.
  package private(set) var fatalCount = 0
  /// How many warnings there are, kept or not.
  package private(set) var warningCount = 0

  /// Makes an empty log.
  package init() {}

  /// How many findings there are, kept or not.
  package var total: Int { fatalCount + warningCount }
  /// How many findings are only counted.
  package var unkeptCount: Int { total - kept.count }
  /// Whether any finding is fatal.
  package var hasFatal: Bool { fatalCount > 0 }

  /// Whether a finding of `severity` at `line` and `column`, or slightly after it, might be kept, so that its text is
  /// needed.
  package func mightKeep(_ severity: Finding.Severity, line: Int, column: Int) -> Bool {
    guard kept.count >= FindingLog.keptLimit else { return true }
    let rival: Finding?
    switch severity {
    case .fatal: rival = kept.last { $0.severity == .warning } ?? kept.last
    case .warning: rival = kept.last { $0.severity == .warning }
    }
    guard let rival else { return false }
    return (severity == .fatal && rival.severity == .warning)
      || (line, column) < (rival.line ?? 0, rival.column ?? 0)
  }

  /// Counts a finding that `mightKeep` refused.
  package mutating func count(_ severity: Finding.Severity) {
    switch severity {
    case .fatal: fatalCount += 1
    case .warning: warningCount += 1
    }
  }

  /// Counts a finding, and keeps it if there is room or if it displaces a less serious one or one further down the
  /// file.
  package mutating func record(_ finding: Finding) {
    count(finding.severity)
    let place = kept.firstIndex { finding.precedes($0) } ?? kept.endIndex
    kept.insert(finding, at: place)
    if kept.count > FindingLog.keptLimit {
      kept.remove(at: kept.lastIndex { $0.severity == .warning } ?? kept.endIndex - 1)
    }
  }
}

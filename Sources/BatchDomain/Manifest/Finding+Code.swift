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
    /// The manifest, or a line of JSON lines, ends inside an element or before the closing bracket.
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
    /// The item has a field that the service does not document; it is passed through untouched.
    case unknownField = "unknown_field"
    /// An earlier item is the same; it is sent once.
    case repeatedItem = "repeated_item"
    /// An earlier item of the same index has the same file name.
    case nameClash = "name_clash"

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
        .unknownField, .repeatedItem, .nameClash:
        .warning
      }
    }
  }
}

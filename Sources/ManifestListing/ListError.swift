package import BatchDomain

/// Why a list cannot be made into a manifest. Nothing of S3 itself: its refusals are errors of `S3Access`.
package struct ListError: AdvisedError, Equatable {
  /// The kinds of failures; the raw values are stable and meant for programs.
  package enum Code: String, Sendable, CaseIterable {
    /// There is no file of that name.
    case notFound = "list_not_found"
    /// The path names a folder.
    case isDirectory = "list_is_directory"
    /// The file may not be opened or its bytes cannot be read.
    case unreadable = "list_unreadable"
    /// The file is of none of the kinds that are read.
    case notRecognized = "list_not_recognized"
    /// The file is of a kind that is read, and breaks off or breaks its rules.
    case damaged = "list_damaged"
    /// Neither the file nor an option says which bucket the keys are in.
    case bucketNeeded = "bucket_needed"
    /// The file says another bucket than the option, or two where a list is of one.
    case otherBucket = "other_bucket"
    /// A data file of an inventory is missing, or its checksum does not match.
    case inventoryFile = "inventory_file"
    /// Temporary data cannot be written or read.
    case temporaryFile = "temporary_file"
  }

  /// The kind of failure.
  package let code: Code
  /// One sentence that names the file, what was found and what was expected.
  package let message: String
  /// What the person can do about it.
  package let remedy: Remedy?

  /// An error about a file.
  ///
  /// - Parameters:
  ///   - file: its name, as messages have it.
  ///   - cause: what was found and what was expected, a clause.
  init(_ code: Code, _ file: String, _ cause: String, remedy: Remedy?) {
    self.code = code
    message = "list \(ListError.named(file)): \(cause)"
    self.remedy = remedy
  }

  /// A name as messages show it: in quotes, control characters visible.
  static func named(_ file: String) -> String {
    file == FileBlocks.standardInputName ? file : "\"\(VisibleText.escape(file, cutAt: 300))\""
  }

  /// A piece of a file as messages show it.
  static func quoted(_ bytes: some Collection<UInt8>) -> String {
    "\"\(VisibleText.escape(String(decoding: bytes.prefix(300), as: UTF8.self), cutAt: 60))\""
  }

  /// A file that breaks off before its end.
  static func truncated(_ file: String, _ place: String) -> ListError {
    ListError(
      .damaged, file, "it ends \(place), expected it to be complete",
      remedy: "make or copy the list again; it was probably cut off")
  }
}

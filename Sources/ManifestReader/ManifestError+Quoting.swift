import BatchDomain

extension ManifestError {
  /// `text` in double quotes, control characters visible, cut to a length that leaves room for a sentence.
  static func quoted(_ text: String) -> String {
    text == ManifestSource.standardInputName ? text : "\"" + VisibleText.escape(text, cutAt: 300) + "\""
  }
}

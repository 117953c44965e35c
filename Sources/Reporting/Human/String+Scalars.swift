extension String {
  /// The text with each such scalar replaced. By scalar, not by character: a combining mark after a quote makes
  /// another character of both, and leaves the quote a quote for whoever reads the bytes.
  func replacing(scalar: Unicode.Scalar, by replacement: String) -> String {
    var text = ""
    for current in unicodeScalars {
      if current == scalar { text += replacement } else { text.unicodeScalars.append(current) }
    }
    return text
  }
}

import BatchDomain
import Testing

@Suite("Text that is shown")
struct VisibleTextTests {
  @Test(arguments: [
    ("plain žluť 🎬", "plain žluť 🎬"), ("a\nb\tc\r", "a\\nb\\tc\\r"),
    ("\u{0}\u{1b}\u{7f}\u{9b}", "\\x00\\x1b\\x7f\\x9b"),
    ("\u{202e}abc\u{2066}", "\\u{202e}abc\\u{2066}"),
    ("\u{feff}\u{200b}\u{e0041}", "\\u{feff}\\u{200b}\\u{e0041}"),
    ("\u{61c}\u{2060}\u{3164}", "\\u{61c}\\u{2060}\\u{3164}"), ("\r\n", "\\r\\n"),
    ("👩\u{200d}👩", "👩\u{200d}👩"),
  ])
  func textFromOutsideIsHarmless(text: String, escaped: String) {
    #expect(VisibleText.escape(text) == escaped)
  }

  @Test func longTextIsCut() {
    #expect(VisibleText.escape("abcdef", cutAt: 6) == "abcdef")
    #expect(VisibleText.escape("abcdefg", cutAt: 6) == "abcde…")
    #expect(VisibleText.escape("ab" + String(repeating: "\u{301}", count: 1_000), cutAt: 6).utf8.count < 200)
    #expect(VisibleText.escape(String(repeating: "\n", count: 1_000_000), cutAt: 5) == "\\n\\n…")
  }

  /// Control characters, separators, and what Unicode calls default-ignorable, except what shapes its neighbours.
  @Test func hiddenCharactersAreThoseOfUnicode() {
    let shaping: Set<UInt32> = [0x034F, 0x200C, 0x200D, 0x180B, 0x180C, 0x180D, 0x180F]
    for value in UInt32(0)...0x10FFFF {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let properties = scalar.properties
      let isVariation = (0xFE00...0xFE0F).contains(value) || (0xE0100...0xE01EF).contains(value)
      let isObeyed = [.control, .lineSeparator, .paragraphSeparator].contains(properties.generalCategory)
      let isIgnored = properties.isDefaultIgnorableCodePoint && !shaping.contains(value) && !isVariation
      let isAnnotation = (0xFFF9...0xFFFB).contains(value)
      #expect(
        VisibleText.isHidden(scalar) == (isObeyed || isIgnored || isAnnotation), "\(String(value, radix: 16))"
      )
    }
  }

  @Test(
    arguments: [
      ("\u{A0}", "U+00A0 NO-BREAK SPACE"), ("\u{200B}", "U+200B ZERO WIDTH SPACE"), ("\u{0}", "U+0000 NULL"),
      ("\u{1B}", "U+001B ESCAPE"), ("\u{7F}", "U+007F DELETE"), ("“", "U+201C LEFT DOUBLE QUOTATION MARK"),
      ("😀", "U+1F600 GRINNING FACE"), ("\u{E000}", "U+E000"),
    ] as [(Unicode.Scalar, String)])
  func charactersHaveNames(scalar: Unicode.Scalar, name: String) {
    #expect(VisibleText.name(of: scalar) == name)
  }

  @Test(arguments: [
    ("/a/b.db", "/a/b.db"), ("", "''"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("$(rm)", "'$(rm)'"),
    ("a'\u{301};b", "'a'\\''\u{301};b'"),
    ("~/x", "'~/x'"),
  ])
  func shellWordIsQuotedWhereNeeded(word: String, quoted: String) {
    #expect(ShellText.quote(word) == quoted)
  }
}

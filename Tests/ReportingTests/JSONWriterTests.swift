import BatchDomain
import Foundation
import Testing

@testable import Reporting

@Suite("JSON")
struct JSONWriterTests {
  @Test(arguments: [
    ("plain", #""plain""#), ("", #""""#), ("a\"b\\c/", #""a\"b\\c/""#),
    ("\n\r\t\u{8}\u{c}", #""\n\r\t\u0008\u000c""#),
    ("\u{0}\u{1f}\u{7f}\u{9b}", #""\u0000\u001f\u007f\u009b""#), ("\u{2028}\u{2029}", #""\u2028\u2029""#),
    ("žluť 🎬", #""žluť 🎬""#), ("\r\n", #""\r\n""#), ("e\u{301}\"\u{301}", "\"e\u{301}\\\"\u{301}\""),
  ])
  func stringIsEscaped(string: String, token: String) {
    var json = JSONWriter(.compact)
    json.value(string)
    #expect(json.take() == token)
  }

  @Test func everyScalarComesBack() throws {
    let scalars = (0...0x2FFF).compactMap { Unicode.Scalar(UInt32($0)) }
    var all = String.UnicodeScalarView()
    all.append(contentsOf: scalars)
    var json = JSONWriter(.compact)
    json.beginArray()
    json.value(String(all))
    json.endArray()
    let decoded = try JSONDecoder().decode([String].self, from: Data(json.take().utf8))
    #expect(decoded.first.map { Array($0.unicodeScalars) } == scalars)
  }

  @Test(
    arguments: [
      (0, "0"), (-0.0, "-0"), (1.5, "1.5"), (100, "100"), (1e21, "1000000000000000000000"),
      (1e-7, "0.0000001"),
      (-2.5e-9, "-0.0000000025"), (1.25e20, "125000000000000000000"), (.nan, "null"), (.infinity, "null"),
      (.leastNonzeroMagnitude, nil), (.greatestFiniteMagnitude, nil), (0.1, "0.1"),
      (123_456.789, "123456.789"),
    ] as [(Double, String?)])
  func numberHasNoExponent(number: Double, token: String?) {
    var json = JSONWriter(.compact)
    json.value(number)
    let text = json.take()
    #expect(!text.contains("e"))
    if let token { #expect(text == token) } else { #expect(Double(text) == number) }
  }

  @Test(arguments: [
    (0, "0"), (1, "0.001"), (1_500, "1.5"), (12_000, "12"), (-2_050, "-2.05"), (1_234_567, "1234.567"),
  ])
  func secondsHaveMilliseconds(milliseconds: Int, token: String) {
    #expect(JSONText.seconds(.milliseconds(milliseconds)) == token)
  }

  @Test func layoutIsCompactOrIndented() {
    for (layout, text) in [
      (JSONWriter.Layout.compact, #"{"a":[],"b":[1,null,{"c":true}],"d":{}}"#),
      (
        .pretty,
        """
        {
          "a": [],
          "b": [
            1,
            null,
            {
              "c": true
            }
          ],
          "d": {}
        }
        """
      ),
    ] {
      var json = JSONWriter(layout)
      json.beginObject()
      json.key("a")
      json.beginArray()
      json.endArray()
      json.key("b")
      json.beginArray()
      json.value(1)
      json.value(nil as String?)
      json.beginObject()
      json.key("c")
      json.value(true)
      json.endObject()
      json.endArray()
      json.key("d")
      json.beginObject()
      json.endObject()
      json.endObject()
      #expect(json.take() == text)
      #expect(json.take().isEmpty)
    }
  }
}

import BatchDomain
import ServiceHTTP
import Testing

@Suite struct ScrubberTests {
  private func scrub(_ text: String, key: String = testKey) throws -> String {
    Scrubber(key: try APIKey(key)).scrub(text)
  }

  @Test(arguments: [
    "KEY", "key=KEY;", "KEYKEY", "é KEY ü", "x-api-key: KEY\r\n", "{\"key\":\"KEY\"}",
  ])
  func `the key is taken out wherever it stands`(template: String) throws {
    let text = template.replacing("KEY", with: testKey)
    #expect(try scrub(text) == template.replacing("KEY", with: "[removed]"))
    #expect(try !scrub(text.lowercased()).contains(testKey.lowercased()))
  }

  @Test func `percent-encoded and JSON-escaped spellings are known`() throws {
    let percent = testKey.utf8.map { "%" + hex($0, width: 2) }.joined()
    let someEscaped = testKey.replacing("+", with: "%2b").replacing("/", with: "%2F")
    let json = testKey.replacing("/", with: "\\/")
    let unicode = testKey.utf8.map { "\\u" + hex($0, width: 4) }.joined()
    for spelling in [percent, percent.lowercased(), someEscaped, json, unicode] {
      #expect(try scrub("<\(spelling)>") == "<[removed]>", "\(spelling)")
    }
  }

  @Test(arguments: 0..<7)
  func `base64 of anything around the key shows nothing of it`(before: Int) throws {
    let plain = Array((String(repeating: "u", count: before) + testKey + ":rest").utf8)
    for encoded in [base64(plain), base64(plain).replacing("+", with: "-").replacing("/", with: "_")] {
      let clean = try scrub("Basic \(encoded)")
      #expect(clean.contains("[removed]"))
      // What is left shows at most the letters that the key's first and last byte share with others.
      #expect(!clean.contains(base64(Array(testKey.utf8)).dropFirst(4).prefix(8)))
    }
  }

  @Test func `a key with escapes in it is found as it stands`() throws {
    #expect(try scrub("a%41b\\/c d", key: "%41b\\/c") == "a[removed] d")
  }

  @Test(arguments: [
    (
      "GET https://b.s3.amazonaws.com/k?X-Amz-Expires=60&X-Amz-Signature=abc123&x=1",
      "GET https://b.s3.amazonaws.com/k?X-Amz-Expires=60&X-Amz-Signature=[removed]&x=1"
    ),
    ("?sv=1&sig=a%2Bb%3D&se=2", "?sv=1&sig=[removed]&se=2"), ("Signature=QQ==", "Signature=[removed]"),
    ("{\"u\":\"?a=1\\u0026sig=abc\\u0026b=2\"}", "{\"u\":\"?a=1\\u0026sig=[removed]\\u0026b=2\"}"),
    (
      "r=https%3A%2F%2Fh%2F%3Fa%3D1%26X-Amz-Signature%3Dabc%26b",
      "r=https%3A%2F%2Fh%2F%3Fa%3D1%26X-Amz-Signature%3D[removed]%26b"
    ),
    ("https://user:pw@host/p", "https://[removed]@host/p"), ("https://u@h@host", "https://[removed]@host"),
    (#"https:\/\/user:pw@host\/p"#, #"https:\/\/[removed]@host\/p"#),
    ("design=1 config=2 sig", "design=1 config=2 sig"),
    (
      "r=h%253Fa%253D1%2526X-Amz-Credential%253DAKIA%25252F1%2526b",
      "r=h%253Fa%253D1%2526X-Amz-Credential%253D[removed]%2526b"
    ),
    ("<a href='h?a&amp;X-Amz-Signature=ab12&amp;b'>", "<a href='h?a&amp;X-Amz-Signature=[removed]&amp;b'>"),
    ("x-amz-security-token: FwoG/x+1==\r\nhost: h", "x-amz-security-token: [removed]\r\nhost: h"),
    (#"{"X-Amz-Signature": "ab12", "b": 1}"#, #"{"X-Amz-Signature": "[removed]", "b": 1}"#),
    (#""{\"X-Amz-Credential\":\"AKIA/1\"}""#, #""{\"X-Amz-Credential\":\"[removed]\"}""#),
    (
      "<Error><Code>SignatureDoesNotMatch</Code><SignatureProvided>ab12</SignatureProvided></Error>",
      "<Error><Code>SignatureDoesNotMatch</Code><SignatureProvided>[removed]</SignatureProvided></Error>"
    ),
    (
      "AWS4-HMAC-SHA256 Credential=AKIA/20261126/r/s3/aws4_request, SignedHeaders=host, Signature=ab12",
      "AWS4-HMAC-SHA256 Credential=[removed], SignedHeaders=host, Signature=[removed]"
    ),
    ("no X-Amz-Signature was found", "no X-Amz-Signature was found"),
    ("mail a@b.c, https://host/a@b", "mail a@b.c, https://host/a@b"),
    ("", ""),
  ])
  func `signatures and user info are taken out, and nothing else`(text: String, expected: String) throws {
    #expect(try scrub(text) == expected)
  }

  @Test func `secrets that become known later are taken out from then on, and the ones before for a while`()
    throws
  {
    let register = SecretRegister()
    let scrubber = Scrubber(key: try APIKey(testKey), register: register)
    let token = "FwoGZXIvYXdzEXAMPLE/token+with=signs"
    let text =
      "key \(testKey), token \(token) or \(token.replacing("/", with: "%2F").replacing("+", with: "%2b"))"
    #expect(scrubber.scrub(text).contains("EXAMPLE"))
    register.add(["wJalrXUtnFEMI/K7MDENG", token])
    register.add(["another secret", "ab"])
    #expect(scrubber.scrub(text) == "key [removed], token [removed] or [removed]")
    #expect(scrubber.scrub("wJalrXUtnFEMI/K7MDENG another secret ab") == "[removed] [removed] ab")
    #expect(scrubber.scrub("cut at \(token.prefix(20))", isCut: true) == "cut at ")
    var reflected = ""
    dump(register, to: &reflected)
    dump(scrubber, to: &reflected)
    #expect(!reflected.contains("Fwo") && !reflected.contains("70"))
  }

  @Test func `text without secrets stays as it is`() throws {
    var random = SeededNumbers(seed: 5)
    for _ in 0..<500 {
      let text = String((0..<100).map { _ in "abc 01%\\u/+é😀".randomElement(using: &random) ?? " " })
      #expect(try scrub(text) == text)
    }
  }

  private func hex(_ byte: UInt8, width: Int) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return String(repeating: "0", count: width - digits.count) + digits
  }

  /// Base64 written down from RFC 4648, independently of the client's.
  private func base64(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    let bits = bytes.flatMap { byte in (0..<8).map { byte >> (7 - UInt8($0)) & 1 } }
    let padded = bits + Array(repeating: 0, count: (6 - bits.count % 6) % 6)
    let letters = stride(from: 0, to: padded.count, by: 6).map { start in
      alphabet[padded[start..<start + 6].reduce(0) { $0 * 2 + Int($1) }]
    }
    return String(letters) + String(repeating: "=", count: (4 - letters.count % 4) % 4)
  }
}

import BatchDomain
import ServiceHTTP
import Testing
import TransfersService

@Suite struct AnswerReaderTests {
  private func decode(
    _ body: String, status: Int = 400, headers: AnswerHeaders = [:], profile: ServiceProfile = .v1,
    isCut: Bool = false
  ) throws -> Answer {
    try decode(bytes: Array(body.utf8), status: status, headers: headers, profile: profile, isCut: isCut)
  }

  private func decode(
    bytes: [UInt8], status: Int = 400, headers: AnswerHeaders = [:], profile: ServiceProfile = .v1,
    isCut: Bool = false
  ) throws -> Answer {
    AnswerReader(profile: profile, scrubber: Scrubber(key: try APIKey(testKey)))
      .decode(status: status, headers: headers, body: bytes, isCut: isCut, now: HTTPDateTests.now)
  }

  @Test(arguments: [
    (#"{"code":"parameter_invalid","message":"m"}"#, "parameter_invalid"),
    (#"{"error_code":"index_gone","message":"m"}"#, "index_gone"), (#"{"error_code":104}"#, "104"),
    (#"{"code":-3}"#, "-3"), (#"{"code":1.5}"#, "1.5"), (#"{"code":null,"error_code":"e"}"#, "e"),
    (#"{"code":"","error_code":"e"}"#, "e"), (#"{"code":true}"#, nil), (#"{"code":["a"]}"#, nil),
    (#"{"code":{"a":1}}"#, nil), ("{}", nil), ("[]", nil), ("", nil), ("\"code\"", nil),
    ("{\"code\":\"a\"", nil),
  ])
  func `a code is read from either name, as text or number`(body: String, code: String?) throws {
    for profile in ServiceProfile.allCases {
      #expect(try decode(body, profile: profile).code == code)
    }
  }

  @Test func `the version's own name for the code comes first`() throws {
    let body = #"{"code":"new","error_code":"old"}"#
    #expect(try decode(body, profile: .v1).code == "old")
    #expect(try decode(body, profile: .v1_1).code == "new")
    #expect(try decode(body, profile: .v1_2).code == "new")
  }

  /// Found by fuzzing: any of these once hid the code, and an account fault became a refusal of the chunk.
  @Test(arguments: [
    #""x":1e999"#, #""x":-1E+400"#, #""x":300000000000000000001234567890123456789"#, #""x":"\ud800""#,
    #""x":["\udc00\ud800"]"#, #""docs\ud800_url":1"#,
  ])
  func `valid JSON that no type holds does not hide the code`(member: String) throws {
    for body in [
      "{\(member),\"code\":\"insufficient_funds\"}", "{\"code\":\"insufficient_funds\",\(member)}",
    ] {
      let answer = try decode(body)
      #expect(answer.code == "insufficient_funds")
      #expect(TransferOutcomes.outcome(of: answer) == .account)
    }
  }

  @Test func `a number is its digits, and half of a surrogate pair is repaired`() throws {
    #expect(try decode(#"{"code":1e999}"#).code == "1e999")
    #expect(try decode(#"{"code":30000000000000000000}"#).code == "30000000000000000000")
    #expect(try decode(#"{"message":"a\ud83d b \ud83d\ude00"}"#).message == "a\u{FFFD} b \u{1F600}")
  }

  @Test(arguments: [
    #"{"code":"a",}"#, #"{"code":"a"}}"#, #"{"code":"a" "b":1}"#, #"{"code":"a","b":[1,]}"#,
    #"{"code":"a","b":01}"#,
    #"{"code":"a","b":+1}"#, #"{"code":"a","b":1.}"#, #"{"code":"a","b":.5}"#, #"{"code":"a","b":1e}"#,
    #"{"code":"a","b":tru}"#, #"{"code":"a","b":"\x"}"#, #"{"code":"a","b":"\u12g4"}"#,
    #"{"code":"a","b":"\u12"#,
    "{\"code\":\"a\",\"b\":\"\u{1}\"}", #"{"code":"a","b":NaN}"#, #"{'code':'a'}"#, #"{"code":"a"/**/}"#,
    #"{"code":"a""#, #"{"code":"a","b":-}"#,
  ])
  func `what is not JSON has no code`(body: String) throws {
    #expect(try decode(body).code == nil)
    #expect(try decode(body).message != nil)
  }

  @Test func `nesting is followed to its limit`() throws {
    for (depth, code) in [(127, "a"), (128, nil)] {
      let nested = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
      #expect(try decode("{\"code\":\"a\",\"b\":\(nested)}").code == code)
    }
  }

  @Test func `a code is cut, and cannot hold the key`() throws {
    #expect(try decode("{\"code\":\"\(String(repeating: "é", count: 300))\"}").code?.count == 100)
    #expect(try decode("{\"code\":\"a_\(testKey)\"}").code == "a_[removed]")
  }

  @Test func `a published code stays whole even if the key is a part of it`() throws {
    let decoder = AnswerReader(profile: .v1_2, scrubber: Scrubber(key: try APIKey("api")))
    let answer = decoder.decode(
      status: 400, headers: [:], body: Array(#"{"code":"api_key_invalid","message":"api"}"#.utf8),
      now: HTTPDateTests.now)
    #expect(answer.code == "api_key_invalid")
    #expect(answer.message == "[removed]")
  }

  @Test func `the message is the service's, else the body as text`() throws {
    #expect(try decode(#"{"message":"Succesfully requested"}"#).message == "Succesfully requested")
    #expect(try decode(#"{"error":"x"}"#).message == #"{"error":"x"}"#)
    #expect(try decode("").message == nil)
    #expect(try decode(" \r\n").message == nil)
  }

  @Test func `a body that is not text is no message`() throws {
    #expect(try decode(bytes: [0, 1, 2, 3]).message == nil)
    #expect(try decode(bytes: Array(repeating: 0xFF, count: 50)).message == nil)
    // Named in the header, and not done.
    #expect(try decode("text", headers: ["Content-Encoding": "gzip"]).message == "text")
    #expect(try decode("text", headers: ["Content-Encoding": "identity"]).message == "text")
  }

  @Test func `bytes that are not UTF-8 are repaired`() throws {
    #expect(
      try decode(bytes: Array("{\"message\":\"caf".utf8) + [0xE9] + Array(" closed today\"}".utf8)).message
        == "caf\u{FFFD} closed today")
  }

  @Test func `what a terminal would obey is taken out`() throws {
    #expect(try decode(#"{"message":"a\u001b[31mb\nc"}"#).message == "a\u{FFFD}[31mb\nc")
  }

  @Test func `a long message is cut at a character`() throws {
    let message = try #require(
      try decode("{\"message\":\"x\(String(repeating: "é", count: 3_000))\"}").message)
    #expect(message.utf8.count == 2_047)
    #expect(message.hasSuffix("é"))
  }

  @Test func `a key at the cut of the body leaves no beginning`() throws {
    for length in 1..<testKey.utf8.count {
      let answer = try decode("oops \(testKey.prefix(length))", isCut: true)
      #expect(answer.message == "oops ")
    }
  }

  @Test func `a key across the end of the message leaves no beginning`() throws {
    for offset in 2_020..<2_050 {
      let answer = try decode(String(repeating: "-", count: offset) + testKey)
      #expect(answer.message?.contains("tlk") == false)
    }
  }

  @Test(arguments: [
    ("application/json", "application/json"), ("Text/HTML; charset=utf-8", "text/html"),
    ("text/html;charset=x", "text/html"), (" application/problem+json ", "application/problem+json"),
    ("html", nil),
    ("", nil), ("text/", nil), ("text/html/x", nil), ("text/<b>", nil),
  ])
  func `the media type is read`(value: String, expected: String?) throws {
    #expect(try decode("", headers: ["content-TYPE": value]).mediaType == expected)
  }

  @Test func `an empty 429 with the four headers is understood`() throws {
    let answer = try decode(
      "", status: 429,
      headers: [
        "X-Ratelimit-Limit": "1000", "X-Ratelimit-Remaining": "0", "X-Ratelimit-Used": "1000",
        "X-Ratelimit-Reset": "\(HTTPDateTests.now.milliseconds / 1_000 + 3_600)",
      ], profile: .v1_2)
    #expect(answer == Answer(status: 429, wait: .seconds(3_600), quotaUsedUp: true))
  }

  @Test func `JSON nested too deep is only text`() throws {
    let body = String(repeating: "[", count: 20_000)
    #expect(try decode(body).code == nil)
  }

  @Test(
    arguments: [
      ("", .empty), (" \r\n", .empty), ("{}", .json), ("[]", .json), ("\"ok\"", .json), ("200", .json),
      ("null", .json),
      ("OK", .other), ("{\"message\":\"half", .other), ("{} trailing", .other),
      ("<!DOCTYPE html><title>x</title>", .page), ("\n<html>", .page),
      ("<?xml version=\"1.0\"?><Error/>", .page),
      ("<h1>502</h1>", .page), ("< 5", .other),
    ] as [(String, Answer.Body)])
  func `what a body is shows in itself`(text: String, body: Answer.Body) throws {
    #expect(try decode(text, status: 200).body == body)
  }

  @Test func `a body named as a page is one, unless it is JSON`() throws {
    for type in ["text/html; charset=utf-8", "application/xhtml+xml", "text/xml", "application/atom+xml"] {
      #expect(try decode("please log in", headers: ["Content-Type": type]).body == .page)
      #expect(try decode("{\"code\":\"a\"}", headers: ["Content-Type": type]).body == .json)
    }
    #expect(try decode("please log in", headers: ["Content-Type": "text/plain"]).body == .other)
  }

  @Test func `a body that is not whole is not the service's word`() throws {
    for text in ["", "{\"message\":\"half", "{"] {
      let answer = try decode(text, status: 200, isCut: true)
      #expect(answer.body == .other)
      #expect(TransferOutcomes.outcome(of: answer) == .unknown)
    }
  }

  @Test func `JSON that is whole is the service's word, whatever breaks off behind it`() throws {
    for text in ["{}", "[]\n", #"{"message":"taken"}"#] {
      let answer = try decode(text, status: 200, isCut: true)
      #expect(answer.body == .json)
      #expect(TransferOutcomes.outcome(of: answer) == .accepted)
    }
    let refused = try decode(#"{"code":"insufficient_funds"}"#, status: 200, isCut: true)
    #expect(TransferOutcomes.outcome(of: refused) == .unknown)
  }

  @Test func `of a body that is too long the beginning counts`() throws {
    let decoder = AnswerReader(profile: .v1, scrubber: Scrubber(key: try APIKey(testKey)))
    for (text, body) in [("{\"tasks\":[", Answer.Body.json), ("xxxx", .other), ("<html>", .page)] {
      let answer = decoder.decode(
        status: 200, headers: [:], body: Array(text.utf8), isLong: true, now: HTTPDateTests.now)
      #expect(answer.body == body)
    }
  }

  @Test(
    arguments: [
      (200, "{\"error_code\":\"usage_limit_exceeded\",\"request\":[{\"a\":1}", .unknown),
      (400, "{\"code\":\"insufficient_funds\",\"request\":\"xxxx", .account),
      (400, "{\"code\":\"insufficient_funds\",\"request\":\"\\", .account),
      (400, "{\"code\":\"insufficient_funds\",\"request\":\"\\u00", .account),
      (400, "{\"code\":\"insufficient_funds\",\"is_final\":tr", .account),
      (400, "{\"code\":\"insufficient_funds\",\"rest\":", .account),
      (400, "{\"code\":\"insufficient_funds\",", .account), (400, "{\"code\":\"insufficient_fun", .content),
      (200, "{\"error_code\":10", .accepted), (200, "[{\"_id\":\"a\"},{\"_id", .accepted),
      (200, "[error] PHP Warning: ", .unknown), (200, "{oops", .unknown),
      (200, "{\"a\":1} and more", .unknown),
    ] as [(Int, String, Outcome)])
  func `what stands whole before the cut of a long body is read`(
    status: Int, text: String, outcome: Outcome
  ) throws {
    let decoder = AnswerReader(profile: .v1, scrubber: Scrubber(key: try APIKey(testKey)))
    let answer = decoder.decode(
      status: status, headers: [:], body: Array(text.utf8), isLong: true, now: HTTPDateTests.now)
    #expect(TransferOutcomes.outcome(of: answer) == outcome)
  }

  @Test func `a known code counts, whatever stands beside it`() throws {
    for body in [
      #"{"error_code":104,"code":"insufficient_funds"}"#, #"{"code":"insufficient_funds","error_code":"x"}"#,
    ] {
      for profile in [ServiceProfile.v1, .v1_2] {
        #expect(try decode(body, status: 400, profile: profile).code == "insufficient_funds")
      }
    }
    #expect(try decode(#"{"error_code":104,"code":"x"}"#, status: 400).code == "104")
  }

  @Test(arguments: [
    ("<title>Just a moment...</title>", "an HTML page titled “Just a moment...” (server: cloudflare)"),
    ("<TITLE lang=\"en\">\n 403 &amp; all\n</TITLE>", "an HTML page titled “403 & all” (server: cloudflare)"),
    ("<p>no title</p>", "an HTML page (server: cloudflare)"),
    ("<title></title>", "an HTML page (server: cloudflare)"),
    ("<title>\(testKey)</title>", "an HTML page titled “[removed]” (server: cloudflare)"),
  ])
  func `a page is named and never shown`(text: String, words: String) throws {
    let body =
      "<!DOCTYPE html><html><head>\(text)</head><body>\(String(repeating: "y", count: 5_000))</body></html>"
    let answer = try decode(
      body, status: 403, headers: ["Content-Type": "text/html", "Server": "cloudflare"])
    let message = try #require(answer.message)
    #expect(message.hasPrefix(words + ", which is not the service's"), "\(message)")
    #expect(message.contains("proxy, firewall or gateway"))
    #expect(message.utf8.count < 400)
    #expect(TransferOutcomes.outcome(of: answer) == .endpoint)
  }

  @Test func `a long title is cut, and an odd server is left out`() throws {
    let title = String(repeating: "é", count: 300)
    let answer = try decode(
      "<html><title>\(title)</title>", headers: ["Server": String(repeating: "s", count: 61)])
    #expect(answer.message?.hasPrefix("an HTML page titled “\(title.prefix(99))…”, which") == true)
  }

  @Test func `a proxy's demand is named`() throws {
    #expect(try decode("", status: 407).message == "a proxy on the way wants a user name and a password")
  }

  @Test(arguments: [
    ("https://API.example.org/v1/x?token=s3cret", "redirects to https://api.example.org"),
    ("http://me:s3cret@[::1]:8080", "redirects to http://[::1]:8080"),
    ("https://\(testKey).example", nil), ("ftp://a.example/", nil), ("https://a b/", nil), ("", nil),
    ("/v2/tasks?token=s3cret", "redirects to another path of the same host"),
  ])
  func `a redirect is told with where to, and no more of it`(place: String, message: String?) throws {
    #expect(try decode("", status: 301, headers: ["Location": place]).message == message)
    #expect(try decode("", status: 400, headers: ["Location": place]).message == nil)
  }
}

import Testing

@testable import Notifications

@Suite("Who is told")
struct NoticeTargetsTests {
  @Test(
    "of an address only the host is shown, whichever way it is shown",
    arguments: [
      ("https://hooks.example.org/services/T0/B0/s3cret", "https://hooks.example.org/…"),
      ("https://Hooks.Example.org:8443/?sig=s3cret", "https://hooks.example.org:8443/…"),
      ("http://127.0.0.1:3001/api/push/s3cret?status=up", "http://127.0.0.1:3001/…"),
      ("http://localhost/s3cret", "http://localhost/…"), ("http://[::1]:80/s3cret", "http://[::1]:80/…"),
    ])
  func shown(text: String, shown: String) throws {
    let address = try NoticeAddress(text)
    #expect(address.shown == shown)
    #expect(address.text == text)
    var dumped = ""
    dump(address, to: &dumped)
    for shown in ["\(address)", String(reflecting: address), dumped] { #expect(!shown.contains("s3cret")) }
  }

  @Test(
    "what no notice can or should go to is refused, in words that do not repeat it",
    arguments: [
      ("", "characters"), ("hooks.example.org/s3cret", "does not begin"),
      ("ftp://example.org/s3cret", "begin"),
      ("http://example.org/s3cret", "http to another machine"),
      ("http://127.0.0.1.example.org/s3cret", "http to another"),
      ("http://127.0.0.1@example.org/s3cret", "user name"),
      ("https://me:s3cret@example.org/", "user name"), ("https://example.org/#s3cret", "fragment"),
      ("https:///s3cret", "host"), ("https://example.org:0/s3cret", "port"),
      ("https://example.org/s3cret\r\nX: y", "characters"), ("https://example.org\\s3cret", "characters"),
    ])
  func refused(text: String, words: String) {
    let error = #expect(throws: NoticeTargetError.self) { try NoticeAddress(text) }
    #expect(error?.reason.contains(words) == true, "\(String(describing: error))")
    #expect(error?.reason.contains("s3cret") == false)
  }

  @Test(
    "a command is a JSON array, or words",
    arguments: [
      (
        #"["mail", "-s", "run ended; $HOME", "me@example.org"]"#,
        ["mail", "-s", "run ended; $HOME", "me@example.org"]
      ),
      ("  mail  -s ended\tme@example.org ", ["mail", "-s", "ended", "me@example.org"]),
      (" [\"a\"]", ["a"]),
    ])
  func command(text: String, words: [String]) throws {
    #expect(try NoticeCommand(text).words == words)
  }

  @Test(
    "what somebody wrote for a shell is refused, and so is what names no program",
    arguments: [
      ("mail -s 'run ended' me", "JSON array"), ("echo $HOME", "JSON array"), ("a | b", "JSON array"),
      ("~/bin/tell", "JSON array"), ("", "names no program"), ("[]", "names no program"),
      (#"["", "a"]"#, "names no program"), ("[1]", "strings only"), ("[", "strings only"),
      ("[\"a\\u0000\"]", "zero byte"),
    ])
  func refusedCommand(text: String, words: String) {
    let error = #expect(throws: NoticeTargetError.self) { try NoticeCommand(text) }
    #expect(error?.reason.contains(words) == true, "\(String(describing: error))")
  }

  @Test("of a command only the program is shown")
  func shownCommand() throws {
    #expect(try NoticeCommand("curl -d @- https://example.org/s3cret").shown == "curl …")
    #expect(try NoticeCommand("tell").shown == "tell")
  }

  @Test("the environment of a command has no secret, under whatever name it stands there")
  func environment() {
    let environment = CommandEnvironment.of(
      [
        "PATH": "/bin", "TWELVELABS_API_KEY": "tlk_1", "COPY": "x tlk_1 y", "ORCHESTRATE_NOTIFY_URL": "",
        "A": "",
      ],
      without: ["TWELVELABS_API_KEY", "ORCHESTRATE_NOTIFY_URL"])
    #expect(environment == ["PATH": "/bin", "A": ""])
  }
}

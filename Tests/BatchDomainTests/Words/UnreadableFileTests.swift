import Foundation
import Testing

@testable import BatchDomain

@Suite("Files that cannot be read")
struct UnreadableFileTests {
  @Test(
    "what is advised of a path that leads to nothing fits the path",
    arguments: [
      ("exports/today.json", "there is no such file", "one in a job file in the folder of that file"),
      ("/exports/today.json", "there is no such file", "check the path"),
      ("/dev/fd/m.jsonl", "there is no such file", "write the full path"),
      ("s3://b/k.json", "this is an address", "`aws s3 cp s3://BUCKET/KEY - | orchestrate submit -`"),
      ("https://h/k?token=s3cret", "this is an address", "`curl -fsS ADDRESS | orchestrate submit -`"),
      ("FILE:///tmp/k", "this is an address", "without file://"),
      ("gs://b/k", "this is an address", "pipe it to `orchestrate submit -`"),
    ])
  func missing(path: String, cause: String, advice: String) {
    let file = UnreadableFile(missing: path, reader: "orchestrate submit -")
    #expect(file.cause == cause)
    #expect(file.remedy.description.hasSuffix(advice), "\(file.remedy)")
    #expect(path.hasPrefix("/exports") == (file.remedy == "check the path"))
    #expect(!file.remedy.description.contains("s3cret"))
  }

  @Test("a link that leads to nothing is called one")
  func link() throws {
    let link = FileManager.default.temporaryDirectory.appending(path: "link-\(UUID().uuidString)").path
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "gone.json")
    defer { unlink(link) }
    let file = UnreadableFile(missing: link, reader: "orchestrate submit -")
    #expect(file.cause == "it is a symbolic link to \"gone.json\", which is not there")
  }

  @Test("a closed descriptor and a long name are no matter of permissions")
  func system() {
    #expect(UnreadableFile(EBADF).cause == "it is closed")
    #expect(UnreadableFile(ENAMETOOLONG).remedy == "check the path")
    #expect(UnreadableFile(EACCES).remedy.description.contains("permissions"))
  }
}

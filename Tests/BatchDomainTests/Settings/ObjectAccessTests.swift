import BatchDomain
import Testing

@Suite("Access to objects")
struct ObjectAccessTests {
  @Test(
    "names of regions become a part of a host",
    arguments: [
      ("eu-central-1", true), ("auto", true), ("us-gov-west-1", true), ("", false), ("evil.example", false),
      ("US-EAST-1", false), ("-a", false), ("a-", false), ("a/b", false), ("a@b", false), ("é", false),
      (String(repeating: "a", count: 41), false),
    ])
  func regions(text: String, isOne: Bool) { #expect(RegionName.isOne(text) == isOne) }

  @Test("an endpoint is https, or http to this machine")
  func endpoints() throws {
    for text in ["https://s3.example.org", "http://127.0.0.1:9000/", "https://x.example/storage/v1/s3"] {
      #expect(try EndpointText.parse(text, for: "--s3-endpoint").isEncrypted == text.hasPrefix("https"))
    }
    for text in [
      "", "s3.example.org", "http://s3.example.org", "https://u:s3cret@h", "https://h/?sig=s3cret",
    ] {
      let error = #expect(throws: ConfigurationError.self) {
        try EndpointText.parse(text, for: "--s3-endpoint")
      }
      #expect(error?.message.hasPrefix("--s3-endpoint ") == true)
      #expect(error?.description.contains("s3cret") == false)
    }
  }

  @Test("settings of runs that older versions recorded are read")
  func notStored() {
    var settings = RunSettings()
    settings.objects.urlLifetime = .seconds(1)
    for row in RunSettings.table where ["url-lifetime", "aws-profile"].contains(row.key) {
      #expect(row.restore(&settings, nil))
    }
    #expect(settings.objects == ObjectAccess())
  }
}

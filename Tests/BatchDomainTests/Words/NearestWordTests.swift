import BatchDomain
import Testing

@Suite("the word that was meant")
struct NearestWordTests {
  private static let states = ["accepted", "rejected", "failed", "unknown"]

  @Test(arguments: [
    ("acepted", "accepted"), ("Rejected", "rejected"), ("faild", "failed"), ("done", nil),
    (String(repeating: "accepted", count: 100), nil), ("", nil),
  ])
  func isTheNearestOrNone(typed: String, meant: String?) {
    #expect(NearestWord.to(typed, among: Self.states) == meant)
  }

  private static let runs = [
    "20261124-101500-100-abcd", "20261123-201505-042-9222", "20261123-201505-041-8x2y",
  ]

  @Test(arguments: [
    ("20261123-201505-042-9223", "20261123-201505-042-9222"),
    ("20261123-210505-042-9222", "20261123-201505-042-9222"),
    ("20261124-101500-100-ABCD", "20261124-101500-100-abcd"), ("20261134", "20261124-101500-100-abcd"),
    ("latst", nil), ("nothing", nil), ("20250101-000000-000-zzzz", nil),
  ])
  func aRunIsMeantByAFewWrongCharacters(typed: String, meant: String?) {
    #expect(NearestWord.run(for: typed, among: Self.runs) == meant)
  }
}

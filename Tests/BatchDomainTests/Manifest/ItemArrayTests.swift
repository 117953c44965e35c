import Testing

@testable import BatchDomain

@Suite("Items as one array")
struct ItemArrayTests {
  private func array(_ sources: [String]) -> [UInt8] {
    var array: [UInt8] = []
    for source in sources {
      Array(source.utf8).withUnsafeBufferPointer { ItemArray.append($0, to: &array) }
    }
    ItemArray.close(&array)
    return array
  }

  private func elements(_ text: [UInt8]) -> [String] {
    text.withUnsafeBufferPointer { ItemArray($0).map { String(decoding: $0, as: UTF8.self) } }
  }

  @Test(
    "texts come out as they went in",
    arguments: [
      ["{}"],
      [#"{"a":1}"#, #"{"b":2}"#],
      [#"{ "a" : [1, {"b": ","}] , "c":"]}" }"#, #"{"d":"\"],{"}"#, "{\n}"],
      [#"{"object":"s3://b/ü,[].mp4"}"#, #"{"x":"\\"}"#, #"{"y":{"z":[[],{}]}}"#],
    ])
  func roundTrip(sources: [String]) {
    #expect(elements(array(sources)) == sources)
    #expect(String(decoding: array(sources), as: UTF8.self) == "[\(sources.joined(separator: ","))]")
  }

  @Test(
    "text that is no such array ends somewhere, and never traps",
    arguments: ["", "[", "]", "[]", "[,", "[,,]", "[{", "[{}", #"[{"a"#, "[{}]]]", "{}", #"["\"#, "[}]"])
  func damaged(text: String) {
    #expect(elements(Array(text.utf8)).count <= 1)
  }
}

import BatchDomain
import Oracles
import ServiceHTTP
import TransfersService

/// Made up; the dictionary of the fuzzer has it in pieces.
private let key = "tlk_3FuZz/Key+0123456789"
private let now = Timestamp(milliseconds: 1_795_447_345_000)
private let shortestStretch = 8

private let apiKey: APIKey = {
  do { return try APIKey(key) } catch { fatalError("\(error)") }
}()
private let scrubber = Scrubber(key: apiKey)
private let pages = TaskPageDecoder(key: apiKey)
private let stretches: [String] = {
  let letters = Array(key.lowercased())
  return (0...letters.count - shortestStretch).map { String(letters[$0..<$0 + shortestStretch]) }
}()

private func showsKey(_ text: String) -> Bool {
  let text = text.lowercased()
  return stretches.contains { text.contains($0) }
}

private func isControl(_ scalar: Unicode.Scalar) -> Bool {
  scalar.properties.generalCategory == .control && scalar != "\t" && scalar != "\n" && scalar != "\r"
}

/// A body as RFC 8259 has it; nil when that has nothing to say: not JSON, very deep, or a name repeated.
private func strict(_ body: [UInt8]) -> StrictJSON.Value? {
  let text = Array(String(decoding: body, as: UTF8.self).unicodeScalars)
  guard let value = StrictJSON.read(text, depthLimit: 100), hasNoRepeats(value) else { return nil }
  return value
}

private func hasNoRepeats(_ value: StrictJSON.Value) -> Bool {
  switch value.kind {
  case .object(let members):
    Set(members.map(\.name)).count == members.count && members.allSatisfy { hasNoRepeats($0.value) }
  case .array(let elements): elements.allSatisfy(hasNoRepeats)
  case .string, .number, .boolean, .null: true
  }
}

extension StrictJSON.Value {
  fileprivate subscript(name: String) -> StrictJSON.Value? {
    guard case .object(let members) = kind else { return nil }
    return members.first { $0.name.text == name }?.value
  }

  fileprivate var text: String? {
    guard case .string(let string) = kind else { return nil }
    return string.text
  }

  fileprivate var isString: Bool {
    if case .string = kind { true } else { false }
  }
}

/// A word that nothing is to be taken out of.
private func isPlain(_ text: String) -> Bool {
  (1...100).contains(text.utf8.count) && !showsKey(text)
    && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x5F || $0 == 0x20 }
    && !text.allSatisfy { $0 == " " }
}

private func checkAnswer(_ input: AnswerText, _ profile: ServiceProfile) {
  var headers = AnswerHeaders()
  for (name, value) in input.headers { headers.add(name, value) }
  let reader = AnswerReader(profile: profile, scrubber: scrubber)
  let answer = reader.read(
    Answer(
      status: input.status, headers: headers, bytes: input.body,
      cut: input.words.contains("cut") ? .limit : nil), now: now)
  expect(answer.status == input.status, "status \(answer.status)")
  if let wait = answer.wait {
    expect((.zero...RequestedWait.longest).contains(wait), "a wait of \(wait)")
  }
  for text in [answer.code, answer.message, answer.mediaType].compactMap(\.self) {
    expect(!text.isEmpty && text.utf8.count <= 2_048, "a text of \(text.utf8.count) bytes")
    expect(!text.unicodeScalars.contains(where: isControl), "a control character is in \(text)")
    expect(!showsKey(text), "a part of the key is in \(text)")
  }
  expect(answer.code.map { $0.count <= AnswerReader.longestCode } ?? true, "a long code")
  // Total: whatever came is judged.
  _ = TransferOutcomes.outcome(of: answer)

  guard let json = strict(input.body) else { return }
  let names = profile == .v1 ? ["error_code", "code"] : ["code", "error_code"]
  let own = names.compactMap { json[$0]?.text }.first
  if let first = json[names[0]]?.text ?? (json[names[0]] == nil ? own : nil), isPlain(first) {
    expect(answer.code == first, "code \(answer.code ?? "-"), expected \(first)")
  }
  // A proxy's demand is named before what it says.
  if let message = json["message"]?.text, isPlain(message), input.status != 407 {
    expect(answer.message == message, "message \(answer.message ?? "-"), expected \(message)")
  }
}

private func checkPage(_ body: [UInt8]) {
  let rows: [TaskRow]?
  do throws(UnreadablePage) {
    rows = try pages.page(body).rows
  } catch {
    expect(
      error.reason.utf8.count <= 200 && !showsKey(error.reason),
      "a reason of \(error.reason.utf8.count) bytes")
    rows = nil
  }
  for row in rows ?? [] {
    expect(
      !row.id.isEmpty && !row.id.contains(key) && row.fileName?.rawValue.contains(key) != true
        && row.index?.rawValue.contains(key) != true, "a row \(row)"
    )
  }
  guard let json = strict(body) else { return }
  guard case .array(let data)? = json["data"]?.kind else {
    expect(rows == nil, "rows without `data`")
    return
  }
  let ids = data.map { $0["_id"] }
  if ids.contains(where: { $0?.isString != true || $0?.text == "" }) {
    expect(rows == nil, "rows without `_id`")
  } else if let rows {
    expect(rows.map(\.id) == ids.map { $0?.text }, "other rows")
    let names = data.map { ($0["metadata"]?["filename"] ?? $0["system_metadata"]?["filename"])?.text }
    expect(
      rows.map { $0.fileName?.rawValue } == names,
      "other file names: \(rows.map(\.fileName)), expected \(names)")
  } else {
    let texts = data.flatMap { [$0["_id"], $0["metadata"]?["filename"], $0["system_metadata"]?["filename"]] }
      .compactMap(\.self)
    // Escapes may spell the key.
    let isHarmless = texts.allSatisfy { $0.isString && $0.text.map(isPlain) == true }
    expect(!isHarmless, "a page that can be read is refused")
  }
}

/// Decodes an answer, and its body as a page of the list of tasks.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzAnswer(_ data: UnsafePointer<UInt8>, _ size: Int) -> Int32 {
  let input = AnswerText(Array(UnsafeBufferPointer(start: data, count: size)))
  let named = input.words.compactMap { ServiceProfile(rawValue: $0) }.first
  checkAnswer(input, named ?? .v1)
  checkPage(input.body)
  return 0
}

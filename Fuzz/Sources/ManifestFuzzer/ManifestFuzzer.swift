import BatchDomain
import ManifestReader
import Oracles

/// Small enough to be met by what libFuzzer makes.
private let maxItemBytes = 1_000

private struct Way: Sendable {
  var sizes = [Int.max]
  var batchBytes = 256 * 1024
  var hash = ItemHash.standard
  var limit: Int?
}

private func reading(_ bytes: [UInt8], _ way: Way) -> Result<Reading, any Error> {
  InlineExecutor.run {
    try await read(
      bytes, sizes: way.sizes, maxItemBytes: maxItemBytes, limit: way.limit, batchBytes: way.batchBytes,
      hash: way.hash)
  }
}

/// The numbers of the items that have another's file name, however they were told.
private func clashing(_ reading: Reading) -> Set<Int> {
  var result = Set(reading.batches.flatMap(\.earlierClashes))
  for (number, entry) in reading.entries.enumerated() where entry.nameClashes { result.insert(number) }
  return result
}

private func wireForms(_ reading: Reading) -> [[UInt8]] {
  reading.batches.flatMap { batch in batch.entries.map { Array(batch.wireForm(of: $0)) } }
}

private func sources(_ reading: Reading) -> [[UInt8]] {
  reading.batches.flatMap { batch in batch.entries.map { Array(batch.source(of: $0)) } }
}

private func place(_ finding: Finding) -> [String] {
  [finding.code.rawValue, "\(finding.line ?? 0)", "\(finding.column ?? 0)", "\(finding.item ?? -1)"]
}

private func expectSame(
  _ one: Result<Reading, any Error>, _ other: Result<Reading, any Error>, _ what: String,
  isCompressed: Bool = false
) {
  switch (one, other) {
  case (.success(let one), .success(let other)):
    expect(sources(one) == sources(other), "\(what): other items")
    expect(wireForms(one) == wireForms(other), "\(what): other wire forms")
    // What is said of a compressed file, and advised, mentions that.
    let isSame =
      isCompressed
      ? one.findings.kept.map(place) == other.findings.kept.map(place)
        && one.findings.total == other.findings.total : one.findings == other.findings
    expect(isSame, "\(what): \(one.findings), else \(other.findings)")
    expect(one.digest == other.digest, "\(what): another digest")
    expect(clashing(one) == clashing(other), "\(what): other clashes")
    expect(
      one.itemCount == other.itemCount && one.repeatedCount == other.repeatedCount
        && one.elementCount == other.elementCount && one.limitReached == other.limitReached,
      "\(what): other counts")
  case (.failure(let one), .failure(let other)):
    expect(one as? ManifestError == other as? ManifestError, "\(what): \(one), else \(other)")
  // In the same block as damaged compression, a fault of the text or the last item wanted may come first.
  case (.success(let reading), .failure), (.failure, .success(let reading)):
    expect(reading.findings.hasFatal || reading.limitReached, "\(what): \(one), else \(other)")
  }
}

private func check(_ bytes: [UInt8], against whole: Result<Reading, any Error>) {
  guard case .success(let reading) = whole else {
    expect(bytes.starts(with: [0x1F, 0x8B]), "reading fails: \(whole)")
    return
  }
  expect(reading.findings.kept.count <= FindingLog.keptLimit, "too many findings are kept")
  expect(
    reading.findings.kept.allSatisfy { $0.message.count <= Finding.messageLimit && $0.line ?? 1 > 0 },
    "a finding is too long or nowhere")
  let isGzip = bytes.starts(with: [0x1F, 0x8B])
  guard !isGzip, let oracle = ManifestOracle(bytes, maxItemBytes: maxItemBytes) else {
    expect(isGzip || reading.findings.hasFatal, "accepted, but it must be refused")
    return
  }
  expect(!reading.findings.hasFatal, "refused, but it must be accepted: \(reading.findings.kept)")
  expect(sources(reading) == oracle.items.map(\.source), "other items than it has")
  expect(wireForms(reading) == oracle.items.map(\.wire), "other wire forms than it has")
  expect(reading.repeatedCount == oracle.repeatedCount, "\(oracle.repeatedCount) repeats expected")
  expect(clashing(reading) == oracle.clashing, "clashes \(clashing(reading)), expected \(oracle.clashing)")
}

/// Reads a manifest in several ways, which must agree with each other and with the rules.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzManifest(_ data: UnsafePointer<UInt8>, _ size: Int) -> Int32 {
  let bytes = Array(UnsafeBufferPointer(start: data, count: size))
  var random = SeededNumbers(bytes)
  let whole = reading(bytes, Way())
  check(bytes, against: whole)

  var way = Way()
  // An element is scanned again with every block, so many blocks of a long one would be slow.
  let most = max(2, size / ([1, 6, 30].randomElement(using: &random) ?? 1))
  way.sizes = (0..<size + 1).map { _ in Int.random(in: 1...most, using: &random) }
  way.batchBytes = [1, 150, 1_000].randomElement(using: &random) ?? 1
  if Bool.random(using: &random) { way.hash = ItemHash { _, name in UInt64(name.count % 2) } }
  expectSame(reading(bytes, way), whole, "blocks of up to \(most), batches of \(way.batchBytes)")

  switch random.next() % 8 {
  case 0 where !bytes.starts(with: [0x1F, 0x8B]):
    expectSame(reading(Gzip.member(bytes), way), whole, "compressed", isCompressed: true)
  case 1:
    let limit = Int.random(in: 0...3, using: &random)
    way.limit = limit
    expectSame(reading(bytes, way), reading(bytes, Way(limit: limit)), "limit of \(limit)")
  default: break
  }
  return 0
}

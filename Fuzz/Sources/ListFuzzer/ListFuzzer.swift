import BatchDomain
import ManifestListing
import Oracles

/// A list in blocks of given sizes, which are repeated.
private final class Blocks: ListBlocks {
  private var rest: ArraySlice<UInt8>
  private let sizes: [Int]
  private var count = 0

  init(_ bytes: [UInt8], sizes: [Int]) { (rest, self.sizes) = (bytes[...], sizes) }

  func next() async throws -> [UInt8]? {
    guard !rest.isEmpty else { return nil }
    let block = rest.prefix(sizes[count % sizes.count])
    count += 1
    rest = rest.dropFirst(block.count)
    return Array(block)
  }
}

/// The same bytes under every name.
private struct Objects: ObjectReader {
  let bytes: [UInt8]

  func bytes(bucket: String, key: [UInt8]) -> AsyncThrowingStream<[UInt8], any Error> {
    AsyncThrowingStream { continuation in
      if !bytes.isEmpty { continuation.yield(bytes) }
      continuation.finish()
    }
  }
}

/// What a list came to.
private struct Outcome: Sendable {
  var manifest = ""
  var tally = ListTally()
}

private func listing(
  _ list: [UInt8], data: [UInt8], sizes: [Int], bucket: String?, findsTranscriptions: Bool
) -> Result<Outcome, any Error> {
  InlineExecutor.run {
    var outcome = Outcome()
    let lister = ManifestLister(
      ManifestLister.Options(
        indexID: "i", findsTranscriptions: findsTranscriptions, temporaryFolder: "/nonexistent")
    ) { outcome.manifest += $0 }
    let reader = ListReader(bucket: bucket, objects: { Objects(bytes: data) }, say: { _ in })
    try await reader.read(.file("-"), from: Blocks(list, sizes: sizes), into: lister)
    try lister.finish()
    outcome.tally = lister.tally
    return outcome
  }
}

private func check(_ result: Result<Outcome, any Error>) {
  switch result {
  case .failure(let error):
    guard let error = error as? ListError else { fatalError("an error that nobody explains: \(error)") }
    expect(error.message.utf8.count < 2_000, "a message of \(error.message.utf8.count) bytes")
  case .success(let outcome):
    let scalars = Array(outcome.manifest.unicodeScalars)
    guard let value = StrictJSON.read(scalars, depthLimit: 8) else { fatalError("the manifest is no JSON") }
    guard case .array(let items) = value.kind else { fatalError("the manifest is no array") }
    expect(items.count == outcome.tally.items, "\(items.count) items, counted \(outcome.tally.items)")
  }
}

/// Reads bytes as a list: an inventory, what `aws` prints, or addresses.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzList(_ data: UnsafePointer<UInt8>, _ size: Int) -> Int32 {
  let bytes = Array(UnsafeBufferPointer(start: data, count: size))
  // What stands behind a zero is the data file of an inventory.
  let parts = bytes.first == UInt8(ascii: "{") ? bytes.split(separator: 0, maxSplits: 1) : []
  let list = parts.count == 2 ? Array(parts[0]) : bytes
  let file = parts.count == 2 ? Array(parts[1]) : []
  for (bucket, finds) in [(nil, false), ("b-1", true)] as [(String?, Bool)] {
    let whole = listing(list, data: file, sizes: [.max], bucket: bucket, findsTranscriptions: finds)
    check(whole)
    for sizes in [[1], [7, 64, 3]] {
      let other = listing(list, data: file, sizes: sizes, bucket: bucket, findsTranscriptions: finds)
      switch (whole, other) {
      case (.success(let one), .success(let other)):
        expect(
          one.manifest == other.manifest && one.tally == other.tally, "blocks of \(sizes): another manifest")
      case (.failure, .failure): check(other)
      case (.success, .failure(let error)), (.failure(let error), .success):
        fatalError("blocks of \(sizes) decide: \(error)")
      }
    }
  }
  return 0
}

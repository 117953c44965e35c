import BatchDomain
import CZlib
import Foundation
import ManifestListing
import TestSupport

/// Bytes in blocks of one size.
final class Blocks: ListBlocks {
  private var rest: ArraySlice<UInt8>
  private let size: Int

  init(_ bytes: [UInt8], size: Int) { (rest, self.size) = (bytes[...], size) }

  func next() async throws -> [UInt8]? {
    guard !rest.isEmpty else { return nil }
    defer { rest = rest.dropFirst(size) }
    return Array(rest.prefix(size))
  }
}

/// What a list came to.
struct Outcome {
  var manifest = ""
  var said: [String] = []
  var tally = ListTally()

  /// The items of the manifest, which is complete.
  var items: [[String: Any]] {
    get throws { try JSONSerialization.jsonObject(with: Data(manifest.utf8)) as? [[String: Any]] ?? [] }
  }

  /// Their objects.
  var objects: [String] { get throws { try items.map { $0["object"] as? String ?? "" } } }
  /// Their transcriptions.
  var transcriptions: [String?] { get throws { try items.map { $0["transcription"] as? String } } }
}

/// Objects of S3 in memory.
struct StoredObjects: ObjectReader {
  var objects: [String: [UInt8]] = [:]

  func bytes(bucket: String, key: [UInt8]) -> AsyncThrowingStream<[UInt8], any Error> {
    let content = objects["\(bucket)/\(String(decoding: key, as: UTF8.self))"]
    return AsyncThrowingStream { continuation in
      guard let content else { return continuation.finish(throwing: NoSuchObject()) }
      for start in stride(from: 0, to: content.count, by: 7) {
        continuation.yield(Array(content[start..<min(start + 7, content.count)]))
      }
      continuation.finish()
    }
  }

  struct NoSuchObject: Error {}
}

let index = "629d807aa9e2a3a33a92c00b"

/// Options of most tests.
func options(
  transcriptions: Bool = false, layout: ManifestLayout = .json, sortedInMemory: Int = 1 << 20
) -> ManifestLister.Options {
  ManifestLister.Options(
    indexID: index, findsTranscriptions: transcriptions, layout: layout, sortedInMemory: sortedInMemory,
    temporaryFolder: FileManager.default.temporaryDirectory.path)
}

/// Reads a list that comes in blocks of that size.
func list(
  _ bytes: [UInt8], bucket: String? = nil, blockSize: Int = .max,
  _ options: ManifestLister.Options = options(), objects: StoredObjects? = nil
) async throws -> Outcome {
  try await list(
    .file("list"), Blocks(bytes, size: min(blockSize, max(1, bytes.count))), bucket, options, objects)
}

/// Reads a text.
func list(
  _ text: String, bucket: String? = nil, blockSize: Int = .max, _ options: ManifestLister.Options = options()
) async throws -> Outcome {
  try await list(Array(text.utf8), bucket: bucket, blockSize: blockSize, options)
}

/// Reads a list from where it is, or from `blocks` that stand for it.
func list(
  _ source: ListSource, _ blocks: Blocks? = nil, _ bucket: String? = nil,
  _ options: ManifestLister.Options = options(), _ objects: StoredObjects? = nil
) async throws -> Outcome {
  var outcome = Outcome()
  let lister = ManifestLister(options) { outcome.manifest += $0 }
  let reader = ListReader(
    bucket: bucket, objects: { objects ?? StoredObjects() }, say: { outcome.said.append($0) })
  try await reader.read(source, from: blocks, into: lister)
  try lister.finish()
  outcome.tally = lister.tally
  return outcome
}

/// The error that a list ends with; nil when there is none.
func failure(_ work: () async throws -> Outcome) async -> ListError? {
  do {
    _ = try await work()
    return nil
  } catch {
    return error as? ListError
  }
}

/// One gzip member (RFC 1952).
func gzip(_ bytes: [UInt8]) -> [UInt8] {
  var stream = z_stream()
  deflateInit2_(
    &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
    Int32(MemoryLayout<z_stream>.size))
  defer { deflateEnd(&stream) }
  var input = bytes
  var output = [UInt8](repeating: 0, count: bytes.count + 1024)
  let count = output.count
  input.withUnsafeMutableBufferPointer { input in
    output.withUnsafeMutableBufferPointer { output in
      stream.next_in = input.baseAddress
      stream.avail_in = UInt32(input.count)
      stream.next_out = output.baseAddress
      stream.avail_out = UInt32(output.count)
      _ = deflate(&stream, Z_FINISH)
    }
  }
  return Array(output.prefix(count - Int(stream.avail_out)))
}

func gzip(_ text: String) -> [UInt8] { gzip(Array(text.utf8)) }

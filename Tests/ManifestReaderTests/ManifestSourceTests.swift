import BatchDomain
import Foundation
import ManifestReader
import Testing

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

@Suite struct ManifestSourceTests {
  static let plain = Array((0..<50).map { item($0) + "\n" }.joined().utf8)

  static func halves(_ bytes: [UInt8]) -> [UInt8] {
    Gzip.member(Array(bytes.prefix(777))) + Gzip.member([]) + Gzip.member(Array(bytes.dropFirst(777)))
  }

  @Test(arguments: [
    Gzip.member(plain), halves(plain), Gzip.member(plain) + [UInt8](repeating: 0, count: 512),
  ])
  func gzipFormsReadAsThePlainText(_ bytes: [UInt8]) async throws {
    let expected = try await read(ManifestSourceTests.plain)
    #expect(expected.itemCount == 50)
    for size in [1, 2, 7, 100, Int.max] {
      #expect(try await read(bytes, sizes: [size]) == expected)
    }
  }

  @Test func everyTruncationIsSaid() async throws {
    let whole = ManifestSourceTests.halves(ManifestSourceTests.plain)
    let firstMember = Gzip.member(Array(ManifestSourceTests.plain.prefix(777))).count
    let second = firstMember + Gzip.member([]).count
    for length in 2..<whole.count where length != firstMember && length != second {
      let error = await #expect(throws: ManifestError.self) {
        _ = try await read(Array(whole.prefix(length)))
      }
      #expect(error?.code == .gzipTruncated, "cut at \(length)")
    }
  }

  @Test func damageIsSaid() async throws {
    var damaged = Gzip.member(ManifestSourceTests.plain)
    damaged[damaged.count - 6] ^= 1
    var header = Gzip.member(ManifestSourceTests.plain)
    header[2] = 9
    let trailing = Gzip.member(ManifestSourceTests.plain) + Array("x".utf8)
    let afterPadding = Gzip.member(ManifestSourceTests.plain) + [0] + Gzip.member([])
    for bytes in [damaged, header, trailing, afterPadding] {
      for size in [1, Int.max] {
        let error = await #expect(throws: ManifestError.self) { _ = try await read(bytes, sizes: [size]) }
        #expect(error?.code == .gzipDamaged)
        #expect(error?.subject == "test.json")
        #expect(error?.message.contains("expected") == true)
      }
    }
  }

  @Test func highlyCompressedTextStaysWithinBlocks() async throws {
    let text = Array("[".utf8) + [UInt8](repeating: 0x20, count: 2_000_000) + Array((item(1) + "]").utf8)
    let reading = try await read(Gzip.member(text))
    #expect(reading.itemCount == 1)
  }

  @Test func fileFactsAndProgress() throws {
    let path = "/tmp/manifest-source-\(getpid())-\(UInt64.random(in: 0...UInt64.max)).json"
    let file = try #require(fopen(path, "w"))
    fputs("[1]", file)
    fclose(file)
    defer { unlink(path) }
    let source = try ManifestSource(path: path)
    let facts = try #require(source.file)
    #expect(facts.path == path)
    #expect(facts.byteCount == 3)
    #expect(facts.modifiedAtMilliseconds > 1_500_000_000_000)
    var bytes = [UInt8](repeating: 0, count: 10)
    var text: [UInt8] = []
    while true {
      let count = try bytes.withUnsafeMutableBytes { try source.read(into: $0) }
      if count == 0 { break }
      text += bytes.prefix(count)
    }
    #expect(text == Array("[1]".utf8))
    #expect(source.bytesRead == 3)
    #expect(!source.isCompressed)
  }

  @Test(arguments: [
    ("/tmp", ManifestError.Code.isDirectory), ("/tmp/no-such-manifest-here.json", .notFound),
    ("/etc/hostname/x", .notFound),
  ])
  func unopenableFilesAreSaid(path: String, code: ManifestError.Code) {
    let error = #expect(throws: ManifestError.self) { _ = try ManifestSource(path: path) }
    #expect(error?.code == code)
    #expect(error?.message.contains(path) == true)
    // It does not begin in the current folder.
    #expect(error?.remedy?.description.contains("current folder") == false)
  }

  /// Opening a named pipe waits for whoever writes to it; the test would not end if `init` did.
  @Test func aNamedPipeIsOpenedByTheFirstRead() throws {
    let path = "/tmp/manifest-pipe-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    try #require(mkfifo(path, 0o600) == 0)
    defer { unlink(path) }
    let source = try ManifestSource(path: path)
    #expect(source.file == nil)
    let writer = Thread {
      let descriptor = open(path, O_WRONLY)
      _ = write(descriptor, "[1]", 3)
      close(descriptor)
    }
    writer.start()
    var text: [UInt8] = []
    var bytes = [UInt8](repeating: 0, count: 10)
    while true {
      let count = try bytes.withUnsafeMutableBytes { try source.read(into: $0) }
      if count == 0 { break }
      text += bytes.prefix(count)
    }
    #expect(text == Array("[1]".utf8))
  }

  @Test(
    "a file that was written to while it was read is warned of, and one that was not is not",
    arguments: [3, 5, nil])
  func changedFile(size: Int?) async throws {
    /// A file of another size at the end.
    final class Growing: ByteSource {
      let text: BlockSource
      let size: Int?
      init(_ text: BlockSource, size: Int?) { (self.text, self.size) = (text, size) }
      func read(into buffer: UnsafeMutableRawBufferPointer) throws(ManifestError) -> Int {
        try text.read(into: buffer)
      }
      func factsNow() throws(ManifestError) -> ManifestSource.FileFacts? {
        size.map { .init(path: "x", byteCount: $0, modifiedAtMilliseconds: 7) }
      }
    }
    let facts = ManifestSource.FileFacts(path: "x", byteCount: 3, modifiedAtMilliseconds: 7)
    let source = ManifestSource(
      Growing(BlockSource(Array(item(1).utf8)), size: size), name: "x", file: size == nil ? nil : facts)
    var reader = ManifestReader(
      source: source, options: .init(maxItemBytes: 1_000), earlier: RememberedItems())
    while try await reader.nextBatch() != nil {}
    #expect(reader.itemCount == 1)
    #expect(reader.findings.kept.map(\.code) == (size == 5 ? [.fileChanged] : []))
    if size == 5 { #expect(reader.findings.kept[0].message.contains("3 bytes at first and has 5 now")) }
  }

  @Test func readingFromAFailingSourceFails() async {
    final class Failing: ByteSource {
      func read(into buffer: UnsafeMutableRawBufferPointer) throws(ManifestError) -> Int {
        throw ManifestError(code: .unreadable, subject: "x", cause: "no", remedy: "none")
      }
    }
    var reader = ManifestReader(
      source: ManifestSource(Failing(), name: "x"), options: .init(maxItemBytes: 100),
      earlier: RememberedItems())
    await #expect(throws: ManifestError.self) { _ = try await reader.nextBatch() }
  }
}

import BatchDomain
import ManifestReader
import Testing

/// Gzip data meant to exhaust the reader.
@Suite struct HostileGzipTests {
  private static let mebibyte = 1 << 20

  private func read(_ parts: [EndlessSource.Part]) async throws -> (ManifestReader, EndlessSource) {
    let source = EndlessSource(parts)
    let before = EndlessSource.peakMemory
    var reader = ManifestReader(
      source: ManifestSource(source, name: "test.json.gz"), options: .init(maxItemBytes: Self.mebibyte),
      earlier: RememberedItems())
    while try await reader.nextBatch() != nil {}
    #expect(EndlessSource.peakMemory - before < 512 * Self.mebibyte)
    return (reader, source)
  }

  private func code(_ parts: [EndlessSource.Part]) async throws -> ManifestError.Code? {
    do {
      _ = try await read(parts)
      return nil
    } catch let error as ManifestError {
      return error.code
    }
  }

  private static func member(_ text: String) -> [UInt8] { Gzip.member(Array(text.utf8)) }

  @Test func `a gibibyte of spaces in a megabyte is passed over`() async throws {
    let spaces = Gzip.member([UInt8](repeating: 0x20, count: 32 * Self.mebibyte))
    #expect(spaces.count < Self.mebibyte / 16)
    let (reader, _) = try await read([
      .init(Self.member("[")), .init(spaces, times: 32), .init(Self.member(item(1) + "]")),
    ])
    #expect(reader.itemCount == 1)
    #expect(!reader.findings.hasFatal)
  }

  @Test func `a gibibyte of one element in a megabyte is given up after the element's limit`() async throws {
    let letters = Gzip.member([UInt8](repeating: 0x78, count: 32 * Self.mebibyte))
    let (reader, source) = try await read([
      .init(Self.member("[\(item(1)),{\"x\":\"")), .init(letters, times: 32), .init(Self.member("\"}]")),
    ])
    #expect(reader.findings.kept.map(\.code) == [.itemTooLong])
    #expect(reader.itemCount == 1)
    #expect(source.byteCount <= letters.count + ManifestSource.blockByteCount * 2)
  }

  @Test func `members without number and without content are passed over`() async throws {
    let (reader, _) = try await read([
      .init(Self.member("[")), .init(Self.member(""), times: 20_000), .init(Self.member(item(1) + "]")),
    ])
    #expect(reader.itemCount == 1)
    let (empty, _) = try await read([.init(Self.member(""), times: 20_000)])
    #expect(empty.findings.kept.map(\.code) == [.emptyManifest])
  }

  @Test func `zero bytes behind the end are padding, whatever their number`() async throws {
    let (reader, _) = try await read([.init(Self.member(item(1))), .init([0], times: 4 * Self.mebibyte)])
    #expect(reader.itemCount == 1)
    #expect(
      try await code([.init(Self.member(item(1))), .init([0], times: 4 * Self.mebibyte), .init("x")])
        == .gzipDamaged)
  }

  @Test func `a name without an end in the header is no memory`() async throws {
    // RFC 1952, section 2.3: FLG 8 announces a name that ends with a zero byte.
    let header: [UInt8] = [0x1F, 0x8B, 8, 8, 0, 0, 0, 0, 0, 3]
    #expect(try await code([.init(header), .init("n", times: 256 * Self.mebibyte)]) == .gzipTruncated)
  }

  @Test func `garbage behind the end, of any length, is said`() async throws {
    for garbage in ["x", "[]", "\n", "\u{1F}", "\u{1F}x", "PK\u{3}\u{4}"] {
      let found = try await code([.init(Self.member(item(1))), .init(garbage)])
      #expect(found == .gzipDamaged || (garbage == "\u{1F}" && found == .gzipTruncated), "\(garbage)")
    }
  }

  @Test func `gzip within gzip is not a manifest`() async throws {
    let (reader, _) = try await read([.init(Gzip.member(Self.member(item(1))))])
    #expect(reader.findings.kept.map(\.code) == [.notJSON])
  }

  @Test func `every cut of a bomb is said`() async throws {
    let bomb = Gzip.member(Array("[".utf8) + [UInt8](repeating: 0x20, count: Self.mebibyte))
    for length in stride(from: 2, to: bomb.count, by: 37) {
      #expect(try await code([.init(Array(bomb.prefix(length)))]) == .gzipTruncated, "cut at \(length)")
    }
  }
}

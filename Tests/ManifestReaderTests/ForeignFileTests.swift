import BatchDomain
import Foundation
import ManifestReader
import Testing

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// What is no manifest is named in one error, and the command under it makes a manifest of it.
@Suite struct ForeignFileTests {
  static let all: [ForeignFile] =
    ForeignFile.texts + ForeignFile.texts.map { $0.gzipped() } + ForeignFile.texts.map { $0.inUTF16() }
    + ForeignFile.binaries

  @Test(arguments: all)
  func `one error says what the file is`(file: ForeignFile) async throws {
    let reading = try await read(file.bytes)
    let fatal = reading.findings.kept.filter { $0.severity == .fatal }
    #expect(reading.findings.fatalCount == 1, "\(fatal.map(\.message))")
    let message = try #require(fatal.first).message
    #expect(message.contains(file.names), "\(message)")
    #expect(message.contains("expected"), "\(message)")
    for sizes in [[1], [5], [100, 7]] where file.bytes.count < 2_000 {
      #expect(try await read(file.bytes, sizes: sizes) == reading)
    }
  }

  @Test(arguments: all.filter { $0.objects != nil })
  func `the command makes a manifest of it`(file: ForeignFile) async throws {
    guard Shell.has(file.programs) else { return }
    let finding = try #require(try await read(file.bytes).findings.kept.first { $0.severity == .fatal })
    let remedy = try #require(finding.remedy)
    #expect(try await Shell.objects(of: file.bytes, after: remedy) == file.objects)
  }

  @Test(
    arguments: [
      "{\"Contents\": [{\"Key\": \"a.mp4\"}]}", "[{\"Key\": \"a.mp4\"}]",
      "2026-11-01 10:00:00       1048576 a.mp4\n",
      "s3://bucket/a.mp4\n", "\"media-north\",\"a.mp4\",\"1\"\n",
    ])
  func `a list that can be listed from is said to be one, but not in UTF-16 and not a list of another kind`(
    text: String
  ) async throws {
    func advice(_ bytes: [UInt8]) async throws -> String {
      let finding = try #require(try await read(bytes).findings.kept.first { $0.severity == .fatal })
      return try #require(finding.remedy).sentence
    }
    #expect(
      try await advice(Array(text.utf8)).hasPrefix(
        "Give it to orchestrate list with --from, or make items with "))
    let wide = text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
    #expect(try await !advice([0xFF, 0xFE] + wide).contains("orchestrate list"))
    #expect(try await !advice(Array("{\"data\": [{\"Key\": \"a.mp4\"}]}".utf8)).contains("orchestrate list"))
    #expect(try await !advice(Array("https://b.s3.amazonaws.com/a.mp4\n".utf8)).contains("orchestrate list"))
  }

  @Test(arguments: ForeignFile.packed.indices)
  func `compressed files and archives are named, whatever they are called`(index: Int) async throws {
    let example = ForeignFile.packed[index]
    guard Shell.has([example.program] + (example.program == "zip" ? ["unzip"] : [])) else { return }
    let bytes = try Shell.run(example.command, input: ForeignFile.packedText)
    for file in [bytes, Gzip.member(bytes)] {
      let reading = try await read(file)
      let finding = try #require(reading.findings.kept.first)
      #expect(reading.findings.total == 1)
      #expect(finding.message.contains(example.names), "\(finding.message)")
      // A zip archive inside gzip is left to the person.
      guard example.program != "zip" || file == bytes else { continue }
      #expect(
        try await Shell.objects(of: file, after: try #require(finding.remedy)) == ForeignFile.packedObjects)
    }
  }

  @Test func `an object larger than an item may be is named from its beginning`() async throws {
    let key = #"{"Key":"2026/11/01.mp4","Size":1048576},"# + "\n"
    let source = EndlessSource([.init("{\"Contents\":[\n"), .init(key, times: 1_000_000), .init("{}]}")])
    var reader = ManifestReader(
      source: ManifestSource(source, name: "x"), options: .init(maxItemBytes: 1_000),
      earlier: RememberedItems())
    while try await reader.nextBatch() != nil {}
    #expect(reader.findings.kept.map(\.code) == [.otherList])
    #expect(source.byteCount < 32 << 20)
  }

  @Test func `a list of a million keys is one error`() async throws {
    let source = EndlessSource([
      .init("["), .init(#"{"Key":"1.mp4"},"#, times: 100_000), .init(#"{"Key":"1.mp4"}]"#),
    ])
    var reader = ManifestReader(
      source: ManifestSource(source, name: "x"), options: .init(maxItemBytes: 1_000),
      earlier: RememberedItems())
    while try await reader.nextBatch() != nil {}
    #expect(reader.findings.total == 1)
    #expect(reader.elementCount == 100_001)
  }
}

/// Commands as a person runs them.
enum Shell {
  /// Whether all of these can be run; `yaml` is the package of Python.
  static func has(_ programs: [String]) -> Bool {
    programs.allSatisfy {
      let check = $0 == "yaml" ? "python3 -c 'import yaml' 2>/dev/null" : "command -v \($0) >/dev/null"
      return (try? run(check, input: [])) != nil
    }
  }

  struct Failed: Error { var status: Int32 }

  /// What a command writes, in a folder of its own where the input is the file `it's x.dat`.
  ///
  /// With the C library alone: the sanitizer counts what `Process` and `Data` of Foundation leave behind as leaks.
  static func run(_ command: String, input: [UInt8], writing output: String? = nil) throws -> [UInt8] {
    let folder = "/tmp/conversion-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    try #require(mkdir(folder, 0o700) == 0)
    defer { _ = system("rm -rf \(folder)") }
    let file = try #require(fopen(folder + "/it's x.dat", "w"))
    let written = fwrite(input, 1, input.count, file)
    fclose(file)
    try #require(written == input.count)
    let whole = output == nil ? "{ \(command); } < \"it's x.dat\" > result" : command
    let status = system("cd \(folder) && \(whole)")
    guard status == 0 else { throw Failed(status: status) }
    let result = try #require(fopen("\(folder)/\(output ?? "result")", "r"))
    defer { fclose(result) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = fread(&block, 1, block.count, result)
      if count == 0 { return bytes }
      bytes += block.prefix(count)
    }
  }

  /// The objects in the manifest that the command of a remedy makes of a file.
  static func objects(of bytes: [UInt8], after remedy: Finding.Remedy) async throws -> [String] {
    let text = remedy.text(file: #"'it'\''s x.dat'"#)
    let parts = text.split(separator: "`", omittingEmptySubsequences: false)
    #expect(parts.count == 3, "\(text)")
    let reading = try await read(try run(String(parts[1]), input: bytes, writing: remedy.output))
    #expect(!reading.findings.hasFatal, "\(reading.findings.kept.map(\.message))")
    return try reading.items.map { item in
      let object = try #require(try JSONSerialization.jsonObject(with: Data(item.utf8)) as? [String: Any])
      return try #require(object["object"] as? String)
    }
  }
}

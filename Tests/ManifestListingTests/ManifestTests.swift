import BatchDomain
import ManifestListing
import TestSupport
import Testing

@testable import ManifestListing

@Suite("Manifests of lists")
struct ManifestTests {
  private func made(
    _ objects: [ListedObject], _ options: ManifestLister.Options = options()
  ) throws -> Outcome {
    var outcome = Outcome()
    let lister = ManifestLister(options) { outcome.manifest += $0 }
    for object in objects { try lister.take(object, in: Array("media-west".utf8)) }
    try lister.finish()
    outcome.tally = lister.tally
    return outcome
  }

  private func object(_ key: String, _ size: Int64? = 1, _ storageClass: String? = nil) -> ListedObject {
    ListedObject(key: Array(key.utf8), size: size, storageClass: storageClass)
  }

  @Test("is laid out as the dashboard does, or one object on each line")
  func layouts() throws {
    #expect(
      try made([object("a.mp4"), object("b.mp4")]).manifest == """
        [
          {
            "index_id": "629d807aa9e2a3a33a92c00b",
            "language": "en",
            "object": "s3://media-west/a.mp4",
            "transcription": null
          },
          {
            "index_id": "629d807aa9e2a3a33a92c00b",
            "language": "en",
            "object": "s3://media-west/b.mp4",
            "transcription": null
          }
        ]

        """)
    let lines = try made(
      [object("a.mp4"), object("b.mp4", ItemNote.sizeLimit + 1, "STANDARD")], options(layout: .jsonl))
    #expect(
      lines.manifest == """
        {"index_id": "629d807aa9e2a3a33a92c00b", "language": "en", "object": "s3://media-west/a.mp4", "transcription": null}
        {"index_id": "629d807aa9e2a3a33a92c00b", "language": "en", "object": "s3://media-west/b.mp4", "transcription": null, \
        "orchestrate": {"size": 4000000001, "storage_class": "STANDARD"}}

        """)
    #expect(lines.tally.tooLarge == 1)
    #expect(try made([]).manifest == "[]\n")
    #expect(try made([], options(layout: .jsonl)).manifest == "")
  }

  @Test("what is no video is left out and counted by its first reason")
  func reasons() throws {
    let outcome = try made([
      object("a/", 0), object("a/b.MP4"), object("_SUCCESS", 0), object("notes.txt"), object("c.mkv", 0),
      object("d.mp4", 1, "GLACIER"), object("e.mov", 1, "DEEP_ARCHIVE"), object("f.webm", nil, "GLACIER_IR"),
      object("mp4"), object("x.mp4.part"), object(".ts"),
    ])
    #expect(
      try outcome.objects == ["s3://media-west/a/b.MP4", "s3://media-west/f.webm", "s3://media-west/.ts"])
    #expect(outcome.tally.leftOut == [.folder: 1, .suffix: 4, .empty: 1, .archived: 2])
    #expect(outcome.tally.listed == 11)
    var own = options()
    own.suffixes = ["_final.MP4"]
    #expect(
      try made([object("a_FINAL.mp4"), object("b.mp4")], own).objects == ["s3://media-west/a_FINAL.mp4"])
  }

  @Test("a transcription is found wherever it is in the list, .srt before .vtt", arguments: [1 << 20, 1])
  func transcriptions(memory: Int) throws {
    let names = [
      "b/01.mp4", "b/01.vtt", "b/02.SRT", "b/02.mp4", "b/03.mp4", "b/03.parts/1.mp4", "b/03.parts/2.mp4",
      "b/03.srt",
      "a/01.srt", "a/01.mov", "a/01.mp4", "a/01.vtt", "c/01.mp4", "c/01 .srt", "c/01.mp4.srt", "C/01.srt",
      "d.srt",
      "e.x/noextension.mp4", "e.srt", "f.mp4", "f.SRT", "f.srt", "f.VTT",
    ]
    let outcome = try made(
      names.map { object($0) } + [object("g.mp4"), object("g.srt", 0), object("g.vtt")],
      options(transcriptions: true, sortedInMemory: memory))
    let found = zip(try outcome.objects, try outcome.transcriptions).map {
      ($0.dropFirst(16), $1.map { $0.dropFirst(16) } ?? "-")
    }
    #expect(
      found.map { "\($0) \($1)" } == [
        "b/01.mp4 b/01.vtt", "b/02.mp4 b/02.SRT", "b/03.mp4 b/03.srt", "b/03.parts/1.mp4 -",
        "b/03.parts/2.mp4 -",
        "a/01.mov a/01.srt", "a/01.mp4 a/01.srt", "c/01.mp4 -", "e.x/noextension.mp4 -", "f.mp4 f.srt",
        "g.mp4 g.vtt",
      ])
    #expect(outcome.tally.transcribed == 7)
    #expect(outcome.tally.unusedTranscriptions == 8)
    #expect(outcome.tally.leftOut == [.empty: 1])
  }

  @Test("size and storage class survive the sorting of names")
  func notes() throws {
    let outcome = try made(
      [object("a.mp4", ItemNote.sizeLimit + 1, "STANDARD"), object("a.srt"), object("b.mp4", 1, "STANDARD")],
      options(transcriptions: true, sortedInMemory: 1))
    #expect(outcome.manifest.contains(#""orchestrate": {"size": 4000000001, "storage_class": "STANDARD"}"#))
    #expect(try outcome.items[1]["orchestrate"] == nil)
  }

  @Test("records are sorted by their bytes, in memory or in runs", arguments: [1 << 20, 2_000, 1])
  func sorting(memory: Int) throws {
    let random = SeededRandom(seed: 7)
    let records = (0..<500).map { _ in
      (0..<Int(random.next() % 40) + 1).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }
    let folder = try TemporaryFolder()
    let sorter = RecordSorter(memoryLimit: memory, folder: folder.path)
    for record in records { try sorter.add(record) }
    var sorted: [[UInt8]] = []
    try sorter.drain { sorted.append($0) }
    #expect(sorted == records.sorted { $0.lexicographicallyPrecedes($1) })
    // A sorter is empty afterwards, and can be used again.
    try sorter.add([1])
    var again: [[UInt8]] = []
    try sorter.drain { again.append($0) }
    #expect(again == [[1]])
  }

  @Test("a folder in which nothing can be written is named")
  func noFolder() throws {
    let sorter = RecordSorter(memoryLimit: 1, folder: "/nowhere/at all")
    #expect { try sorter.add([1]) } throws: { error in
      guard let error = error as? ListError else { return false }
      return error.code == .temporaryFile && error.message.contains("/nowhere/at all")
    }
  }

  @Test("a writer that fails ends the list, and no bracket closes what was written")
  func failingWriter() throws {
    struct Full: Error {}
    var written = ""
    let lister = ManifestLister(options()) { text in
      guard written.isEmpty else { throw Full() }
      written += text
    }
    #expect(throws: Full.self) {
      for number in 0..<2_000 { try lister.take(object("\(number).mp4"), in: Array("media-west".utf8)) }
    }
    #expect(!written.contains("]"))
  }
}

import BatchDomain
import Crypto
import Foundation
import ManifestListing
import TestSupport
import Testing

@Suite("Inventories")
struct InventoryTests {
  static let schema = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, StorageClass"
  static let first = gzip(
    """
    "media-west","night+1/a%2Bb.mp4","v1","true","false","73400320","2026-11-01T20:00:00.000Z","STANDARD"
    "media-west","night+1/a%2Bb.mp4","v0","false","false","7","2026-11-01T19:00:00.000Z","STANDARD"
    "media-west","gone.mp4","v1","true","true","","2026-11-01T20:00:00.000Z",""

    """)
  static let second =
    gzip(#""media-west","cold.mp4","v1","true","false","5","2026-11-01T20:00:00.000Z","GLACIER""# + "\n")
    + gzip(#""media-west","no+size.mp4","v1","true","false","","2026-11-01T20:00:00.000Z","STANDARD""# + "\n")

  private func md5(_ bytes: [UInt8]) -> String {
    Insecure.MD5.hash(data: bytes).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  private func manifest(
    format: String = "CSV", schema: String = schema, checksum: String? = nil, size: Int = 1
  ) -> String {
    let files = [("data/one.csv.gz", Self.first), ("data/two.csv.gz", Self.second)].map {
      #"{"key":"inv/media-west/cfg/\#($0)","size":\#(size),"MD5checksum":"\#(checksum ?? md5($1))"}"#
    }
    return """
      {"sourceBucket":"media-west","destinationBucket":"arn:aws:s3:::inv","version":"2016-11-30",
       "creationTimestamp":"1764114000000","fileFormat":"\(format)","fileSchema":"\(schema)",
       "files":[\(files.joined(separator: ","))]}
      """
  }

  private func write(_ bytes: [UInt8], _ folder: TemporaryFolder, _ name: String) throws {
    let path = URL(fileURLWithPath: folder.file(name))
    try FileManager.default.createDirectory(
      at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: path)
  }

  private static let stored = StoredObjects(objects: [
    "inv/inv/media-west/cfg/data/one.csv.gz": first, "inv/inv/media-west/cfg/data/two.csv.gz": second,
  ])

  @Test(
    "data files are found beside the manifest, by two parts of their key or by name, or beside its folder",
    arguments: ["day/data/", "day/", "data/"])
  func beside(place: String) async throws {
    let folder = try TemporaryFolder()
    try write(Self.first, folder, place + "one.csv.gz")
    try write(Self.second, folder, place + "two.csv.gz")
    try write(Array(manifest().utf8), folder, "day/manifest.json")
    let outcome = try await list(.file(folder.file("day/manifest.json")))
    #expect(try outcome.objects == ["s3://media-west/night 1/a+b.mp4", "s3://media-west/no size.mp4"])
    #expect(outcome.tally.leftOut == [.olderVersion: 1, .deleteMarker: 1, .archived: 1])
    #expect(outcome.said.count == 1 && outcome.said[0].hasSuffix("the manifest of an S3 inventory"))
  }

  @Test("data files of a manifest in S3, or from a pipe, are read where it says that they are")
  func inS3() async throws {
    var stored = Self.stored
    stored.objects["inv/here/manifest.json"] = Array(manifest().utf8)
    let source = ListSource.object(bucket: "inv", key: Array("here/manifest.json".utf8))
    #expect(try await list(source, nil, nil, options(), stored).tally.items == 2)
    let piped = Blocks(Array(manifest().utf8), size: 10)
    #expect(try await list(.file("-"), piped, nil, options(), stored).tally.items == 2)
  }

  @Test("a missing data file and one with another checksum are named")
  func missing() async throws {
    let folder = try TemporaryFolder()
    try write(Array(manifest().utf8), folder, "manifest.json")
    let error = await failure { try await list(.file(folder.file("manifest.json"))) }
    #expect(error?.code == .inventoryFile)
    #expect(error?.message.contains("data/one.csv.gz") == true)
    try write(Self.first, folder, "data/one.csv.gz")
    try write(Self.second, folder, "data/two.csv.gz")
    try write(Array(manifest(checksum: "f11166069f1990abeb9c97ace9cdfabc").utf8), folder, "manifest.json")
    let other = await failure { try await list(.file(folder.file("manifest.json"))) }
    #expect(other?.code == .inventoryFile)
    #expect(other?.message.contains("f11166069f1990abeb9c97ace9cdfabc") == true)
  }

  @Test(
    "other formats are refused by their names, and so is a schema without keys",
    arguments: ["ORC", "Parquet"])
  func formats(format: String) async throws {
    let blocks = { (text: String) in Blocks(Array(text.utf8), size: 100) }
    let error = await failure {
      try await list(.file("-"), blocks(manifest(format: format)), nil, options(), Self.stored)
    }
    #expect(error?.message.contains("\"\(format)\"") == true)
    let schema = await failure {
      try await list(.file("-"), blocks(manifest(schema: "Bucket, Size")), nil, options(), Self.stored)
    }
    #expect(schema?.message.contains("Key") == true)
  }

  @Test("a second manifest in the same file is refused, and a data file that is cut off, too")
  func secondManifest() async throws {
    let two = Blocks(Array((manifest() + manifest()).utf8), size: 100)
    let error = await failure { try await list(.file("-"), two, nil, options(), Self.stored) }
    #expect(error?.message.contains("two inventories") == true)
    var stored = Self.stored
    stored.objects["inv/inv/media-west/cfg/data/two.csv.gz"] = Array(Self.second.dropLast(9))
    let one = Blocks(Array(manifest().utf8), size: 100)
    let cut = await failure { try await list(.file("-"), one, nil, options(), stored) }
    #expect(cut?.message.contains("ends inside its gzip data") == true)
  }

  @Test("a data file of another bucket than the manifest's is refused, also without --bucket")
  func otherBucket() async throws {
    for source in [#""sourceBucket":"media-east","#, ""] {
      let rows = gzip(#""media-west","a.mp4""# + "\n" + #""media-north","b.mp4""# + "\n")
      let text = """
        {\(source)"destinationBucket":"arn:aws:s3:::inv","fileFormat":"CSV","fileSchema":"Bucket, Key",
         "files":[{"key":"x/data/r.csv.gz"}]}
        """
      let stored = StoredObjects(objects: ["inv/x/data/r.csv.gz": rows])
      let error = await failure {
        try await list(.file("-"), Blocks(Array(text.utf8), size: 1_000), nil, options(), stored)
      }
      #expect(error?.code == .otherBucket)
      #expect(error?.message.contains("line \(source.isEmpty ? 2 : 1) is of the bucket") == true)
    }
  }

  @Test("the schema decides where the columns are, and the manifest where no column says the bucket")
  func columns() async throws {
    let rows = gzip(#""5368709120","a.mp4","ARCHIVE""# + "\n" + #""5368709120","b.mp4","FREQUENT""# + "\n")
    let text = """
      {"sourceBucket":"media-west","destinationBucket":"arn:aws:s3:::inv","fileFormat":"CSV",
       "fileSchema":"Size, Key, IntelligentTieringAccessTier","files":[{"key":"x/data/r.csv.gz","MD5checksum":"\(md5(rows).uppercased())"}]}
      """
    let outcome = try await list(
      .file("-"), Blocks(Array(text.utf8), size: 1_000), nil, options(),
      StoredObjects(objects: ["inv/x/data/r.csv.gz": rows]))
    #expect(try outcome.objects == ["s3://media-west/b.mp4"])
    #expect(outcome.tally.leftOut == [.archived: 1])
    #expect(outcome.manifest.contains(#""orchestrate": {"size": 5368709120}"#))
  }
}

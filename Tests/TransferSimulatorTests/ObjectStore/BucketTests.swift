import CZlib
import Crypto
import Foundation
import Testing

@testable import TransferSimulator

/// What the small S3 has, and how it lists it.
struct BucketTests {
  private static let odd = [
    "a b+c.mp4", "a//b.mp4", "ü–片.mp4", "e\u{301}.mp4", "\u{e9}.mp4", "t\t.mp4", "x<&>\".mp4", "folder/",
    "~._-.mp4",
  ]

  private func probe(_ count: Int = 0, _ configure: (inout ObjectStoreConfiguration) -> Void = { _ in })
    -> S3Probe
  {
    S3Probe { _, objects in
      objects.buckets = [
        SyntheticBucket("media-west", count: count, objects: Self.odd.map { SyntheticBucket.Object($0) })
      ]
      configure(&objects)
    }
  }

  /// Every key that a listing shows, page by page, decoded as S3 says.
  private func keys(_ probe: S3Probe, _ query: String = "") throws -> [[UInt8]] {
    var found: [[UInt8]] = []
    var token: String?
    for _ in 0..<1000 {
      let more = token.map { "&continuation-token=\(PercentCoding.encode($0.utf8))" } ?? ""
      let answer = try probe.get("/media-west/?list-type=2&encoding-type=url\(query)\(more)")
      try #require(answer.status == 200)
      found += S3Probe.elements("Key", answer).map { PercentCoding.decode($0, plusIsSpace: true) ?? [] }
      guard S3Probe.elements("IsTruncated", answer) == ["true"] else { return found }
      token = S3Probe.elements("NextContinuationToken", answer).first
    }
    return found
  }

  @Test("objects may be replaced while the store is there")
  func replaced() throws {
    let probe = probe()
    probe.store.setObjects(
      [SyntheticBucket.Object("b.mp4"), SyntheticBucket.Object("a.mp4")], of: "media-west")
    #expect(try keys(probe) == ["a.mp4", "b.mp4"].map { Array($0.utf8) })
  }

  @Test func pagesHaveEveryKeyOnceInTheOrderOfBytes() throws {
    let probe = probe(2500)
    let all = try keys(probe)
    #expect(all.count == 2500 + Self.odd.count)
    for (left, right) in zip(all, all.dropFirst()) { #expect(left.lexicographicallyPrecedes(right)) }
    for key in Self.odd { #expect(all.contains(Array(key.utf8))) }
    #expect(try keys(probe, "&max-keys=100") == all)
    #expect(try keys(probe, "&prefix=videos%2F0000001").count == 10)
    #expect(try keys(probe, "&start-after=\(PercentCoding.encode(all[1999]))") == Array(all[2000...]))
    #expect(try keys(probe, "&prefix=none").isEmpty)
    #expect(try keys(probe, "&max-keys=0").isEmpty)
    #expect(try probe.get("/media-west?list-type=2&max-keys=-1").status == 400)
  }

  @Test func tokensAreHardToCarry() throws {
    let probe = probe(50)
    let token = S3Probe.elements(
      "NextContinuationToken", try probe.get("/media-west?list-type=2&max-keys=3"))[0]
    for character in "/+=" { #expect(token.contains(character)) }
    #expect(try probe.get("/media-west?list-type=2&continuation-token=AAAA").status == 400)
  }

  @Test func namesAreEncodedAsS3OrAsMotoDoes() throws {
    for (asPercent, name) in [(false, "a+b%2Bc.mp4"), (true, "a%20b%2Bc.mp4")] {
      let probe = probe { $0.encodesSpaceAsPercent = asPercent }
      let answer = try probe.get("/media-west?list-type=2&encoding-type=url&prefix=a%20b")
      #expect(S3Probe.elements("Key", answer) == [name])
      #expect(S3Probe.elements("Prefix", answer) == [asPercent ? "a%20b" : "a+b"])
      #expect(S3Probe.elements("EncodingType", answer) == ["url"])
    }
    let plain = try probe().get("/media-west?list-type=2&prefix=x")
    #expect(S3Probe.elements("Key", plain) == ["x&lt;&amp;&gt;&quot;.mp4"])
  }

  @Test func everyListedObjectCanBeRead() throws {
    var bucket = SyntheticBucket(
      "media-west", count: 100, objects: Self.odd.map { SyntheticBucket.Object($0) })
    bucket.subtitlesEvery = 3
    bucket.largeEvery = 10
    let probe = S3Probe { _, objects in objects.buckets = [bucket] }
    let listed = bucket.list(prefix: [], after: nil, limit: 1000)
    #expect(listed.count == 133 + Self.odd.count)
    #expect(listed.count { $0.size > 4 << 30 } == 10)
    for object in listed {
      let head = probe.store.answer(
        try probe.signed("/media-west/\(PercentCoding.encode(object.key, keeping: "/"))", method: "HEAD"),
        at: probe.now)
      #expect(head.status == 200)
      #expect(head.delivery == .headOnly(length: object.size))
    }
    let subtitles = listed.filter { $0.key.suffix(4).elementsEqual(".srt".utf8) }
    #expect(subtitles.count == 33)
    for text in subtitles {
      #expect(bucket.object(Array(text.key.dropLast(4)) + Array(".mp4".utf8)) != nil)
    }
  }

  @Test func millionsAreListedFromAnyPlace() throws {
    let probe = S3Probe { _, objects in objects.buckets = [SyntheticBucket("media-west", count: 50_000_000)] }
    let answer = try probe.get("/media-west?list-type=2&encoding-type=url&start-after=videos%2F41999999~")
    let keys = S3Probe.elements("Key", answer)
    #expect(keys.count == 1000)
    #expect(keys[0].hasPrefix("videos/42000000"))
  }

  @Test func rangesAreServed() throws {
    let probe = S3Probe { _, objects in
      objects.buckets = [
        SyntheticBucket(
          "media-west",
          objects: [.init("a.txt", content: Array("0123456789".utf8)), .init("b.mp4", size: 5 << 30)])
      ]
    }
    let text = try probe.presigned("/media-west/a.txt")
    for (range, content, field) in [
      ("bytes=2-4", "234", "bytes 2-4/10"), ("bytes=7-", "789", "bytes 7-9/10"),
      ("bytes=-3", "789", "bytes 7-9/10"),
      ("bytes=5-99", "56789", "bytes 5-9/10"),
    ] {
      let answer = probe.send(text, range: range)
      #expect(answer.status == 206)
      #expect(answer.text == content)
      #expect(answer.header("Content-Range") == field)
    }
    #expect(probe.send(text, range: "bytes=10-").status == 416)
    #expect(probe.send(text).text == "0123456789")
    let video = try probe.presigned("/media-west/b.mp4")
    #expect(probe.send(video).delivery == .pattern(from: 0, count: 5 << 30))
    #expect(probe.send(video, range: "bytes=100-199").delivery == .pattern(from: 100, count: 100))
  }

  @Test func inventoryNamesEveryObject() throws {
    let probe = probe(500) {
      $0.inventoryPrefix = "inventory/"
      $0.inventoryLines = 200
    }
    let key = try #require(probe.store.inventoryKey(of: "media-west"))
    let manifest = try probe.get("/media-west/\(key)")
    let checksum = try probe.get("/media-west/\(key.replacing("manifest.json", with: "manifest.checksum"))")
    #expect(checksum.text == RequestSignature.hex(Insecure.MD5.hash(data: Data(manifest.body))))
    let document = try #require(try JSONSerialization.jsonObject(with: Data(manifest.body)) as? [String: Any])
    #expect(document["fileFormat"] as? String == "CSV")
    let files = try #require(document["files"] as? [[String: Any]])
    #expect(files.count == 3)
    var rows: [String] = []
    for file in files {
      let name = try #require(file["key"] as? String)
      let body = try probe.get("/media-west/\(name)").body
      #expect(file["size"] as? Int == body.count)
      #expect(file["MD5checksum"] as? String == RequestSignature.hex(Insecure.MD5.hash(data: Data(body))))
      rows += String(decoding: try inflate(body), as: UTF8.self).split(separator: "\n").map(String.init)
    }
    #expect(rows.count == 500 + Self.odd.count)
    #expect(rows.contains { $0.hasPrefix(#""media-west","a+b%2Bc.mp4","73400320","#) })
    #expect(try keys(probe, "&prefix=inventory%2F").count == 5)
  }

  @Test func listingsMeetTheirFaults() throws {
    let probe = S3Probe { configuration, objects in
      objects.buckets = [SyntheticBucket("media-west", count: 10)]
      configuration.faults = ["unavailable@1", "garbage@2", "expired-token@3", "error@4"].compactMap {
        try? FaultRule(text: "s3-list/\($0)")
      }
    }
    func list() throws -> SimulatedAnswer {
      let call = probe.store.call(try probe.signed("/media-west?list-type=2"))
      let reaction = probe.store.react(to: call, numbered: probe.store.arrive(call), at: probe.now)
      return probe.store.answer(call, reaction, at: probe.now)
    }
    let answers = try (0..<5).map { _ in try list() }
    #expect(answers.map(\.status) == [503, 200, 400, 500, 200])
    #expect(S3Probe.code(answers[0]) == "SlowDown")
    #expect(!answers[1].text.contains("</ListBucketResult>"))
    #expect(S3Probe.code(answers[2]) == "ExpiredToken")
    #expect(S3Probe.elements("KeyCount", answers[4]) == ["10"])
  }

  private func inflate(_ content: [UInt8]) throws -> [UInt8] {
    var content = content
    var output: [UInt8] = []
    var stream = z_stream()
    try #require(inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK)
    defer { inflateEnd(&stream) }
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    try content.withUnsafeMutableBufferPointer { input in
      stream.next_in = input.baseAddress
      stream.avail_in = UInt32(input.count)
      while true {
        let (status, count) = buffer.withUnsafeMutableBufferPointer { part in
          stream.next_out = part.baseAddress
          stream.avail_out = UInt32(part.count)
          return (CZlib.inflate(&stream, Z_NO_FLUSH), part.count - Int(stream.avail_out))
        }
        output += buffer[..<count]
        if status == Z_STREAM_END {
          if stream.avail_in == 0 { return }
          // The next member begins.
          try #require(inflateReset(&stream) == Z_OK)
        } else {
          try #require(status == Z_OK)
        }
      }
    }
    return output
  }
}

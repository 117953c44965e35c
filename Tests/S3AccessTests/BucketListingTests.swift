import BatchDomain
import S3Signing
import TestSupport
import Testing

@testable import S3Access

@Suite("Listings", .timeLimit(.minutes(2)))
struct BucketListingTests {
  /// A page as S3 writes it.
  private static func page(
    _ objects: [String], next: String? = nil, isEncoded: Bool = true, storage: String = "STANDARD"
  ) -> AccessAnswer {
    let contents = objects.map { key in
      "<Contents><Key>\(key)</Key><LastModified>2026-11-01T20:00:00.000Z</LastModified><ETag>&quot;9b&quot;</ETag>"
        + "<Size>73400320</Size><StorageClass>\(storage)</StorageClass></Contents>"
    }.joined()
    let text =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      + "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>media-west</Name><Prefix>night+1/</Prefix>"
      + "<KeyCount>\(objects.count)</KeyCount><MaxKeys>1000</MaxKeys>"
      + (isEncoded ? "<EncodingType>url</EncodingType>" : "")
      + "<IsTruncated>\(next != nil)</IsTruncated>"
      + (next.map { "<NextContinuationToken>\($0)</NextContinuationToken>" } ?? "") + contents
      + "</ListBucketResult>"
    return AccessAnswer(status: 200, body: Array(text.utf8))
  }

  /// A network that knows the region and gives these answers to signed requests, the last again and again.
  private func network(_ answers: [AccessAnswer]) -> FakeTransport {
    FakeTransport { request, before in
      guard request.claims != nil else {
        return AccessAnswer(status: 200, headers: [("x-amz-bucket-region", "us-west-2")])
      }
      #expect(request.isSigned(region: "us-west-2"))
      return answers[min(before - 1, answers.count - 1)]
    }
  }

  private func list(
    _ network: FakeTransport, prefix: String = "night 1/", startAfter: String? = nil
  ) async throws -> [ListedObject] {
    let access = try await access(over: network)
    var objects: [ListedObject] = []
    for try await page in access.listing.pages(
      bucket: "media-west", prefix: Array(prefix.utf8), startAfter: startAfter.map { Array($0.utf8) })
    {
      objects += page.objects
    }
    return objects
  }

  @Test("pages are followed by their tokens, and keys decoded byte by byte, both ways to write a space")
  func pages() async throws {
    let token = "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM="
    let network = network([
      Self.page(["night+1/a%2Bb.mp4", "night+1/c%20d%0A.mp4"], next: token), Self.page([], next: "second"),
      Self.page(["night+1/%C3%BC%25.mp4"], storage: "GLACIER"),
    ])
    let objects = try await list(network, startAfter: "night 1/a")
    #expect(
      objects.map { String(decoding: $0.key, as: UTF8.self) } == [
        "night 1/a+b.mp4", "night 1/c d\n.mp4", "night 1/ü%.mp4",
      ])
    #expect(objects.map(\.size) == [73_400_320, 73_400_320, 73_400_320])
    #expect(objects.map(\.storageClass) == ["STANDARD", "STANDARD", "GLACIER"])
    let begin =
      "https://media-west.s3.us-west-2.amazonaws.com/?list-type=2&max-keys=1000&encoding-type=url&prefix=night%201%2F"
    #expect(
      network.seen.dropFirst().map(\.url) == [
        begin + "&start-after=night%201%2Fa",
        begin + "&continuation-token=1ueGcxLPRx1Tr%2FXYExHnhbYLgveDs2J%2Fwm36Hy4vbOwM%3D",
        begin + "&continuation-token=second",
      ])
  }

  @Test("a server that does not encode keys is read as it writes them")
  func notEncoded() async throws {
    let objects = try await list(
      network([Self.page([" a+b%20.mp4", "c &amp; d"], isEncoded: false)]), prefix: "")
    #expect(objects.map { String(decoding: $0.key, as: UTF8.self) } == [" a+b%20.mp4", "c & d"])
  }

  @Test("an empty bucket has one empty page")
  func empty() async throws {
    let network = network([Self.page([])])
    #expect(try await list(network, prefix: "").isEmpty)
    #expect(
      network.seen.last?.url
        == "https://media-west.s3.us-west-2.amazonaws.com/?list-type=2&max-keys=1000&encoding-type=url")
  }

  @Test("a broken page in a success is asked for again")
  func broken() async throws {
    let whole = Self.page(["a"], next: "t")
    let cut = AccessAnswer(status: 200, body: Array(whole.body.dropLast(30)))
    let badKey = Self.page(["a%zz"])
    let error = AccessAnswer(status: 200, body: Array("<Error><Code>InternalError</Code></Error>".utf8))
    let network = network([cut, badKey, error, AccessAnswer(status: 200), whole, cut, Self.page(["b"])])
    #expect(try await list(network, prefix: "").map(\.key) == [[97], [98]])
    #expect(network.seen.count == 8)
  }

  @Test("whatever a server sends as a page or as an error is read or refused, and never ends the program")
  func hostile() {
    let whole = Self.page(["night+1/a%2Bb.mp4", "c"], next: "t").body + refusal(403, "AccessDenied").body
    let random = SeededRandom(seed: 3)
    func place(_ count: Int) -> Int { Int(random.next() % UInt64(max(1, count))) }
    for _ in 0..<1_000 {
      var bytes = random.next() % 2 == 0 ? Self.page(["night+1/a%2Bb.mp4", "c"], next: "t").body : whole
      for _ in 0...place(4) {
        let (start, other) = (place(bytes.count), place(bytes.count))
        switch random.next() % 4 {
        case 0: bytes[start] = UInt8(truncatingIfNeeded: random.next() % (random.next() % 4 == 0 ? 256 : 128))
        case 1: bytes.removeSubrange(start..<min(bytes.count, start + place(40) + 1))
        case 2: bytes.insert(contentsOf: bytes[min(start, other)..<max(start, other)], at: other)
        default:
          bytes.insert(
            contentsOf: [Array("<![CDATA[".utf8), Array("&#0;".utf8), [0], Array("<!--".utf8)][place(4)],
            at: start)
        }
        if bytes.isEmpty { bytes = whole }
      }
      if let page = ListedPage(bytes) { #expect(!page.goesOn || page.token != nil || !page.objects.isEmpty) }
      let refusal = S3Refusal(AccessAnswer(status: 403, body: bytes))
      #expect(refusal.status == 403)
    }
  }

  @Test("where a token is refused or its pages stay broken, the listing goes on after the last key")
  func startAfterLast() async throws {
    for wrong in [
      refusal(400, "InvalidArgument", "The continuation token provided is incorrect"),
      AccessAnswer(status: 200),
    ] {
      let network = FakeTransport { request, before in
        if request.claims == nil { return AccessAnswer(status: 200, headers: [("x-amz-bucket-region", "r")]) }
        if before == 1 { return Self.page(["a+b"], next: "t") }
        return request.url.contains("continuation-token") ? wrong : Self.page(["c"])
      }
      #expect(try await list(network, prefix: "").map(\.key) == [Array("a b".utf8), [99]])
      #expect(network.seen.last?.url.hasSuffix("&start-after=a%20b") == true)
    }
  }

  @Test("a listing that goes backwards, or says there is more and not where, ends with an error")
  func backwards() async throws {
    let loop = await error { try await list(network([Self.page(["a", "b"], next: "t")]), prefix: "") }
    #expect(loop?.message.contains("goes backwards") == true)
    // The older listing has neither tokens nor a place to start after.
    let old = Array(
      "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a</Key></Contents></ListBucketResult>"
        .utf8)
    let older = await error {
      try await list(network([AccessAnswer(status: 200, body: old)]), prefix: "")
    }
    #expect(
      older?.message
        == "the listing of s3://media-west says that there is more and not where: the server does not know list-type=2"
    )
    let nowhere = AccessAnswer(
      status: 200, body: Array("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>".utf8))
    let lost = await error { try await list(network([nowhere]), prefix: "") }
    #expect(lost?.code == .unexpected && lost?.message.contains("6 times") == true)
  }

  @Test("a page is asked for when the one before was taken")
  func onDemand() async throws {
    let network = FakeTransport { request, before in
      request.claims == nil
        ? AccessAnswer(status: 200, headers: [("x-amz-bucket-region", "r")])
        : Self.page([before.padded(5)], next: "t")
    }
    let access = try await access(over: network)
    var pages = access.listing.pages(bucket: "b-1", prefix: [], startAfter: nil).makeAsyncIterator()
    _ = try await pages.next()
    #expect(network.seen.count == 2)
    _ = try await pages.next()
    #expect(network.seen.count == 3)
  }

  @Test("an object is read in parts, each of the same object")
  func parts() async throws {
    let size = 20 << 20
    let content = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let network = FakeTransport { request, _ in
      guard request.claims != nil else {
        return AccessAnswer(status: 200, headers: [("x-amz-bucket-region", "r")])
      }
      let bounds = (request.header("range") ?? "").dropFirst(6).split(separator: "-").compactMap { Int($0) }
      guard bounds.count == 2, bounds[0] < size else { return AccessAnswer(status: 416) }
      let end = min(bounds[1], size - 1)
      return AccessAnswer(
        status: 206, headers: [("content-range", "bytes \(bounds[0])-\(end)/\(size)"), ("ETag", "\"e\"")],
        body: Array(content[bounds[0]...end]))
    }
    let access = try await access(over: network)
    var read: [UInt8] = []
    for try await part in access.listing.bytes(bucket: "b-1", key: [97]) { read += part }
    #expect(read == content)
    #expect(network.seen.dropFirst().map { $0.header("if-match") } == [nil, "\"e\"", "\"e\""])
  }

  @Test("an empty object has no bytes; one that changes, breaks off or is not there is an error")
  func otherObjects() async throws {
    func read(_ answers: AccessAnswer...) async throws -> Int {
      let access = try await access(over: network(answers))
      var count = 0
      for try await part in access.listing.bytes(bucket: "b-1", key: [97]) { count += part.count }
      return count
    }
    #expect(try await read(AccessAnswer(status: 416)) == 0)
    #expect(try await read(AccessAnswer(status: 200, body: [1, 2, 3])) == 3)
    let half = AccessAnswer(status: 206, headers: [("content-range", "bytes 0-9/10")], body: [1, 2, 3])
    #expect(await error { try await read(half) }?.message == "s3://b-1/a broke off after 3 bytes")
    let first = AccessAnswer(
      status: 206, headers: [("content-range", "bytes 0-8388607/9000000"), ("etag", "\"e\"")],
      body: [UInt8](repeating: 0, count: 8 << 20))
    #expect(
      await error { try await read(first, AccessAnswer(status: 412)) }?.message.contains("was replaced")
        == true)
    #expect(await error { try await read(refusal(404, "NoSuchKey")) }?.code == .objectMissing)
  }

  /// A part of an object as a server sends it.
  private static func part(
    _ range: String, _ count: Int, _ more: [(name: String, value: String)] = []
  ) -> AccessAnswer {
    AccessAnswer(
      status: 206, headers: [("Content-Range", range)] + more, body: [UInt8](repeating: 120, count: count))
  }

  private func read(_ network: FakeTransport) async throws -> Int {
    let access = try await access(over: network)
    var count = 0
    for try await part in access.listing.bytes(bucket: "b-1", key: [97]) { count += part.count }
    return count
  }

  @Test("an object whose size the server does not say is read on until there is no byte left")
  func unknownSize() async throws {
    for size in [20 << 20, 16 << 20, 5] {
      // A server may send less than what was asked for.
      for most in [Int.max, 1_000_000] {
        let network = FakeTransport { request, _ in
          guard request.claims != nil else {
            return AccessAnswer(status: 200, headers: [("x-amz-bucket-region", "r")])
          }
          let bounds = (request.header("range") ?? "").dropFirst(6).split(separator: "-").compactMap {
            Int($0)
          }
          guard bounds.count == 2, bounds[0] < size else { return AccessAnswer(status: 416) }
          let end = min(bounds[1], size - 1, bounds[0] + min(most, size) - 1)
          return Self.part("bytes \(bounds[0])-\(end)/*", end - bounds[0] + 1)
        }
        #expect(try await read(network) == size)
      }
    }
  }

  @Test("a part that is another one than was asked for, or of another content, ends with an error")
  func wrongParts() async throws {
    let part = 8 << 20
    let first = Self.part("bytes 0-8388607/9000000", part, [("ETag", "\"e\""), ("Last-Modified", "Monday")])
    func message(_ answers: AccessAnswer...) async -> String {
      await error { try await read(network(answers)) }?.message ?? "none"
    }
    for range in [
      "", "bytes", "bytes 0-2", "bytes 2-0/3", "items 0-2/3", "bytes 0-2/2", "bytes */3", "bytes -1-2/3",
    ] {
      #expect(await message(Self.part(range, 3)).contains("expected bytes FROM-TO/SIZE"), "\(range)")
    }
    #expect(await message(Self.part("bytes 1-3/4", 3)).contains("bytes 1 to 3 came"))
    #expect(await message(Self.part("bytes 0-9000000/9000001", part)).contains("bytes 0 to 9000000 came"))
    #expect(await message(first, first).contains("bytes 0 to 8388607 came"))
    let rest = 9_000_000 - part
    #expect(
      await message(first, Self.part("bytes 8388608-8999999/9000001", rest)).contains(
        "had 9000000 bytes and has"))
    for more in [("ETag", "\"f\""), ("Last-Modified", "Tuesday")] {
      #expect(
        await message(first, Self.part("bytes 8388608-8999999/9000000", rest, [more])).contains(
          "was replaced"))
    }
    #expect(
      await message(first, AccessAnswer(status: 416))
        == "s3://b-1/a broke off after 8388608 bytes, although it has 9000000")
    #expect(await message(first, AccessAnswer(status: 200, body: [1])).contains("only as a whole"))
    #expect(await message(AccessAnswer(status: 204)).contains("status 204"))
    #expect(try await read(network([first, Self.part("bytes 8388608-8999999/9000000", rest)])) == 9_000_000)
  }

  @Test("a weak tag is compared, and no condition")
  func weakTag() async throws {
    let network = network([
      Self.part("bytes 0-2/6", 3, [("ETag", "W/\"e\"")]), Self.part("bytes 3-5/6", 3, [("ETag", "W/\"e\"")]),
    ])
    #expect(try await read(network) == 6)
    #expect(network.seen.allSatisfy { $0.header("if-match") == nil })
  }

  @Test("a listing that stays where it is ends with an error")
  func standsStill() async throws {
    let same = network([Self.page([], next: "t")])
    let problem = await error { try await list(same, prefix: "") }
    #expect(problem?.code == .unexpected && problem?.message.contains("does not advance") == true)
    #expect(same.seen.count == 3)
    let other = FakeTransport { request, before in
      request.claims == nil
        ? AccessAnswer(status: 200, headers: [("x-amz-bucket-region", "r")])
        : Self.page([], next: "t\(before)")
    }
    let empty = await error { try await list(other, prefix: "") }
    #expect(empty?.message.contains("100 pages in a row have no keys") == true)
    #expect(other.seen.count == 101)
    // Some empty pages are what S3 sends where many keys were deleted.
    let few = (0..<99).map { Self.page([], next: "t\($0)") }
    #expect(
      try await list(network(few + [Self.page(["a"], next: "u")] + few + [Self.page(["b"])]), prefix: "")
        .count == 2)
  }

  @Test("a page that counts keys and has none is broken")
  func countedKeys() async throws {
    func page(_ text: String) -> AccessAnswer {
      AccessAnswer(
        status: 200,
        body: Array("<ListBucketResult><IsTruncated>false</IsTruncated>\(text)</ListBucketResult>".utf8))
    }
    let counted = await error { try await list(network([page("<KeyCount>2</KeyCount>")]), prefix: "") }
    #expect(counted?.message.contains("cannot be read") == true)
    let folders = "<KeyCount>1</KeyCount><CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>"
    #expect(try await list(network([page(folders)]), prefix: "").isEmpty)
  }
}

package import BatchDomain
internal import S3Signing

/// Objects of a bucket by pages, and the bytes of one: the ports of the domain, over ``S3Client``.
package struct BucketListing: ObjectListing, ObjectReader {
  /// Bytes of an object that are asked for at a time.
  private static let partSize = 8 << 20

  private let client: S3Client

  /// A listing over that client.
  package init(_ client: S3Client) { self.client = client }

  package func pages(
    bucket: String, prefix: [UInt8], startAfter: [UInt8]?
  ) -> AsyncThrowingStream<ObjectPage, any Error> {
    let pages = Pages(client, bucket: bucket, prefix: prefix, startAfter: startAfter)
    return AsyncThrowingStream { try await pages.next() }
  }

  package func bytes(bucket: String, key: [UInt8]) -> AsyncThrowingStream<[UInt8], any Error> {
    let parts = Parts(client, bucket: bucket, key: key, size: Self.partSize)
    return AsyncThrowingStream { try await parts.next() }
  }

  /// Where a listing is.
  private actor Pages {
    /// Pages without an object that may come one after the other: S3 sends some where many keys were deleted.
    private static let mostEmpty = 100

    private let client: S3Client
    private let bucket: String
    private let prefix: [UInt8]
    private var last: [UInt8]?
    private var token: String?
    private var emptyInARow = 0
    /// Whether a page said that there is more, and not where.
    private var lacksToken = false
    private var isAtEnd = false

    init(_ client: S3Client, bucket: String, prefix: [UInt8], startAfter: [UInt8]?) {
      self.client = client
      self.bucket = bucket
      self.prefix = prefix
      last = startAfter
    }

    func next() async throws -> ObjectPage? {
      guard !isAtEnd else { return nil }
      let page = try await page()
      lacksToken = lacksToken || page.goesOn && page.token == nil
      // A server that gives the same page again would be listed for ever.
      if let first = page.objects.first, let last, !last.lexicographicallyPrecedes(first.key) {
        throw goesBackwards
      }
      try checkProgress(page)
      if let object = page.objects.last { last = object.key }
      token = page.token
      isAtEnd = !page.goesOn
      return ObjectPage(objects: page.objects)
    }

    private var goesBackwards: S3Error {
      let name = "s3://\(VisibleText.escape(bucket, cutAt: 100))"
      return lacksToken
        ? S3Error(
          .unexpected,
          "the listing of \(name) says that there is more and not where: the server does not know list-type=2",
          remedy: "list the bucket with another program, and give the list to `list --from`")
        : S3Error(
          .unexpected, "the listing of \(name) goes backwards",
          remedy: "only services that list keys in the order of their bytes can be listed")
    }

    /// Ends a listing that stays where it is: nothing would tell it from one that goes on.
    private func checkProgress(_ page: ListedPage) throws(S3Error) {
      emptyInARow = page.objects.isEmpty ? emptyInARow + 1 : 0
      guard page.goesOn, page.objects.isEmpty else { return }
      let repeats = page.token.map { $0.utf8.elementsEqual((token ?? "").utf8) } ?? false
      guard repeats || emptyInARow >= Self.mostEmpty else { return }
      throw S3Error(
        .unexpected,
        "the listing of s3://\(VisibleText.escape(bucket, cutAt: 100)) does not advance: "
          + (repeats
            ? "a page has no keys and the token of the page before"
            : "\(emptyInARow) pages in a row have no keys, and each says that more follow"),
        remedy: "try again later; `--start-after` goes on where the listing stopped")
    }

    private func page() async throws -> ListedPage {
      do {
        return try await client.page(bucket: bucket, prefix: prefix, startAfter: last, token: token)
      } catch let error as S3Error where token != nil && error.code == .unexpected {
        // The place after the last key means the same, and does not age.
        token = nil
        return try await client.page(bucket: bucket, prefix: prefix, startAfter: last, token: nil)
      }
    }
  }

  /// Where the reading of an object is.
  private actor Parts {
    private let client: S3Client
    private let bucket: String
    private let key: [UInt8]
    private let size: Int
    private var position: Int64 = 0
    private var whole: Int64?
    private var version = ObjectVersion()

    init(_ client: S3Client, bucket: String, key: [UInt8], size: Int) {
      (self.client, self.bucket, self.key, self.size) = (client, bucket, key, size)
    }

    func next() async throws -> [UInt8]? {
      if let whole, position >= whole { return nil }
      let answer = try await client.part(
        bucket: bucket, key: key, from: position, count: size, etag: version.condition)
      guard let answer else {
        // There is no byte at that place. Without a known size only this says that the object ends here.
        if whole != nil { throw brokeOff() }
        return nil
      }
      guard version.take(answer) else {
        throw S3Error(.unexpected, "\(name) was replaced while it was read", remedy: "run the command again")
      }
      try answer.status == 206 ? checkPart(answer) : checkWhole(answer)
      position += Int64(answer.body.count)
      return answer.body
    }

    private func checkWhole(_ answer: AccessAnswer) throws(S3Error) {
      guard answer.status == 200 else {
        throw S3Error(
          .unexpected, "reading \(name) was answered with status \(answer.status), expected 206 or 200",
          remedy: S3Error.atEndpoint)
      }
      // The server knows no ranges, and the object is small.
      guard position == 0, !answer.isCut else {
        throw S3Error(
          .unexpected,
          "the server sends objects only as a whole, and \(name) has more than \(size >> 20) MiB",
          remedy: "copy it to this machine, and name the file")
      }
      whole = Int64(answer.body.count)
    }

    private func checkPart(_ answer: AccessAnswer) throws(S3Error) {
      let text = answer.header("content-range") ?? ""
      guard let range = ContentRange(text) else {
        throw S3Error(
          .unexpected,
          "a part of \(name) came with the Content-Range \(ConfigurationError.quoted(text)), expected bytes FROM-TO/SIZE",
          remedy: S3Error.atEndpoint)
      }
      let most = position + Int64(size) - 1
      guard range.first == position, range.last <= most else {
        throw S3Error(
          .unexpected,
          "bytes \(position) to \(most) of \(name) were asked for, and bytes \(range.first) to \(range.last) came",
          remedy: S3Error.atEndpoint)
      }
      if let whole, let total = range.whole, total != whole {
        throw S3Error(
          .unexpected, "\(name) had \(whole) bytes and has \(total): it was replaced while it was read",
          remedy: "run the command again")
      }
      guard Int64(answer.body.count) == range.last - range.first + 1, !answer.isCut else {
        throw brokeOff(after: Int64(answer.body.count))
      }
      whole = whole ?? range.whole
    }

    private func brokeOff(after more: Int64 = 0) -> S3Error {
      let size = whole.map { ", although it has \($0)" } ?? ""
      let bytes = position + more == 1 ? "1 byte" : "\(position + more) bytes"
      return S3Error(
        .unexpected, "\(name) broke off after \(bytes)\(size)",
        remedy: "run the command again")
    }

    /// The object, for messages.
    private var name: String {
      let key = String(decoding: key, as: UTF8.self)
      return "s3://\(VisibleText.escape(bucket, cutAt: 100))/\(VisibleText.escape(key, cutAt: 300))"
    }
  }
}

/// Which bytes of an object an answer has (RFC 9110, section 14.4).
struct ContentRange: Equatable {
  /// The places of the first byte and the last.
  let first: Int64, last: Int64
  /// How many bytes the object has; `nil` where the server does not know it, and writes `*`.
  let whole: Int64?

  /// Reads the header; `nil` when it says no range of bytes.
  init?(_ text: String) {
    let words = text.split(separator: " ", omittingEmptySubsequences: true)
    guard words.count == 2, words[0].lowercased() == "bytes" else { return nil }
    let parts = words[1].split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    let bounds = parts[0].split(separator: "-", omittingEmptySubsequences: false)
    guard bounds.count == 2, let first = ItemNote.number(bounds[0].utf8),
      let last = ItemNote.number(bounds[1].utf8), first <= last, last < .max
    else { return nil }
    if parts[1] == "*" {
      whole = nil
    } else {
      guard let total = ItemNote.number(parts[1].utf8), last < total else { return nil }
      whole = total
    }
    (self.first, self.last) = (first, last)
  }
}

/// What tells two contents of one object apart, as the first answer has it.
private struct ObjectVersion {
  private var etag: String?
  private var modified: String?
  private var isKnown = false

  /// What the next part is asked for with, so that it is of the same content. A weak tag never matches there (RFC 9110,
  /// section 13.1.1).
  var condition: String? { etag.flatMap { $0.hasPrefix("W/") ? nil : $0 } }

  /// Takes the next answer; `false` when it is of another content. What an answer does not say tells nothing.
  mutating func take(_ answer: AccessAnswer) -> Bool {
    func isSame(_ known: String?, _ found: String?) -> Bool {
      guard let known, let found else { return true }
      return known.utf8.elementsEqual(found.utf8)
    }
    let (tag, date) = (answer.header("etag"), answer.header("last-modified"))
    let isSameContent = isSame(etag, tag) && (etag != nil && tag != nil || isSame(modified, date))
    if !isKnown { (etag, modified, isKnown) = (tag, date, true) }
    return isSameContent
  }
}

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
    private let client: S3Client
    private let bucket: String
    private let prefix: [UInt8]
    private var last: [UInt8]?
    private var token: String?
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
      // A server that gives the same page again would be listed for ever.
      if let first = page.objects.first, let last, !last.lexicographicallyPrecedes(first.key) {
        throw S3Error(
          .unexpected, "the listing of s3://\(VisibleText.escape(bucket, cutAt: 100)) goes backwards",
          remedy: "only services that list keys in the order of their bytes can be listed")
      }
      if let object = page.objects.last { last = object.key }
      token = page.token
      isAtEnd = !page.goesOn
      return ObjectPage(objects: page.objects)
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
    private var etag: String?

    init(_ client: S3Client, bucket: String, key: [UInt8], size: Int) {
      (self.client, self.bucket, self.key, self.size) = (client, bucket, key, size)
    }

    func next() async throws -> [UInt8]? {
      if let whole, position >= whole { return nil }
      guard
        let answer = try await client.part(bucket: bucket, key: key, from: position, count: size, etag: etag)
      else { return nil }
      let range = answer.header("content-range")
      etag = answer.header("etag")
      if answer.status == 206, let range, let total = range.split(separator: "/").last.flatMap({ Int64($0) })
      {
        whole = total
      } else if position == 0, !answer.isCut {
        // The server knows no ranges, and the object is small.
        whole = Int64(answer.body.count)
      } else {
        throw S3Error(
          .unexpected,
          "the server sends objects only as a whole, and this one has more than \(size >> 20) MiB")
      }
      let expected = min(Int64(size), (whole ?? 0) - position)
      guard Int64(answer.body.count) == expected else {
        throw S3Error(.unexpected, "an object broke off after \(position + Int64(answer.body.count)) bytes")
      }
      position += Int64(answer.body.count)
      return answer.body
    }
  }
}

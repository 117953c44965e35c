internal import BatchDomain
package import S3Signing

extension S3Client {
  /// Where a bucket is; its region is asked until an answer names it.
  ///
  /// - Throws: ``S3Error``, or `CancellationError`.
  package func address(of bucket: String) async throws -> S3Address {
    if let region = await regions.region(of: bucket) { return address(bucket, region) }
    if let region = try await askRegion(of: bucket) {
      await regions.learn(region, of: bucket)
      return address(bucket, region)
    }
    // Other services than Amazon's may never name one, and all their buckets are in the region that the user names.
    if endpoint != nil { await regions.learn(firstRegion, of: bucket) }
    return address(bucket, firstRegion)
  }

  /// The region of a bucket, by an unsigned request: S3 says it with success, refusal and redirect alike.
  ///
  /// - Returns: `nil` where the answer names none.
  private func askRegion(of bucket: String) async throws -> String? {
    let words = "asking for the region of the bucket \(VisibleText.escape(bucket, cutAt: 100))"
    let place = S3Address(bucket: bucket, region: firstRegion, endpoint: endpoint, usesPath: true)
    let url = "\(place.scheme)://\(place.host)\(PercentEncoding.path(place.path(of: nil)))"
    var failures = 0
    while true {
      do {
        let answer = try await transport.send(AccessRequest("HEAD", url), limit: 0)
        let refusal = S3Refusal(answer)
        if let region = refusal.region { return region }
        if answer.status < 500, answer.status != 429 {
          // Only Amazon's own endpoint is known to answer 404 for nothing but a bucket that is not there.
          guard answer.status == 404, endpoint == nil else { return nil }
          throw bucketMissing(bucket)
        }
        failures += 1
        guard failures < Self.tries else {
          // A URL that is signed for another region is refused where the service fetches it, which looks like a bad video.
          guard endpoint != nil else { throw busy(words, refusal) }
          return nil
        }
      } catch let fault as AccessFault {
        failures += 1
        guard fault.mayPass, failures < Self.tries else { throw unreachable(words, fault, at: place.host) }
      }
      try await pause(failures - 1)
    }
  }

  private func address(_ bucket: String, _ region: String) -> S3Address {
    S3Address(bucket: bucket, region: region, endpoint: endpoint)
  }
}

/// What is known of the regions of buckets.
actor BucketRegions {
  private var regions: [[UInt8]: String] = [:]

  func region(of bucket: String) -> String? { regions[Array(bucket.utf8)] }

  func learn(_ region: String, of bucket: String) { regions[Array(bucket.utf8)] = region }
}

package import BatchDomain

/// Another endpoint than Amazon's own: a service that speaks S3, or a stand-in for tests.
package struct S3Endpoint: Sendable, Equatable {
  /// `https` or `http`.
  package let scheme: String
  /// Host, and the port where it is not the scheme's own: what header `Host` has.
  package let authority: String
  /// What goes before the bucket: empty, or a path without a slash at its end.
  package let path: [UInt8]

  /// The endpoint of a checked address.
  package init(_ address: WebAddress) {
    scheme = address.isEncrypted ? "https" : "http"
    authority = String(address.origin.dropFirst(scheme.utf8.count + 3))
    var rest = Array(address.rest.utf8)
    while rest.last == UInt8(ascii: "/") { rest.removeLast() }
    path = PercentEncoding.decode(rest) ?? rest
  }
}

/// Where a bucket is: scheme, host, region, and the path in front of keys.
///
/// At Amazon the bucket is the first label of the host (virtual-host style), `https://BUCKET.s3.REGION.amazonaws.com/KEY`.
/// A name that is not one label of a host, such as one with dots, goes into the path, since Amazon's certificate covers
/// one label; so does every bucket at another endpoint.
package struct S3Address: Sendable, Equatable {
  /// `https` or `http`.
  package let scheme: String
  /// What header `Host` has: the port only where it is not the scheme's own.
  package let host: String
  /// The region that signatures name.
  package let region: String
  /// The bucket's name.
  package let bucket: String
  /// The path without a key, not encoded: `/`, or the bucket after a slash.
  private let root: [UInt8]

  /// Where the bucket is said to be.
  ///
  /// - Parameters:
  ///   - region: the bucket's region, for example `eu-central-1`.
  ///   - endpoint: another endpoint than Amazon's own.
  ///   - usesPath: whether the bucket goes into the path, whatever its name.
  package init(bucket: String, region: String, endpoint: S3Endpoint? = nil, usesPath: Bool = false) {
    self.bucket = bucket
    self.region = region
    let slash = UInt8(ascii: "/")
    if let endpoint {
      scheme = endpoint.scheme
      host = endpoint.authority
      root = endpoint.path + [slash] + bucket.utf8
      return
    }
    scheme = "https"
    // The regions of China have a domain of their own.
    let domain = region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com"
    if usesPath || !Self.isHostLabel(bucket) {
      host = "s3.\(region).\(domain)"
      root = [slash] + bucket.utf8
    } else {
      host = "\(bucket).s3.\(region).\(domain)"
      root = [slash]
    }
  }

  /// The path of an object, not encoded; of the bucket itself without one.
  package func path(of key: [UInt8]?) -> [UInt8] {
    guard let key else { return root }
    return (root.last == UInt8(ascii: "/") ? root : root + [UInt8(ascii: "/")]) + key
  }

  /// Whether a bucket's name is one label of a host, as botocore sees it: 3 to 63 small letters, digits and inner hyphens.
  private static func isHostLabel(_ name: String) -> Bool {
    let bytes = name.utf8
    return (3...63).contains(bytes.count)
      && bytes.allSatisfy { isLowerOrDigit($0) || $0 == UInt8(ascii: "-") }
      && bytes.first != UInt8(ascii: "-") && bytes.last != UInt8(ascii: "-")
  }

  private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
      || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
}

/// Bucket and key of an `s3://bucket/key` address.
package struct S3Location: Sendable, Equatable {
  /// The bucket's name.
  package let bucket: String
  /// The key's bytes: all that follows the slash after the bucket.
  package let key: [UInt8]

  /// Bucket and key in their parts.
  package init(bucket: String, key: [UInt8]) { (self.bucket, self.key) = (bucket, key) }

  /// Takes an address apart; `nil` when it is not `s3://`, a bucket, a slash and a key.
  package init?(_ object: ObjectName) {
    let bytes = object.rawValue.utf8
    guard bytes.starts(with: "s3://".utf8) else { return nil }
    let rest = bytes.dropFirst(5)
    guard let slash = rest.firstIndex(of: UInt8(ascii: "/")), slash != rest.startIndex else { return nil }
    let key = rest[rest.index(after: slash)...]
    guard !key.isEmpty else { return nil }
    bucket = String(decoding: rest[..<slash], as: UTF8.self)
    self.key = Array(key)
  }
}

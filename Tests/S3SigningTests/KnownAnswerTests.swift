import BatchDomain
import S3Signing
import TestSupport
import Testing

/// AWS's public example key.
let example = AWSCredentials(
  accessKeyID: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")

/// 20261126T220000Z.
let evening = CivilTime(year: 2026, month: 11, day: 26, hour: 22).timestamp

/// The value of the last parameter of a URL.
func signature(in url: PresignedURL) -> String {
  url.text.split(separator: "=").last.map(String.init) ?? ""
}

/// Signatures that AWS publishes (the first), and that botocore 1.43.11 computes.
@Suite("Known signatures")
struct KnownAnswerTests {
  private let west = S3Address(bucket: "media-west", region: "us-west-2")
  private let key = Array("night 1/a+b=c&d~e/ü–片/01 (final).mp4".utf8)

  @Test("AWS's own example of a presigned URL")
  func published() throws {
    let claims = try SignatureClaims(
      method: "GET",
      target: "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        + "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        + "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        + "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
      headers: [("Host", "examplebucket.s3.amazonaws.com")])
    #expect(claims.expectedSignature(secret: example.secretAccessKey) == claims.signature)
    #expect(claims.life == 86_400)
  }

  @Test("a key with spaces, signs and letters outside ASCII")
  func hardKey() {
    let url = S3Signer(example, for: west).presign(key: key, at: evening, life: 43_200)
    #expect(signature(in: url) == "db4b3ca4dd9f204222cb08317913f99f53b4ca50cefc55a9c7b7b22219cc006c")
    #expect(
      url.text.hasPrefix(
        "https://media-west.s3.us-west-2.amazonaws.com/"
          + "night%201/a%2Bb%3Dc%26d~e/%C3%BC%E2%80%93%E7%89%87/01%20%28final%29.mp4?X-Amz-Algorithm="))
    #expect(url.expiresAt == evening + .seconds(43_200))
  }

  @Test("the same with a session token")
  func sessionToken() {
    let session = AWSCredentials(
      accessKeyID: example.accessKeyID, secretAccessKey: example.secretAccessKey,
      sessionToken: "FwoGZXIvYXdzEXAMPLE/token+with=signs")
    let url = S3Signer(session, for: west).presign(key: key, at: evening, life: 43_200)
    #expect(signature(in: url) == "f374ef12501e2766e855cec2abc31fae1f1a1b5efe4aaee01751124f0b0d3236")
  }

  @Test("path style for a name with dots, and slashes that stay")
  func pathStyle() {
    let address = S3Address(bucket: "media.west", region: "us-west-2")
    let url = S3Signer(example, for: address)
      .presign(key: Array("a//b/01.mp4".utf8), at: evening, life: 604_800)
    #expect(url.text.hasPrefix("https://s3.us-west-2.amazonaws.com/media.west/a//b/01.mp4?"))
    #expect(signature(in: url) == "441095ff733b1f26db9b05a9959f8c102a52c6cc54f82955672e04a6e72c0be5")
  }

  @Test("GET, HEAD and requester pays of one object")
  func methods() {
    let signer = S3Signer(example, for: west)
    let key = Array("a/01.mp4".utf8)
    let get = signer.presign(key: key, at: evening, life: 43_200)
    #expect(signature(in: get) == "ca97127ded9587c22a2f08b1ed9f557f1f4622914558e79483047a974cf2248c")
    let head = signer.presign("HEAD", key: key, at: evening, life: 43_200)
    #expect(signature(in: head) == "a262c74194e32ad0060211c4efc43b4dd9480f75b4182a851c3e27d0e41f5c5d")
    let pays = signer.presign(
      key: key, at: evening, life: 43_200, extra: [QueryItem("x-amz-request-payer", "requester")])
    #expect(signature(in: pays) == "724f20c2a283293a5c38cb915c6ebfcc93f622ad656f7e839a23bba65efc9955")
  }

  @Test("a listing whose headers are signed")
  func listing() throws {
    let request = S3Signer(example, for: west).sign(
      "GET", key: nil,
      query: [
        QueryItem("list-type", "2"), QueryItem("max-keys", "1000"), QueryItem("encoding-type", "url"),
        QueryItem("prefix", "night 1/"),
        QueryItem("continuation-token", "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM="),
      ], at: evening)
    #expect(
      request.url
        == "https://media-west.s3.us-west-2.amazonaws.com/?list-type=2&max-keys=1000&encoding-type=url"
        + "&prefix=night%201%2F&continuation-token=1ueGcxLPRx1Tr%2FXYExHnhbYLgveDs2J%2Fwm36Hy4vbOwM%3D")
    let authorization = request.headers.first { $0.name == "authorization" }?.value
    #expect(
      authorization == "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261126/us-west-2/s3/aws4_request, "
        + "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
        + "Signature=629b15b9f5855c6af22ccd222a9433707941be5e675ec0e5a3a4ffa112f53a9e")
  }
}

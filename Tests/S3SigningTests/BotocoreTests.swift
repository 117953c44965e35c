import BatchDomain
import Foundation
import S3Signing
import Testing

/// Compares signatures with those that `scripts/check-s3` had botocore compute; without its file there is nothing to do.
@Suite("Signatures of botocore")
struct BotocoreTests {
  private static let file = ProcessInfo.processInfo.environment["SIGNATURES_OF_BOTOCORE"]

  private struct Case: Decodable {
    var key: String
    var bucket: String
    var region: String
    var token: String?
    var seconds: Int64
    var life: Int
    var method: String
    var pays: Bool
    var query: String
    var header: String
  }

  @Test("every case has the same signatures in the query and in headers", .enabled(if: file != nil))
  func same() throws {
    let lines = try String(contentsOfFile: try #require(Self.file), encoding: .utf8).split(separator: "\n")
    #expect(lines.count >= 1_000)
    for line in lines {
      let found = try JSONDecoder().decode(Case.self, from: Data(line.utf8))
      let signer = S3Signer(
        AWSCredentials(
          accessKeyID: example.accessKeyID, secretAccessKey: example.secretAccessKey,
          sessionToken: found.token),
        for: S3Address(bucket: found.bucket, region: found.region))
      let (key, moment) = (Array(found.key.utf8), Timestamp(milliseconds: found.seconds * 1_000))
      let url = signer.presign(
        found.method, key: key, at: moment, life: found.life,
        extra: found.pays ? [QueryItem("x-amz-request-payer", "requester")] : [])
      #expect(signature(in: url) == found.query, "\(line)")
      let request = signer.sign(found.method, key: key, query: [QueryItem("prefix", bytes: key)], at: moment)
      let authorization = request.headers.first { $0.name == "authorization" }?.value
      #expect(authorization?.hasSuffix("Signature=\(found.header)") == true, "\(line)")
    }
  }
}

import BatchDomain
import S3Access
import Testing

@testable import OrchestrateCommands

@Suite("What S3 says of the first object before a run begins")
struct PreflightTests {
  private func preflight(_ code: S3Error.Code) -> Preflight {
    var found = Preflight()
    found.note(
      S3Error(code, "there is no bucket \"nope\"", remedy: "check the name"), of: "s3://nope/a.mp4")
    return found
  }

  @Test("a bucket that does not exist keeps the run from beginning, with what to do")
  func bucketMissing() {
    let found = preflight(.bucketMissing)
    #expect(found.warnings.isEmpty && found.obstacle?.reason == .source)
    #expect(
      found.obstacle?.detail == """
        there is no bucket "nope", expected the bucket of the next object, s3://nope/a.mp4; correct the name in the \
        manifest and submit it as a new run, or create the bucket; at another service than Amazon's it takes --s3-endpoint
        """)
  }

  @Test("what may be one object's fault, or may pass, is a warning; every other answer is an obstacle")
  func kinds() {
    for code in S3Error.Code.allCases {
      let found = preflight(code)
      let reason: PauseReason? =
        switch code {
        case .credentialsMissing, .credentialsInvalid, .credentialsEnding, .credentialsRefused, .clockSkewed:
          .credentials
        case .accessDenied, .bucketMissing: .source
        case .proxyUnauthorized, .certificate, .foreignAnswer: .endpoint
        case .objectMissing, .objectArchived, .addressInvalid, .busy, .unreachable, .unexpected: nil
        }
      #expect(found.obstacle?.reason == reason, "\(code)")
      #expect(found.warnings.count == (reason == nil ? 1 : 0), "\(code)")
    }
  }
}

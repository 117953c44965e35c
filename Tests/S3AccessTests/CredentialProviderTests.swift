import BatchDomain
import S3Signing
import TestSupport
import Testing

@testable import S3Access

@Suite("Credentials that are kept", .timeLimit(.minutes(2)))
struct CredentialProviderTests {
  @Test("credentials without an end are asked for once")
  func forEver() async throws {
    let source = ScriptedSource(ScriptedSource.found("A", until: nil))
    let clock = HurryingClock()
    let provider = CredentialProvider([source], clock: clock)
    for _ in 0..<3 {
      _ = try await provider.current()
      clock.pass(.seconds(86_400))
    }
    #expect(source.asked == 1)
  }

  @Test(
    "those that end are renewed 15 minutes before, from the source they are from, and their secrets are told first"
  )
  func renewed() async throws {
    let first = ScriptedSource(.success(.absent("nothing here")))
    let source = ScriptedSource(
      ScriptedSource.found("A", until: evening + .seconds(3_600)),
      ScriptedSource.found("B", until: evening + .seconds(7_200)))
    let clock = HurryingClock()
    let told = Told()
    let provider = CredentialProvider([first, source], clock: clock) { told.add($0) }
    #expect(try await provider.current().credentials.accessKeyID == "A")
    clock.pass(.seconds(45 * 60))
    #expect(try await provider.current().credentials.accessKeyID == "A")
    clock.pass(.seconds(1))
    #expect(try await provider.current().credentials.accessKeyID == "B")
    #expect(first.asked == 1 && source.asked == 2)
    #expect(told.all == [secret, "t-A", secret, "t-B"])
  }

  @Test("what cannot be renewed is used until its end, and asked for at most once a minute")
  func notRenewed() async throws {
    let source = ScriptedSource(
      ScriptedSource.found("A", until: evening + .seconds(1_000)),
      .failure(S3Error(.credentialsInvalid, "no luck")))
    let clock = HurryingClock()
    let provider = CredentialProvider([source], clock: clock)
    _ = try await provider.current()
    clock.pass(.seconds(500))
    for _ in 0..<5 { #expect(try await provider.current().credentials.accessKeyID == "A") }
    #expect(source.asked == 2)
    clock.pass(.seconds(60))
    _ = try await provider.current()
    #expect(source.asked == 3)
    clock.pass(.seconds(440))
    let problem = await error { try await provider.current() }
    #expect(problem?.code == .credentialsEnding)
    #expect(problem?.message == "the credentials from the test have ended, and were not renewed: no luck")
  }

  @Test("whoever comes while a source is asked waits for the same answer")
  func shared() async throws {
    let source = ScriptedSource(ScriptedSource.found("A", until: nil))
    let provider = CredentialProvider([source], clock: HurryingClock())
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<50 { group.addTask { _ = await error { try await provider.current() } } }
    }
    #expect(source.asked == 1)
  }

  @Test("a session that was refused is renewed once; the same again is an error")
  func refused() async throws {
    let source = ScriptedSource(ScriptedSource.found("A", until: nil), ScriptedSource.found("B", until: nil))
    let provider = CredentialProvider([source], clock: HurryingClock())
    let first = try await provider.current().credentials
    #expect(try await provider.renew(insteadOf: first).credentials.accessKeyID == "B")
    // Another request that was refused meanwhile has nothing left to renew.
    #expect(try await provider.renew(insteadOf: first).credentials.accessKeyID == "B")
    #expect(source.asked == 2)
    let second = try await provider.current().credentials
    let problem = await error { try await provider.renew(insteadOf: second) }
    #expect(problem?.code == .credentialsRefused)
  }
}

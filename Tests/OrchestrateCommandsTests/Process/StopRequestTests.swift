import Testing

@testable import OrchestrateCommands

@Suite("Requests to stop")
struct StopRequestTests {
  @Test("signals of one kind within a tenth of a second are one request, as timeout sends them")
  func together() {
    let request = StopRequest(15, at: .seconds(7))
    #expect(request.includes(15, at: .seconds(7)))
    #expect(request.includes(15, at: .seconds(7) + .microseconds(3)))
    #expect(request.includes(15, at: .seconds(7) + .milliseconds(99)))
  }

  @Test("a later signal and one of another kind are a second request")
  func apart() {
    let request = StopRequest(15, at: .seconds(7))
    #expect(!request.includes(15, at: .seconds(7) + StopRequest.window))
    #expect(!request.includes(2, at: .seconds(7)))
    #expect(!request.includes(1, at: .seconds(7) + .milliseconds(1)))
  }
}

import BatchDomain
import Testing

@testable import TransfersService

@Suite("Counting names")
struct NameCountTests {
  static let start = Timestamp(milliseconds: 1_750_000_000_000)

  func send(
    _ object: String, at seconds: Int, took: Int = 1, isAccepted: Bool = true
  ) -> NamedSend {
    NamedSend(
      index: IndexID("i"), name: "a.mp4", object: ObjectName(object),
      startedAt: Self.start + .seconds(seconds),
      endedAt: Self.start + .seconds(seconds + took), isAccepted: isAccepted)
  }

  func counted(_ sends: [NamedSend]) -> NameCount? {
    NameCount(
      sends + [send("mine", at: 0, isAccepted: false)], since: Self.start,
      knownSince: Self.start - .seconds(3_720))
  }

  @Test("a send long before the attempt is not counted, and does not move the window")
  func longBefore() throws {
    let count = try #require(counted([send("other", at: -1_000)]))
    #expect(count.windowStart == Self.start - .seconds(120))
    #expect((count.sent, count.accepted) == (1, 0))
  }

  @Test("a send whose tasks may be listed on either side of the window is taken in from its beginning")
  func straddling() throws {
    let count = try #require(counted([send("other", at: -200), send("third", at: -430)]))
    #expect(count.windowStart == Self.start - .seconds(550))
    #expect((count.sent, count.accepted) == (3, 2))
  }

  @Test("a chain of sends that goes back further than is known cannot be counted")
  func endlessChain() {
    #expect(counted((1...40).map { send("other-\($0)", at: -100 * $0) }) == nil)
  }

  @Test("the count tells received from not received, and says when it cannot")
  func readings() throws {
    let count = try #require(counted([send("other", at: 30)]))
    #expect(count.reading(listed: 2) == .received)
    #expect(count.reading(listed: 1) == .notReceived)
    for listed in [0, 3] {
      guard case .unclear = count.reading(listed: listed) else {
        Issue.record("\(listed) tasks decided")
        return
      }
    }
  }

  @Test("the same object accepted elsewhere in the window leaves nothing to tell apart")
  func sameObject() throws {
    let count = try #require(counted([send("mine", at: 30)]))
    guard case .unclear = count.reading(listed: 1) else {
      Issue.record("decided by the task of another run")
      return
    }
  }
}

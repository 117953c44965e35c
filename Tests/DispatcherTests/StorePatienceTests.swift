import BatchDomain
import Dispatcher
import NIOConcurrencyHelpers
import TestSupport
import Testing

@Suite("Patience with a store that is not reached", .timeLimit(.minutes(10)))
struct StorePatienceTests {
  /// Fails as often as it is told to, and passes the time of each wait.
  private final class Away: Sendable {
    let clock = ManualClock()
    let told = NIOLockedValueBox(0)
    private let asked = NIOLockedValueBox(0)

    var times: Int { asked.withLockedValue { $0 } }

    func ask(_ failures: Int, _ code: StoreError.Code, isStopped: Bool = false) async throws -> String {
      let patiently = StorePatience(clock: clock, patience: .seconds(10), isStopped: { isStopped }) {
        [told] _ in
        told.withLockedValue { $0 += 1 }
      }
      return try await withThrowingTaskGroup(of: String?.self) { group in
        group.addTask { [self] in
          try await patiently {
            let number = asked.withLockedValue { asked in
              asked += 1
              return asked
            }
            guard number > failures else { throw StoreError(code, "away") }
            return "there"
          }
        }
        group.addTask { [clock] in
          while !Task.isCancelled {
            await clock.waitForSleepers(1)
            clock.advance(by: clock.nextWake ?? .zero)
            await Task.yield()
          }
          return nil
        }
        defer {
          group.cancelAll()
          clock.release()
        }
        while let answer = try await group.next() { if let answer { return answer } }
        throw StoreError(.internal, "nothing was answered")
      }
    }
  }

  @Test("a store that comes back within the patience has been waited for, which was said once")
  func back() async throws {
    let away = Away()
    #expect(try await away.ask(5, .unreachable) == "there")
    #expect(away.times == 6)
    #expect(away.told.withLockedValue { $0 } == 1)
  }

  @Test(
    "one that stays away is given up after the patience; what does not pass, or nobody waits for, at once")
  func givenUp() async throws {
    let away = Away()
    await #expect(throws: StoreError.self) { _ = try await away.ask(.max, .unreachable) }
    #expect(away.clock.elapsed() == .seconds(10))
    for (code, isStopped) in [(StoreError.Code.schema, false), (.unreachable, true)] {
      let refused = Away()
      await #expect(throws: StoreError.self) { _ = try await refused.ask(1, code, isStopped: isStopped) }
      #expect(refused.times == 1)
    }
  }
}

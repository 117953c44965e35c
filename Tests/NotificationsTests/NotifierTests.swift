import BatchDomain
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import Notifications

@Suite("The notifier", .timeLimit(.minutes(10)))
struct NotifierTests {
  private let clock = ManualClock()
  private let said = NIOLockedValueBox<[String]>([])

  private func notifier(
    _ outside: FakeOutside, url: String? = nil, command: String? = nil, heartbeat: String? = nil,
    environment: [String: String] = [:]
  ) throws -> Notifier {
    Notifier(
      targets: NoticeTargets(
        address: try url.map { try NoticeAddress($0) }, command: try command.map { try NoticeCommand($0) },
        heartbeat: try heartbeat.map { try NoticeAddress($0) }),
      transport: outside, runner: outside, environment: environment, clock: clock,
      say: { [said] line in said.withLockedValue { $0.append(line) } })
  }

  private var lines: [String] { said.withLockedValue { $0 } }

  @Test("everything that was said during the work is told before it returns, in order, by both ways")
  func inOrder() async throws {
    let outside = FakeOutside()
    let notifier = try notifier(
      outside, url: "https://hooks.example.org/s3cret", command: "tell -x", environment: ["PATH": "/bin"])
    let (first, second) = (try Notices.notice("one", .waiting), try Notices.notice("two"))
    let value = await notifier.during {
      notifier.tell(first)
      notifier.tell(second)
      return 7
    }
    #expect(value == 7)
    #expect(outside.requests.map { $0.body?.contains("\"text\":\"one\"") } == [true, false])
    #expect(outside.requests.allSatisfy { $0.address == "https://hooks.example.org/s3cret" })
    #expect(outside.starts.map(\.words) == [["tell", "-x"], ["tell", "-x"]])
    let start = try #require(outside.starts.last)
    #expect(start.input == "two\n" + (try NoticeDocument(notice: second).line()) + "\n")
    #expect(
      start.environment == [
        "PATH": "/bin", "ORCHESTRATE_RUN_ID": "20261123-201505-042-9222", "ORCHESTRATE_EVENT": "finished",
        "ORCHESTRATE_STATE": "finished",
      ])
    #expect(outside.isShutDown)
    #expect(lines.isEmpty)
  }

  @Test("what may pass is tried three times with growing waits, and said once with the host only")
  func retries() async throws {
    let outside = FakeOutside(
      .status(500), .status(429), .failure(CommandNotStarted(reason: "s3cret")), .status(404))
    let notifier = try notifier(outside, url: "https://hooks.example.org/s3cret")
    let notice = try Notices.notice()
    async let done: Void = notifier.during {
      notifier.tell(notice)
      notifier.tell(notice)
      for (sent, pause) in [(1, 1), (2, 4)] {
        await outside.waitForRequests(sent)
        // The wait before the next try is the only sleep besides the limits that have ended.
        while clock.nextWake != .seconds(pause) { await Task.yield() }
        clock.advance(by: .seconds(pause))
      }
    }
    await done
    // Three for the first notice; the second is refused for good at once.
    #expect(outside.requests.count == 4)
    #expect(
      lines == [
        "warning: failed to notify https://hooks.example.org/…: could not connect, or the connection broke; "
          + "the run is not affected; this warning is not repeated"
      ])
  }

  @Test("a redirect is no success and is not tried again", arguments: [301, 302, 307, 400, 404])
  func final(status: Int) async throws {
    let outside = FakeOutside(.status(status))
    let notifier = try notifier(outside, url: "https://hooks.example.org/s3cret")
    let notice = try Notices.notice()
    await notifier.during { notifier.tell(notice) }
    #expect(outside.requests.count == 1)
    #expect(lines.count == 1)
    #expect(lines.first?.contains("\(status)") == true)
  }

  @Test("a silent address holds the end up for thirty seconds at most, and the work not at all")
  func silence() async throws {
    let outside = FakeOutside(.silence, .silence, .silence, .silence)
    let notifier = try notifier(outside, url: "https://hooks.example.org/s3cret")
    let notice = try Notices.notice()
    let isWorkOver = NIOLockedValueBox(false)
    async let done: Void = notifier.during {
      for _ in 0..<5 { notifier.tell(notice) }
      isWorkOver.withLockedValue { $0 = true }
    }
    while !isWorkOver.withLockedValue({ $0 }) { await Task.yield() }
    // The request's limit and the last wait.
    await clock.waitForSleepers(2)
    clock.advance(by: Notifier.lastWait)
    await done
    #expect(outside.requests.count == 1)
    #expect(lines.count == 1)
    #expect(lines.first?.contains("https://hooks.example.org/…") == true)
    #expect(lines.first?.contains("s3cret") == false)
  }

  @Test("a heartbeat goes at once and every minute while the work goes on, whether or not it is answered")
  func heartbeat() async throws {
    let outside = FakeOutside(.status(200), .status(500), .status(500))
    let notifier = try notifier(outside, heartbeat: "http://127.0.0.1:3001/api/push/s3cret?status=up")
    await notifier.during {
      for beat in 1...3 {
        await outside.waitForRequests(beat)
        while clock.nextWake != .seconds(60) { await Task.yield() }
        clock.advance(by: .seconds(60))
      }
      await outside.waitForRequests(4)
    }
    #expect(outside.requests.allSatisfy { $0.body == nil })
    #expect(lines.count == 1)
    #expect(lines.first?.contains("http://127.0.0.1:3001/…: it answered 500") == true)
    #expect(outside.isShutDown)
  }

  @Test("a command that fails, cannot be started or never ends is said once, by its program's name")
  func commandFailures() async throws {
    for reply in [
      FakeOutside.Reply.status(3), .failure(CommandNotStarted(reason: "No such file or directory")), .silence,
    ] {
      let outside = FakeOutside(reply, reply)
      said.withLockedValue { $0 = [] }
      let notifier = try notifier(outside, command: "tell s3cret")
      let notice = try Notices.notice()
      async let done: Void = notifier.during {
        notifier.tell(notice)
        if case .silence = reply {
          await clock.waitForSleepers(1)
          clock.advance(by: Notifier.commandLimit)
          while lines.isEmpty { await Task.yield() }
        }
      }
      await done
      #expect(lines.count == 1)
      #expect(lines.first?.contains("the command tell … ") == true, "\(lines)")
      #expect(lines.first?.contains("s3cret") == false)
    }
  }

  @Test("nobody to be told costs nothing")
  func nobody() async throws {
    let outside = FakeOutside()
    let notifier = try notifier(outside)
    let notice = try Notices.notice()
    await notifier.during { notifier.tell(notice) }
    #expect(outside.requests.isEmpty)
    #expect(outside.starts.isEmpty)
  }
}

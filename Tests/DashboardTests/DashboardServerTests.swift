import BatchDomain
import NIOHTTP1
import TestSupport
import Testing

@testable import Dashboard

@Suite("The dashboard's routes", .timeLimit(.minutes(10)))
struct DashboardServerTests {
  @Test("the history, a run, metrics and health are served, and HEAD has no body")
  func routes() async throws {
    try await DashboardStage.run { stage in
      for (path, part) in [
        ("/", "/runs/\(stage.run)"), ("/runs/\(stage.run)", "<h1>4 of 10 items accepted, 6 left</h1>"),
        ("/metrics", "orchestrate_items{run=\"\(stage.run)\",state=\"accepted\"} 4\n"), ("/healthz", "ok\n"),
      ] {
        let reply = try await stage.ask(.GET, path)
        #expect(reply.status == 200, "\(path)")
        #expect(reply.body.contains(part), "\(path)")
        let head = try await stage.ask(.HEAD, path)
        #expect(head.status == 200, "\(path)")
        #expect(head.body.isEmpty)
        #expect(head.headers["content-type"] == reply.headers["content-type"])
      }
    }
  }

  @Test("a video is found with its run, item, chunk and state; what was looked for stays text")
  func search() async throws {
    try await DashboardStage.run { stage in
      let found = try await stage.ask(.GET, "/search?object=s3://bucket/000002.mp4").body
      #expect(found.contains("href=\"/runs/\(stage.run)\""))
      #expect(found.contains("</svg> accepted</td><td class=\"n\">2</td><td class=\"n\">0</td>"))
      let open = try await stage.ask(.GET, "/search?object=s3%3A%2F%2Fbucket%2F000009.mp4").body
      #expect(open.contains("</svg> pending</td><td class=\"n\">9</td><td class=\"n\">2</td>"))
      for spelling in ["s3://b/my+video%2B1.mp4", "s3%3A%2F%2Fb%2Fmy%20video%2B1.mp4"] {
        let spaced = try await stage.ask(.GET, "/search?object=\(spelling)").body
        #expect(spaced.contains("<h1>s3://b/my video+1.mp4</h1>"), "\(spelling)")
      }
      let none = try await stage.ask(.GET, "/search?object=s3://bucket/0").body
      #expect(none.contains("id=\"none\""))
      let hostile = try await stage.ask(.GET, "/search?object=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").body
      #expect(!hostile.contains("<script"))
      #expect(hostile.contains("value=\"&quot;&gt;&lt;script&gt;"))
      for path in ["/search", "/search?object="] {
        let form = try await stage.ask(.GET, path)
        #expect(form.status == 200)
        #expect(form.body.contains("<form action=\"/search\""))
        #expect(!form.body.contains("id=\"none\""))
      }
    }
  }

  @Test(
    "what is not there is said plainly",
    arguments: ["/nothing", "/runs/2026", "/runs/%3Cscript%3E", "/runs"])
  func missing(path: String) async throws {
    try await DashboardStage.run { stage in
      let reply = try await stage.ask(.GET, path)
      #expect(reply.status == 404)
      #expect(reply.headers["content-type"] == ["text/plain; charset=utf-8"])
      #expect(!reply.body.contains("<"))
    }
  }

  @Test(
    "a request under another name is refused, whatever it asks for",
    arguments: [
      "evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example", "[::1]",
      "0.0.0.0",
    ])
  func otherHost(host: String) async throws {
    try await DashboardStage.run { stage in
      for path in ["/", "/metrics", "/healthz", "/nothing", "/runs/\(stage.run)/events"] {
        let reply = try await stage.ask(.GET, path, ["Host": host])
        #expect(reply.status == 421, "\(path)")
        #expect(reply.body.contains(" with port \(stage.server.port): "))
        #expect(!reply.body.contains(stage.run.rawValue))
      }
    }
  }

  @Test("localhost is a name of this machine, too")
  func localhost() async throws {
    try await DashboardStage.run { stage in
      let reply = try await stage.ask(.GET, "/healthz", ["Host": "LOCALHOST:\(stage.server.port)"])
      #expect(reply.status == 200)
    }
  }

  @Test("every answer tells the browser to be strict")
  func headers() async throws {
    try await DashboardStage.run { stage in
      for path in ["/", "/runs/\(stage.run)", "/metrics", "/nothing"] {
        let headers = try await stage.ask(.GET, path).headers
        #expect(headers["x-content-type-options"] == ["nosniff"])
        #expect(headers["x-frame-options"] == ["DENY"])
        #expect(headers["cache-control"] == ["no-store"])
        #expect(headers["referrer-policy"] == ["same-origin"])
        let policy = try #require(headers["content-security-policy"].first)
        #expect(policy.contains("default-src 'none'"))
        #expect(policy.contains("frame-ancestors 'none'"))
        #expect(!policy.contains("script-src 'unsafe"))
      }
      let marks = try await [stage.ask(.GET, "/"), stage.ask(.GET, "/")].map {
        $0.headers["content-security-policy"].first
      }
      #expect(marks[0] != marks[1])
    }
  }

  @Test("a stream has each part of the page, and ends with the run")
  func events() async throws {
    try await DashboardStage.run { stage in
      let stream = Task { try await stage.ask(.GET, "/runs/\(stage.run)/events") }
      // The stream has looked once and waits for the next look.
      await stage.clock.waitForSleepers(1)
      try await stage.cancel()
      stage.clock.advance(by: .seconds(1))
      let reply = try await stream.value
      #expect(reply.headers["content-type"] == ["text/event-stream; charset=utf-8"])
      #expect(reply.body.contains("event: section\ndata: headline\ndata: "))
      #expect(reply.body.contains("4 of 10 items accepted, 6 left"))
      #expect(reply.body.hasSuffix("event: end\ndata:\n\n"))
      // What did not change was sent once.
      #expect(reply.body.ranges(of: "data: latency\n").count == 1)
      #expect(reply.body.ranges(of: "data: headline\n").count == 2)
    }
  }

  @Test("stopping ends the streams that are open")
  func stopping() async throws {
    try await DashboardStage.run { stage in
      let stream = Task { try await stage.ask(.GET, "/runs/\(stage.run)/events") }
      await stage.clock.waitForSleepers(1)
      await stage.server.stop()
      // Whether the answer then ends well or is cut off is the client's business.
      _ = await stream.result
    }
  }

  @Test("pages that are kept up to date are bounded, and their places are given back")
  func streamLimit() {
    let limit = StreamLimit(2)
    var slots = [limit.take(), limit.take()]
    #expect(slots.allSatisfy { $0 != nil })
    #expect(limit.take() == nil)
    slots.removeLast()
    #expect(limit.take() != nil)
  }
}

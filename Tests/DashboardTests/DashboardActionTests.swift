import BatchDomain
import NIOHTTP1
import RunStore
import StoreCore
import Testing

@testable import Dashboard

@Suite("The dashboard's buttons", .timeLimit(.minutes(10)))
struct DashboardActionTests {
  @Test("without permission there is no button and no route", arguments: RunActions.Action.allCases)
  func readOnly(action: RunActions.Action) async throws {
    try await DashboardStage.run { stage in
      let page = try await stage.ask(.GET, "/runs/\(stage.run)")
      #expect(!page.body.contains("<form"))
      let reply = try await stage.ask(.POST, "/runs/\(stage.run)/\(action.rawValue)", body: "token=")
      #expect(reply.status == 404)
      #expect(stage.launcher.started.isEmpty)
    }
  }

  @Test("with the token of the page a request is done and leads back")
  func allowed() async throws {
    try await DashboardStage.run(allowsActions: true) { stage in
      let token = try await stage.token()
      let resumed = try await stage.ask(.POST, "/runs/\(stage.run)/resume", body: "token=\(token)")
      #expect(resumed.status == 303)
      #expect(resumed.headers["location"] == ["/runs/\(stage.run)"])
      let cancelled = try await stage.ask(
        .POST, "/runs/\(stage.run)/cancel",
        ["Origin": "http://127.0.0.1:\(stage.server.port)", "Sec-Fetch-Site": "same-origin"],
        body: "token=\(token)")
      #expect(cancelled.status == 303)
      #expect(stage.launcher.started == ["resume \(stage.run)", "cancel \(stage.run)"])
      // Nobody owns the run, so there is nobody to be asked to pause.
      #expect(try await stage.ask(.POST, "/runs/\(stage.run)/pause", body: "token=\(token)").status == 409)
    }
  }

  @Test("a request that does not come from a page of this dashboard is refused")
  func crossSite() async throws {
    try await DashboardStage.run(allowsActions: true) { stage in
      let token = try await stage.token()
      let path = "/runs/\(stage.run)/resume"
      for body in [
        "", "token=", "token=\(token.dropLast())", "token=\(token)0", "other=\(token)",
        "token=\(String(token.reversed()))",
      ] {
        #expect(try await stage.ask(.POST, path, body: body).status == 403, "\(body)")
      }
      for headers in [
        ["Origin": "http://evil.example"], ["Origin": "null"], ["Origin": "http://127.0.0.1:1"],
        ["Sec-Fetch-Site": "cross-site"], ["Sec-Fetch-Site": "same-site"], ["Sec-Fetch-Site": "none"],
      ] {
        let reply = try await stage.ask(.POST, path, headers, body: "token=\(token)")
        #expect(reply.status == 403, "\(headers)")
      }
      #expect(
        try await stage.ask(.POST, path, ["Host": "evil.example"], body: "token=\(token)").status == 421)
      #expect(try await stage.ask(.GET, "\(path)?token=\(token)").status == 404)
      let long = String(repeating: "a", count: 100_000)
      #expect(try await stage.ask(.POST, path, body: "x=\(long)&token=\(token)").status == 413)
      #expect(stage.launcher.started.isEmpty)
    }
  }

  @Test("two dashboards do not know each other's token")
  func tokens() async throws {
    try await DashboardStage.run(allowsActions: true, seed: 1) { first in
      try await DashboardStage.run(allowsActions: true, seed: 2) { second in
        let token = try await first.token()
        let reply = try await second.ask(.POST, "/runs/\(second.run)/resume", body: "token=\(token)")
        #expect(reply.status == 403)
      }
    }
  }

  @Test(
    "what fits a run follows from its state",
    arguments: [
      (.planning, true, false), (.planning, false, true), (.running, true, false), (.running, false, true),
      (.paused, false, true), (.finished, false, false), (.cancelled, false, false),
    ] as [(RunState, Bool, Bool)])
  func resumable(state: RunState, isLive: Bool, expected: Bool) async throws {
    try await DashboardStage.run { stage in
      var run = try await stage.store.summary(of: stage.run)
      run.state = state
      run.isLive = isLive
      #expect(RunActions.canResume(run) == expected)
      if state == .finished {
        run.counts.items[.unknown] = 1
        #expect(RunActions.canResume(run))
      }
    }
  }
}

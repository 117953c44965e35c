import BatchDomain
import Crypto
import Foundation
import NIOHTTP1
import RunStore
import StoreCore
import TestSupport
import Testing

@testable import Dashboard

@Suite("Webhooks of the service", .timeLimit(.minutes(10)))
struct WebhookTests {
  private static let secret = "whsec_0123456789"
  private static let body = #"{"id":"whe_1","type":"index.task.ready","data":{"id":"62a1","status":"ready"}}"#

  private func signature(
    _ body: String = body, secret: String = secret, at moment: Timestamp
  ) -> String {
    let time = "\(moment.milliseconds / 1_000)"
    let code = HMAC<SHA256>.authenticationCode(
      for: Array("\(time).\(body)".utf8), using: SymmetricKey(data: Array(secret.utf8)))
    let hex = code.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    return "t=\(time),v1=\(hex)"
  }

  private func receiver(_ clock: ManualClock) async throws -> (WebhookReceiver, SQLStore) {
    let store = try await SQLiteStore.openTemporary(now: clock.now())
    return (WebhookReceiver(secret: Self.secret, tracking: store, clock: clock), store)
  }

  @Test("the code is the one that other tools compute")
  func knownAnswer() async throws {
    // printf '1750000000.{}' | openssl dgst -sha256 -hmac secret
    let clock = ManualClock(now: Timestamp(milliseconds: 1_750_000_000_000))
    let store = try await SQLiteStore.openTemporary(now: clock.now())
    let receiver = WebhookReceiver(secret: "secret", tracking: store, clock: clock)
    let code = "3fdabae93ac0fe8268882d2fd7845e468dd959a74561c9900a0af5b0a1bcc50a"
    #expect(receiver.verdict(on: Array("{}".utf8), header: "t=1750000000,v1=\(code)") == .accepted)
  }

  @Test("what is not signed for this body, with this secret, is refused")
  func forged() async throws {
    let clock = ManualClock()
    let (receiver, _) = try await receiver(clock)
    let good = signature(at: clock.now())
    let body = Array(Self.body.utf8)
    let time = good.prefix { $0 != "," }
    let headers: [String?] = [
      nil, "", "v1", "t=,v1=", String(time), "\(time),v1=", "\(time),v1=00", "\(time),v0=\(good.suffix(64))",
      String(good.dropLast()), good + "0", good.replacingOccurrences(of: "t=", with: "t=-"),
      good.replacingOccurrences(of: "t=1", with: "t=01"), signature(secret: "other", at: clock.now()),
      signature(Self.body + " ", at: clock.now()), String(good.dropFirst(2)),
      "t=99999999999999999999,v1=\(good.suffix(64))", good.replacingOccurrences(of: "v1=", with: "v1=é"),
    ]
    for header in headers {
      #expect(receiver.verdict(on: body, header: header) == .refused, "\(header ?? "none")")
    }
    #expect(
      receiver.verdict(
        on: body, header: "\(time), v1=\(String(repeating: "0", count: 64)), v1=\(good.suffix(64))")
        == .accepted)
  }

  @Test("five minutes either way are taken, more is not")
  func tolerance() async throws {
    let clock = ManualClock()
    let (receiver, _) = try await receiver(clock)
    for (seconds, verdict) in [
      (-301, WebhookReceiver.Verdict.refused), (-300, .accepted), (300, .accepted), (301, .refused),
    ] {
      let header = signature(at: clock.now() + .seconds(seconds))
      #expect(receiver.verdict(on: Array(Self.body.utf8), header: header) == verdict, "\(seconds)")
    }
  }

  @Test("a delivery counts once")
  func replayed() async throws {
    let clock = ManualClock()
    let (receiver, _) = try await receiver(clock)
    let header = signature(at: clock.now())
    #expect(receiver.verdict(on: Array(Self.body.utf8), header: header) == .accepted)
    clock.advance(by: .seconds(299))
    #expect(receiver.verdict(on: Array(Self.body.utf8), header: header) == .repeated)
    #expect(receiver.verdict(on: Array(Self.body.utf8), header: signature(at: clock.now())) == .accepted)
    clock.advance(by: .seconds(302))
    #expect(receiver.verdict(on: Array(Self.body.utf8), header: header) == .refused)
  }

  @Test("the route asks for a look, whatever name it is reached by, and only where it was wished")
  func route() async throws {
    try await DashboardStage.run { stage in
      let reply = try await stage.ask(.POST, "/webhook", body: Self.body)
      #expect(reply.status == 404)
    }
    try await DashboardStage.run(webhookSecret: Self.secret) { stage in
      let header = ["TL-Signature": signature(at: stage.clock.now()), "Host": "hooks.example.org"]
      let unsigned = try await stage.ask(.POST, "/webhook", body: Self.body)
      #expect(unsigned.status == 403)
      #expect(try await stage.store.lookRequestedAt() == nil)
      let long = String(repeating: "a", count: 100_000)
      #expect(
        try await stage.ask(
          .POST, "/webhook", ["TL-Signature": signature(long, at: stage.clock.now())], body: long
        ).status == 413)
      #expect(try await stage.store.lookRequestedAt() == nil)
      #expect(try await stage.ask(.POST, "/webhook", header, body: Self.body).status == 200)
      #expect(try await stage.store.lookRequestedAt() == stage.clock.now())
      // Other addresses are for this machine only, as ever.
      #expect(try await stage.ask(.GET, "/webhook", ["Host": "hooks.example.org"]).status == 421)
      #expect(try await stage.ask(.GET, "/", ["Host": "hooks.example.org"]).status == 421)
      #expect(try await stage.ask(.POST, "/runs/\(stage.run)/cancel", body: "").status == 404)
    }
  }
}

import BatchDomain
import Foundation
import Testing

@testable import Notifications

@Suite("The document of a notice")
struct NoticeDocumentTests {
  private func members(_ notice: RunNotice) throws -> [String: Any] {
    let line = try NoticeDocument(notice: notice).line()
    #expect(!line.contains("\n"))
    return try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
  }

  @Test("it has a text for chat tools, every state, times in UTC and null for what is not known")
  func members() throws {
    var notice = try Notices.notice("three \"words\" here", .waiting)
    notice.waitUntil = Notices.moment
    notice.attempts = nil
    let members = try members(notice)
    #expect(members["text"] as? String == "three \"words\" here")
    #expect(members["content"] as? String == "three \"words\" here")
    #expect((members["allowed_mentions"] as? [String: [String]]) == ["parse": []])
    #expect(members["event"] as? String == "waiting")
    #expect(members["run_id"] as? String == "20261123-201505-042-9222")
    #expect(members["name"] as? String == "night")
    #expect(members["state"] as? String == "finished")
    #expect(members["reason"] is NSNull)
    #expect(members["items"] as? Int == 50)
    #expect((members["items_by_state"] as? [String: Int])?.count == ChunkState.itemStates.count)
    #expect((members["items_by_state"] as? [String: Int])?["accepted"] == 50)
    #expect((members["chunks"] as? [String: Int])?.count == ChunkState.allCases.count)
    #expect(members["attempts"] is NSNull)
    #expect(members["wait_until"] as? String == "2025-06-15T15:06:40.042Z")
    #expect(members["next"] is NSNull)
    #expect(members["created_at"] as? String == "2025-06-15T15:06:40.042Z")
    #expect(members["at"] as? String == "2025-06-15T15:06:40.042Z")
    #expect(members["detail"] == nil, "the service's words are not told")
  }

  @Test("a hostile name stays inside its string")
  func hostile() throws {
    var notice = try Notices.notice("x")
    notice.run.name = "\",\"event\":\"\u{0}\n\u{1b}\u{2028}</script>"
    #expect(try members(notice)["name"] as? String == notice.run.name)
    #expect(try members(notice)["event"] as? String == "finished")
  }
}

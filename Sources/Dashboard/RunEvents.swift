import BatchDomain
import Hummingbird
import NIOCore
import Reporting

/// The parts of a run's page as server-sent events (HTML, section 9.2), each when it changed.
struct RunEvents {
  /// The type of the stream.
  static let type = "text/event-stream; charset=utf-8"

  let run: RunID
  let pages: DashboardPages
  let clock: any BatchClock

  /// How often the store is looked at.
  private static let interval: Duration = .seconds(1)
  /// Looks without a change after which something is sent all the same: a reader that is gone is noticed by it.
  private static let quietLooks = 5

  /// The stream. It ends with the run.
  ///
  /// - Parameter slot: kept until the stream is over.
  func response(holding slot: StreamLimit.Slot) -> Response {
    Response(
      status: .ok, headers: [.contentType: Self.type],
      body: ResponseBody { writer in
        defer { withExtendedLifetime(slot) {} }
        try await send(to: &writer)
        try await writer.finish(nil)
      })
  }

  private func send(to writer: inout any ResponseBodyWriter) async throws {
    try await writer.write(ByteBuffer(string: "retry: 2000\n\n"))
    var shown: [String: HTMLFragment] = [:]
    var quiet = 0
    while true {
      let parts: DashboardPages.Parts
      do {
        parts = try await pages.parts(of: run)
      } catch let error as StoreError {
        // The browser asks again, and is told by the page's own route what is wrong.
        try await writer.write(ByteBuffer(string: ": \(error.code.rawValue)\n\n"))
        return
      }
      let changed = parts.sections.filter { shown[$0.id] != $0.content }
      for section in changed { shown[section.id] = section.content }
      quiet = changed.isEmpty ? quiet + 1 : 0
      var text = changed.map(Self.event).joined()
      if quiet >= Self.quietLooks {
        text += ": still here\n\n"
        quiet = 0
      }
      if parts.isOver { text += "event: end\ndata:\n\n" }
      if !text.isEmpty { try await writer.write(ByteBuffer(string: text)) }
      if parts.isOver { return }
      try await clock.sleep(for: Self.interval)
    }
  }

  /// The id on the first line of the data, the content on the others.
  private static func event(_ section: PageSection) -> String {
    let lines = section.content.description.split(
      omittingEmptySubsequences: false, whereSeparator: { $0.isNewline })
    return "event: section\ndata: \(section.id)\n"
      + lines.map { "data: \($0)\n" }.joined() + "\n"
  }
}

import BatchDomain
import Foundation
import HTTPTypes
import Hummingbird
import NIOConcurrencyHelpers

/// Which address leads where.
struct DashboardRouter {
  typealias Context = BasicRequestContext

  private let site: DashboardSite
  private let port: NIOLockedValueBox<Int>
  private let pages: DashboardPages
  private let streams = StreamLimit(16)
  /// A search reads the items of every run: a page elsewhere that asks for many of them gets few.
  private let searches = StreamLimit(2)

  init(site: DashboardSite, port: NIOLockedValueBox<Int>) {
    self.site = site
    self.port = port
    pages = DashboardPages(site: site)
  }

  /// All routes; every one of them, the unknown ones included, is behind the guard.
  func router() -> Router<Context> {
    let router = Router(context: Context.self, options: [.autoGenerateHeadEndpoints])
    router.add(middleware: SiteGuard<Context>(port: port))
    router.get("/") { _, _ in try await pages.runs() }
    router.get("/runs/:run") { _, context in try await pages.run(try await run(in: context)) }
    router.get("/search") { request, _ in
      guard let object = Self.object(in: request.uri.query) else { return try await pages.search(for: nil) }
      guard let slot = searches.take() else {
        return Answer.text("too many searches are going on\n", status: .serviceUnavailable)
      }
      defer { withExtendedLifetime(slot) {} }
      return try await pages.search(for: object)
    }
    router.get("/metrics") { _, _ in
      Answer.text(
        try await MetricsText.gather(from: site.store), type: "text/plain; version=0.0.4; charset=utf-8")
    }
    router.get("/healthz") { _, _ in
      _ = try await site.store.summaries(before: nil, limit: 1)
      return Answer.text("ok\n")
    }
    router.head("/runs/:run/events") { _, _ in Answer.text("", type: RunEvents.type) }
    router.get("/runs/:run/events") { _, context in
      let run = try await run(in: context)
      guard let slot = streams.take() else {
        return Answer.text("too many pages are open\n", status: .serviceUnavailable)
      }
      return RunEvents(run: run, pages: pages, clock: site.clock).response(holding: slot)
    }
    if let actions = site.actions { add(RunActions(site: site, actions: actions, port: port), to: router) }
    return router
  }

  /// What a search looks for. A form sends a space as `+`, which is one in the rest of an address.
  private static func object(in query: String?) -> String? {
    let prefix = "object="
    guard let part = query?.split(separator: "&").first(where: { $0.hasPrefix(prefix) }) else { return nil }
    let object = part.dropFirst(prefix.count).replacing("+", with: "%20").removingPercentEncoding ?? ""
    return object.isEmpty ? nil : object
  }

  private func add(_ actions: RunActions, to router: Router<Context>) {
    for action in RunActions.Action.allCases {
      router.post("/runs/:run/\(action.rawValue)") { request, context in
        if let refusal = try await actions.refusal(of: request) { return refusal }
        return try await actions.perform(action, on: try await run(in: context))
      }
    }
  }

  /// The run that a request names; a whole id only.
  private func run(in context: Context) async throws -> RunID {
    guard let text = context.parameters.get("run"), let run = RunID(rawValue: text) else {
      throw HTTPError(.notFound)
    }
    return try await site.store.summary(of: run).run
  }
}

/// Answers as every route makes them.
enum Answer {
  static func text(
    _ text: String, type: String = "text/plain; charset=utf-8", status: HTTPResponse.Status = .ok
  ) -> Response {
    Response(
      status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }

  static func html(_ text: String, policy: String, status: HTTPResponse.Status = .ok) -> Response {
    var response = Answer.text(text, type: "text/html; charset=utf-8", status: status)
    response.headers[.contentSecurityPolicy] = policy
    return response
  }
}

import BatchDomain
import Foundation
import HTTPTypes
import Hummingbird
import NIOConcurrencyHelpers
import Reporting

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
    router.add(middleware: SiteGuard<Context>(port: port, takesWebhooks: site.webhooks != nil))
    router.get("/") { _, _ in try await pages.runs() }
    router.get("/runs/:run") { _, context in try await pages.run(try await run(in: context)) }
    router.get("/search") { request, _ in
      guard let object = Self.object(in: request.uri.query) else { return try await pages.search(for: nil) }
      guard let slot = searches.take() else {
        return Answer.text("too many searches at once\n", status: .serviceUnavailable)
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
    if let webhooks = site.webhooks {
      router.post(RouterPath(WebhookReceiver.path)) { request, _ in try await webhooks.answer(request) }
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

/// What the buttons do, and who may press them.
struct RunActions: Sendable {
  /// What can be asked of a run. The raw values are the last part of the address.
  enum Action: String, CaseIterable {
    case pause
    case resume
    case cancel
  }

  let site: DashboardSite
  let actions: DashboardSite.Actions
  let port: NIOLockedValueBox<Int>

  /// Longest form that is read, in bytes: one token fits many times.
  private static let formLimit = 4_096

  /// Why a request is not one of this dashboard's own pages; `nil` when it is.
  ///
  /// The token decides; what browsers say about where a request comes from is looked at beside it.
  func refusal(of request: Request) async throws -> Response? {
    if let origin = request.headers[.origin], !LoopbackNames.origins(port).contains(origin.lowercased()) {
      return Self.refused
    }
    if let name = HTTPField.Name("Sec-Fetch-Site"), let place = request.headers[name], place != "same-origin"
    {
      return Self.refused
    }
    var request = request
    let form = try await request.collectBody(upTo: Self.formLimit)
    let token = String(buffer: form).split(separator: "&").first { $0.hasPrefix("token=") }?.dropFirst(6)
    guard let token, Nonce.isSame(String(token), actions.token) else { return Self.refused }
    return nil
  }

  /// Does what was asked and leads back to the run.
  func perform(_ action: Action, on run: RunID) async throws -> Response {
    switch action {
    case .pause:
      // Whether somebody sends the run is found out by asking: between a look and a request it may end.
      guard try await site.store.requestPause(of: run) == .delivered else { return Self.unfit }
    case .cancel:
      if try await site.store.requestCancel(of: run) == .noOwner {
        let summary = try await site.store.summary(of: run)
        guard !summary.isLive, summary.state == .running || summary.state == .paused else {
          return Self.unfit
        }
        try await actions.launcher.cancel(run)
      }
    case .resume:
      let summary = try await site.store.summary(of: run)
      guard Self.canResume(summary) else { return Self.unfit }
      try await actions.launcher.resume(run)
    }
    return .redirect(to: "/runs/\(run)", type: .normal)
  }

  /// Whether there is something to go on with, and nobody does.
  static func canResume(_ run: RunSummary) -> Bool {
    guard !run.isLive else { return false }
    return switch run.state {
    case .planning: run.manifest != "-"
    case .running, .paused: true
    case .finished: run.counts.items(in: .unknown) > 0
    case .cancelled: false
    }
  }

  private static let refused = Answer.text(
    "this request does not come from a page of this dashboard; reload the page\n", status: .forbidden)
  private static let unfit = Answer.text(
    "this is not possible in the current state of the run\n", status: .conflict)
}

/// The buttons of a run.
enum ActionForms {
  /// What fits the run now.
  static func section(_ run: RunSummary, token: String) throws -> PageSection {
    let canEnd = run.state == .running || run.state == .paused
    return PageSection(
      id: "actions",
      content: try template.render(
        Values(
          path: "/runs/\(run.run)", token: token, canPause: run.isLive && run.state == .running,
          canResume: RunActions.canResume(run), canCancel: canEnd)))
  }

  private struct Values {
    let path: String
    let token: String
    let canPause: Bool
    let canResume: Bool
    let canCancel: Bool
  }

  private static let template = HTMLTemplate(
    """
    {{#canPause}}
    <form method="post" action="{{path}}/pause"><input type="hidden" name="token" value="{{token}}"><button>Pause</button></form>
    {{/canPause}}
    {{#canResume}}
    <form method="post" action="{{path}}/resume"><input type="hidden" name="token" value="{{token}}"><button>Resume</button></form>
    {{/canResume}}
    {{#canCancel}}
    <details><summary class="quiet">Cancel the run for good …</summary>
    <p class="quiet">What is not sent yet is given up and cannot be resumed.</p>
    <form method="post" action="{{path}}/cancel"><input type="hidden" name="token" value="{{token}}"><button class="danger">Cancel the run</button></form></details>
    {{/canCancel}}
    """)
}

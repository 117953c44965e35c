import BatchDomain
import HTTPTypes
import Hummingbird
import NIOConcurrencyHelpers

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
    "this request does not come from a page of this dashboard; load the page anew\n", status: .forbidden)
  private static let unfit = Answer.text(
    "the run is in a state in which this cannot be done\n", status: .conflict)
}

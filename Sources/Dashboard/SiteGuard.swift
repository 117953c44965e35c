import BatchDomain
import HTTPTypes
import Hummingbird
import NIOConcurrencyHelpers

/// What stands before every route: whom the request is for, what the browser is told, and how trouble is said.
///
/// A page elsewhere can make a browser ask this machine, under a name of its own that it lets point here (DNS
/// rebinding). The browser then sends that name, which is why a name other than this dashboard's is refused.
struct SiteGuard<Context: RequestContext>: RouterMiddleware {
  let port: NIOLockedValueBox<Int>

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    var response = try await answer(request, context, next)
    response.headers[.xContentTypeOptions] = "nosniff"
    response.headers[.cacheControl] = "no-store"
    response.headers[.crossOriginResourcePolicy] = "same-origin"
    // Not "no-referrer": with that, browsers hide where a form was sent from, which is looked at here.
    for (name, value) in [
      ("X-Frame-Options", "DENY"), ("Referrer-Policy", "same-origin"),
      ("Cross-Origin-Opener-Policy", "same-origin"),
    ] {
      if let name = HTTPField.Name(name) { response.headers[name] = value }
    }
    if response.headers[.contentSecurityPolicy] == nil {
      response.headers[.contentSecurityPolicy] = "default-src 'none'; frame-ancestors 'none'"
    }
    return response
  }

  private func answer(
    _ request: Request, _ context: Context, _ next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    guard let host = request.head.authority, LoopbackNames.hosts(port).contains(host.lowercased()) else {
      return Answer.text(
        "this dashboard answers to 127.0.0.1 and localhost only\n", status: .misdirectedRequest)
    }
    do {
      return try await next(request, context)
    } catch let error as StoreError {
      // Where the database is and what its engine says are nobody's business who can merely connect.
      return error.code == .noSuchRun
        ? Answer.text("there is no such run\n", status: .notFound)
        : Answer.text("the store cannot be read: \(error.code.rawValue)\n", status: .serviceUnavailable)
    } catch let error as HTTPError {
      return Answer.text(
        error.status == .notFound ? "there is no such page\n" : "\(error.status.reasonPhrase)\n",
        status: error.status)
    } catch let error as any HTTPResponseError {
      return try error.response(from: request, context: context)
    } catch let error as CancellationError {
      throw error
    } catch {
      return Answer.text("that did not work\n", status: .internalServerError)
    }
  }
}

/// The names under which the dashboard is asked.
enum LoopbackNames {
  /// Values of `Host`.
  static func hosts(_ port: NIOLockedValueBox<Int>) -> [String] {
    let port = port.withLockedValue { $0 }
    let names = ["127.0.0.1", "localhost"]
    return names.map { "\($0):\(port)" } + (port == 80 ? names : [])
  }

  /// Values of `Origin`.
  static func origins(_ port: NIOLockedValueBox<Int>) -> [String] { hosts(port).map { "http://\($0)" } }
}

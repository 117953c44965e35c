import Foundation

/// A page of its own in a browser.
struct BrowserPage {
  private let browser: Browser
  private let session: String

  /// Opens an address and waits until it is loaded.
  init(_ address: String, in browser: Browser) async throws {
    self.browser = browser
    let target = try await browser.call("Target.createTarget", ["url": "about:blank"])
    let attached = try await browser.call(
      "Target.attachToTarget", ["targetId": target["targetId"] ?? "", "flatten": true])
    session = attached["sessionId"] as? String ?? ""
    for part in ["Page", "Runtime", "Log", "Network"] {
      try await browser.call("\(part).enable", session: session)
    }
    try await browser.call("Page.navigate", ["url": address], session: session)
    try await browser.event(of: session, "Page.loadEventFired")
  }

  /// The value of an expression, as text.
  func value(_ expression: String) async throws -> String {
    let reply = try await browser.call(
      "Runtime.evaluate", ["expression": "String(\(expression))", "returnByValue": true], session: session)
    if let exception = reply["exceptionDetails"] { throw Browser.Failure(message: "\(exception)") }
    return (reply["result"] as? [String: Any])?["value"] as? String ?? ""
  }

  /// The text of the element with an id.
  func text(_ id: String) async throws -> String {
    try await value("document.getElementById('\(id)')?.textContent")
  }

  /// Suspends until an expression is true, looked at whenever the page changes.
  func waits(until condition: String) async throws {
    try await browser.call(
      "Runtime.evaluate",
      [
        "expression": """
        new Promise(done => {
          const look = () => { if (\(condition)) { watch.disconnect(); done(true); } };
          const watch = new MutationObserver(look);
          watch.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
          look();
        })
        """, "awaitPromise": true,
      ], session: session)
  }

  /// Presses a button, and waits for the page that it leads to.
  func press(_ selector: String) async throws {
    let loads = try browser.events(of: session, "Page.loadEventFired").count
    _ = try await value("document.querySelector('\(selector)').click()")
    while try browser.events(of: session, "Page.loadEventFired").count == loads {
      // Each round asks the browser something, so it waits for the browser and not for a time.
      _ = try await browser.call("Browser.getVersion")
    }
  }

  /// What the browser complains about: errors, warnings, refusals of the page's policy, exceptions.
  func complaints() throws -> [String] {
    let log = try browser.events(of: session, "Log.entryAdded").compactMap { $0["entry"] as? [String: Any] }
    return log.map { "\($0["level"] ?? ""): \($0["text"] ?? "") \($0["url"] ?? "")" }
      + (try browser.events(of: session, "Runtime.exceptionThrown").map { "\($0)" })
      + (try browser.events(of: session, "Runtime.consoleAPICalled").map { "\($0)" })
  }

  /// Every address that was asked for.
  func requests() throws -> [String] {
    try browser.events(of: session, "Network.requestWillBeSent").compactMap {
      ($0["request"] as? [String: Any])?["url"] as? String
    }
  }
}

import Foundation
import TestSupport
import Testing

@Suite("The browser that the other suites look with", .timeLimit(.minutes(1)))
struct BrowserPageTests {
  @Test("it sees what a page must not do")
  func complaints() async throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(
      """
      <!DOCTYPE html><html><head><title>before</title>
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'">
      </head><body><img src="http://127.0.0.1:9/x.png"><script>document.title = 'after'; nothing();</script></body></html>
      """, to: "page.html")
    let browser = try Browser()
    let page = try await BrowserPage("file://\(path)", in: browser)
    #expect(try await page.value("document.title") == "after")
    let complaints = try page.complaints()
    #expect(complaints.contains { $0.contains("Content Security Policy") })
    #expect(complaints.contains { $0.contains("nothing is not defined") })
    browser.close()
  }

  @Test("it sees what a page asks for")
  func requests() async throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("<!DOCTYPE html><img src=\"http://127.0.0.1:9/x.png\">", to: "page.html")
    let browser = try Browser()
    let page = try await BrowserPage("file://\(path)", in: browser)
    #expect(try page.requests().contains("http://127.0.0.1:9/x.png"))
    browser.close()
  }
}

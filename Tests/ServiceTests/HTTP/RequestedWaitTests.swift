import BatchDomain
import ServiceHTTP
import Testing

@Suite struct RequestedWaitTests {
  private let now = HTTPDateTests.now
  private let nowSeconds = HTTPDateTests.now.milliseconds / 1_000

  private func wait(_ headers: AnswerHeaders, status: Int = 429) -> Duration? {
    RequestedWait(headers, status: status, now: now).wait
  }

  @Test(arguments: [
    ("0", Duration.zero), ("120", .seconds(120)), (" 5\t", .seconds(5)), ("+7", .seconds(7)),
    ("1.5", .milliseconds(1_500)), ("0.0001", .milliseconds(1)), ("007", .seconds(7)),
    ("2592000", RequestedWait.longest),
  ])
  func `seconds are read`(text: String, expected: Duration) {
    #expect(wait(["Retry-After": text]) == expected)
  }

  /// Of these the first two kept every run from the service for years.
  @Test(arguments: [
    "99999999999", "1795447347999999999", "2592001", "315360001", "1000000000",
    "99999999999999999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT",
  ])
  func `a wait that nobody can mean says nothing`(text: String) {
    #expect(wait(["Retry-After": text]) == nil)
    #expect(wait(["X-Ratelimit-Reset": text]) == nil)
    #expect(wait(["Retry-After": text, "X-Ratelimit-Reset": "\(nowSeconds + 9)"]) == .seconds(9))
    let used = RequestedWait(
      ["X-Ratelimit-Reset": text, "X-Ratelimit-Remaining": "0"], status: 200, now: now)
    #expect(used == RequestedWait([:], status: 200, now: now))
  }

  @Test(arguments: ["Retry-After", "X-Ratelimit-Reset"])
  func `a number is read for what it can only mean`(name: String) {
    func headers(_ value: String) -> AnswerHeaders {
      var headers = AnswerHeaders()
      headers.add(name, value)
      return headers
    }
    for (value, expected) in [
      ("\(nowSeconds + 60)", Duration.seconds(60)), ("\(nowSeconds * 1_000 + 60_500)", .milliseconds(60_500)),
      ("60", .seconds(60)), ("\(nowSeconds + 2_592_000)", .seconds(2_592_000)),
    ] {
      #expect(RequestedWait(headers(value), status: 429, now: now).wait == expected, "\(value)")
    }
    for value in ["\(nowSeconds + 2_592_001)", "\(nowSeconds * 1_000 + 2_592_001_000)"] {
      #expect(RequestedWait(headers(value), status: 429, now: now).wait == nil, "\(value)")
    }
  }

  @Test(arguments: [
    "", "-1", "-0.5", "soon", "1e3", "inf", "nan", "1.", ".5", "1.2.3", "0x10", "1 2", "٣", "1,5",
  ])
  func `what is not a wait says nothing`(text: String) {
    #expect(wait(["Retry-After": text]) == nil)
    #expect(wait(["Retry-After": text, "X-Ratelimit-Reset": "\(nowSeconds + 9)"]) == .seconds(9))
  }

  @Test func `any number and any text keep within zero and thirty days`() {
    var random = SeededNumbers(seed: 3)
    let letters = Array("0123456789.-+ eExinfGMT:,")
    for _ in 0..<5_000 {
      let text = String(
        (0..<Int(random.next() % 24)).map { _ in letters.randomElement(using: &random) ?? "0" })
      let wait = wait(["Retry-After": text, "X-Ratelimit-Reset": text])
      #expect(wait.map { (.zero...RequestedWait.longest).contains($0) } ?? true, "\(text)")
    }
    for _ in 0..<2_000 {
      let seconds = Int64(random.next() % 4_000_000)
      #expect(
        wait(["Retry-After": "\(seconds)"])
          == (.seconds(seconds) > RequestedWait.longest ? nil : .seconds(seconds)))
    }
  }

  @Test func `a date counts from the answer's own date`() {
    var random = SeededNumbers(seed: 4)
    for _ in 0..<1_000 {
      // A reset before September 2001 reads as a number of seconds.
      let sent = 1_000_000_000 + Int64(random.next() % 2_000_000_000)
      let ahead = Int64(random.next() % 100_000)
      let (then, date) = (HTTPDateTests.forms(sent + ahead), HTTPDateTests.forms(sent))
      #expect(wait(["Retry-After": then.fixed, "Date": date.fixed]) == .seconds(ahead))
      #expect(wait(["Retry-After": then.asctime, "Date": date.asctime]) == .seconds(ahead))
      #expect(
        wait(["X-Ratelimit-Reset": "\(sent + ahead)", "Date": date.fixed])
          == (ahead > 0 ? .seconds(ahead) : nil))
    }
  }

  @Test func `without a readable date our own clock counts`() {
    let then = HTTPDateTests.forms(nowSeconds + 90).fixed
    #expect(wait(["Retry-After": then]) == .seconds(90))
    #expect(wait(["Retry-After": then, "Date": "today"]) == .seconds(90))
    #expect(wait(["X-Ratelimit-Reset": "\(nowSeconds + 90)"]) == .seconds(90))
  }

  @Test func `a date that is past asks for no wait`() {
    #expect(wait(["Retry-After": HTTPDateTests.forms(nowSeconds - 90).fixed]) == .zero)
  }

  @Test func `a reset that is past says nothing`() {
    let headers: AnswerHeaders = ["X-Ratelimit-Reset": "\(nowSeconds - 1)", "X-Ratelimit-Remaining": "0"]
    let requested = RequestedWait(headers, status: 429, now: now)
    #expect(requested.wait == nil)
    #expect(!requested.quotaUsedUp)
  }

  @Test(arguments: [(429, true), (503, true), (200, false), (204, false), (400, false), (500, false)])
  func `the reset counts for 429 and 503 alone`(status: Int, counts: Bool) {
    let headers: AnswerHeaders = ["x-ratelimit-reset": "\(nowSeconds + 60)", "X-RateLimit-Remaining": "4"]
    let requested = RequestedWait(headers, status: status, now: now)
    #expect((requested.wait == .seconds(60)) == counts)
    #expect(!requested.quotaUsedUp)
  }

  @Test func `the reset counts on a success that used up the quota`() {
    let headers: AnswerHeaders = ["X-Ratelimit-Reset": "\(nowSeconds + 60)", "X-Ratelimit-Remaining": "0"]
    let requested = RequestedWait(headers, status: 204, now: now)
    #expect(requested.wait == .seconds(60))
    #expect(requested.quotaUsedUp)
    #expect(RequestedWait(["X-Ratelimit-Remaining": "0"], status: 204, now: now).quotaUsedUp)
  }

  @Test func `Retry-After comes before the reset, and the longest of several holds`() {
    var headers: AnswerHeaders = ["X-Ratelimit-Reset": "\(nowSeconds + 60)", "Retry-After": "5"]
    #expect(wait(headers) == .seconds(5))
    headers.add("retry-after", "8")
    #expect(wait(headers) == .seconds(8))
  }

  /// Of several limits the one that is used up decides, and of several the latest; else the next try is not long in vain.
  @Test func `of several limits the one that is used up decides`() {
    func read(
      _ remaining: (Int?, Int?), _ reset: (Int?, Int?), status: Int,
      limits: [RequestedWait.Limit] = [.requests, .media]
    ) -> RequestedWait {
      var headers = AnswerHeaders()
      remaining.0.map { headers.add("X-RateLimit-Request-Remaining", "\($0)") }
      remaining.1.map { headers.add("X-RateLimit-Duration-Remaining", "\($0)") }
      reset.0.map { headers.add("X-RateLimit-Request-Reset", "\($0)") }
      reset.1.map { headers.add("X-RateLimit-Duration-Reset", "\($0)") }
      return RequestedWait(headers, status: status, now: now, limits: limits)
    }
    #expect(read((0, 5), (30, 3_600), status: 429).wait == .seconds(30))
    #expect(read((5, 0), (30, 3_600), status: 429).wait == .seconds(3_600))
    #expect(read((0, 0), (30, 3_600), status: 429).wait == .seconds(3_600))
    #expect(read((5, 5), (30, 3_600), status: 429).wait == .seconds(30))
    #expect(read((nil, nil), (nil, 3_600), status: 429).wait == .seconds(3_600))
    #expect(read((5, 5), (30, 3_600), status: 201).wait == nil)
    let full = read((5, 0), (30, 3_600), status: 201)
    #expect(full.wait == .seconds(3_600))
    #expect(full.quotaUsedUp)
    // What was sent uses up no minutes of media.
    let upload = read((5, 0), (30, 3_600), status: 201, limits: [.requests])
    #expect(upload == RequestedWait([:], status: 201, now: now))
    // The headers of v1.3 mean nothing to the earlier versions.
    #expect(read((0, 0), (30, 3_600), status: 429, limits: [.all]).wait == nil)
  }
}

package import BatchDomain
package import S3Signing

/// What S3 says of one object.
package struct ObjectHead: Sendable, Equatable {
  /// Its size in bytes; `nil` where S3 does not say it.
  package var size: Int64?
  /// How it is kept, in the words of S3; `nil` is `STANDARD`.
  package var storageClass: String?
  /// Its content type.
  package var contentType: String?
  /// S3's clock when it answered; `nil` where it does not say it.
  package var date: Timestamp?
}

/// What S3 says of a bucket.
package struct BucketHead: Sendable, Equatable {
  /// Where it is.
  package var region: String
  /// S3's clock when it answered; `nil` where it does not say it.
  package var date: Timestamp?
}

/// Requests to S3: signed for the region of their bucket, repeated where that can help, and refusals as errors with advice.
///
/// A bucket's region is learnt once. A session that has ended, or that may have, is renewed once. An answer that may pass is
/// asked for again after a back-off.
package struct S3Client: Sendable {
  /// Tries of one request, the first included.
  static let tries = 6
  /// Between two tries.
  private static let backOff = BackOff(base: .seconds(1), cap: .seconds(30))
  private static let timeout: Duration = .seconds(60)
  /// For a check that a URL waits for, which is part of the time limit of a request to the service.
  private static let checkTimeout: Duration = .seconds(10)
  /// Of an answer of megabytes: 8 MiB take so long at a quarter of a megabit per second.
  private static let longTimeout: Duration = .seconds(300)
  /// The body of an error is a few hundred bytes.
  private static let errorLimit = 64 << 10

  /// Whose credentials sign.
  package let credentials: CredentialProvider
  /// How objects are reached.
  package let access: ObjectAccess
  let clock: any BatchClock
  private let random: any RandomSource
  let transport: any AccessTransport
  let endpoint: S3Endpoint?
  let firstRegion: String
  let regions = BucketRegions()

  /// A client that has asked nothing yet.
  ///
  /// - Parameters:
  ///   - endpoint: another endpoint than Amazon's own.
  ///   - firstRegion: the region that is asked first.
  package init(
    _ access: ObjectAccess, endpoint: S3Endpoint?, firstRegion: String, credentials: CredentialProvider,
    transport: any AccessTransport, clock: any BatchClock, random: any RandomSource
  ) {
    self.access = access
    self.endpoint = endpoint
    self.firstRegion = firstRegion
    self.credentials = credentials
    self.transport = transport
    self.clock = clock
    self.random = random
  }

  /// Asks for the metadata of one object.
  ///
  /// - Throws: ``S3Error``, or `CancellationError`.
  package func head(bucket: String, key: [UInt8]) async throws -> ObjectHead {
    try await head(Question(.read, bucket: bucket, key: key))
  }

  /// Checks that S3 takes the credentials, by asking once for the metadata of an object; whatever else it says is no matter,
  /// also where it says nothing.
  ///
  /// - Throws: ``S3Error`` where it does not take them, nor others that their source was asked for; `CancellationError`.
  func checkSession(bucket: String, key: [UInt8]) async throws {
    var question = Question(.read, bucket: bucket, key: key)
    (question.tries, question.timeout) = (1, Self.checkTimeout)
    do {
      _ = try await head(question)
    } catch let error as S3Error {
      switch error.kind {
      case .credentials, .missingCredentials: throw error
      case .source, .clock, .way, .network: break
      }
    }
  }

  private func head(_ question: Question) async throws -> ObjectHead {
    do {
      return try Self.head(await answer(to: question, method: "HEAD", limit: 0))
    } catch let refusal as BareRefusal where [400, 403, 404].contains(refusal.status) {
      // An answer to HEAD has no body, and so no code: a GET of the first byte tells why.
      var question = question
      question.headers = [("range", "bytes=0-0")]
      return try Self.head(await explained(question, limit: Self.errorLimit))
    } catch let refusal as BareRefusal {
      throw error(refusal.refusal, question, await origin())
    }
  }

  /// Checks that an object can be read: credentials, region, clock, permission, storage class.
  ///
  /// - Throws: ``S3Error``, or `CancellationError`.
  package func check(bucket: String, key: [UInt8]) async throws -> ObjectHead {
    let head = try await head(bucket: bucket, key: key)
    if let date = head.date { try Self.compare(date, with: clock.now()) }
    if let storage = head.storageClass, ItemNote.isArchived(storage) {
      throw archived(Question(.read, bucket: bucket, key: key), storage)
    }
    return head
  }

  /// Asks whether a bucket is there and may be listed.
  ///
  /// - Throws: ``S3Error``, or `CancellationError`.
  package func head(bucket: String) async throws -> BucketHead {
    var question = Question(.list, bucket: bucket, key: nil)
    let answer: AccessAnswer
    do {
      answer = try await self.answer(to: question, method: "HEAD", limit: 0)
    } catch let refusal as BareRefusal where [400, 403, 404].contains(refusal.status) {
      // An answer to HEAD has no body, and so no code: a list of one key tells why.
      question.query = [QueryItem("list-type", "2"), QueryItem("max-keys", "1")]
      answer = try await explained(question, limit: Self.errorLimit)
    } catch let refusal as BareRefusal {
      throw error(refusal.refusal, question, await origin())
    }
    return BucketHead(region: try await address(of: bucket).region, date: Self.date(of: answer))
  }

  /// Reads the first byte of an object as somebody who has nothing but a signed URL.
  ///
  /// - Throws: ``S3Error``, or `CancellationError`.
  package func firstByte(bucket: String, key: [UInt8], through url: PresignedURL) async throws {
    let question = Question(.fetch, bucket: bucket, key: key)
    var failures = 0
    while true {
      do {
        let answer = try await transport.send(
          AccessRequest("GET", url.text, headers: [("range", "bytes=0-0")], timeout: Self.timeout),
          limit: Self.errorLimit)
        if (200..<300).contains(answer.status) { return }
        let refusal = S3Refusal(answer)
        guard refusal.mayPass else {
          throw error(refusal, question, await origin(), date: answer.header("date"))
        }
        failures += 1
        guard failures < Self.tries else { throw busy(question.words, refusal) }
      } catch let fault as AccessFault {
        failures += 1
        guard fault.mayPass, failures < Self.tries else {
          throw unreachable(question.words, fault, at: try await address(of: bucket).host)
        }
      }
      try await pause(failures - 1)
    }
  }

  /// One page of a listing.
  func page(
    bucket: String, prefix: [UInt8], startAfter: [UInt8]?, token: String?
  ) async throws -> ListedPage {
    var question = Question(.list, bucket: bucket, key: nil)
    question.prefix = prefix
    question.query = [
      QueryItem("list-type", "2"), QueryItem("max-keys", "1000"), QueryItem("encoding-type", "url"),
    ]
    if !prefix.isEmpty { question.query.append(QueryItem("prefix", bytes: prefix)) }
    if let token {
      question.query.append(QueryItem("continuation-token", token))
    } else if let startAfter {
      question.query.append(QueryItem("start-after", bytes: startAfter))
    }
    for failures in 0..<Self.tries {
      // A thousand keys of 1,024 bytes, each written as %XX, with what stands around them, are under 4 MiB.
      let answer = try await explained(question, limit: 16 << 20)
      if !answer.isCut, let page = ListedPage(answer.body) { return page }
      if failures + 1 < Self.tries { try await pause(failures) }
    }
    throw S3Error(
      .unexpected, "\(question.words) gave pages that cannot be read, \(Self.tries) times",
      remedy: "try again later; `--start-after` goes on where the listing stopped")
  }

  /// A part of an object's bytes.
  func part(
    bucket: String, key: [UInt8], from start: Int64, count: Int, etag: String?
  ) async throws -> AccessAnswer? {
    var question = Question(.read, bucket: bucket, key: key)
    question.headers = [("range", "bytes=\(start)-\(start + Int64(count) - 1)")]
    if let etag { question.headers.append(("if-match", etag)) }
    do {
      return try await answer(to: question, method: "GET", limit: count)
    } catch let refusal as BareRefusal {
      // There is no byte at that place: the object ends there.
      if refusal.status == 416 { return nil }
      if refusal.status == 412 {
        throw S3Error(
          .unexpected, "\(question.name) was replaced while it was read", remedy: "run the command again")
      }
      throw error(refusal.refusal, question, await origin())
    }
  }

  /// Waits before another try.
  func pause(_ failures: Int) async throws {
    try await clock.sleep(for: Self.backOff.wait(afterFailures: failures, unit: random.nextUnit()))
  }

  private func origin() async -> String {
    // Only for words: without credentials there was no refusal.
    do { return try await credentials.current().origin } catch { return "nowhere" }
  }

  /// What is asked, and how it is named in messages.
  private struct Question: Sendable {
    enum Purpose: Sendable { case read, list, fetch }
    let purpose: Purpose
    let bucket: String
    let key: [UInt8]?
    var prefix: [UInt8] = []
    var query: [QueryItem] = []
    /// Headers that are not signed.
    var headers: [(name: String, value: String)] = []
    /// How often it is asked.
    var tries = S3Client.tries
    /// How long an answer may take that is small.
    var timeout = S3Client.timeout

    init(_ purpose: Purpose, bucket: String, key: [UInt8]?) {
      (self.purpose, self.bucket, self.key) = (purpose, bucket, key)
    }

    /// The object, or the bucket with its prefix.
    var name: String {
      let path = String(decoding: key ?? prefix, as: UTF8.self)
      return "s3://\(VisibleText.escape(bucket, cutAt: 100))/\(VisibleText.escape(path, cutAt: 300))"
    }

    /// What is done, as the subject of a sentence.
    var words: String {
      switch purpose {
      case .read: "reading \(name)"
      case .list: "listing \(name)"
      case .fetch: "reading \(name) through a signed URL"
      }
    }
  }

  /// An answer that is no success, not yet an error with advice.
  private struct BareRefusal: Error {
    let refusal: S3Refusal
    let date: String?
    var status: Int { refusal.status }
  }

  /// The answer to a GET, refusals as errors.
  private func explained(_ question: Question, limit: Int) async throws -> AccessAnswer {
    do {
      return try await answer(to: question, method: "GET", limit: limit)
    } catch let bare as BareRefusal {
      throw error(bare.refusal, question, await origin(), date: bare.date)
    }
  }

  /// Sends a request until there is an answer that stands.
  ///
  /// - Throws: ``BareRefusal``, ``S3Error``, `CancellationError`.
  private func answer(to question: Question, method: String, limit: Int) async throws -> AccessAnswer {
    var hasMoved = false
    var hasRenewed = false
    var failures = 0
    while true {
      let held = try await credentials.current()
      let place = try await address(of: question.bucket)
      let payer = access.requestPayer.map { [("x-amz-request-payer", $0.rawValue)] } ?? []
      let signed = S3Signer(held.credentials, for: place)
        .sign(method, key: question.key, query: question.query, at: clock.now(), extra: payer)
      let request = AccessRequest(
        signed.method, signed.url, headers: signed.headers + question.headers,
        timeout: limit > Self.errorLimit ? Self.longTimeout : question.timeout)
      let answer: AccessAnswer
      do {
        answer = try await transport.send(request, limit: max(limit, method == "HEAD" ? 0 : Self.errorLimit))
      } catch let fault as AccessFault {
        failures += 1
        guard fault.mayPass, failures < question.tries else {
          throw unreachable(question.words, fault, at: place.host)
        }
        try await pause(failures - 1)
        continue
      }
      if (200..<300).contains(answer.status) { return answer }
      let refusal = S3Refusal(answer)
      let isElsewhere =
        [301, 307, 400, 403].contains(answer.status) && refusal.region.map { $0 != place.region } ?? false
      if isElsewhere, !hasMoved, let region = refusal.region {
        hasMoved = true
        await regions.learn(region, of: question.bucket)
      } else if refusal.saysEnded, !hasRenewed {
        hasRenewed = true
        _ = try await credentials.renew(insteadOf: held.credentials)
      } else if refusal.saysUnknown, held.isOfUnknownEnd, !hasRenewed {
        hasRenewed = true
        do {
          _ = try await credentials.renew(insteadOf: held.credentials)
        } catch let error as S3Error where error.code == .credentialsRefused {
          // The source still has the same: S3's own words say more of it.
          throw BareRefusal(refusal: refusal, date: answer.header("date"))
        }
      } else if refusal.mayPass {
        failures += 1
        guard failures < question.tries else { throw busy(question.words, refusal) }
        try await pause(failures - 1)
      } else {
        throw BareRefusal(refusal: refusal, date: answer.header("date"))
      }
    }
  }

  private static func head(_ answer: AccessAnswer) -> ObjectHead {
    // Of a part of an object the length is that of the part, and the whole is behind the slash.
    let whole = answer.header("content-range").flatMap { $0.split(separator: "/").last.map(String.init) }
    return ObjectHead(
      size: (whole ?? answer.header("content-length")).flatMap { ItemNote.number($0.utf8) },
      storageClass: answer.header("x-amz-storage-class").flatMap { storage in
        // An archived object that was restored can be read for now.
        answer.header("x-amz-restore")?.contains("ongoing-request=\"false\"") == true ? nil : storage
      }, contentType: answer.header("content-type"), date: date(of: answer))
  }

  private static func date(of answer: AccessAnswer) -> Timestamp? {
    answer.header("date").flatMap { HTTPDate.parse($0, now: Timestamp(milliseconds: 0)) }
  }
}

extension S3Client {
  /// The most that clocks may differ: S3 refuses signatures that are further away.
  package static let mostSkew: Duration = .seconds(15 * 60)

  private static func compare(_ date: Timestamp, with now: Timestamp) throws(S3Error) {
    let ahead = now.since(date)
    guard ahead > mostSkew || ahead < .zero - mostSkew else { return }
    throw skewed(ahead)
  }

  private static func skewed(_ ahead: Duration?) -> S3Error {
    let words =
      ahead.map {
        "\(HumanDuration.rough($0 < .zero ? .zero - $0 : $0)) \($0 < .zero ? "behind" : "ahead of")"
      }
      ?? "more than 15 minutes off"
    return S3Error(
      .clockSkewed, "this machine's clock is \(words) \(ahead == nil ? "from " : "")the clock of S3",
      remedy: "set the clock; S3 refuses signatures that are more than 15 minutes off")
  }

  func unreachable(_ words: String, _ fault: AccessFault, at host: String) -> S3Error {
    switch fault {
    case .timedOut, .notConnected:
      S3Error(
        .unreachable, "\(words) failed \(Self.tries) times: \(fault.words(at: host))",
        remedy: "check the network, the region and --s3-endpoint")
    case .proxyUnauthorized:
      S3Error(
        .proxyUnauthorized, "\(words) failed: \(fault.words(at: host))",
        remedy: "correct the user name and password of the proxy; special letters are written as %XX")
    case .certificateOfOtherHost:
      S3Error(
        .certificate, "\(words) failed: \(fault.words(at: host))",
        remedy: "check --s3-endpoint, and whether a proxy or firewall answers instead")
    case .certificateUntrusted:
      S3Error(
        .certificate, "\(words) failed: \(fault.words(at: host))",
        remedy: "name a file with the authority to trust in $SSL_CERT_FILE, and check the clock")
    }
  }

  func busy(_ words: String, _ refusal: S3Refusal) -> S3Error {
    S3Error(
      .busy, "\(words) was answered with \(refusal.words), \(Self.tries) times",
      remedy: "try again later")
  }

  func bucketMissing(_ bucket: String) -> S3Error {
    S3Error(
      .bucketMissing, "there is no bucket \(ConfigurationError.quoted(bucket))",
      remedy: "check the name; at another service than Amazon's it takes --s3-endpoint")
  }

  private func archived(_ question: Question, _ storage: String?) -> S3Error {
    S3Error(
      .objectArchived, "\(question.name) is archived\(storage.map { " (\($0))" } ?? "")",
      remedy: "restore it first, or leave it out")
  }

  private static let mayList: Remedy = "allow these credentials s3:ListBucket for the bucket"
  private static let mayRead: Remedy = """
    check that the object exists, and allow these credentials s3:GetObject for it, and kms:Decrypt where it is \
    encrypted with a key of KMS
    """

  private static let mayFetch: Remedy = """
    check the policies of the bucket and of the organisation: they may ask for younger signatures (s3:signatureAge) or \
    for a network (aws:SourceIp, aws:SourceVpce)
    """

  private func remedy(for purpose: Question.Purpose) -> Remedy {
    switch purpose {
    case .read: Self.mayRead
    case .list: Self.mayList
    case .fetch: Self.mayFetch
    }
  }

  /// The error that a refusal is.
  private func error(_ refusal: S3Refusal, _ question: Question, _ origin: String, date: String? = nil)
    -> S3Error
  {
    let refused = "\(question.words) with the credentials from \(origin) was refused: \(refusal.words)"
    switch refusal.code {
    case "RequestTimeTooSkewed":
      let now = clock.now()
      guard let ahead = date.flatMap({ HTTPDate.parse($0, now: now) }).map({ now.since($0) }) else {
        return Self.skewed(nil)
      }
      guard ahead > Self.mostSkew || ahead < .zero - Self.mostSkew else {
        return S3Error(
          .clockSkewed,
          "\(question.words) was refused for its time (\(refusal.words)), although the date of the answer agrees with this "
            + "machine's clock",
          remedy:
            "check whatever stands between this machine and S3: it holds requests back, or writes the date anew"
        )
      }
      return Self.skewed(ahead)
    case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken",
      "TokenRefreshRequired",
      "NotSignedUp", "InvalidClientTokenId", "AuthorizationHeaderMalformed":
      return S3Error(
        .credentialsRefused, refused,
        remedy: "check the key pair and its session, or name a profile with --aws-profile")
    case "NoSuchBucket": return bucketMissing(question.bucket)
    case "NoSuchKey":
      return S3Error(
        .objectMissing, "there is no object \(question.name)", remedy: "check the name, letter by letter")
    case "InvalidObjectState": return archived(question, nil)
    default: break
    }
    if refusal.isForeign {
      return S3Error(
        .foreignAnswer,
        "\(question.words) failed: \(endpoint?.authority ?? "something on the way") answered with \(refusal.words), "
          + "not in the words of S3",
        remedy: "check --s3-endpoint, and whether a proxy or firewall answers instead")
    }
    if refusal.status == 404 {
      guard question.purpose != .list else { return bucketMissing(question.bucket) }
      return S3Error(
        .objectMissing, "there is no object \(question.name)", remedy: "check the name, letter by letter")
    }
    if refusal.status == 401 || refusal.status == 403, refusal.code != nil {
      return S3Error(
        .accessDenied, refused,
        remedy: remedy(for: question.purpose))
    }
    return S3Error(
      .unexpected, "\(question.words) was answered with \(refusal.words)",
      remedy: "check the bucket, the region and --s3-endpoint")
  }
}

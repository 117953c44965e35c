import AssetsService
import BatchDomain
import Reporting
import S3Access
import S3Signing

/// What `doctor` checks of S3: credentials, a bucket, an object. The service is not asked, and hears of nothing.
struct AccessChecks {
  /// How objects are reached.
  let access: ObjectAccess
  /// The bucket that was named.
  let bucket: String?
  /// The object that was named.
  let probe: ObjectName?
  let context: ProcessContext

  /// What was found: a check for each subject, in their order, and what S3 said of the time.
  struct Findings {
    var credentials: HealthCheck
    var bucket: HealthCheck
    var object: HealthCheck
    /// How far the clock of this machine is ahead of that of S3; `nil` when S3 did not say it.
    var lead: Duration?
    /// Whether S3 refused a signature for its time.
    var isRefusedForTime = false
  }

  /// Asks S3.
  func findings() async -> Findings {
    do {
      let objects = try await BucketOpener.open(access, in: context)
      let findings = await findings(objects)
      await objects.shutdown()
      return findings
    } catch {
      return Self.withoutCredentials(error)
    }
  }

  private static func withoutCredentials(_ error: any Error) -> Findings {
    Findings(
      credentials: HealthCheck(.credentials, failure: error),
      bucket: HealthCheck(.bucket, .skipped, "not checked: there are no credentials"),
      object: HealthCheck(.object, .skipped, "not checked: there are no credentials"))
  }

  private func findings(_ objects: S3Access) async -> Findings {
    var found: Findings
    do {
      let held = try await objects.credentials.current()
      _ = try ObjectURLs.life(of: held, at: context.clock.now())
      found = Findings(
        credentials: credentials(held),
        bucket: HealthCheck(.bucket, .skipped, "not checked: name one with --bucket"),
        object: HealthCheck(.object, .skipped, "not checked: name one with --probe"))
    } catch {
      return Self.withoutCredentials(error)
    }
    if let place = probe.flatMap({ S3Location($0) }), let probe {
      found.object = await check(.object, &found) { try await check(probe, at: place, objects, &$0) }
      if bucket == nil {
        found.bucket = await check(.bucket, &found) { _ in
          let region = try await objects.client.address(of: place.bucket).region
          return HealthCheck(.bucket, .ok, "the bucket \(Self.shown(place.bucket)) is in \(region)")
        }
      }
    }
    if let bucket {
      found.bucket = await check(.bucket, &found) { try await check(bucket, objects, &$0) }
    }
    return found
  }

  /// Where credentials come from, and when they end.
  func credentials(_ held: HeldCredentials) -> HealthCheck {
    let start = "the credentials for S3 come from \(held.origin)"
    if held.isOfUnknownEnd {
      return HealthCheck(
        .credentials, .ok, "\(start) and are a session whose end is not known",
        remedy: """
          set $AWS_CREDENTIAL_EXPIRATION, too, or use a profile with credential_process, which says the end; a run can \
          only ask S3 from time to time whether the session still works
          """)
    }
    let end = held.credentials.expiresAt.map { " and end at \(time($0))" } ?? ""
    return HealthCheck(.credentials, .ok, "\(start)\(end)")
  }

  /// One check; what it throws is a problem.
  private func check(
    _ subject: HealthCheck.Subject, _ found: inout Findings,
    _ work: (inout Findings) async throws -> HealthCheck
  ) async -> HealthCheck {
    do {
      return try await work(&found)
    } catch {
      if let error = error as? S3Error, error.code == .clockSkewed { found.isRefusedForTime = true }
      return HealthCheck(subject, failure: error)
    }
  }

  private func check(_ bucket: String, _ objects: S3Access, _ found: inout Findings) async throws
    -> HealthCheck
  {
    let name = Self.shown(bucket)
    do {
      let head = try await objects.client.head(bucket: bucket)
      note(head.date, &found)
      return HealthCheck(
        .bucket, .ok, "the bucket \(name) is in \(head.region), and these credentials may list it")
    } catch let error as S3Error where error.code == .accessDenied {
      guard let place = probe.flatMap({ S3Location($0) }), place.bucket.utf8.elementsEqual(bucket.utf8),
        found.object.status == .ok
      else {
        return HealthCheck(
          .bucket, .problem, error.message,
          remedy: """
            allow these credentials s3:ListBucket for the bucket; a run needs only s3:GetObject, which --probe \
            s3://BUCKET/KEY checks
            """)
      }
      let region = try await objects.client.address(of: bucket).region
      return HealthCheck(
        .bucket, .ok,
        "the bucket \(name) is in \(region); these credentials may not list it, which only `list` needs")
    }
  }

  private func check(
    _ object: ObjectName, at place: S3Location, _ objects: S3Access, _ found: inout Findings
  ) async throws -> HealthCheck {
    let name = VisibleText.escape(object.rawValue, cutAt: 300)
    let head = try await objects.client.head(bucket: place.bucket, key: place.key)
    note(head.date, &found)
    let note = ItemNote(size: head.size, storageClass: head.storageClass)
    if note.isArchived {
      return HealthCheck(
        .object, .problem, "\(name) is archived (\(head.storageClass ?? ""))",
        remedy: "restore it first, or leave it out")
    }
    if note.isTooLarge {
      return HealthCheck(
        .object, .problem,
        "\(name) has \(HumanNumber.text(Int(head.size ?? 0))) bytes, more than 4 GB, the most that the service documents",
        remedy: "make a smaller copy of it, or leave it out")
    }
    if head.size == 0 {
      return HealthCheck(
        .object, .problem, "\(name) is empty", remedy: "upload the video again, or leave it out")
    }
    let url = try await objects.urls.signedURL(for: object)
    try await objects.client.firstByte(bucket: place.bucket, key: place.key, through: url)
    let size = head.size.map { HumanNumber.text(Int($0), "byte") } ?? "a size that S3 does not say"
    return HealthCheck(
      .object, .ok,
      """
      \(name) has \(size) (\(head.storageClass ?? "STANDARD")) and can be read with a signed URL, which works until \
      \(time(url.expiresAt))
      """)
  }

  private func note(_ date: Timestamp?, _ found: inout Findings) {
    if let date { found.lead = context.clock.now().since(date) }
  }

  private func time(_ moment: Timestamp) -> String { context.zone.text(moment, from: context.clock.now()) }

  private static func shown(_ bucket: String) -> String { VisibleText.escape(bucket, cutAt: 100) }
}

extension HealthCheck {
  /// A problem, in the words of an error.
  init(_ subject: Subject, failure error: any Error) {
    let failure = CommandFailure(error)
    self.init(subject, .problem, failure.message, remedy: failure.remedy)
  }
}

/// Puts what the service said of an index into words.
enum IndexHealth {
  /// - Parameter look: what the service said; `nil` when it was not asked.
  static func check(_ index: IndexID, _ look: IndexLook?) -> HealthCheck {
    let name = VisibleText.escape(index.rawValue, cutAt: 60)
    switch look {
    case nil: return HealthCheck(.index, .skipped, "not checked: the service does not answer")
    case .missing:
      return HealthCheck(
        .index, .problem, "index \(name) does not exist for this key",
        remedy: "check the id, and whether the key belongs to the account that has the index")
    case .unread(_, let detail, _):
      return HealthCheck(
        .index, .problem, "index \(name) could not be looked at: \(detail)",
        remedy: "see the check of the service, or try again later")
    case .found(let description, let notes):
      if let problem = notes.first(where: \.isProblem) {
        return HealthCheck(.index, .problem, problem.text, remedy: "use another index")
      }
      guard !description.models.isEmpty else {
        return HealthCheck(
          .index, .problem, "the service names no model of index \(name)",
          remedy: "use an index with a Marengo model")
      }
      let models = description.models.map { VisibleText.escape($0, cutAt: 40) }.joined(separator: ", ")
      let length = description.totalDuration.map {
        " of \(HumanNumber.text(Int($0.inSeconds / 60), "minute"))"
      }
      let count =
        description.videoCount.map {
          " and \(HumanNumber.text($0, "video"))\(length ?? ""); the plan of the account may limit both"
        } ?? ""
      // What is no problem follows: for example when the service deletes the index.
      let rest = notes.map { "; \($0.text)" }.joined()
      return HealthCheck(.index, .ok, "index \(name) is there, with \(models)\(count)\(rest)")
    }
  }
}

/// Puts what taking one object through both steps showed into words.
enum TrialHealth {
  /// Neither step was taken.
  static func skipped(_ why: String) -> [HealthCheck] {
    [HealthCheck(.upload, .skipped, why), HealthCheck(.indexing, .skipped, why)]
  }

  /// - Parameter limits: for each request that made something, in order, the header lines of its answer that speak of
  ///   limits.
  static func checks(_ trial: AssetTrial, index: IndexID, limits: [[String]]) -> [HealthCheck] {
    let upload = check(trial.upload, limits: limits.first ?? [])
    guard let step = trial.index else {
      return [upload, HealthCheck(.indexing, .skipped, "not checked: there is no asset")]
    }
    return [upload, check(step, index: index, limits: limits.dropFirst().first ?? [])]
  }

  private static func check(_ upload: AssetTrial.Upload, limits: [String]) -> HealthCheck {
    switch upload {
    case .failed(let why, let id):
      let made = id.map { " (asset \($0), which stays there)" } ?? ""
      return HealthCheck(
        .upload, .problem, "\(sentence(why))\(made); \(said(limits))",
        remedy: """
          check that the object is a video that the service takes, and that policies of the bucket let anybody with a \
          signed URL fetch it, from any network
          """)
    case .ready(let seen):
      let start =
        "the service fetched the object from a signed URL: asset \(seen.id) was ready after "
        + HumanDuration.text(seen.readyAfter)
      guard let listed = seen.listedAfter else {
        return HealthCheck(
          .upload, .ok,
          "\(start); the list of assets did not show it within \(patience); \(said(limits))",
          remedy: "give submit a longer --settle-delay: lost answers are settled by that list")
      }
      let shown = "\(start); the list of assets showed it after \(HumanDuration.text(listed))"
      guard seen.showsTag else {
        return HealthCheck(
          .upload, .ok, "\(shown), without the metadata that was sent with it; \(said(limits))",
          remedy: """
            expect lost answers of this step to be held: without metadata nothing tells whose an asset is
            """)
      }
      return HealthCheck(.upload, .ok, "\(shown), with its metadata; \(said(limits))")
    }
  }

  private static func check(_ step: AssetTrial.Index, index: IndexID, limits: [String]) -> HealthCheck {
    let name = VisibleText.escape(index.rawValue, cutAt: 60)
    switch step {
    case .failed(let why):
      return HealthCheck(
        .indexing, .problem, "index \(name) did not take the asset: \(why); \(said(limits))",
        remedy: "look at the index and the limits of the account in the service's dashboard")
    case .accepted(let id, let listedAfter):
      let start = "index \(name) took the asset: indexed asset \(id)"
      guard let listedAfter else {
        return HealthCheck(
          .indexing, .ok,
          "\(start); the list of its asset did not show it within \(patience); \(said(limits))",
          remedy: "give submit a longer --settle-delay: lost answers are settled by that list")
      }
      return HealthCheck(
        .indexing, .ok,
        "\(start); the list of its asset showed it after \(HumanDuration.text(listedAfter)); \(said(limits))")
    }
  }

  private static var patience: String { HumanDuration.text(AssetsService.listPatience) }

  private static func said(_ limits: [String]) -> String {
    guard !limits.isEmpty else { return "its answer named no limit" }
    return "its answer named limits: "
      + limits.map { VisibleText.escape($0, cutAt: 80) }.joined(separator: ", ")
  }

  private static func sentence(_ why: String) -> String { VisibleText.escape(why, cutAt: 400) }
}

/// Compares the clock of this machine with those it has to agree with.
enum ClockHealth {
  /// From here on a difference is worth a word: the clock is not kept, and may go on to drift.
  static let worthAWord: Duration = .seconds(60)

  /// - Parameters:
  ///   - leads: how far this machine's clock is ahead, by whose clock it was compared with.
  ///   - isRefused: whether S3 refused a signature for its time.
  static func check(_ leads: [(whose: String, lead: Duration)], isRefused: Bool = false) -> HealthCheck {
    let worst = leads.max { magnitude($0.lead) < magnitude($1.lead) }
    guard let worst, magnitude(worst.lead) >= worthAWord else {
      if isRefused {
        return HealthCheck(
          .clock, .problem, "S3 refuses signatures of this machine for their time", remedy: remedy)
      }
      guard worst != nil else { return HealthCheck(.clock, .skipped, "not checked: no answer said the time") }
      let names = leads.map(\.whose).joined(separator: " and ")
      return HealthCheck(
        .clock, .ok, "this machine's clock is less than a minute from that of \(names)")
    }
    let side = worst.lead < .zero ? "behind" : "ahead of"
    let isFatal = isRefused || magnitude(worst.lead) > S3Client.mostSkew
    return HealthCheck(
      .clock, isFatal ? .problem : .ok,
      "this machine's clock is \(HumanDuration.rough(magnitude(worst.lead))) \(side) the clock of \(worst.whose)",
      remedy: remedy)
  }

  private static let remedy: Remedy =
    "set the clock, and have it kept by NTP; S3 refuses signatures that are more than 15 minutes off"

  private static func magnitude(_ duration: Duration) -> Duration {
    duration < .zero ? .zero - duration : duration
  }
}

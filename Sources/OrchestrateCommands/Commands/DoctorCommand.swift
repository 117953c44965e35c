import ArgumentParser
import AssetsService
import BatchDomain
import NIOConcurrencyHelpers
import Reporting
import S3Signing
import ServiceHTTP

/// `orchestrate doctor`: whether this machine, this store and this key can carry a run through a night.
struct DoctorCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Check key, service, database, disk space and SQLite.",
    discussion: """
      Exits with 0 when it finds no problem, else with 1. It creates no database, and sends no items but the one of --probe.

      --index-id, --bucket and --probe check what a run of profile v1.3 needs, and stand for --profile v1.3. The object of \
      --probe alone is only read, one byte of it, from S3. With --index-id the service is given it as well: it is uploaded, \
      waited for up to 5 minutes, and added to that index, as a run would do, outside of every run. The service bills what \
      it indexes. The check says what the service's documentation leaves open: whether it fetches signed URLs, how soon its \
      lists show what it has, and which limits its answers name. What it makes stays there, with the ids that are shown.

      EXAMPLES
        orchestrate doctor
        orchestrate doctor --profile v1.3 --index-id 629d807aa9e2a3a33a92c00b --probe s3://my-bucket/2026/01.mp4
        orchestrate doctor --base-url http://127.0.0.1:8080 --format json
        orchestrate doctor --bundle bug-report.json
      """)

  @OptionGroup var serviceOptions: SettingOptions<ServiceSettings>

  @Option(
    name: .customLong("index-id"),
    help: ArgumentHelp("Check that this index exists and takes videos.", valueName: "id"),
    transform: { try ListCommand.notEmpty($0, "the id of an index") })
  var indexID: String?

  @Option(
    help: ArgumentHelp(
      "Check that this bucket exists and may be listed, and say its region.", valueName: "name"),
    transform: { try ListCommand.bucketName($0) })
  var bucket: String?

  @Option(
    help: ArgumentHelp(
      """
      Check that this object can be read: one signed HEAD, and one GET of its first byte with a signed URL, as the \
      service fetches it. Its size and storage class are looked at. With --index-id, it is then uploaded and indexed.
      """, valueName: "s3://bucket/key"),
    transform: { try DoctorCommand.object($0) })
  var probe: ObjectName?

  @Option(
    help: ArgumentHelp(
      """
      Also write what to send with a report of a bug to this file: versions, settings, counts and the last events. No key, no \
      credentials, no names of objects, no texts of the service.
      """, valueName: "file"),
    transform: { try ListCommand.notEmpty($0, "the path of a file") })
  var bundle: String?

  @Option(help: "Format of the result on standard output.")
  var format: ResultFormat = .text

  @OptionGroup(title: "Access to S3") var objects: SettingOptions<ObjectSettings>
  @OptionGroup(title: "Store") var storeOptions: StoreOptions

  var wantsJSON: Bool { format == .json }

  var databaseGiven: String? { storeOptions.path }

  private static func object(_ text: String) throws -> ObjectName {
    let object = ObjectName(text)
    guard S3Location(object) != nil else {
      throw ValidationError("\(ConfigurationError.quoted(text)) is no object, expected s3://BUCKET/KEY.")
    }
    return object
  }

  /// Whether something was named that only profile v1.3 needs.
  private var isAboutAssets: Bool { indexID != nil || bucket != nil || probe != nil }

  func validate() throws {
    guard isAboutAssets else { return }
    let layer = try serviceOptions.layer
    guard !layer.given.contains("profile") || layer.values.run.profile == .v1_3 else {
      throw ValidationError(
        "--index-id, --bucket and --probe need --profile v1.3: with the others the service reads the bucket by itself."
      )
    }
  }

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    var layer = try serviceOptions.layer
    try objects.apply(to: &layer)
    let given = layer.values
    var settings = given.run
    if isAboutAssets { settings.profile = .v1_3 }
    let key = await key(given.apiKeyFile, context)
    let service = await service(
      key.key, settings, isProfileGiven: isAboutAssets || layer.given.contains("profile"), context)
    var checks = [key.check, service.check]
    if settings.profile == .v1_3 { checks += await assets(settings, key.key, service, context) }
    checks += await store(in: context)
    if let bundle { try await write(checks, to: bundle, in: context) }
    let database = StoreOpener.advised(databaseGiven)
    switch format {
    case .text: try context.writeResult(HealthText.text(checks, database: database))
    case .json: try context.writeResult(HealthJSON.document(checks, database: database))
    }
    return checks.contains { $0.status == .problem } ? .lost : .done
  }

  /// Writes what to send with a report of a bug.
  private func write(_ checks: [HealthCheck], to bundle: String, in context: ProcessContext) async throws {
    let database = try storeOptions.resolved(in: context)
    let file = try AtomicFile(
      at: try context.path(bundle), beside: database, random: context.random, called: "the bundle",
      isPrivate: true)
    try file.write(await BugReport(checks: checks, database: database, context: context).document())
    try file.finish()
  }

  /// What a run of profile v1.3 needs beside the service.
  private func assets(
    _ settings: RunSettings, _ key: APIKey?, _ service: ServiceFindings, _ context: ProcessContext
  ) async -> [HealthCheck] {
    let found = await AccessChecks(
      access: settings.objects, bucket: bucket, probe: probe, context: context
    ).findings()
    let index =
      indexID.map { IndexHealth.check(IndexID($0), service.index) }
      ?? HealthCheck(.index, .skipped, "not checked: name one with --index-id")
    let leads = [("the service", service.lead), ("S3", found.lead)].compactMap { whose, lead in
      lead.map { (whose: whose, lead: $0) }
    }
    let clock = ClockHealth.check(leads, isRefused: found.isRefusedForTime)
    var checks = [found.credentials, index, found.bucket, found.object]
    // That these credentials may not list the bucket is in nobody's way.
    let isReady =
      [service.check, index, found.object].allSatisfy { $0.status == .ok } && clock.status != .problem
    if let key, let probe, let indexID, isReady {
      checks += await trial(of: probe, into: IndexID(indexID), settings, key, context)
    } else {
      checks += TrialHealth.skipped(
        probe == nil || indexID == nil
          ? "not checked: name an object with --probe and an index with --index-id"
          : "not checked: the service, the index, the object or the clock has a problem")
    }
    return checks + [clock]
  }

  /// Takes the object through both steps.
  private func trial(
    of object: ObjectName, into index: IndexID, _ settings: RunSettings, _ key: APIKey,
    _ context: ProcessContext
  ) async -> [HealthCheck] {
    let limits = NIOLockedValueBox<[[String]]>([])
    do {
      let connection = try await ServiceConnections.open(
        settings, run: RunID(createdAt: context.clock.now(), random: context.random.next()), key: key,
        route: try context.route(to: settings.baseURL), in: context,
        onLimits: { lines in limits.withLockedValue { $0.append(lines) } })
      guard let service = connection.assets?.service else { return [] }
      context.noteProgress("doctor: the object is sent to the service; it may take minutes to fetch it")
      let trial = await service.trial(of: object, into: index)
      await connection.shutdown()
      return TrialHealth.checks(trial, index: index, limits: limits.withLockedValue { $0 })
    } catch {
      return [HealthCheck(.upload, failure: error)] + TrialHealth.skipped("not checked: see upload").suffix(1)
    }
  }

  private func key(_ file: String?, _ context: ProcessContext) async -> (check: HealthCheck, key: APIKey?) {
    do {
      let key = try await KeySource.key(
        commandLineFile: file, jobFile: nil, environment: context.environment)
      let place = file.map { "in the file \($0)" } ?? "in $\(KeySource.variable)"
      return (HealthCheck(.key, .ok, "the API key is \(place)"), key)
    } catch {
      let failure = CommandFailure(error)
      return (HealthCheck(.key, .problem, failure.message, remedy: failure.remedy), nil)
    }
  }

  /// What the service showed.
  private struct ServiceFindings {
    var check: HealthCheck
    /// What it said of the index that was named; `nil` when it was not asked.
    var index: IndexLook?
    /// How far the clock of this machine is ahead of the service's; `nil` when it did not say it.
    var lead: Duration?
  }

  private func service(
    _ key: APIKey?, _ settings: RunSettings, isProfileGiven: Bool, _ context: ProcessContext
  ) async -> ServiceFindings {
    guard let key else {
      return ServiceFindings(check: HealthCheck(.service, .skipped, "not checked: there is no API key"))
    }
    let route: ServiceRoute
    do {
      route = try context.route(to: settings.baseURL)
    } catch {
      return ServiceFindings(check: HealthCheck(.service, .problem, error.message, remedy: error.remedy))
    }
    do {
      let answer = try await probe(settings, key, route, context)
      // A person who names no profile may not know which generation of the API the account has.
      if !isProfileGiven, case .refused(let refusal, isForeign: false) = answer.result,
        refusal.outcome == .endpoint || refusal.status == 404
      {
        for other in ServiceProfile.allCases where other != settings.profile {
          var changed = settings
          changed.profile = other
          guard case .ready = try await probe(changed, key, route, context).result else { continue }
          return ServiceFindings(
            check: ServiceHealth.otherProfile(other, baseURL: settings.baseURL, profile: settings.profile))
        }
      }
      return ServiceFindings(
        check: ServiceHealth.check(answer.result, baseURL: settings.baseURL, profile: settings.profile),
        index: answer.index, lead: answer.lead)
    } catch {
      return ServiceFindings(check: HealthCheck(.service, failure: error))
    }
  }

  /// Asks the service whether it answers as a profile, and about the index that was named.
  private func probe(
    _ settings: RunSettings, _ key: APIKey, _ route: ServiceRoute, _ context: ProcessContext
  ) async throws -> (result: ProbeResult, index: IndexLook?, lead: Duration?) {
    // Nothing is sent for a run.
    let connection = try await ServiceConnections.open(
      settings, run: RunID(createdAt: context.clock.now(), random: context.random.next()), key: key,
      route: route,
      in: context)
    let result = await connection.service.probe()
    var look: IndexLook?
    if case .ready = result, let indexID {
      look = await connection.assets?.service.look(at: IndexID(indexID), items: 0)
    }
    let lead = connection.assets?.requests.clockLead
    await connection.shutdown()
    return (result, look, lead)
  }

  private func store(in context: ProcessContext) async -> [HealthCheck] {
    do {
      return await StoreOpener.checks(try storeOptions.resolved(in: context), in: context)
    } catch {
      let failure = CommandFailure(error)
      return [HealthCheck(.database, .problem, failure.message, remedy: failure.remedy)]
        + [.schema, .integrity, .locks, .space, .waits, .sqlite].map {
          HealthCheck($0, .skipped, "there is no path for a database")
        }
    }
  }
}

/// Puts what the service answered to a probe into words.
enum ServiceHealth {
  /// - Parameters:
  ///   - result: what came of the probe.
  ///   - baseURL: the address that was asked.
  ///   - profile: the version of the service that was expected there.
  static func check(_ result: ProbeResult, baseURL: String, profile: ServiceProfile) -> HealthCheck {
    switch result {
    case .ready: HealthCheck(.service, .ok, "\(baseURL) answers as \(profile.rawValue) and takes the key")
    case .unreachable(let failure):
      HealthCheck(
        .service, .problem, "\(baseURL) does not answer: \(failure.text)", remedy: remedy(for: failure.code))
    case .refused(let answer, let isForeign): refusal(answer, isForeign: isForeign, baseURL, profile)
    }
  }

  private static func refusal(
    _ answer: SubmissionResult, isForeign: Bool, _ baseURL: String, _ profile: ServiceProfile
  ) -> HealthCheck {
    var check = check(answer, isForeign: isForeign, baseURL, profile)
    check.shareable = "answered \(answer.status ?? 0), judged as \(answer.outcome.rawValue)"
    return check
  }

  /// The service answers as another generation of its API does.
  static func otherProfile(_ other: ServiceProfile, baseURL: String, profile: ServiceProfile) -> HealthCheck {
    HealthCheck(
      .service, .problem,
      "\(baseURL) takes the key and answers as \(other.rawValue), not as \(profile.rawValue), the default",
      remedy: "give --profile \(other.rawValue) to submit, and to doctor")
  }

  private static func remedy(for code: String?) -> Remedy {
    switch code {
    case "certificate_expired", "certificate_not_yet_valid":
      "check the clock of this machine, and have the certificate renewed if the clock is right"
    case "certificate": "name a file with the authority to trust in $SSL_CERT_FILE, and check the clock"
    case "certificate_host": "check --base-url, and whether a proxy or firewall answers instead"
    case "proxy_unauthorized": "put the right user name and password into $HTTPS_PROXY"
    case TransportFailure.unresolved:
      "check the spelling of --base-url or $HTTPS_PROXY, and the network's DNS"
    case TransportFailure.openFiles: "raise the limit on open files (ulimit -n)"
    default: "check the network, a proxy or firewall on the way, and --base-url"
    }
  }

  private static func check(
    _ answer: SubmissionResult, isForeign: Bool, _ baseURL: String, _ profile: ServiceProfile
  ) -> HealthCheck {
    let status = answer.status ?? 0
    let words = [answer.code, answer.message].compactMap { $0 }.joined(separator: ": ")
    let said = "\(baseURL) answered \(status)" + (words.isEmpty ? "" : " (\(words))")
    switch answer.outcome {
    case .account:
      return HealthCheck(
        .service, .problem, "\(said): the key or the account is refused",
        remedy: "check the key and the account in the service's dashboard")
    case .endpoint where isForeign:
      return HealthCheck(
        .service, .problem, said, remedy: "check the proxy, firewall or gateway on the way, and --base-url")
    case .endpoint:
      return HealthCheck(
        .service, .problem, "\(said): this is not the service of profile \(profile.rawValue)",
        remedy: "check --base-url and --profile")
    case .accepted, .unknown:
      // A 2xx that is no list, and a web page instead of one, are not the service either.
      let isAnswer = (200..<300).contains(status)
      let list = profile.steps.count > 1 ? "the list of assets" : "a list of tasks"
      return HealthCheck(
        .service, .problem,
        isAnswer
          ? "\(said): this is not \(list)" : "\(said): the service reports an error of its own",
        remedy: isAnswer ? "check --base-url, and whether a proxy answers in its place" : "try again later")
    case .throttled:
      return HealthCheck(.service, .ok, "\(said): it asks to retry later; a run would wait")
    case .content, .index, .notProcessed:
      return HealthCheck(.service, .ok, "\(said): it answers and did not refuse the key")
    }
  }
}

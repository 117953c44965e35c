import ArgumentParser
import BatchDomain
import Reporting
import S3Access
import S3Signing
import ServiceHTTP

/// `orchestrate doctor`: whether this machine, this store and this key can carry a run through a night.
struct DoctorCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Check key, service, database, disk space and SQLite.",
    discussion: """
      Exits with 0 when it finds no problem, else with 1. It sends no items and creates no database.

      EXAMPLES
        orchestrate doctor
        orchestrate doctor --base-url http://127.0.0.1:8080 --format json
      """)

  @OptionGroup var serviceOptions: SettingOptions<ServiceSettings>

  @Option(help: "Format of the result on standard output.")
  var format: ResultFormat = .text

  @OptionGroup(title: "Store") var storeOptions: StoreOptions

  var wantsJSON: Bool { format == .json }

  var databaseGiven: String? { storeOptions.path }

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    let layer = try serviceOptions.layer
    let given = layer.values
    let key = await key(given.apiKeyFile, context)
    var checks = [
      key.check,
      await service(key.key, given.run, isProfileGiven: layer.given.contains("profile"), context),
    ]
    if given.run.profile == .v1_3 { checks.append(await credentials(given.run, context)) }
    checks += await store(in: context)
    switch format {
    case .text: try context.writeResult(HealthText.text(checks, database: databaseGiven))
    case .json: try context.writeResult(HealthJSON.document(checks, database: databaseGiven))
    }
    return checks.contains { $0.status == .problem } ? .lost : .done
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

  private func credentials(_ settings: RunSettings, _ context: ProcessContext) async -> HealthCheck {
    do {
      let held = try await ServiceConnections.requireCredentials(settings, in: context)
      let end = held?.credentials.expiresAt.map {
        " and end at \(context.zone.text($0, from: context.clock.now()))"
      }
      return HealthCheck(
        .credentials, .ok, "the credentials for S3 come from \(held?.origin ?? "nowhere")\(end ?? "")")
    } catch {
      let failure = CommandFailure(error)
      return HealthCheck(.credentials, .problem, failure.message, remedy: failure.remedy)
    }
  }

  private func service(
    _ key: APIKey?, _ settings: RunSettings, isProfileGiven: Bool, _ context: ProcessContext
  ) async -> HealthCheck {
    guard let key else { return HealthCheck(.service, .skipped, "not checked: there is no API key") }
    let route: ServiceRoute
    do {
      route = try context.route(to: settings.baseURL)
    } catch {
      return HealthCheck(.service, .problem, error.message, remedy: error.remedy)
    }
    do {
      let result = try await probe(settings, key, route, context)
      // Whoever names no profile may not know which generation of the API the account has.
      if !isProfileGiven, case .refused(let answer, isForeign: false) = result,
        answer.outcome == .endpoint || answer.status == 404
      {
        for other in ServiceProfile.allCases where other != settings.profile {
          var changed = settings
          changed.profile = other
          guard case .ready = try await probe(changed, key, route, context) else { continue }
          return ServiceHealth.otherProfile(other, baseURL: settings.baseURL, profile: settings.profile)
        }
      }
      return ServiceHealth.check(result, baseURL: settings.baseURL, profile: settings.profile)
    } catch {
      let failure = CommandFailure(error)
      return HealthCheck(.service, .problem, failure.message, remedy: failure.remedy)
    }
  }

  private func probe(
    _ settings: RunSettings, _ key: APIKey, _ route: ServiceRoute, _ context: ProcessContext
  ) async throws -> ProbeResult {
    // Nothing is sent for a run.
    let connection = try await ServiceConnections.open(
      settings, run: RunID(createdAt: context.clock.now(), random: context.random.next()), key: key,
      route: route,
      in: context)
    let result = await connection.service.probe()
    await connection.shutdown()
    return result
  }

  private func store(in context: ProcessContext) async -> [HealthCheck] {
    do {
      return await StoreOpener.checks(try storeOptions.resolved(in: context), now: context.clock.now())
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
    case .refused(let answer, let isForeign): check(answer, isForeign: isForeign, baseURL, profile)
    }
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
      // A 2xx that is no list of tasks, and a web page instead of one, are not the service either.
      let isAnswer = (200..<300).contains(status)
      return HealthCheck(
        .service, .problem,
        isAnswer
          ? "\(said): this is not a list of tasks" : "\(said): the service reports an error of its own",
        remedy: isAnswer ? "check --base-url, and whether a proxy answers in its place" : "try again later")
    case .throttled:
      return HealthCheck(.service, .ok, "\(said): it asks to retry later; a run would wait")
    case .content, .index, .notProcessed:
      return HealthCheck(.service, .ok, "\(said): it answers and did not refuse the key")
    }
  }
}

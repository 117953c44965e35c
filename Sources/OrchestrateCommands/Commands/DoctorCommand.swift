import ArgumentParser
import BatchDomain
import Reporting
import ServiceHTTP
import TransfersService

/// `orchestrate doctor`: whether this machine, this store and this key can carry a run through a night.
struct DoctorCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Check key, service, database, disk space and SQLite.",
    discussion: """
      Ends with 0 when it finds no problem, with 1 when it finds one. It sends no item and makes no database.

      EXAMPLES
        orchestrate doctor
        orchestrate doctor --base-url http://127.0.0.1:8080 --format json
      """)

  @OptionGroup var serviceOptions: SettingOptions<ServiceSettings>

  @Option(help: "How the result is written to standard output.")
  var format: ResultFormat = .text

  @OptionGroup(title: "Store") var storeOptions: StoreOptions

  var wantsJSON: Bool { format == .json }

  var databaseGiven: String? { storeOptions.path }

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    let given = try serviceOptions.layer.values
    let key = await key(given.apiKeyFile, context)
    var checks = [key.check, await service(key.key, given.run, context)]
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

  private func service(
    _ key: APIKey?, _ settings: RunSettings, _ context: ProcessContext
  ) async -> HealthCheck {
    guard let key else { return HealthCheck(.service, .skipped, "not asked, since there is no key") }
    let route: ServiceRoute
    do {
      route = try context.route(to: settings.baseURL)
    } catch {
      return HealthCheck(.service, .problem, error.message, remedy: error.remedy)
    }
    let service = HTTPTransferService(
      ServiceEndpoint(
        baseURL: settings.baseURL, key: key, userAgent: "orchestrate/\(OrchestrateCommand.version)",
        route: route),
      profile: settings.profile, clock: context.clock)
    var failure: ListingFailure?
    do throws(ListingFailure) {
      try await service.probe()
    } catch {
      failure = error
    }
    await service.shutdown()
    return ServiceHealth.check(failure, baseURL: settings.baseURL, profile: settings.profile)
  }

  private func store(in context: ProcessContext) async -> [HealthCheck] {
    do {
      return await StoreOpener.checks(try storeOptions.resolved(in: context), now: context.clock.now())
    } catch {
      let failure = CommandFailure(error)
      return [HealthCheck(.database, .problem, failure.message, remedy: failure.remedy)]
        + [.schema, .integrity, .locks, .space, .waits, .sqlite].map {
          HealthCheck($0, .skipped, "there is no place for a database")
        }
    }
  }
}

import ArgumentParser
import TransferSimulator

extension SimulatorCommand {
  /// The configuration that the options describe; throws `ValidationError` for the first that is not understood.
  func simulatorConfiguration() throws -> SimulatorConfiguration {
    var configuration = SimulatorConfiguration()
    if profile == "v1.3" {
      configuration.servesTransfers = false
      configuration.assets = try assets.configuration()
    } else {
      guard let profile = SimulatorProfile(rawValue: profile) else {
        throw ValidationError("no such profile: '\(profile)'; expected v1, v1.1, v1.2 or v1.3")
      }
      configuration.profile = profile
    }
    configuration.objects = try objects.configuration()
    guard (0...65535).contains(port) else { throw ValidationError("no such port: \(port)") }
    guard (0...1).contains(failedShare) else {
      throw ValidationError("'\(failedShare)' is not a share from 0 to 1")
    }
    configuration.port = port
    configuration.apiKey = apiKey
    configuration.ledgerFile = ledger
    configuration.seed = seed
    configuration.failedShare = failedShare
    configuration.maximumBody = maximumBody
    configuration.delay = try Self.duration(delay)
    configuration.listingLag = try Self.duration(listingLag)
    configuration.taskStep = try Self.duration(taskStep)
    configuration.stallTime = try Self.duration(stallTime)
    configuration.throttleWait = try Self.duration(throttleWait)
    configuration.poisonedObjects = Set(poisonedObject)
    configuration.takesElementsBeforePoison = takesElementsBeforePoison
    configuration.crashingObjects = Set(crashingObject)
    configuration.goneIndexes = Set(goneIndex)
    configuration.announcedCloseEvery = try everyNth(announcedCloseEvery)
    configuration.silentCloseEvery = try everyNth(silentCloseEvery)
    configuration.idleTimeout = try idleTimeout.map { text in
      let time = try Self.duration(text)
      guard time > .zero else { throw ValidationError("'\(text)' is not more than zero") }
      return time
    }
    configuration.faults = try fault.map { text in
      do {
        return try FaultRule(text: text)
      } catch {
        throw ValidationError("\(error)")
      }
    }
    configuration.listingModes = Set(
      try listing.map { text in
        guard let mode = ListingMode(rawValue: text) else {
          let known = ListingMode.allCases.map(\.rawValue).joined(separator: ", ")
          throw ValidationError("no such listing mode: '\(text)'; expected one of \(known)")
        }
        return mode
      })
    configuration.budget = try budget.map(Self.budget)
    return configuration
  }

  private func everyNth(_ count: Int?) throws -> Int? {
    if let count, count < 1 { throw ValidationError("'\(count)' is not 1 or more answers") }
    return count
  }

  /// One of the words that a type has, by its raw value.
  static func choice<Value: RawRepresentable & CaseIterable>(_ text: String, _ option: String) throws -> Value
  where Value.RawValue == String {
    guard let value = Value(rawValue: text) else {
      let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("\(option) takes one of \(known), not '\(text)'")
    }
    return value
  }

  static func budget(_ text: String) throws -> RequestBudget {
    guard let budget = RequestBudget(text: text) else {
      throw ValidationError("'\(text)' is not a budget; expected N/DURATION, for example 60/1m")
    }
    return budget
  }

  static func duration(_ text: String) throws -> Duration {
    guard let duration = Duration(text: text) else {
      throw ValidationError("'\(text)' is not a duration; expected for example 500ms, 30s or 1h30m")
    }
    return duration
  }
}

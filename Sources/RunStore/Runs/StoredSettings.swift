import BatchDomain
import Foundation

/// The settings of a run as the database has them: one JSON object, durations in milliseconds.
struct StoredSettings: Codable {
  // Spelt so that the key strategy turns it into `base_url` and back.
  var baseUrl: String
  var profile: ServiceProfile
  var chunkSize: Int
  var chunkBytes: Int
  var limit: Int?
  var strict: Bool
  var concurrency: Int
  var rates: [Rate]
  var timeoutMilliseconds: Int64
  var maxAttempts: Int
  var maxWaitMilliseconds: Int64
  var onUnknown: UnknownPolicy
  var settleDelayMilliseconds: Int64
  /// Missing in runs of versions that had no such wait.
  var settleGraceMilliseconds: Int64?
  var maxFailures: String
  /// Missing in runs of versions that could not divide a chunk.
  var bisect: Bool?

  init(_ settings: RunSettings) {
    baseUrl = settings.baseURL
    profile = settings.profile
    chunkSize = settings.chunkSize
    chunkBytes = settings.chunkBytes
    limit = settings.limit
    strict = settings.strict
    concurrency = settings.concurrency
    rates = settings.rates
    timeoutMilliseconds = settings.timeout.millisecondsRoundedUp
    maxAttempts = settings.maxAttempts
    maxWaitMilliseconds = settings.maxWait.millisecondsRoundedUp
    onUnknown = settings.onUnknown
    settleDelayMilliseconds = settings.settleDelay.millisecondsRoundedUp
    settleGraceMilliseconds = settings.settleGrace.millisecondsRoundedUp
    maxFailures = settings.maxFailures.text
    bisect = settings.bisect
  }

  /// The settings as the domain has them.
  ///
  /// - Throws: ``StoreError`` with code `damaged` when a value is out of its range.
  func settings() throws(StoreError) -> RunSettings {
    guard let threshold = FailureThreshold(maxFailures) else {
      throw StoreError(.damaged, "the settings of a run have the failure threshold \"\(maxFailures)\"")
    }
    var settings = RunSettings()
    settings.baseURL = baseUrl
    settings.profile = profile
    settings.chunkSize = chunkSize
    settings.chunkBytes = chunkBytes
    settings.limit = limit
    settings.strict = strict
    settings.concurrency = concurrency
    settings.rates = rates
    settings.timeout = .milliseconds(timeoutMilliseconds)
    settings.maxAttempts = maxAttempts
    settings.maxWait = .milliseconds(maxWaitMilliseconds)
    settings.onUnknown = onUnknown
    settings.settleDelay = .milliseconds(settleDelayMilliseconds)
    if let settleGraceMilliseconds { settings.settleGrace = .milliseconds(settleGraceMilliseconds) }
    settings.maxFailures = threshold
    settings.bisect = bisect ?? false
    return settings
  }

  /// The JSON text.
  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  /// Reads the JSON text.
  ///
  /// - Throws: ``StoreError`` with code `damaged`.
  static func read(_ text: String) throws(StoreError) -> RunSettings {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do {
      return try decoder.decode(StoredSettings.self, from: Data(text.utf8)).settings()
    } catch let error as StoreError {
      throw error
    } catch {
      throw StoreError(.damaged, "the settings of a run cannot be read: \(error)")
    }
  }
}

/// All settings of a run, defaults included; stored with the run, so that `resume` needs only the run's id and the
/// key.
package struct RunSettings: Sendable, Equatable {
  /// Address of the service without a trailing slash, for example `https://api.twelvelabs.io`.
  package var baseURL: String = ServiceProfile.defaultBaseURL
  /// Version of the service. Fixed once the run is planned.
  package var profile: ServiceProfile = .v1
  /// Items per chunk, 1 or more. Fixed once the run is planned.
  package var chunkSize: Int = 50
  /// Bytes per chunk, of the `file` part's content. Fixed once the run is planned.
  package var chunkBytes: Int = 1 << 20
  /// Items to read at most; `nil` reads all. Fixed once the run is planned.
  package var limit: Int?
  /// Whether warnings refuse the manifest. Fixed once the run is planned.
  package var strict: Bool = false
  /// Whether items are left out that earlier runs have. Fixed once the run is planned.
  package var newOnly: Bool = false
  /// Requests in flight at most, 1 or more.
  package var concurrency: Int = 4
  /// Limits on requests, all of which hold.
  package var rates: [Rate] = []
  /// Limits on items, all of which hold.
  package var itemRates: [Rate] = []
  /// Limits on the minutes of media that are indexed, all of which hold; for profiles whose service says how long a
  /// video is before it is indexed.
  package var mediaRates: [MediaRate] = []
  /// When requests that submit may be sent; at any time where there is none.
  package var windows: [SendingWindow] = []
  /// The name of the zone whose clocks the windows go by; `nil` for that of the machine.
  package var zone: String?
  /// Whether the run is paused while no window is open, instead of waiting for the next one.
  package var exitsOutside = false
  /// Chunks that may have begun and not reached their last step at a time, 1 or more; for profiles with several steps.
  package var ahead: Int = 200
  /// How long a request may take from its first byte to the end of its answer.
  package var timeout: Duration = .seconds(60)
  /// Counted attempts per chunk at most, 1 or more.
  package var maxAttempts: Int = 8
  /// How long a run waits without progress, or for a wait the service asks for, before it is paused.
  package var maxWait: Duration = .seconds(24 * 3_600)
  /// What to do about lost answers.
  package var onUnknown: UnknownPolicy = .check
  /// How long after a lost answer the service is first asked, and the time between two such looks.
  package var settleDelay: Duration = .seconds(30)
  /// How long after the end of a request that timed out, or that a gateway stopped waiting for, a look may first
  /// conclude that the service did not receive it: the gateway may still hold the request.
  package var settleGrace: Duration = .seconds(60)
  /// Whether refused chunks are divided until the bad items stand alone.
  package var bisect: Bool = true
  /// How many items may be lost before the run is paused.
  package var maxFailures: FailureThreshold = .percent(50)
  /// How objects of S3 are reached, where the service is given URLs.
  package var objects = ObjectAccess()

  /// The defaults.
  package init() {}

  /// The service that rate limits, waits and accepted items belong to.
  package var origin: String { Origin.of(baseURL) }

  /// Where the run's requests go: what makes two runs of one manifest the same submission.
  package var destination: String { baseURL + profile.submissionPath }

  /// These settings for a run with a profile of another generation; what does not go with it is as by default.
  package func moved(to profile: ServiceProfile) -> RunSettings {
    var settings = self
    settings.profile = profile
    settings.chunkSize = profile.itemsPerRequest ?? RunSettings().chunkSize
    settings.rates.removeAll { rate in rate.step.map { !profile.steps.contains($0) } ?? false }
    settings.itemRates.removeAll { $0.count < settings.chunkSize }
    if profile.steps.count == 1 {
      settings.mediaRates = []
      settings.ahead = RunSettings().ahead
      settings.objects = ObjectAccess()
    }
    return settings
  }

  /// Refuses settings that do not go with the profile.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value` for the first.
  package func checkProfile() throws(ConfigurationError) {
    if let items = profile.itemsPerRequest, chunkSize != items {
      throw ConfigurationError(
        .badValue,
        "--chunk-size is \(chunkSize), and a request of profile \(profile.rawValue) carries \(items) item",
        remedy: "leave --chunk-size out")
    }
    if let rate = rates.first(where: { rate in rate.step.map { !profile.steps.contains($0) } ?? false }) {
      throw ConfigurationError(
        .badValue, "--rate \(rate) names a step that profile \(profile.rawValue) does not have",
        remedy: "give the rate without the step, or choose the profile with --profile")
    }
    if let rate = itemRates.first(where: { $0.count < chunkSize }) {
      throw ConfigurationError(
        .badValue,
        "--item-rate \(rate) is less than the \(chunkSize) items of --chunk-size that a request may carry",
        remedy: "give a smaller --chunk-size or a higher --item-rate")
    }
    if let rate = mediaRates.first, profile.steps.count == 1 {
      throw ConfigurationError(
        .badValue,
        "--media-rate \(rate) cannot be kept with profile \(profile.rawValue), whose service does not say how long a "
          + "video is before it is indexed",
        remedy: "leave --media-rate out, or choose --profile v1.3")
    }
  }

  /// When the run's windows are open; `nil` where requests may be sent at any time.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value` when a window is too short for a request, or this machine does
  ///   not know the zone.
  package func calendar() throws(ConfigurationError) -> WindowCalendar? {
    guard !windows.isEmpty else { return nil }
    if let window = windows.first(where: { $0.length < timeout }) {
      throw ConfigurationError(
        .badValue,
        "--window \(window) is shorter than --timeout \(DurationText.format(timeout)): no request would be sure to "
          + "end in it",
        remedy: "give a longer window, or a shorter --timeout")
    }
    guard let zone else { return WindowCalendar(windows: windows, zone: .ofMachine) }
    guard let known = LocalZone(named: zone) else {
      throw ConfigurationError(
        .badValue, "--timezone is \(VisibleText.escape(zone, cutAt: 60)), which this machine does not know",
        remedy: "give the name of a time zone, such as Europe/Berlin or UTC")
    }
    return WindowCalendar(windows: windows, zone: known)
  }

  /// Why nothing is sent while no window is open.
  package static let noWindow = "no sending window is open"

  /// The wait for the next window at a moment; `nil` while requests may be sent.
  ///
  /// Where the windows cannot be followed on this machine, it does not know of a wait; the run itself is refused then.
  package func windowWait(at now: Timestamp) -> StoredWait? {
    let calendar: WindowCalendar?
    do { calendar = try self.calendar() } catch { return nil }
    guard let calendar, let start = calendar.start(from: now, taking: timeout), start > now else {
      return nil
    }
    return StoredWait(until: start, reason: Self.noWindow)
  }

  /// The table of settings that are stored with a run, in the order in which they are shown.
  package static let table: [Setting<RunSettings>] =
    ownTable + ObjectAccess.table.map { $0.within(\.objects) }

  private static let ownTable: [Setting<RunSettings>] = [
    Setting(
      "base-url", \.baseURL, .baseURL, .sending, resuming: .changes,
      help: "Address of the service: https, or http to this machine."),
    Setting("profile", \.profile, .choice, .plan, resuming: .fixed, help: "Version of the service."),
    Setting(
      "chunk-size", \.chunkSize, .number(1...1_000_000), .plan, resuming: .fixed,
      help: "Items per request at most."),
    Setting(
      // From an empty array to what one request can sensibly hold in memory.
      "chunk-bytes", \.chunkBytes, .bytes(2...(1 << 30)), .plan, resuming: .fixed,
      help: "Size of a request's file part at most."),
    Setting(
      "concurrency", \.concurrency, .number(1...256), .sending, resuming: .changes,
      help: "Requests in flight at most."),
    Setting(
      "rate", \.rates, .rates, .sending, resuming: .changes, storedKey: "rates",
      help:
        "Limit on requests, N/s, N/min, N/hour or N/day; may be repeated, all hold. With profile v1.3 it holds "
        + "for each of the steps upload and index by itself; upload:60/min limits one of them."),
    Setting(
      "item-rate", \.itemRates, .itemRates, .sending, resuming: .changes, storedKey: "item_rates",
      whenNotStored: [],
      help:
        "Limit on items, N/s, N/min, N/hour or N/day; may be repeated, all hold. No less than a request may carry."
    ),
    Setting(
      "media-rate", \.mediaRates, .mediaRates, .sending, resuming: .changes, storedKey: "media_rates",
      whenNotStored: [],
      help:
        "Limit on the minutes of media that are indexed, for example 600min/hour; may be repeated, all hold. "
        + "Profile v1.3 only."),
    Setting(
      "window", \.windows, .windows, .sending, resuming: .changes, storedKey: "windows", whenNotStored: [],
      help:
        "Send requests only at this time, for example 22:00-06:00 or mon-fri 22:00-06:00, where days are those on which "
        + "it opens; may be repeated. A request that could end after the window is not sent."),
    Setting(
      "timezone", \.zone, SettingKind.zone.optional, .sending, resuming: .changes,
      help: "Time zone of --window, for example Europe/Berlin; else the machine's."),
    Setting(
      "exit-outside", \.exitsOutside, .flag, .sending, resuming: .changes, whenNotStored: false,
      help: "Pause the run and exit with status 3 while no window is open, instead of waiting."),
    Setting(
      "ahead", \.ahead, .number(1...100_000), .sending, resuming: .changes,
      whenNotStored: RunSettings().ahead,
      help: "Items that may be uploaded and not indexed yet, at most. Profile v1.3 only."),
    Setting(
      "timeout", \.timeout, .duration(from: .milliseconds(1)), .sending, resuming: .changes,
      help: "Time limit of a request, from its first byte to the end of the answer."),
    Setting(
      "max-attempts", \.maxAttempts, .number(1...1_000_000), .sending, resuming: .changes,
      help: "Counted attempts per chunk at most."),
    Setting(
      "max-wait", \.maxWait, .duration(from: .zero), .sending, resuming: .changes,
      help: "Pause the run when it makes no progress, or the service asks to wait, for longer than this."),
    Setting(
      "on-unknown", \.onUnknown, .choice, .sending, resuming: .changes,
      help: "What to do about a lost answer: ask the service, resend without asking, or hold."),
    Setting(
      "settle-delay", \.settleDelay, .duration(from: .zero), .sending, resuming: .changes,
      help: "Time before the service is asked about a lost answer, and between two such questions."),
    Setting(
      "settle-grace", \.settleGrace, .duration(from: .zero), .sending, resuming: .changes,
      whenNotStored: RunSettings().settleGrace,
      help: "Time after a time-out, or a 408, 502, 503 or 504, before a request counts as not received. "
        + "A gateway may hold such a request; with a shorter time it may arrive after it was sent again."),
    Setting(
      "max-failures", \.maxFailures, .threshold, .sending, resuming: .changes,
      help: "Pause the run when more items than this are rejected or failed: a number, or a percentage of "
        + "the items decided."),
    Setting(
      "bisect", \.bisect, .flag, .sending, resuming: .changes, whenNotStored: false,
      help: "Divide a refused chunk until its bad items stand alone."),
    Setting(
      "limit", \.limit, SettingKind.number(1...Int.max).optional, .plan, resuming: .fixed,
      help: "Stop after N distinct items."),
    Setting("strict", \.strict, .flag, .plan, resuming: .fixed, help: "Refuse a manifest that has warnings."),
    Setting(
      "new-only", \.newOnly, .flag, .general, resuming: .fixed, whenNotStored: false,
      help: "Leave out what earlier runs of this database have: accepted, rejected for good, or still open."),
  ]
}

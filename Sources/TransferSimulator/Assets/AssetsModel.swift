import Synchronization

/// Profile v1.3 of the service without HTTP: what it took, what became of it, and the rules by which it refuses.
///
/// One request is: `react` to it, which says when the work is done and how the request ends, and `answer`, which does the
/// work. Time comes in with each of them; nothing waits, nothing is drawn but from the seed, and the same calls in the same
/// order give the same answers.
package final class AssetsModel: Sendable {
  struct State {
    var assets: [SimulatedAsset] = []
    var assetPositions: [String: Int] = [:]
    var indexed: [IndexedAsset] = []
    var indexedPositions: [String: Int] = [:]
    var byIndex: [String: [Int]] = [:]
    var byAsset: [String: [Int]] = [:]
    var tasks: [AssetsTask] = []
    var goneIndexes: Set<String>
    /// When each of the places for indexing at the same time is free again.
    var places: [Int64]
    var listingModes: Set<ListingMode>
    var listingLag: Duration
    var budgets: AssetsBudgets
    var intruders = 0
    var lastNow: Int64 = 0
  }

  let configuration: SimulatorConfiguration
  let rules: AssetsConfiguration
  let plan: FaultPlan
  let objects: ObjectStore?
  let state: Mutex<State>

  /// An empty service.
  ///
  /// - Parameters:
  ///   - configuration: what it is like; its clock is not asked.
  ///   - plan: the faults; those of calls of profile v1.3 are looked at.
  ///   - objects: the small S3 that URLs are fetched from; nil fetches none.
  package init(_ configuration: SimulatorConfiguration, plan: FaultPlan, objects: ObjectStore? = nil) {
    self.configuration = configuration
    self.rules = configuration.assets ?? AssetsConfiguration()
    self.plan = plan
    self.objects = objects
    state = Mutex(
      State(
        goneIndexes: configuration.goneIndexes,
        places: Array(repeating: 0, count: max(0, configuration.assets?.indexingCap ?? 0)),
        listingModes: configuration.listingModes, listingLag: configuration.listingLag,
        budgets: AssetsBudgets(configuration.assets ?? AssetsConfiguration())))
  }

  /// Changes how listings behave from now on.
  package func setListingModes(_ modes: Set<ListingMode>) { state.withLock { $0.listingModes = modes } }

  /// Changes how long what was made stays hidden from listings, for what was made before too.
  package func setListingLag(_ lag: Duration) { state.withLock { $0.listingLag = lag } }

  /// Changes which indexes are gone.
  package func setGoneIndexes(_ indexes: Set<String>) { state.withLock { $0.goneIndexes = indexes } }

  /// Every asset that was ever made, in order.
  package func records(at now: Int64) -> [AssetRecord] {
    state.withLock { state in
      state.assets.filter { !$0.url.isEmpty }.map { asset in
        let indexed = (state.byAsset[asset.id] ?? []).map { state.indexed[$0] }
        return AssetRecord(
          id: asset.id, tag: asset.tag, object: String(asset.url.prefix { $0 != "?" }),
          status: asset.isThere(at: now) ? asset.status(at: now) : "gone",
          indexes: indexed.map(\.index), indexedStates: indexed.map { $0.state(at: now).status })
      }
    }
  }

  /// What the service took, counted.
  package func tally(at now: Int64) -> AssetsTally {
    var tally = AssetsTally()
    var indexedOf: [String: Int] = [:]
    let records = records(at: now)
    for record in records {
      let tag = record.tag ?? ""
      tally.assets[tag, default: 0] += 1
      for index in record.indexes {
        tally.indexed[AssetsTally.Place(tag: tag, index: index), default: 0] += 1
      }
      if !record.indexes.isEmpty { indexedOf[tag, default: 0] += 1 }
    }
    for task in state.withLock({ $0.tasks }) {
      tally.indexed[AssetsTally.Place(tag: task.tag ?? "", index: task.index), default: 0] += 1
    }
    for record in records where record.status != "gone" && record.status != "failed" {
      let tag = record.tag ?? ""
      tally.usable[tag, default: 0] += 1
      guard record.indexes.isEmpty else { continue }
      if indexedOf[tag] == nil {
        tally.leftOver.append(record.id)
      } else {
        tally.surplus.append(record.id)
      }
    }
    return tally
  }
}

extension AssetsModel {
  /// What becomes of a request: faults by number and by share, the key, the budgets.
  ///
  /// - Parameter numbered: the fault that ``arrive(_:)`` found, where the head of the request was seen before its body; nil
  ///   lets this call count the request.
  package func react(to call: AssetsCall, at now: Int64, numbered: FaultRule?? = nil) -> Reaction {
    var rule = numbered ?? plan.arrive(call.faultCalls)
    if rule?.kind != .resetBefore, !isKeyRight(call.request) {
      return told(.refused(unauthorized(call.request)))
    }
    rule = rule ?? plan.fault(call.faultCalls, about: call.subject)
    if let rule, rule.kind == .indexGone, let index = call.index {
      state.withLock { _ = $0.goneIndexes.insert(index) }
    }
    var reaction = Reaction(
      rule, latency: call.isSubmission ? configuration.delay : .zero, silence: configuration.stallTime
    ) { refusal($0, call, now) }
    let gate = call.gate
    let minutes = mediaMinutes(call, now)
    state.withLock { state in
      if rule == nil, let refused = state.budgets.take(gate, minutes: minutes, at: now) {
        reaction = .refused(throttled(rules.throttleForm, resetsAt: refused.resetsAt, refused.headers, now))
      } else {
        reaction.headers += state.budgets.headers(gate, at: now)
      }
    }
    if rule?.kind == .throttleBare || rules.throttleForm == .throttleBare && reaction.work == .never {
      reaction.headers = []
    }
    return told(reaction)
  }

  /// Counts a request by its head, and finds the fault that is given for its number.
  package func arrive(_ kind: AssetsCall.Kind) -> FaultRule? { plan.arrive(kind.faultCalls) }

  /// Does the work of a request and answers it; `isTaken` says whether an asset or an indexed asset was made.
  package func answer(_ call: AssetsCall, _ reaction: Reaction, at now: Int64) -> (
    answer: SimulatedAnswer, isTaken: Bool
  ) {
    let own: (answer: SimulatedAnswer, isTaken: Bool) =
      reaction.work == .never
      ? (SimulatedAnswer(status: 500), false)
      : state.withLock { state in
        state.lastNow = max(state.lastNow, now)
        return work(call, reaction.fault?.kind, state.lastNow, &state)
      }
    let shaped = reaction.shaped(
      own.answer, dribble: configuration.dribbleInterval, hugeBytes: configuration.hugeBytes)
    return (shaped, own.isTaken)
  }

  private func told(_ reaction: Reaction) -> Reaction {
    var reaction = reaction
    reaction.headers.append(("X-Api-Version", "1.3"))
    return reaction
  }

  private func isKeyRight(_ request: SimulatedRequest) -> Bool {
    let key = request.headers["x-api-key"] ?? ""
    return configuration.apiKey.map { $0 == key } ?? !key.isEmpty
  }

  private func unauthorized(_ request: SimulatedRequest) -> SimulatedAnswer {
    AssetsCall.error(
      401, "api_key_invalid",
      "The API key '\(request.headers["x-api-key"] ?? "")' is not valid, or has expired")
  }

  /// The minutes of media that a request would have indexed.
  private func mediaMinutes(_ call: AssetsCall, _ now: Int64) -> Double {
    guard case .indexing(let indexing) = call.content else { return 0 }
    return state.withLock { state in
      state.assetPositions[indexing.assetID].map { state.assets[$0].duration / 60 } ?? 0
    }
  }

  /// The answer of a fault.
  private func refusal(_ rule: FaultRule, _ call: AssetsCall, _ now: Int64) -> SimulatedAnswer {
    func error(_ status: Int, _ code: String, _ message: String) -> SimulatedAnswer {
      AssetsCall.error(status, code, message)
    }
    let resetsAt = now + (rule.wait ?? configuration.throttleWait).wholeMilliseconds
    switch rule.kind {
    case .throttle, .throttleDate, .throttleReset, .throttleBare:
      return throttled(rule.kind, resetsAt: resetsAt, AssetsBudgets.exhausted(resetsAt), now)
    case .unavailable: return error(503, "service_unavailable", "The service is not available")
    case .unavailableWait:
      return error(503, "service_unavailable", "The service is not available")
        .adding("Retry-After", String(max(0, (resetsAt - now + 999) / 1000)))
    case .badGateway: return .html(502, "502 Bad Gateway")
    case .html: return .html(200, "Please log in")
    case .redirect:
      let target = configuration.redirectTarget ?? "http://elsewhere.invalid\(call.request.target)"
      return SimulatedAnswer(status: 307, headers: [("Location", target)])
    case .unauthorized: return unauthorized(call.request)
    case .forbidden: return error(403, "api_not_allowed", "This API is not allowed for your account")
    case .insufficientFunds: return error(400, "insufficient_funds", "Your account has no credit left")
    case .usageLimit: return error(400, "usage_limit_exceeded", "Your usage limit has been exceeded")
    case .tooLarge: return error(413, "request_too_large", "The request is too long")
    case .nestedError:
      return .json(
        400,
        .object([
          (
            "error",
            .object([("code", "parameter_invalid"), ("message", "The request has an invalid parameter")])
          )
        ]))
    case .refused: return error(400, "parameter_invalid", "The request has an invalid parameter")
    case .unsupported:
      let url: String? = if case .upload(let upload) = call.content { upload.url } else { nil }
      return error(400, "unsupported_file_type", "The type of the file\(place(url)) is not supported")
    case .indexGone: return unknown("index", call.index ?? "")
    default: return error(500, "internal_server_error", "Something went wrong")
    }
  }

  /// Where a file is, for a message, if messages say it.
  func place(_ url: String?) -> String {
    rules.repeatsURLs ? url.map { " at \($0)" } ?? "" : ""
  }

  func throttled(
    _ form: FaultKind?, resetsAt: Int64, _ headers: [(name: String, value: String)], _ now: Int64
  ) -> SimulatedAnswer {
    var answer = AssetsCall.error(
      429, "too_many_requests",
      "You have exceeded the rate limit. Please try again after \(TimeText.rfc3339(resetsAt))")
    let wait = String(max(0, (resetsAt - now + 999) / 1000))
    if form == nil || form == .throttle { answer = answer.adding("Retry-After", wait) }
    if form == .throttleDate {
      answer = answer.adding("Retry-After", TimeText.http((resetsAt + 999) / 1000 * 1000))
    }
    if form == nil || form == .throttleReset { answer.headers += headers }
    return answer
  }

  /// The refusal of an id that nothing has.
  func unknown(_ what: String, _ id: String) -> SimulatedAnswer {
    rules.answersUnknownWith400
      ? AssetsCall.error(400, "resource_not_exist", "Resource with id \(id) does not exist")
      : AssetsCall.error(404, "not_found", "The \(what) \(id) was not found")
  }
}

extension AssetsCall {
  /// Whether it makes something, and is counted among the requests that submit.
  package var isSubmission: Bool { kind.isSubmission }

  var gate: AssetsBudgets.Gate? {
    switch kind {
    case .upload: .upload
    case .index, .createTask: .index
    default: request.method == "GET" ? .read : nil
    }
  }
}

extension AssetsCall.Kind {
  /// Whether it makes something.
  var isSubmission: Bool {
    switch self {
    case .upload, .index, .createTask: true
    default: false
    }
  }
}

// MARK: What reading and changing share

extension AssetsModel {
  /// 24 hexadecimal digits that begin with the second and grow with every call, as the service's do.
  func identifier(_ now: Int64, _ state: State) -> String {
    let count = state.assets.count + state.indexed.count + state.tasks.count
    func hex(_ number: Int64, _ digits: Int) -> String {
      let text = String(number, radix: 16)
      return String(repeating: "0", count: max(0, digits - text.count)) + text.suffix(digits)
    }
    let machine = SeededHash(seed: configuration.seed).adding("machine").hex(8)
    return hex(now / 1000, 8) + machine + hex(Int64(count), 8)
  }

  /// The models of an index; nil when there is no such index.
  func models(of index: String, _ state: State) -> [String]? {
    guard !index.isEmpty, !state.goneIndexes.contains(index) else { return nil }
    guard let indexes = rules.indexes else { return ["marengo3.0"] }
    return indexes.first { $0.id == index }?.models
  }

  /// Positions of what an index has.
  func videos(in index: String, _ state: State) -> [Int] {
    (state.byIndex[index] ?? []).filter { !state.indexed[$0].isDeleted }
  }

  func showsMetadata(_ state: State) -> Bool {
    rules.returnsMetadata && !state.listingModes.contains(.omitMetadata)
  }

  /// What a fetch came to.
  enum Fetched: Equatable {
    /// The file is there.
    case stored(Int64)
    /// The address is none that this stand-in can look at.
    case unchecked
    case failed(String)
  }

  /// Fetches a URL as the service would at that moment.
  func fetch(_ url: String, at moment: Int64) -> Fetched {
    guard rules.fetch != .none, let objects else { return .unchecked }
    let refusal = Fetched.failed("The file could not be accessed: the URL does not lead to a file")
    for method in rules.fetch == .headThenGet ? ["HEAD", "GET"] : ["GET"] {
      var address = url
      var answer: SimulatedAnswer?
      for _ in 0...5 {
        guard let place = WebAddress(address) else { return refusal }
        guard objects.serves(place.authority) else { return .unchecked }
        let found = objects.answer(
          SimulatedRequest(method: method, target: place.target, headers: ["host": place.authority]),
          at: moment)
        answer = found
        guard (300..<400).contains(found.status), rules.followsRedirects, let next = found.header("Location")
        else { break }
        address = next
      }
      guard let answer, answer.status == 200 else { return refusal }
      guard method == "GET" else { continue }
      guard case .pattern(_, let count) = answer.delivery else { return .stored(Int64(answer.body.count)) }
      return count > rules.maximumSize
        ? .failed("The file exceeds the largest size that is allowed") : .stored(count)
    }
    return .unchecked
  }
}

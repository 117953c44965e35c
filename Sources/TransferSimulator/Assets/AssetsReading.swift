import Foundation

extension AssetsModel {
  /// Answers what changes nothing.
  func read(_ call: AssetsCall, _ now: Int64, _ state: inout State) -> SimulatedAnswer {
    switch call.kind {
    case .nowhere: return AssetsCall.error(404, "endpoint_not_found", "There is nothing at this address")
    case .wrongMethod:
      return AssetsCall.error(405, "method_not_allowed", "\(call.request.method) is not allowed here")
    case .asset(let id):
      guard let position = state.assetPositions[id], state.assets[position].isThere(at: now) else {
        return unknown("asset", id)
      }
      return .json(
        200,
        state.assets[position].json(at: now, isDetailed: true, withMetadata: showsMetadata(state)))
    case .indexedAsset(let index, let id):
      guard models(of: index, state) != nil else { return unknown("index", index) }
      guard let position = state.indexedPositions[id], state.indexed[position].index == index,
        !state.indexed[position].isDeleted
      else { return unknown("indexed asset", id) }
      return .json(200, state.indexed[position].json(at: now, isDetailed: true))
    case .indexInfo(let id):
      guard models(of: id, state) != nil else { return unknown("index", id) }
      return .json(200, info(id, now, state))
    case .indexes: return page(call, state, known(state)) { info($0, now, state) }
    case .assets: return assets(call, now, &state)
    case .byAsset(let id): return byAsset(id, call, now, &state)
    case .indexed(let index): return indexed(index, call, now, &state)
    case .tasks: return tasks(call, now, state)
    case .task(let id):
      return state.tasks.first { $0.id == id }.map { .json(200, $0.json(at: now)) } ?? unknown("task", id)
    default: return AssetsCall.error(500, "internal_server_error", "Something went wrong")
    }
  }

  private func assets(_ call: AssetsCall, _ now: Int64, _ state: inout State) -> SimulatedAnswer {
    if let refusal = unreadable(state) { return refusal }
    let query = call.query
    let shown = now - state.listingLag.wholeMilliseconds
    let ids = query.all("asset_ids").flatMap { $0.split(separator: ",").map(String.init) }
    var positions: [Int]
    if ids.isEmpty {
      positions = Array(state.assets.indices.reversed())
    } else {
      positions = Set(ids.compactMap { state.assetPositions[$0] }).sorted(by: >)
    }
    positions = positions.filter { state.assets[$0].createdAt <= shown && state.assets[$0].isThere(at: now) }
    if let name = query["filename"]?.lowercased(), !state.listingModes.contains(.ignoreFilename) {
      positions = positions.filter { state.assets[$0].filename.lowercased().contains(name) }
    }
    let types = query.all("asset_types")
    if !types.isEmpty {
      // The type is known when the file has been looked at.
      positions = positions.filter {
        state.assets[$0].status(at: now) == "ready" && types.contains(state.assets[$0].kind)
      }
    }
    let shows = showsMetadata(state)
    let answer = page(call, state, positions) { [assets = state.assets] in
      assets[$0].json(at: now, isDetailed: true, withMetadata: shows)
    }
    shift(now, &state)
    return answer
  }

  private func byAsset(_ id: String, _ call: AssetsCall, _ now: Int64, _ state: inout State)
    -> SimulatedAnswer
  {
    guard rules.listsByAsset else {
      return AssetsCall.error(404, "endpoint_not_found", "There is nothing at this address")
    }
    if let refusal = unreadable(state) { return refusal }
    guard let position = state.assetPositions[id], state.assets[position].isThere(at: now) else {
      return unknown("asset", id)
    }
    let shown = now - state.listingLag.wholeMilliseconds
    let positions = (state.byAsset[id] ?? []).reversed().filter {
      !state.indexed[$0].isDeleted && state.indexed[$0].createdAt <= shown
    }
    return page(call, state, Array(positions)) {
      let entry = state.indexed[$0]
      return .object([
        ("_id", .string(entry.id)),
        ("index", .object([("_id", .string(entry.index)), ("name", .string("index \(entry.index)"))])),
      ])
    }
  }

  /// The members of a query that are no name of user metadata.
  private static let ownParameters: Set<String> = [
    "page", "page_limit", "sort_by", "sort_option", "status", "filename", "created_at", "updated_at",
  ]

  private func indexed(_ index: String, _ call: AssetsCall, _ now: Int64, _ state: inout State)
    -> SimulatedAnswer
  {
    guard models(of: index, state) != nil else { return unknown("index", index) }
    if let refusal = unreadable(state) { return refusal }
    let query = call.query
    func invalid(_ name: String) -> SimulatedAnswer {
      AssetsCall.error(400, "parameter_invalid", "The \(name) parameter is invalid")
    }
    let order = query["sort_by"] ?? "created_at"
    guard ["created_at", "updated_at"].contains(order) else { return invalid("sort_by") }
    let direction = query["sort_option"] ?? "desc"
    guard ["asc", "desc"].contains(direction) else { return invalid("sort_option") }
    let shown = now - state.listingLag.wholeMilliseconds
    var positions = videos(in: index, state).filter { state.indexed[$0].createdAt <= shown }
    let statuses = query.all("status")
    if !statuses.isEmpty {
      positions = positions.filter { statuses.contains(state.indexed[$0].state(at: now).status) }
    }
    if let name = query["filename"]?.lowercased(), !state.listingModes.contains(.ignoreFilename) {
      positions = positions.filter { state.indexed[$0].filename.lowercased().contains(name) }
    }
    for name in ["created_at", "updated_at"] {
      guard let text = query[name] else { continue }
      guard let moment = TimeText.milliseconds(rfc3339: text) else { return invalid(name) }
      positions = positions.filter {
        let entry = state.indexed[$0]
        return (name == "created_at" ? entry.createdAt : entry.state(at: now).since) >= moment
      }
    }
    let measures: [(name: String, of: @Sendable (IndexedAsset) -> Double)] = [
      ("duration", { $0.duration }), ("fps", { _ in 25 }), ("width", { _ in 1920 }),
      ("height", { _ in 1080 }), ("size", { Double($0.size) }),
    ]
    for measure in measures {
      for bound in ["gte", "lte"] {
        guard let text = query["\(measure.name)[\(bound)]"] else { continue }
        guard let limit = Double(text) else { return invalid("\(measure.name)[\(bound)]") }
        positions = positions.filter {
          let value = measure.of(state.indexed[$0])
          return bound == "gte" ? value >= limit : value <= limit
        }
      }
    }
    // Metadata is a filter by its bare name; `user_metadata[name]`, which the vendor's SDK sends, is ignored.
    for name in query.names where !AssetsModel.ownParameters.contains(name) && !name.contains("[") {
      let filter = query[name] ?? ""
      positions = positions.filter { state.indexed[$0].metadata?[name]?.matches(filter) ?? false }
    }
    if order == "updated_at" {
      let dated = positions.map { (since: state.indexed[$0].state(at: now).since, position: $0) }
      positions = dated.sorted { ($0.since, $0.position) < ($1.since, $1.position) }.map(\.position)
    }
    if direction == "desc" { positions.reverse() }
    return page(call, state, positions) { state.indexed[$0].json(at: now, isDetailed: false) }
  }

  /// The refusal of a listing that does not work.
  func unreadable(_ state: State) -> SimulatedAnswer? {
    if state.listingModes.contains(.fails) {
      return AssetsCall.error(500, "internal_server_error", "Something went wrong")
    }
    if state.listingModes.contains(.missing) {
      return AssetsCall.error(404, "endpoint_not_found", "There is nothing at this address")
    }
    return nil
  }

  /// One page of what was found.
  func page<Row>(_ call: AssetsCall, _ state: State, _ found: [Row], _ json: (Row) -> JSONText)
    -> SimulatedAnswer
  {
    func number(_ name: String, _ standard: Int, _ most: Int) -> Int? {
      guard let text = call.query[name] else { return standard }
      return Int(text).flatMap { (1...most).contains($0) ? $0 : nil }
    }
    guard let page = number("page", 1, 1_000_000_000), let limit = number("page_limit", 10, 50) else {
      let name = number("page", 1, 1_000_000_000) == nil ? "page" : "page_limit"
      return AssetsCall.error(400, "parameter_invalid", "The \(name) parameter is invalid")
    }
    // With repeated rows each page moves on by one row less than it shows.
    let stride = state.listingModes.contains(.repeating) ? max(1, limit - 1) : limit
    let first = min((page - 1) * stride, found.count)
    let isSilent = state.listingModes.contains(.zeroTotals)
    let total = isSilent ? 0 : (found.count + stride - 1) / stride
    return .json(
      200,
      .object([
        ("data", .array(found[first..<min(first + limit, found.count)].map(json))),
        (
          "page_info",
          .object([
            ("limit_per_page", .integer(limit)), ("page", .integer(isSilent ? 0 : page)),
            ("total_page", .integer(total)), ("total_results", .integer(isSilent ? 0 : found.count)),
          ])
        ),
      ]))
  }

  /// Adds an asset that nobody here made, when listings shift.
  private func shift(_ now: Int64, _ state: inout State) {
    guard state.listingModes.contains(.shifting) else { return }
    state.intruders += 1
    let asset = SimulatedAsset(
      id: identifier(now, state), url: "",
      filename: "intruder-\(state.intruders).mp4", tag: nil, createdAt: now, settledAt: now, fate: .ready,
      size: 1, duration: 1)
    state.assetPositions[asset.id] = state.assets.count
    state.assets.append(asset)
  }

  /// The indexes there are: those of the configuration, or those that have videos.
  private func known(_ state: State) -> [String] {
    let ids = rules.indexes?.map(\.id) ?? state.byIndex.keys.sorted()
    return ids.filter { !state.goneIndexes.contains($0) }
  }

  private func info(_ id: String, _ now: Int64, _ state: State) -> JSONText {
    let videos = videos(in: id, state).map { state.indexed[$0] }
    let expiresAt = rules.indexes?.first { $0.id == id }?.expiresAt
    let time = JSONText.string(TimeText.rfc3339(videos.first?.createdAt ?? now))
    return .object([
      ("_id", .string(id)), ("created_at", time), ("updated_at", time),
      ("expires_at", expiresAt.map { .string(TimeText.rfc3339($0)) } ?? .null),
      ("index_name", .string("index \(id)")),
      ("total_duration", .number(videos.reduce(0) { $0 + $1.duration })),
      ("video_count", .integer(videos.count)),
      (
        "models",
        .array(
          (models(of: id, state) ?? []).map {
            .object([
              ("model_name", .string($0)), ("model_options", .array([.string("visual"), .string("audio")])),
            ])
          })
      ),
      ("addons", .array([])),
    ])
  }
}

extension AssetsModel {
  /// An answer, and whether what was sent is taken.
  typealias Outcome = (answer: SimulatedAnswer, isTaken: Bool)

  /// Does the work of a call.
  func work(_ call: AssetsCall, _ fault: FaultKind?, _ now: Int64, _ state: inout State) -> Outcome {
    if case .unreadable(let answer) = call.content { return (answer, false) }
    switch (call.kind, call.content) {
    case (.upload, .upload(let upload)): return make(upload, fault, now, &state)
    case (.index(let index), .indexing(let indexing)):
      return make(indexing, in: index, fault, now, &state)
    case (.createTask, .task(let task)): return make(task, fault, now, &state)
    case (.deleteAsset(let id), _): return (delete(asset: id, call, now, &state), false)
    case (.changeAsset(let id), let content): return (change(asset: id, call, content, now, &state), false)
    case (.changeIndexed(let index, let id), .metadata(let change)):
      return (
        alter(index, id, now, &state) { $0.metadata = ($0.metadata ?? Metadata.none).merging(change) }, false
      )
    case (.deleteIndexed(let index, let id), _):
      return (alter(index, id, now, &state) { $0.isDeleted = true }, false)
    default: return (read(call, now, &state), false)
    }
  }

  /// Makes an asset, and fetches its URL for the moment at which the service will.
  private func make(_ upload: AssetsCall.Upload, _ fault: FaultKind?, _ now: Int64, _ state: inout State)
    -> Outcome
  {
    let path = String(upload.url.prefix { $0 != "?" && $0 != "#" })
    if path.contains("poison") {
      return (
        AssetsCall.error(400, "unsupported_file_type", "The type of the file is not supported"), false
      )
    }
    if path.contains("crash") {
      return (AssetsCall.error(500, "internal_server_error", "Something went wrong"), false)
    }
    let hash = SeededHash(seed: configuration.seed).adding("asset").adding(upload.metadata?.tag ?? path)
    let fetchedAt = now + rules.fetchDelay.wholeMilliseconds
    let fetched = fetch(upload.url, at: fetchedAt)
    let fate: SimulatedAsset.Fate
    switch (fault, fetched) {
    case (.stuck, _): fate = .stuck
    case (.vanishes, _): fate = .gone
    case (.oddStatus, _): fate = .odd
    case (.fails, _):
      fate = .failed(
        "The file\(place(upload.url)) could not be read: invalid data found when processing input")
    case (_, .failed(let message)): fate = .failed(message)
    case _ where path.contains("broken") || hash.adding("fails").unit < rules.failedShare:
      fate = .failed("The video has no stream that can be decoded")
    default: fate = .ready
    }
    let known: Int64? = if case .stored(let size) = fetched { size } else { nil }
    let span = max(1, rules.durations.count)
    let asset = SimulatedAsset(
      id: identifier(now, state), url: upload.url,
      filename: upload.filename ?? String(path.split(separator: "/").last ?? "file"),
      tag: upload.metadata?.tag, createdAt: now,
      settledAt: fetchedAt + configuration.taskStep.wholeMilliseconds, fate: fate,
      size: known ?? Int64(hash.adding("size").value % 500_000_000) + 1_000_000,
      duration: Double(rules.durations.lowerBound + Int(hash.adding("duration").value % UInt64(span))),
      metadata: upload.metadata?.withoutEmpty)
    state.assetPositions[asset.id] = state.assets.count
    state.assets.append(asset)
    return (
      .json(201, asset.json(at: now, isDetailed: false, withMetadata: showsMetadata(state))), true
    )
  }

  /// Puts an asset into an index.
  private func make(
    _ indexing: AssetsCall.Indexing, in index: String, _ fault: FaultKind?, _ now: Int64,
    _ state: inout State
  ) -> Outcome {
    guard let models = models(of: index, state) else { return (unknown("index", index), false) }
    if !models.isEmpty, models.allSatisfy({ $0.lowercased() == "pegasus1.2" }) {
      return (
        AssetsCall.error(400, "index_not_supported", "An index with Pegasus 1.2 alone takes no new videos"),
        false
      )
    }
    guard let position = state.assetPositions[indexing.assetID], state.assets[position].isThere(at: now)
    else { return (unknown("asset", indexing.assetID), false) }
    let asset = state.assets[position]
    guard asset.isReady(at: now) else {
      return (
        AssetsCall.error(400, "asset_not_ready", "The asset \(asset.id) is \(asset.status(at: now))"), false
      )
    }
    let earlier = (state.byAsset[asset.id] ?? []).first {
      state.indexed[$0].index == index && !state.indexed[$0].isDeleted
    }
    if let earlier, rules.repeats != .taken {
      return rules.repeats == .sameID
        ? (accepted(state.indexed[earlier]), false)
        : (AssetsCall.error(409, "conflict", "The asset \(asset.id) is in the index already"), false)
    }
    if let cap = rules.videoCap, videos(in: index, state).count >= cap {
      return (AssetsCall.error(400, "index_is_full", "The index has \(cap) videos, its limit"), false)
    }
    let step = configuration.taskStep.wholeMilliseconds
    var startsAt = now + 2 * step
    if !state.places.isEmpty {
      let place = state.places.indices.min { state.places[$0] < state.places[$1] } ?? 0
      if state.places[place] > startsAt {
        if rules.overflow == .refused {
          let resetsAt = state.places[place]
          return (
            throttled(
              rules.throttleForm, resetsAt: resetsAt, AssetsBudgets.exhausted(resetsAt), now), false
          )
        }
        startsAt = state.places[place]
      }
      state.places[place] = startsAt + 2 * step
    }
    let hash = SeededHash(seed: configuration.seed).adding("indexed").adding(asset.tag ?? asset.url)
    let entry = IndexedAsset(
      id: identifier(now, state), index: index, assetID: asset.id,
      tag: asset.tag ?? indexing.metadata?.tag, filename: asset.filename, duration: asset.duration,
      size: asset.size, createdAt: now, startsAt: startsAt, step: step,
      fails: fault == .fails || hash.adding("fails").unit < configuration.failedShare,
      isStuck: fault == .stuck, isOdd: fault == .oddStatus, metadata: indexing.metadata)
    let place = state.indexed.count
    state.indexedPositions[entry.id] = place
    state.byIndex[index, default: []].append(place)
    state.byAsset[asset.id, default: []].append(place)
    state.indexed.append(entry)
    return (accepted(entry), true)
  }

  private func accepted(_ entry: IndexedAsset) -> SimulatedAnswer {
    .json(202, .object([("_id", .string(entry.id)), ("asset_id", .string(entry.assetID))]))
      .adding("Location", "/indexes/\(entry.index)/indexed-assets/\(entry.id)")
  }

  private func delete(asset id: String, _ call: AssetsCall, _ now: Int64, _ state: inout State)
    -> SimulatedAnswer
  {
    guard let position = state.assetPositions[id], state.assets[position].isThere(at: now) else {
      return unknown("asset", id)
    }
    let isUsed = (state.byAsset[id] ?? []).contains { !state.indexed[$0].isDeleted }
    guard !isUsed || call.query["force"] == "true" else {
      return AssetsCall.error(409, "asset_in_use", "The asset \(id) is used by an indexed asset")
    }
    state.assets[position].isDeleted = true
    return SimulatedAnswer(status: 204)
  }

  private func change(
    asset id: String, _ call: AssetsCall, _ content: AssetsCall.Content, _ now: Int64, _ state: inout State
  ) -> SimulatedAnswer {
    guard let position = state.assetPositions[id], state.assets[position].isThere(at: now) else {
      return unknown("asset", id)
    }
    switch content {
    case .metadata(let change) where call.request.method == "PATCH":
      state.assets[position].metadata = (state.assets[position].metadata ?? .none).merging(change)
    case .metadata(let change): state.assets[position].metadata = change.withoutEmpty
    default: state.assets[position].metadata = nil
    }
    return SimulatedAnswer(status: 204)
  }

  private func alter(
    _ index: String, _ id: String, _ now: Int64, _ state: inout State, _ body: (inout IndexedAsset) -> Void
  ) -> SimulatedAnswer {
    guard models(of: index, state) != nil else { return unknown("index", index) }
    guard let position = state.indexedPositions[id], state.indexed[position].index == index,
      !state.indexed[position].isDeleted
    else { return unknown("indexed asset", id) }
    body(&state.indexed[position])
    return SimulatedAnswer(status: 204)
  }
}

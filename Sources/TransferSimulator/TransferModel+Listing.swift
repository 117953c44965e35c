import Synchronization

extension TransferModel {
  /// The listing modes in force.
  package var listingModes: Set<ListingMode> { state.withLock { $0.listingModes } }

  /// Reads one page, and then lets the list shift when that mode is on.
  package func list(_ query: TaskQuery) -> TaskPage {
    state.withLock { state in
      let now = now(&state)
      let page = page(query, now, state)
      if state.listingModes.contains(.shifting), let indexID = query.indexID ?? page.rows.first?.task.indexID
      {
        addIntruder(indexID, now, &state)
      }
      return page
    }
  }

  /// How many tasks of an index are in each state, of those that listings show.
  package func counts(indexID: String) -> [TransferTask.Status: Int] {
    state.withLock { state in
      let now = now(&state)
      return visible(indexID, now, state)
        .reduce(into: [:]) { $0[view(state.tasks[$1], now, state).status, default: 0] += 1 }
    }
  }

  /// The indexes that have tasks, in order of their first task.
  package var indexIDs: [String] {
    state.withLock { state in
      state.positions.sorted { ($0.value.first ?? 0) < ($1.value.first ?? 0) }.map(\.key)
    }
  }

  /// Positions of the tasks that the lag has released. Acceptance is in order, so they are a prefix.
  private func visible(_ indexID: String?, _ now: Int64, _ state: State) -> ArraySlice<Int> {
    let all = indexID.map { state.positions[$0] ?? [] } ?? Array(state.tasks.indices)
    let limit = now - state.listingLag.wholeMilliseconds
    var low = 0
    var high = all.count
    while low < high {
      let middle = (low + high) / 2
      if state.tasks[all[middle]].acceptedAt <= limit { low = middle + 1 } else { high = middle }
    }
    return all[..<low]
  }

  private func page(_ query: TaskQuery, _ now: Int64, _ state: State) -> TaskPage {
    var found = visible(query.indexID, now, state)
    if query.id != nil || query.filename != nil || !query.statuses.isEmpty {
      found =
        found.filter { position in
          let row = view(state.tasks[position], now, state)
          return query.id.map { $0 == row.task.id } ?? true
            && query.filename.map { $0 == row.filename } ?? true
            && (query.statuses.isEmpty || query.statuses.contains(row.status.rawValue))
        }[...]
    }
    if query.order == .updatedAt {
      let dated = found.map { (since: view(state.tasks[$0], now, state).updatedAt, position: $0) }
      found = dated.sorted { ($0.since, $0.position) < ($1.since, $1.position) }.map(\.position)[...]
    }
    // With repeated rows each page moves on by one row less than it shows.
    let stride = state.listingModes.contains(.repeating) ? max(1, query.limit - 1) : query.limit
    let first = min((query.page - 1) * stride, found.count)
    let last = min(first + query.limit, found.count)
    let rows = (first..<last).map { offset in
      found[query.isDescending ? found.endIndex - 1 - offset : found.startIndex + offset]
    }
    let isSilent = state.listingModes.contains(.zeroTotals)
    return TaskPage(
      rows: rows.map { view(state.tasks[$0], now, state) }, limit: query.limit,
      page: isSilent ? 0 : query.page,
      totalPages: isSilent ? 0 : (found.count + stride - 1) / stride, totalResults: isSilent ? 0 : found.count
    )
  }

  private func addIntruder(_ indexID: String, _ now: Int64, _ state: inout State) {
    state.singles += 1
    let hash = SeededHash(seed: configuration.seed).adding("intruder").adding(state.singles)
    let name = "intruder-\(state.singles).mp4"
    add(makeTask(indexID: indexID, name: name[...], object: nil, hash: hash, now: now), &state)
  }
}

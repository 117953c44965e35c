import Foundation

/// A video that came by `POST /tasks`, the way in one call that is marked to be removed. What it brought as metadata is not
/// shown again.
struct AssetsTask: Sendable {
  static let phases = ["uploading", "validating", "pending", "queued", "indexing"]

  let id: String
  let videoID: String
  let index: String
  let tag: String?
  let filename: String
  let createdAt: Int64
  let step: Int64
  let fails: Bool

  func state(at now: Int64) -> (status: String, since: Int64) {
    let count = AssetsTask.phases.count
    let place = step <= 0 ? count : Int(min(Int64(count), max(0, now - createdAt) / step))
    let status = place < count ? AssetsTask.phases[place] : fails ? "failed" : "ready"
    return (status, createdAt + Int64(place) * step)
  }

  func json(at now: Int64) -> JSONText {
    let (status, since) = state(at: now)
    return .object([
      ("_id", .string(id)), ("video_id", .string(videoID)), ("index_id", .string(index)),
      ("status", .string(status)), ("created_at", .string(TimeText.rfc3339(createdAt))),
      ("updated_at", .string(TimeText.rfc3339(since))),
      ("system_metadata", .object([("filename", .string(filename)), ("duration", .number(60))])),
    ])
  }
}

extension AssetsModel {
  /// Takes a task.
  func make(_ task: AssetsCall.Task, _ fault: FaultKind?, _ now: Int64, _ state: inout State) -> Outcome {
    guard models(of: task.index, state) != nil else { return (unknown("index", task.index), false) }
    let path = task.url.prefix { $0 != "?" && $0 != "#" }
    let name = path.split(separator: "/").last ?? ""
    let id = identifier(now, state)
    var fails = fault == .fails || path.contains("broken")
    if case .failed = fetch(task.url, at: now + rules.fetchDelay.wholeMilliseconds) { fails = true }
    let made = AssetsTask(
      id: id, videoID: SeededHash(seed: configuration.seed).adding(id).hex(24), index: task.index,
      tag: task.metadata?.tag, filename: name.removingPercentEncoding ?? String(name), createdAt: now,
      step: configuration.taskStep.wholeMilliseconds, fails: fails)
    state.tasks.append(made)
    return (.json(200, .object([("_id", .string(made.id)), ("video_id", .string(made.videoID))])), true)
  }

  /// Lists tasks, newest first.
  func tasks(_ call: AssetsCall, _ now: Int64, _ state: State) -> SimulatedAnswer {
    if let refusal = unreadable(state) { return refusal }
    let shown = now - state.listingLag.wholeMilliseconds
    let statuses = call.query.all("status")
    let found = state.tasks.reversed().filter { task in
      task.createdAt <= shown && call.query["index_id"].map { $0 == task.index } ?? true
        && call.query["filename"].map { $0 == task.filename } ?? true
        && (statuses.isEmpty || statuses.contains(task.state(at: now).status))
    }
    return page(call, state, Array(found)) { $0.json(at: now) }
  }
}

extension TaskView {
  /// The task as listings show it, and with `isDetailed` as the single-task endpoint does.
  func json(_ profile: SimulatorProfile, now: Int64, isDetailed: Bool) -> JSONText {
    var members: [(String, JSONText)] = [
      ("_id", .string(task.id)), ("index_id", .string(task.indexID)), ("status", .string(status.rawValue)),
      ("created_at", time(createdAt)), ("updated_at", time(updatedAt)), ("estimated_time", time(estimatedAt)),
      (
        "metadata",
        .object([
          ("duration", .number(10 + Double(task.draw % 7_000_000) / 1000)), ("filename", .string(filename)),
          ("height", .integer(480)), ("width", .integer(854)),
        ])
      ),
    ]
    if isDetailed && status == .ready { members.append(("video_id", .string(task.videoID))) }
    if isDetailed && status == .indexing {
      let total = max(1, estimatedAt - updatedAt)
      let left = max(0, min(total, estimatedAt - createdAt - (now - task.acceptedAt)))
      members.append(
        (
          "process",
          .object([
            ("percentage", .integer(Int(100 - left * 100 / total))),
            ("remain_seconds", .integer(Int(left / 1000))),
          ])
        ))
    }
    if isDetailed && profile.hasTypes { members.append(("type", "index_task_info")) }
    return .object(members)
  }

  private func time(_ milliseconds: Int64) -> JSONText {
    .string(
      hasVariedTimes
        ? TimeText.varied(milliseconds, variant: task.draw >> 8) : TimeText.rfc3339(milliseconds))
  }
}

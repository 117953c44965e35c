/// One video that the service works on. Its state follows from its age; nothing has to be moved along.
package struct TransferTask: Sendable, Equatable {
  /// A state of a task, spelled as on the wire.
  package enum Status: String, Sendable, CaseIterable {
    /// The video is checked.
    case validating
    /// A worker is being started.
    case pending
    /// A worker is assigned; only in the last profile.
    case queued
    /// The video is worked on.
    case indexing
    /// Done.
    case ready
    /// The service could not process the video.
    case failed
  }

  /// 24 lowercase hexadecimal digits.
  package let id: String
  /// The index that receives the video.
  package let indexID: String
  /// The name that listings show; normally the last segment of the object's key.
  package let filename: String
  /// The object the task came from; nil for tasks that no transfers request made.
  package let object: String?
  /// When the service took the video, in milliseconds since 1970, without the configured offset.
  package let acceptedAt: Int64
  /// Bits for what is drawn per task.
  let draw: UInt64
  /// The number of steps after which the task fails; nil when it becomes ready.
  let failsAfter: Int?

  /// The identifier of the video, shown once it is ready.
  package var videoID: String { SeededHash(seed: draw).adding("video").hex(24) }

  /// The state at `now`, and since when it holds, in the time of `acceptedAt`.
  func state(at now: Int64, step: Int64, phases: [Status]) -> (status: Status, since: Int64) {
    let age = max(0, now - acceptedAt)
    let end = failsAfter ?? phases.count
    let position = step <= 0 ? end : Int(min(age / step, Int64(end)))
    guard position < end else {
      return (failsAfter == nil ? .ready : .failed, acceptedAt + Int64(end) * step)
    }
    return (phases[position], acceptedAt + Int64(position) * step)
  }
}

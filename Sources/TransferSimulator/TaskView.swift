/// A task as listings show it at one moment.
package struct TaskView: Sendable, Equatable {
  /// The task.
  package let task: TransferTask
  /// Its state at that moment.
  package let status: TransferTask.Status
  /// `created_at` in milliseconds since 1970, with the configured offset.
  package let createdAt: Int64
  /// `updated_at`: the last change of state.
  package let updatedAt: Int64
  /// `estimated_time`: when the task should be done.
  package let estimatedAt: Int64
  /// The file name shown, which may be a UUID.
  package let filename: String
  /// Whether times are spelled in varied ways.
  let hasVariedTimes: Bool
}

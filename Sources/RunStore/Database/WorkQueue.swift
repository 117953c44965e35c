package import Dispatch

/// Where a store does its work: one piece after the other, never two at once, in the order they were submitted.
///
/// The program's is a dispatch queue. A test that decides the order of everything brings its own.
package protocol WorkQueue: Sendable {
  /// Does a piece of work after those that were submitted before it.
  func submit(_ work: @escaping @Sendable () -> Void)
}

/// A serial queue; work runs on a thread of its own, off the shared task pool.
extension DispatchQueue: WorkQueue {
  /// Does a piece of work after those that were submitted before it.
  package func submit(_ work: @escaping @Sendable () -> Void) { async(execute: work) }
}

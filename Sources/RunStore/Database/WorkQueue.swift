package import Dispatch

/// Where a store does its work: one piece after the other, never two at once, in the order they were submitted.
///
/// The program's is a dispatch queue. The simulation, which decides the order of everything, brings its own, so that group
/// commit and an answer that comes during a commit are part of what it plays.
package protocol StoreQueue: Sendable {
  /// Does a piece of work after those that were submitted before it.
  func submit(_ work: @escaping @Sendable () -> Void)
}

/// A serial queue; work runs on a thread of its own, off the shared task pool.
extension DispatchQueue: StoreQueue {
  /// Does a piece of work after those that were submitted before it.
  package func submit(_ work: @escaping @Sendable () -> Void) { async(execute: work) }
}

import Dispatcher

/// Several observers as one, told in their order.
struct ObserverGroup: RunObserver {
  private let observers: [any RunObserver]

  /// A group of these observers.
  init(_ observers: [any RunObserver]) { self.observers = observers }

  func observe(_ event: RunEvent) {
    for observer in observers { observer.observe(event) }
  }
}

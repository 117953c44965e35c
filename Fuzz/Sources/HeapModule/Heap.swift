/// Stands in for the type of swift-collections with the few calls that the sources use.
public struct Heap<Element: Comparable> {
  private var elements: [Element] = []

  /// Makes a heap with nothing in it.
  public init() {}

  /// Adds an element.
  public mutating func insert(_ element: Element) {
    let place = elements.firstIndex { $0 < element } ?? elements.endIndex
    elements.insert(element, at: place)
  }

  /// Takes the least element out; `nil` when there is none.
  public mutating func popMin() -> Element? { elements.popLast() }
}

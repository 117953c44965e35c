import Foundation

/// The query of a request: names to values in order, percent-decoding done.
struct QueryString {
  private var pairs: [(name: String, value: String)]

  /// Reads what follows the question mark; a plus sign is a space.
  init(_ text: Substring) {
    pairs = text.split(separator: "&").map { pair in
      let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { half in
        let spaced = half.replacing("+", with: " ")
        return spaced.removingPercentEncoding ?? String(spaced)
      }
      return (halves[0], halves.count > 1 ? halves[1] : "")
    }
  }

  /// The first value with that name.
  subscript(name: String) -> String? { pairs.first { $0.name == name }?.value }

  /// All values with that name.
  func all(_ name: String) -> [String] { pairs.filter { $0.name == name }.map(\.value) }
}

extension TaskQuery {
  /// A parameter that the listing does not take.
  struct Invalid: Error {
    let parameter: String
  }

  /// Reads the parameters of a listing; unknown ones are ignored.
  init(_ query: QueryString, maximumLimit: Int) throws(Invalid) {
    self.init()
    page = try TaskQuery.number(query, "page", 1, 1_000_000_000)
    limit = try TaskQuery.number(query, "page_limit", 10, maximumLimit)
    if let text = query["sort_by"] {
      guard let order = Order(rawValue: text) else { throw Invalid(parameter: "sort_by") }
      self.order = order
    }
    if let text = query["sort_option"] {
      guard text == "asc" || text == "desc" else { throw Invalid(parameter: "sort_option") }
      isDescending = text == "desc"
    }
    indexID = query["index_id"]
    filename = query["filename"]
    statuses = Set(query.all("status"))
    id = query["_id"]
  }

  private static func number(
    _ query: QueryString, _ name: String, _ standard: Int, _ maximum: Int
  ) throws(Invalid) -> Int {
    guard let text = query[name] else { return standard }
    guard let value = Int(text), (1...maximum).contains(value) else { throw Invalid(parameter: name) }
    return value
  }
}

/// One page of a list of the service, newest first.
///
/// What is missing from a list is evidence that a request was not received. Services and gateways may make a page short, or
/// empty, although the list goes on: that a page has few rows ends no list.
package struct ListPage<Row: Sendable>: Sendable {
  /// Its rows, in their order.
  package var rows: [Row]
  /// The number of the last page, from 1, as the page itself says it (`page_info.total_page`); `nil` where it says none.
  package var lastPage: Int?

  /// A page as it was decoded.
  package init(_ rows: [Row], lastPage: Int? = nil) {
    self.rows = rows
    self.lastPage = lastPage
  }

  /// Reads a page: `{"data": [...], "page_info": {"total_page"}}`.
  ///
  /// - Parameters:
  ///   - list: what the list is called in messages.
  ///   - row: reads an element of `data`; its second argument names the element in messages.
  /// - Throws: `UnreadablePage` when the body is no such object, or a row cannot be read.
  package init(
    _ body: [UInt8], of list: String, row: (LenientJSON, String) throws(UnreadablePage) -> Row
  ) throws(UnreadablePage) {
    guard let json = LenientJSON.parse(body) else { throw UnreadablePage("\(list) is not JSON") }
    guard case .array(let data) = json["data"] else { throw UnreadablePage("\(list) has no array `data`") }
    rows = []
    rows.reserveCapacity(data.count)
    for (position, element) in data.enumerated() {
      rows.append(try row(element, "row \(position + 1) of \(list)"))
    }
    guard case .number(let digits) = json["page_info"]?["total_page"], let last = Int(digits), last > 0 else {
      // A zero says nothing: some versions of the service do not count.
      return
    }
    lastPage = last
  }

  /// Whether the list is over: not where the page is empty and says that others follow it.
  ///
  /// - Parameter page: the number of this page, from 1.
  package func endsList(at page: Int) -> Bool { rows.isEmpty && (lastPage ?? page) <= page }
}

extension ListPage: Equatable where Row: Equatable {}

internal import BatchDomain

/// The query of one page of the service's list of tasks, newest first.
///
/// Parameters as documented for v1 to v1.2: `index_id`, `page` from 1, `page_limit` (100 at most in v1, 50
/// later; more is refused), `sort_by`, `sort_option`.
struct TaskListQuery: Sendable {
  /// The index whose tasks are listed; `nil` for all: in every version the parameter is a filter.
  let index: IndexID?
  /// Page number from 1.
  let page: Int
  /// Rows per page.
  let limit: Int

  /// Path and query.
  func target(path: String) -> String {
    let filter = index.map { "index_id=\(Self.escaped($0.rawValue))&" } ?? ""
    return "\(path)?\(filter)page=\(page)&page_limit=\(limit)&sort_by=created_at&sort_option=desc"
  }

  /// The text with everything but RFC 3986's unreserved characters percent-encoded.
  private static func escaped(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        result.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        result += "%" + (digits.count < 2 ? "0" : "") + digits
      }
    }
    return result
  }
}

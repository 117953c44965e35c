import Foundation

/// The fields of a request that creates one task: multipart/form-data as the service documents it, or a form in
/// the style of a query, which is what the vendor's Python SDK sends when there is no file in it.
struct TaskForm {
  private let multipart: MultipartForm?
  private let query: QueryString?

  /// Decodes a body; `nil` when it is neither.
  init?(contentType: String, body: Data) {
    if MultipartForm.parameters(contentType).value.lowercased() == "application/x-www-form-urlencoded" {
      multipart = nil
      query = QueryString(String(decoding: body, as: UTF8.self)[...])
    } else {
      guard let form = MultipartForm(contentType: contentType, body: body) else { return nil }
      multipart = form
      query = nil
    }
  }

  /// The text of a field.
  func text(_ name: String) -> String? { multipart.map { $0.text(name) } ?? query?[name] }

  /// The file name of a field that is a file.
  func fileName(_ name: String) -> String? { multipart?[name]?.filename }
}

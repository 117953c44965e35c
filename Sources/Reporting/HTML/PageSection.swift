/// A part of a page that can be replaced alone.
package struct PageSection: Sendable, Equatable {
  /// The id of its element; the same part has the same id on every page.
  package let id: String
  /// What is inside; empty when there is nothing to show.
  package let content: HTMLFragment

  /// A part under a heading; nothing at all without content.
  init(_ id: String, _ heading: String, _ content: HTMLFragment) {
    self.id = id
    self.content =
      content.description.isEmpty
      ? .empty : HTMLFragment(trusted: "<h2>\(HTMLText.escape(heading))</h2>\n\(content)")
  }

  /// A part that has its own heading.
  init(_ id: String, _ content: HTMLFragment) {
    self.id = id
    self.content = content
  }

  /// A part of another target, from a template of its own.
  package init(id: String, content: HTMLFragment) { self.init(id, content) }
}

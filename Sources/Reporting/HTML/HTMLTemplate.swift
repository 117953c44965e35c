internal import Mustache

/// A piece of HTML that is finished: what came from outside is escaped in it.
package struct HTMLFragment: Sendable, Equatable, CustomStringConvertible {
  /// The HTML.
  package let description: String

  /// HTML that this program wrote itself, or that was escaped.
  init(trusted html: String) { description = html }

  /// Nothing.
  package static let empty = HTMLFragment(trusted: "")
}

/// A Mustache template whose `{{name}}` escapes as ``HTMLText`` does. `{{{name}}}` is for ``HTMLFragment`` only.
///
/// Partials are not used: Mustache gives them its own way of escaping back.
package struct HTMLTemplate: Sendable {
  private let template: Result<MustacheTemplate, any Error>

  /// A template of this program.
  package init(_ text: String) {
    template = Result {
      _ = HTMLTextContent.isRegistered
      return try MustacheTemplate(string: "{{% CONTENT_TYPE:\(HTMLTextContent.name)}}" + text)
    }
  }

  /// Fills the template with the members of a value.
  ///
  /// - Throws: Mustache's error when the text is no template; a test renders every one.
  package func render(_ values: Any) throws -> HTMLFragment {
    HTMLFragment(trusted: try template.get().render(values))
  }
}

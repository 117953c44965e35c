import BatchDomain
import Mustache

/// What is around the parts of every page: a whole document that needs nothing from elsewhere.
package struct PageFrame {
  /// The script of a page that changes while it is shown.
  package struct Script {
    /// Its text, written by this program.
    let text: String
    /// The mark without which the page's policy does not run it.
    let nonce: String

    /// A script with its mark.
    package init(_ text: String, nonce: String) {
      self.text = text
      self.nonce = nonce
    }
  }

  /// Where the page is read.
  package enum Place {
    /// In a file: it says itself what it is allowed, and has no script.
    case file
    /// From a server, whose headers say what it is allowed; with a script while it changes.
    case server(Script?)
  }

  private let title: String
  private let navigation: HTMLFragment
  private let place: Place

  /// A frame.
  ///
  /// - Parameters:
  ///   - title: shown in the browser's tab.
  ///   - navigation: what stands above everything.
  package init(title: String, navigation: HTMLFragment = .empty, place: Place = .file) {
    self.title = title
    self.navigation = navigation
    self.place = place
  }

  /// What a file is allowed: its own style, an icon that is part of it, and nothing else.
  static let policy =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

  /// The document.
  package func document(_ sections: [PageSection], footer: String) throws -> String {
    let (policy, script): (String?, Script?) =
      switch place {
      case .file: (Self.policy, nil)
      case .server(let script): (nil, script)
      }
    return try Self.template.render(
      Values(
        title: title, policy: policy, style: HTMLFragment(trusted: StyleSheet.text),
        navigation: navigation, sections: sections, footer: footer,
        script: script.map { ScriptValues(nonce: $0.nonce, text: HTMLFragment(trusted: $0.text)) })
    ).description
  }

  private struct Values {
    let title: String
    let policy: String?
    let style: HTMLFragment
    let navigation: HTMLFragment
    let sections: [PageSection]
    let footer: String
    let script: ScriptValues?
  }

  private struct ScriptValues {
    let nonce: String
    let text: HTMLFragment
  }

  private static let template = HTMLTemplate(
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    {{#policy}}
    <meta http-equiv="Content-Security-Policy" content="{{policy}}">
    <meta name="referrer" content="no-referrer">
    {{/policy}}
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <link rel="icon" href="data:,">
    <title>{{title}}</title>
    <style>
    {{{style}}}
    </style>
    </head>
    <body>
    <main>
    {{{navigation}}}
    {{#sections}}
    <section id="{{id}}">{{{content}}}</section>
    {{/sections}}
    <footer>{{footer}}</footer>
    </main>
    {{#script}}
    <script nonce="{{nonce}}">
    {{{text}}}
    </script>
    {{/script}}
    </body>
    </html>

    """)
}

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

/// Text from outside made harmless inside HTML, in elements and in quoted attributes alike.
package enum HTMLText {
  /// The text with control characters written out as on a terminal, and with the characters that mean something in
  /// HTML as references.
  ///
  /// By scalar, not by character: a combining mark after a quote makes another character of both, and leaves the
  /// quote a quote for a browser.
  package static func escape(_ text: String) -> String {
    var escaped = ""
    for scalar in VisibleText.escape(text).unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}

/// How templates escape: as ``HTMLText`` does, instead of Mustache's own way by character.
struct HTMLTextContent: MustacheContentType {
  /// The name templates ask for it by.
  static let name = "ORCHESTRATE"

  /// Makes the name known to Mustache; reading it once is enough.
  static let isRegistered: Bool = {
    MustacheContentTypes.register(HTMLTextContent(), named: name)
    return true
  }()

  func escapeText(_ text: String) -> String { HTMLText.escape(text) }
}

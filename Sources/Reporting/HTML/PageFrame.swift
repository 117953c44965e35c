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

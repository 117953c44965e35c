/// The one shape of errors that a person gets: a stable word for programs, a sentence, and what can be done.
///
/// How it is shown, and with which exit status a command ends, is decided by the commands alone.
package protocol AdvisedError: Error, Sendable, CustomStringConvertible {
  /// The kinds of trouble; raw values are stable and meant for programs.
  associatedtype Code: RawRepresentable<String>

  /// What kind of trouble it is.
  var code: Code { get }
  /// One clear sentence: what was being done, with what, and what was found. It has no key and no credentials in it.
  var message: String { get }
  /// What the user can do; `nil` when there is nothing to advise.
  var remedy: Remedy? { get }
}

extension AdvisedError {
  /// The sentence and, where there is one, the advice.
  package var description: String {
    [message, remedy?.description].compactMap { $0 }.joined(separator: "; ")
  }
}

/// What a person can do about something: text, and commands of this program that are values until they are shown.
///
/// Written as text with the commands in it: `"\(command: .resume(run)) plans it again"`.
package struct Remedy: Sendable, Equatable, ExpressibleByStringInterpolation, CustomStringConvertible {
  fileprivate enum Part: Sendable, Equatable {
    case text(String)
    case command(AdvisedCommand)
  }

  fileprivate var parts: [Part]

  /// Advice without a command.
  package init(stringLiteral value: String) { parts = [.text(value)] }

  /// Advice with commands in it.
  package init(stringInterpolation: StringInterpolation) { parts = stringInterpolation.parts }

  /// Advice without a command.
  package init(_ text: String) { parts = [.text(text)] }

  /// How advice is put together.
  package struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var parts: [Part] = []

    /// Nothing yet.
    package init(literalCapacity: Int, interpolationCount: Int) {}

    /// Adds text.
    package mutating func appendLiteral(_ literal: String) { add(literal) }

    /// Adds the text of a value.
    package mutating func appendInterpolation(_ value: some CustomStringConvertible) {
      add(value.description)
    }

    /// Text that follows text is one part, so that equal advice is equal however it was put together.
    private mutating func add(_ text: String) {
      if case .text(let before) = parts.last {
        parts[parts.count - 1] = .text(before + text)
      } else if !text.isEmpty {
        parts.append(.text(text))
      }
    }

    /// Adds a command.
    package mutating func appendInterpolation(command: AdvisedCommand) { parts.append(.command(command)) }

    /// Adds other advice.
    package mutating func appendInterpolation(_ remedy: Remedy) { parts += remedy.parts }
  }

  /// The advice with each command between back quotes.
  ///
  /// - Parameter database: the path that commands have to give with `--db`; `nil` when the database is found without it.
  package func text(database: String?) -> String {
    parts.map { part in
      switch part {
      case .text(let text): text
      case .command(let command): "`\(command.text(database: database))`"
      }
    }.joined()
  }

  /// The same advice about a database that another option than `--db` names; its commands stay as they are.
  package func naming(_ option: String) -> Remedy {
    var remedy = self
    remedy.parts = parts.map { part in
      guard case .text(let text) = part else { return part }
      return .text(text.replacing("--db", with: option))
    }
    return remedy
  }

  /// The advice where the database is found without `--db`.
  package var description: String { text(database: nil) }
}

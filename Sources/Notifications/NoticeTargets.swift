import BatchDomain
import ChildProcesses
import Foundation

/// Who is told about a run. None of it is stored with the run.
package struct NoticeTargets: Sendable, Equatable {
  /// Gets each notice as a JSON document.
  package var address: NoticeAddress?
  /// Is started for each notice.
  package var command: NoticeCommand?
  /// Is asked for once a minute while the run goes on.
  package var heartbeat: NoticeAddress?

  /// Those who are told.
  package init(
    address: NoticeAddress? = nil, command: NoticeCommand? = nil, heartbeat: NoticeAddress? = nil
  ) {
    self.address = address
    self.command = command
    self.heartbeat = heartbeat
  }

  /// Whether nobody is told.
  package var isEmpty: Bool { address == nil && command == nil && heartbeat == nil }
}

/// An address that notices or heartbeats go to: https, or http to this machine.
///
/// Everybody who knows such an address can write into a chat, so only its host is ever shown.
package struct NoticeAddress: Sendable, Equatable {
  /// The whole address; for the transport alone.
  let text: String
  /// Scheme, host and port, and that something follows: `https://hooks.example.org/…`.
  package let shown: String

  /// Reads an address.
  ///
  /// - Throws: ``NoticeTargetError``, whose words complete "the address ..." and never repeat it.
  package init(_ text: String) throws(NoticeTargetError) {
    do {
      let address = try WebAddress(text)
      self.text = text
      shown =
        (address.isEncrypted ? "https://" : "http://") + address.host
        + (address.port.map { ":\($0)" } ?? "") + "/…"
    } catch {
      throw NoticeTargetError(error.reason)
    }
  }
}

extension NoticeAddress: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// What may be shown.
  package var description: String { shown }
  /// The same.
  package var debugDescription: String { shown }
  /// A mirror without children, so that `dump` shows no more.
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// A command that is told about a run: a program and its arguments, started without a shell.
package struct NoticeCommand: Sendable, Equatable {
  /// Program and arguments, the program first; looked up in `PATH` unless it has a slash in it.
  package let words: [String]

  /// A command in its words.
  ///
  /// - Throws: ``NoticeTargetError`` when there is no program, or a word that no argument can be.
  package init(words: [String]) throws(NoticeTargetError) {
    guard let program = words.first, !program.isEmpty else { throw NoticeTargetError("names no program") }
    guard words.allSatisfy({ !$0.utf8.contains(0) }) else {
      throw NoticeTargetError("has a zero byte in it, which no argument can have")
    }
    self.words = words
  }

  /// Reads a command from one text: a JSON array of strings, or words with white space between them.
  ///
  /// Letters that a shell gives a meaning to are refused in the second form: no shell sees them, so a person who wrote them
  /// means something else than what would happen.
  ///
  /// - Throws: ``NoticeTargetError``.
  package init(_ text: String) throws(NoticeTargetError) {
    let isArray = text.first { !$0.isWhitespace } == "["
    if isArray {
      let words: [String]
      do {
        words = try JSONDecoder().decode([String].self, from: Data(text.utf8))
      } catch {
        throw NoticeTargetError("begins like a JSON array and is not one of strings only")
      }
      try self.init(words: words)
      return
    }
    guard let special = text.first(where: { "'\"\\`$&|;<>*?(){}~#!".contains($0) }) else {
      try self.init(words: text.split(whereSeparator: \.isWhitespace).map(String.init))
      return
    }
    throw NoticeTargetError(
      "has the character \(special), but no shell reads it; write it as a JSON array of strings, such as "
        + #"["mail", "-s", "run ended", "me@example.org"]"#)
  }

  /// What may be shown: the program without its arguments, one of which may be a secret.
  package var shown: String { words[0] + (words.count > 1 ? " …" : "") }
}

/// Runs commands as processes of their own group, so that a signal from the terminal does not end them and nothing of
/// them outlives a kill.
package struct ProcessRunner: CommandRunner {
  /// A runner.
  package init() {}

  package func run(
    _ command: NoticeCommand, environment: [String: String], input: String
  ) async throws -> Int32 {
    do {
      return try await ChildProgram(command.words, environment: environment).run(input: input)
    } catch let error as ChildNotStarted {
      throw CommandNotStarted(reason: error.reason)
    }
  }
}

/// What is wrong with an address or a command that is to be told about a run.
package struct NoticeTargetError: Error, Sendable, Equatable {
  /// Words that follow the name of the setting, for example `does not begin with https://`; never the value itself,
  /// which may have a secret in it.
  package let reason: String

  /// An error in words.
  package init(_ reason: String) { self.reason = reason }
}

import ArgumentParser
import BatchDomain

/// Refuses arguments that the parser would take for something else than was meant.
enum ArgumentCheck {
  /// What is wrong with the arguments of a process, the name of the program left out.
  ///
  /// - Parameter arguments: the arguments, each as its bytes.
  /// - Returns: the arguments as texts.
  /// - Throws: `ValidationError`.
  static func texts(_ arguments: [[UInt8]]) throws -> [String] {
    let texts = try arguments.map { bytes in
      guard let text = String(validating: bytes, as: UTF8.self) else {
        let shown = VisibleText.escape(String(decoding: bytes, as: UTF8.self), cutAt: 80)
        throw ValidationError(
          "The argument '\(shown)' is not UTF-8: rename the file, or name it through a link.")
      }
      return text
    }
    let words = texts.prefix { $0 != "--" }
    // Of `-chunk-size` the parser would take each letter for a flag, and show the help for the `h` with status 0.
    if let word = words.first(where: isLongWithOneDash) {
      throw ValidationError(
        "Unknown option '\(VisibleText.escape(word, cutAt: 60))': options of several letters begin with two dashes."
      )
    }
    if words.first == "help", let word = words.dropFirst().first(where: { !$0.hasPrefix("-") }),
      !isCommand(word)
    {
      throw ValidationError(unknownCommand(word))
    }
    // The command for no subcommand at all would take the word, and name its own help, which lists no commands.
    if let word = words.first, !word.hasPrefix("-"), word != "help", !isCommand(word) {
      throw ValidationError(unknownCommand(word))
    }
    if let first = words.first, ["-h", "--help"].contains(first), words.count == 2, let word = words.last,
      isCommand(word)
    {
      return [word, "--help"]
    }
    return texts
  }

  /// What is said of a word that is no subcommand.
  static func unknownCommand(_ word: String) -> String {
    let message = "Unknown subcommand '\(VisibleText.escape(word, cutAt: 60))'"
    return NearestWord.to(word, among: commands).map { message + ", did you mean '\($0)'?" } ?? message
  }

  /// Whether a word is a subcommand.
  static func isCommand(_ word: String) -> Bool { commands.contains(word) }

  private static var commands: [String] {
    OrchestrateCommand.configuration.subcommands.compactMap { $0.configuration.commandName }
  }

  private static func isLongWithOneDash(_ word: String) -> Bool {
    let letters = word.utf8.dropFirst()
    guard word.utf8.first == UInt8(ascii: "-"), letters.count > 1, letters.contains(UInt8(ascii: "h")) else {
      return false
    }
    return letters.prefix { $0 != UInt8(ascii: "=") }.allSatisfy {
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0 == UInt8(ascii: "-")
    } && letters.first != UInt8(ascii: "-")
  }
}

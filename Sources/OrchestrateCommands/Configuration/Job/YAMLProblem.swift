import Reporting
import Yams

/// What the YAML parser says, as a problem of a job file.
///
/// Only its words are taken, never its excerpt of the file: a key pasted into the wrong place would be in it.
enum YAMLProblem {
  /// The problem behind an error that the parser throws.
  static func of(_ error: any Error) -> JobFileProblem {
    switch error as? YamlError {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _):
      return at(mark, "not YAML: \(words(context, problem))")
    case .composer(_, let problem, let mark, _) where problem.contains("another document"):
      return at(mark, "a second YAML document begins here, expected only one")
    case .composer(let context, let problem, let mark, _):
      return at(mark, "not YAML: \(words(context, problem))")
    case .duplicatedKeysInMapping(let names, let context):
      let list = names.map(ConfigurationError.quoted).joined(separator: ", ")
      return at(
        context.mark, "the key \(list) is there more than once, the first time here; expected it only once")
    case .reader(let problem, let offset, _, let text):
      let (line, column) = place(offset, in: text)
      return JobFileProblem(
        line: line, column: column, message: "not YAML: \(TerminalText.escape(problem))")
    default:
      return JobFileProblem(line: 1, column: 1, message: "not YAML")
    }
  }

  private static func at(_ mark: Mark, _ message: String) -> JobFileProblem {
    JobFileProblem(line: max(1, mark.line), column: max(1, mark.column), message: message)
  }

  private static func words(_ context: YamlError.Context?, _ problem: String) -> String {
    let words = [context?.text, problem].compactMap { $0 }.filter { !$0.isEmpty }
    return TerminalText.escape(words.joined(separator: " "), cutAt: 200)
  }

  /// Line and column of a byte.
  private static func place(_ offset: Int?, in text: String) -> (line: Int, column: Int) {
    let before = text.utf8.prefix(max(0, offset ?? 0))
    let line = before.count { $0 == UInt8(ascii: "\n") } + 1
    let column = before.reversed().prefix { $0 != UInt8(ascii: "\n") }.count + 1
    return (line, column)
  }
}

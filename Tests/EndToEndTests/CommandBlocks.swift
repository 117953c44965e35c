import Foundation

/// The command blocks of a document: fences with exactly `sh` behind them. A block with a line that begins with
/// `# needs ` is for the reader alone.
struct CommandBlocks {
  struct Block: Equatable {
    /// Line of its first command, from 1.
    let line: Int
    /// The section it is in: the last heading of the second level before it.
    let section: String
    /// Its lines.
    let text: String
  }

  let blocks: [Block]

  init(of document: String) {
    var blocks: [Block] = []
    var section = ""
    var fence: String?
    var lines: [Substring] = []
    var start = 0
    for (number, line) in document.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let trimmed = line.trimmingCharacters(in: .whitespaces)
      if let open = fence {
        guard trimmed == "```" else {
          lines.append(line)
          continue
        }
        fence = nil
        if open == "sh", !lines.contains(where: { $0.hasPrefix("# needs ") }) {
          blocks.append(Block(line: start, section: section, text: lines.joined(separator: "\n")))
        }
      } else if trimmed.hasPrefix("```") {
        fence = String(trimmed.dropFirst(3))
        lines = []
        start = number + 2
      } else if line.hasPrefix("## ") {
        section = String(line.dropFirst(3))
      }
    }
    self.blocks = blocks
  }

  /// What is written to standard error before a block begins.
  static let mark = "-- the block at line "

  /// One script of these blocks, in which the first command that fails is the last.
  static func script(_ blocks: [Block]) -> String {
    "set -eo pipefail\n"
      + blocks.map { "echo '\(mark)\($0.line)' >&2\n\($0.text)\n" }.joined()
  }
}

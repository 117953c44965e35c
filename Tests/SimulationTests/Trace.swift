import NIOConcurrencyHelpers

/// The ordered list of everything that went through the ports of a world, as a hash (FNV-1a) and, where it is to be
/// read, as lines.
final class Trace: Sendable {
  private struct State {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    var lines: [String] = []
  }

  private let keepsLines: Bool
  private let state = NIOLockedValueBox(State())

  init(keepsLines: Bool) { self.keepsLines = keepsLines }

  var hash: UInt64 { state.withLockedValue { $0.hash } }
  var lines: [String] { state.withLockedValue { $0.lines } }

  /// Adds a line.
  func note(_ line: String) {
    state.withLockedValue { state in
      for byte in line.utf8 { state.hash = (state.hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
      if keepsLines { state.lines.append(line) }
    }
  }

  /// Adds a line that is only for a reader: its text may differ between two runs of a seed.
  func remark(_ line: @autoclosure () -> String) {
    guard keepsLines else { return }
    let line = line()
    state.withLockedValue { $0.lines.append(line) }
  }
}

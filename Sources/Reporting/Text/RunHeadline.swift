import BatchDomain

/// The first sentence of a report: what happened, in one line.
enum RunHeadline {
  /// For example `finished: 4,990 of 5,000 items accepted, 10 rejected`.
  static func text(_ run: RunSummary) -> String {
    let counts = run.counts
    if run.state == .planning {
      return run.isLive
        ? "planning: the manifest is being read, nothing was sent yet"
        : "planning: it ended before the manifest was read whole, nothing was sent"
    }
    let accepted = counts.items(in: .accepted)
    let left = counts.items(in: .pending, .submitting, .processing)
    var parts: [String] = []
    if accepted == run.items {
      parts.append(
        run.items == 1 ? "the one item accepted" : "all \(HumanNumber.text(run.items)) items accepted")
    } else {
      parts.append("\(HumanNumber.text(accepted)) of \(HumanNumber.text(run.items, "item")) accepted")
    }
    for state in [ChunkState.rejected, .failed, .cancelled] where counts.items(in: state) > 0 {
      parts.append("\(HumanNumber.text(counts.items(in: state))) \(state.rawValue)")
    }
    let unknown = counts.items(in: .unknown)
    if unknown > 0 {
      parts.append("\(HumanNumber.text(unknown)) unknown" + (run.state == .finished ? " and held" : ""))
    }
    if left > 0 { parts.append("\(HumanNumber.text(left)) left") }
    return "\(run.state.rawValue): " + parts.joined(separator: ", ")
  }
}

import BatchDomain
import Testing

@testable import Dashboard

@Suite("Metrics")
struct MetricsTextTests {
  @Test("labels from outside cannot end a line or a label, and all states are there")
  func escaped() throws {
    let run = RunSummary(
      run: try #require(RunID(rawValue: "20261123-201505-042-9222")), name: "a\"b\\c\nd", job: nil,
      state: .running, reason: nil, detail: nil, createdAt: Timestamp(milliseconds: 0), finishedAt: nil,
      manifest: "m", destination: "d", items: 10, repeated: 0,
      counts: StateCounts(chunks: [.accepted: 1], items: [.accepted: 10]), attempts: 3, sendingTime: nil,
      wait: StoredWait(until: Timestamp(milliseconds: 1_750_000_000_999), reason: "r"), isLive: true)
    let text = MetricsText.text(
      states: [.running: 1], runs: [run],
      unused: [run.run: MetricsText.Unused(surplus: 2, leftOver: 3)])
    let lines = text.split(separator: "\n")
    #expect(
      lines.contains(
        "orchestrate_attempts_total{run=\"20261123-201505-042-9222\",name=\"a\\\"b\\\\c\\nd\"} 3"))
    #expect(lines.contains("orchestrate_runs{state=\"running\"} 1"))
    #expect(
      lines.contains("orchestrate_unused{run=\"20261123-201505-042-9222\",reason=\"surplus\"} 2"))
    #expect(
      lines.contains("orchestrate_unused{run=\"20261123-201505-042-9222\",reason=\"left_over\"} 3"))
    #expect(lines.contains("orchestrate_runs{state=\"paused\"} 0"))
    #expect(lines.contains("orchestrate_wait_until_seconds{run=\"20261123-201505-042-9222\"} 1750000000"))
    #expect(lines.filter { $0.hasPrefix("orchestrate_items{") }.count == ChunkState.itemStates.count)
    #expect(lines.allSatisfy { $0.hasPrefix("# ") || $0.hasPrefix("orchestrate_") })
    #expect(text.hasSuffix("\n"))
  }
}

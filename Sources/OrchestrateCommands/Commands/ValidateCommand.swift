import ArgumentParser
import BatchDomain
import ManifestReader
import Reporting

/// `orchestrate validate`: findings only.
struct ValidateCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "validate", abstract: "Check a manifest; nothing is recorded and nothing is sent.",
    discussion: """
      Each finding has a line and a column. Exits with 0 when the manifest can be submitted, with 2 when it cannot, and with 5 when \
      no folder for temporary files can be written, or its disk is full.

      EXAMPLES
        orchestrate validate videos.json
        orchestrate validate videos.jsonl.gz --strict --format json
        aws s3 cp s3://bucket/videos.json - | orchestrate validate -
      """)

  @Argument(help: "The manifest: a JSON array or JSON lines, either gzipped; `-` reads standard input.")
  var manifest: String

  @OptionGroup(title: "Plan") var planOptions: SettingOptions<PlanSettings>

  @Option(help: "Format of the result on standard output.")
  var format: ResultFormat = .text

  @OptionGroup(title: "Output") var progressOptions: ProgressOptions

  var wantsJSON: Bool { format == .json }

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    let settings = try SettingsLayers(commandLine: planOptions.layer).resolve().settings
    let manifest = try context.path(manifest)
    let source = try ManifestSource(path: manifest)
    let plan = try await ScratchStore.withPlan(of: settings, context: context) { session in
      let progress = PlanningProgress(
        RunConsole(progressOptions, in: context), manifest: manifest, totalBytes: source.file?.byteCount)
      let planner = RunPlanner(settings: settings, session: session, progress: progress)
      return try await progress.during { try await planner.plan(source, isStopped: { false }) }
    }
    guard let plan else { return .stopped }
    let verdict = ManifestVerdict(findings: plan.findings, manifest: manifest, isStrict: settings.strict)
    if let refusal = verdict.refusal { throw refusal }
    switch format {
    case .text:
      try context.output.write(verdict.text)
      let count = plan.findings.total
      try context.output.write(
        "\(VisibleText.escape(manifest)): \(HumanNumber.text(plan.items, "item")), "
          + (count == 0 ? "no problems found" : HumanNumber.text(count, "warning")) + "\n")
    case .json:
      var json = JSONWriter(.pretty)
      json.beginObject()
      json.key("manifest")
      json.value(manifest)
      json.key("items")
      json.value(plan.items)
      json.key("repeated")
      json.value(plan.repeated)
      verdict.write(to: &json)
      json.endObject()
      try context.output.write(json.take() + "\n")
    }
    return .done
  }
}

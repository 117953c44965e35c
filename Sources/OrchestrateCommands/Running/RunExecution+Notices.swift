import BatchDomain
import Notifications
import Reporting

extension RunExecution {
  /// Variables that a notice's command does not get.
  private static let secretVariables = [KeySource.variable] + SubmitSettings.secretVariables

  /// Who tells others about a run; `nil` when nobody is to be told.
  func notices(of session: any RunSession) async throws -> RunNotices? {
    guard !targets.isEmpty else { return nil }
    let summary = try await store.summary(of: session.run)
    let notifier = Notifier(
      targets: targets,
      transport: HTTPNoticeTransport(userAgent: "orchestrate/\(OrchestrateCommand.version)"),
      runner: ProcessRunner(),
      environment: CommandEnvironment.of(context.environment, without: Self.secretVariables),
      clock: context.clock, say: { [context] in context.note($0) })
    return RunNotices(
      of: summary, notifier: notifier, clock: context.clock,
      text: RunNoticeText(
        zone: context.zone, commands: RunCommands(run: session.run, database: database)))
  }
}

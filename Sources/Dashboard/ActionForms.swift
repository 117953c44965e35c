import BatchDomain
import Reporting

/// The buttons of a run.
enum ActionForms {
  /// What fits the run now.
  static func section(_ run: RunSummary, token: String) throws -> PageSection {
    let canEnd = run.state == .running || run.state == .paused
    return PageSection(
      id: "actions",
      content: try template.render(
        Values(
          path: "/runs/\(run.run)", token: token, canPause: run.isLive && run.state == .running,
          canResume: RunActions.canResume(run), canCancel: canEnd)))
  }

  private struct Values {
    let path: String
    let token: String
    let canPause: Bool
    let canResume: Bool
    let canCancel: Bool
  }

  private static let template = HTMLTemplate(
    """
    {{#canPause}}
    <form method="post" action="{{path}}/pause"><input type="hidden" name="token" value="{{token}}"><button>Pause</button></form>
    {{/canPause}}
    {{#canResume}}
    <form method="post" action="{{path}}/resume"><input type="hidden" name="token" value="{{token}}"><button>Resume</button></form>
    {{/canResume}}
    {{#canCancel}}
    <details><summary class="quiet">Cancel the run for good …</summary>
    <p class="quiet">What is not sent yet is given up and cannot be resumed.</p>
    <form method="post" action="{{path}}/cancel"><input type="hidden" name="token" value="{{token}}"><button class="danger">Cancel the run</button></form></details>
    {{/canCancel}}
    """)
}

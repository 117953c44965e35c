import BatchDomain

/// Where a run came from, where it went, and when.
struct RunFacts {
  let zone: LocalZone

  /// The facts.
  func html(_ run: RunSummary) throws -> HTMLFragment {
    var facts = [Fact(name: "manifest", value: VisibleText.escape(run.manifest, cutAt: 400))]
    if let job = run.job { facts.append(Fact(name: "job", value: VisibleText.escape(job, cutAt: 400))) }
    facts.append(Fact(name: "destination", value: VisibleText.escape(run.destination, cutAt: 400)))
    facts.append(Fact(name: "created", value: zone.text(run.createdAt)))
    if let finishedAt = run.finishedAt {
      facts.append(
        Fact(name: run.state == .cancelled ? "cancelled" : "finished", value: zone.text(finishedAt)))
    }
    if run.repeated > 0 {
      facts.append(
        Fact(name: "repeated", value: "\(HumanNumber.text(run.repeated, "item")) sent once only"))
    }
    return try Self.template.render(Values(facts: facts))
  }

  private struct Fact {
    let name: String
    let value: String
  }

  private struct Values {
    let facts: [Fact]
  }

  private static let template = HTMLTemplate(
    """
    <dl class="facts">
    {{#facts}}
    <dt>{{name}}</dt><dd>{{value}}</dd>
    {{/facts}}
    </dl>
    """)
}

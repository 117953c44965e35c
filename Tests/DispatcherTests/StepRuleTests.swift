import BatchDomain
import Testing

@testable import Dispatcher

@Suite("Dispatcher's machine: rules of several steps")
struct StepRuleTests {
  @Test("what is settled as received is a success between refusals")
  func successBetweenRefusals() {
    var rules = PauseRules(wasResolved: true)
    let refused = ChunkMove(.refused, at: .index, generalRefusal: "exists")
    for _ in 1..<PauseRules.equalRefusalLimit { #expect(rules.refusing(refused) == nil) }
    #expect(rules.refusing(ChunkMove(.settledReceived, at: .index)) == nil)
    for _ in 1..<PauseRules.equalRefusalLimit { #expect(rules.refusing(refused) == nil) }
    #expect(rules.refusing(refused) != nil)
  }

  @Test("any move at a later step shows that the first step of a chunk was done")
  func proof() {
    var settings = RunSettings()
    settings.profile = .v1_3
    var steps = StepsAhead(
      Budgets(sending: [Budget("index"), Budget("upload")], reading: Budget("reading")), settings: settings,
      firstGoesAlone: true, standing: RunSnapshot(items: 2, attempts: 0, counts: StateCounts()))
    steps.follow(ChunkMove(.stepAccepted, at: .upload))
    #expect(!steps.isProven)
    steps.follow(ChunkMove(.accepted, at: .index))
    #expect(steps.isProven)
  }
}

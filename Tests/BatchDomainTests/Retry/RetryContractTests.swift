import BatchDomain
import Testing

@Suite("Retry contract")
struct RetryContractTests {
  @Test("only account, endpoint and sole-index faults pause, and they never count an attempt")
  func pausing() {
    let plain = AttemptCircumstances(countedAttempts: 7, maxAttempts: 8, othersGetThrough: true)
    var sole = plain
    sole.isSoleIndexLeft = true
    #expect(RetryContract.judge(.account, plain) == Judgement(event: .requeued, pause: .account))
    #expect(RetryContract.judge(.endpoint, plain) == Judgement(event: .requeued, pause: .endpoint))
    #expect(RetryContract.judge(.index, sole) == Judgement(event: .requeued, pause: .index))
    #expect(RetryContract.judge(.index, plain) == Judgement(event: .refused))
    #expect(RetryContract.judge(.throttled, plain) == Judgement(event: .requeued))
    #expect(RetryContract.judge(.unknown, plain) == Judgement(event: .answerLost))
  }

  @Test("a request that was not processed counts only while others get through")
  func counting() {
    let alone = AttemptCircumstances(countedAttempts: 7, maxAttempts: 8)
    let beside = AttemptCircumstances(countedAttempts: 6, maxAttempts: 8, othersGetThrough: true)
    let last = AttemptCircumstances(countedAttempts: 7, maxAttempts: 8, othersGetThrough: true)
    #expect(RetryContract.judge(.notProcessed, alone) == Judgement(event: .requeued))
    #expect(RetryContract.judge(.notProcessed, beside) == Judgement(event: .requeued, isCounted: true))
    #expect(RetryContract.judge(.notProcessed, last) == Judgement(event: .exhausted, isCounted: true))
  }

  @Test("an unknown that settled as not received counts only when it was answered with a status")
  func settledCounting() {
    let last = AttemptCircumstances(countedAttempts: 7, maxAttempts: 8)
    #expect(
      RetryContract.judgeNotReceived(isChunksOwnFault: false, last) == Judgement(event: .settledNotReceived))
    #expect(
      RetryContract.judgeNotReceived(isChunksOwnFault: true, last)
        == Judgement(event: .exhausted, isCounted: true)
    )
  }
}

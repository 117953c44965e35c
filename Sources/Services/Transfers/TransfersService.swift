package import BatchDomain
internal import ServiceHTTP

/// The service of the profiles v1 to v1.2: a chunk is one request of up to `--chunk-size` items, nothing is polled, no
/// ids are given, and a lost answer is looked up in the list of tasks.
package struct TransfersService: ServiceModule {
  private let api: any TransfersAPI
  private let clock: any BatchClock
  private let wrongEndpoint: String

  /// The service behind some requests.
  ///
  /// - Parameters:
  ///   - profile: the version of the service that is expected.
  ///   - clock: when pages were read.
  ///   - destination: the address that chunks are sent to, for messages.
  package init(
    _ api: any TransfersAPI, profile: ServiceProfile, clock: any BatchClock, destination: String
  ) {
    self.api = api
    self.clock = clock
    wrongEndpoint =
      "\(destination) does not answer as the transfers endpoint of profile \(profile.rawValue); \(profile.otherAccounts)"
  }

  package var steps: [ChunkStep] { [.transfer] }

  /// The service counts all requests together.
  package var readingBudget: Budget { ServiceProfile.v1.readingBudget }

  package func send(_ unit: SendUnit, step: ChunkStep) async -> SubmissionResult {
    TransferOutcomes.result(of: await api.submit(unit), unit, wrongEndpoint: wrongEndpoint)
  }

  package func step(after refusal: Refusal) -> RefusalStep { Bisection.step(after: refusal) }

  package func division(of items: Range<Int>, because cause: Division.Cause) -> Division? {
    Bisection.division(of: items, because: cause)
  }

  package func settling(_ context: SettlingContext) -> any SettlingStrategy {
    WitnessSettling(api: api, context: context)
  }

  package func tracking() -> any TrackingStrategy {
    TaskTracking(api: api, clock: clock, wrongEndpoint: wrongEndpoint)
  }

  package func probe() async -> ProbeResult {
    do throws(ListingFailure) {
      _ = try await api.listTasks(index: nil, page: 1)
      return .ready
    } catch {
      switch error {
      case .refused(let answer):
        return .refused(
          .of(answer, TransferOutcomes.outcome(of: answer)), isForeign: answer.isForeign)
      case .transport(let failure): return .unreachable(.of(failure, failure.outcome))
      }
    }
  }
}

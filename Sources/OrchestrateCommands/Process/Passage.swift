import AssetsService
import BatchDomain
import TransfersService

/// What the stores and the requests of a command pass on their way out of the process. The program lets all of them
/// through; a test that decides the order and the time of everything stands here, and nowhere further inside.
struct Passage: Sendable {
  /// Opens the store of a path in place of the program; `nil` leaves it to the program.
  var store: (@Sendable (_ path: String, _ clock: any BatchClock) async throws -> any BatchStore)?
  /// Is given what listens to signals, and may ask in their place.
  var signals: @Sendable (StopSignals) -> Void = { _ in }
  /// What the requests of the profiles v1 to v1.2 pass.
  var transfers: @Sendable (any TransfersAPI) -> any TransfersAPI = { $0 }
  /// What the requests of profile v1.3 pass.
  var assets: @Sendable (any AssetsAPI) -> any AssetsAPI = { $0 }
  /// What questions for the address of an object pass.
  var urls: @Sendable (any ObjectURLSource) -> any ObjectURLSource = { $0 }
  /// What a service passes that was opened, with the executor of its tasks and its look before the first request.
  var opened: @Sendable (OpenService) -> OpenService = { $0 }
}

/// A published version of the service: the list of those that there is a ``ServiceModule`` for.
package enum ServiceProfile: String, Sendable, CaseIterable, Codable {
  /// Version 1; the one the cloud-to-cloud page describes.
  case v1
  /// Versions 1.1, 1.1.1 and 1.1.2.
  case v1_1 = "v1.1"
  /// Version 1.2, the last to have the transfers endpoint.
  case v1_2 = "v1.2"
  /// Version 1.3, of today: an asset is made of each video, then indexed.
  case v1_3 = "v1.3"

  /// The service's own address.
  package static let defaultBaseURL = "https://api.twelvelabs.io"

  /// The steps of a chunk, in order.
  package var steps: [ChunkStep] {
    switch self {
    case .v1, .v1_1, .v1_2: [.transfer]
    case .v1_3: [.upload, .index]
    }
  }

  /// The first of ``steps``.
  package var firstStep: ChunkStep { steps.first ?? .transfer }

  /// What requests that only read are counted by; it may be the budget of a step.
  package var readingBudget: Budget {
    switch self {
    case .v1, .v1_1, .v1_2: Budget(.transfer)
    case .v1_3: Budget("reading")
    }
  }

  /// What requests are counted by, each once. Waits are kept by their names.
  package var budgets: [Budget] {
    let sending = steps.map(Budget.init)
    return sending.contains(readingBudget) ? sending : sending + [readingBudget]
  }

  /// Generations that have one set of videos with this one.
  package var family: ProfileFamily {
    switch self {
    case .v1, .v1_1, .v1_2: .transfers
    case .v1_3: .assets
    }
  }

  /// The profile that an account of the other generations of the API needs.
  package var otherGeneration: ServiceProfile {
    switch family {
    case .transfers: .v1_3
    case .assets: .v1
    }
  }

  /// What a pause says of ``otherGeneration`` where an address does not answer as the endpoint of this profile.
  package var otherAccounts: String {
    switch family {
    case .transfers: "accounts of today need --profile v1.3"
    case .assets: "accounts of the first versions of the API need --profile v1"
    }
  }

  /// Whether settling and tracking look for items by their file names, so that equal ones in an index cannot be told apart.
  package var findsItemsByName: Bool {
    switch self {
    case .v1, .v1_1, .v1_2: true
    case .v1_3: false
    }
  }

  /// Whether requests carry `transcription` and `language` of an item.
  package var sendsTranscriptionAndLanguage: Bool {
    switch self {
    case .v1, .v1_1, .v1_2: true
    case .v1_3: false
    }
  }

  /// Whether a person's word is enough to settle a chunk as received. With several steps it is not: what follows needs the id
  /// of what the request made, and accepted means that the last id is known.
  package var takesReceivedByWord: Bool { steps.count == 1 }

  /// Items that one request carries at most; `nil` where `--chunk-size` says it.
  package var itemsPerRequest: Int? {
    switch self {
    case .v1, .v1_1, .v1_2: nil
    case .v1_3: 1
    }
  }

  /// Path of the endpoint that chunks are sent to, from the base address on: a part of what makes two runs the same
  /// submission.
  package var submissionPath: String {
    switch self {
    case .v1: "/v1/indexes/tasks/transfers"
    case .v1_1: "/v1.1/tasks/transfers"
    case .v1_2: "/v1.2/tasks/transfers"
    case .v1_3: "/v1.3/assets"
    }
  }
}

/// Generations of the service's API that have one set of videos: what one of them accepted is there for the others.
package enum ProfileFamily: String, Sendable, CaseIterable {
  /// Versions 1 to 1.2.
  case transfers
  /// Version 1.3.
  case assets

  /// The family whose chunks have a step.
  package init(of step: ChunkStep) { self = step == .transfer ? .transfers : .assets }
}

extension ChunkStep {
  /// Whether no step follows it: a chunk whose last step was accepted is accepted.
  package var isLast: Bool {
    ServiceProfile.allCases.allSatisfy { !$0.steps.contains(self) || $0.steps.last == self }
  }
}

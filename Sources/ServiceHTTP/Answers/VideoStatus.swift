package import BatchDomain

/// What every generation of the service says of a video that it indexes.
package enum VideoStatus {
  /// What a word of the service means. A word that nobody knows means that the service still works; it is kept as the
  /// detail, as it came.
  ///
  /// - Parameter word: the member `status`; `nil` where there is none.
  package static func read(_ word: String?) -> (state: TrackedState, detail: String?) {
    switch word {
    case "ready": (.ready, nil)
    case "failed": (.failed, nil)
    case "indexing": (.indexing, nil)
    case "uploading", "validating", "pending", "queued": (.waiting, nil)
    case let other?: (.indexing, VisibleText.escape(other, cutAt: 40))
    case nil: (.waiting, nil)
    }
  }

  /// Members in which the service, or a proxy of it, may say why a video failed. None is documented.
  private static let reasonNames = [
    "error", "error_message", "failure_reason", "message", "reason", "status_message",
  ]

  /// Why a video failed, in the service's words without secrets: the text of the first of some members, or the `message`
  /// inside it; `nil` where the service gives no reason.
  ///
  /// - Parameter documented: where the whole answer is about that video, the members of it that are documented and give no
  ///   reason. If none of the members above has one, it is what the answer has besides these, as JSON: a member of another
  ///   name may say why.
  package static func reason(
    in video: LenientJSON, besides documented: Set<String>? = nil, scrubber: Scrubber
  ) -> String? {
    for name in reasonNames {
      guard let member = video[name], let text = member.string ?? member["message"]?.string else { continue }
      if let message = BodyText.message(scrubber.scrub(text)) { return message }
    }
    guard let documented, case .object(let members) = video else { return nil }
    let others = members.filter { !documented.contains($0.key) && $0.value.saysSomething }
    return others.isEmpty ? nil : BodyText.message(scrubber.scrub(LenientJSON.object(others).text))
  }
}

extension LenientJSON {
  /// Whether it is a value and not an empty one.
  fileprivate var saysSomething: Bool {
    switch self {
    case .object(let members): members.values.contains(where: \.saysSomething)
    case .array(let values): values.contains(where: \.saysSomething)
    case .string(let text): !text.allSatisfy(\.isWhitespace)
    case .number, .boolean: true
    case .null: false
    }
  }
}

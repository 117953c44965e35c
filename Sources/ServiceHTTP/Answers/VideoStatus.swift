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
  private static let reasonNames = ["error", "error_message", "message", "reason", "status_message"]

  /// Why a video failed, in the service's words without secrets: the text of the first of some members, or the `message`
  /// inside it; `nil` where the service gives no reason.
  package static func reason(in video: LenientJSON, scrubber: Scrubber) -> String? {
    for name in reasonNames {
      guard let member = video[name], let text = member.string ?? member["message"]?.string else { continue }
      if let message = BodyText.message(scrubber.scrub(text)) { return message }
    }
    return nil
  }
}

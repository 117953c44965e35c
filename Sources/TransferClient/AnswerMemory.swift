internal import NIOConcurrencyHelpers

/// What the last answer said. A service says the same to nearly every chunk it takes, and reading an answer and taking
/// secrets out of it costs more than sending its request.
final class AnswerMemory: Sendable {
  /// All that the words of an answer are made of.
  struct Source: Sendable, Equatable {
    /// The body, or as much of it as came or was read.
    var body: [UInt8]
    /// Whether the body is not whole.
    var isCut: Bool
    /// Values of `Content-Type`.
    var contentType: [String]
    /// Values of `Content-Encoding`.
    var encodings: [String]
  }

  /// What an answer says, without secrets.
  struct Words: Sendable {
    /// The service's error code.
    var code: String?
    /// Its message.
    var message: String?
    /// Type and subtype of the body.
    var mediaType: String?
  }

  private let last = NIOLockedValueBox<(source: Source, words: Words)?>(nil)

  /// The words of an answer: those remembered, else read and remembered.
  func words(of source: Source, read: () -> Words) -> Words {
    if let known = last.withLockedValue({ $0?.source == source ? $0?.words : nil }) { return known }
    let words = read()
    last.withLockedValue { $0 = (source, words) }
    return words
  }
}

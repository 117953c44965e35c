internal import NIOConcurrencyHelpers

/// What the last answer said. A service says the same to nearly every chunk it takes, and reading an answer and taking
/// secrets out of it costs more than sending its request.
package final class AnswerMemory: Sendable {
  private let last = NIOLockedValueBox<(source: AnswerDecoder.Source, words: AnswerDecoder.Words)?>(nil)

  /// Nothing was said yet.
  package init() {}

  /// The words of an answer: those remembered, else read and remembered.
  package func words(
    of source: AnswerDecoder.Source, read: (AnswerDecoder.Source) -> AnswerDecoder.Words
  ) -> AnswerDecoder.Words {
    if let known = last.withLockedValue({ $0?.source == source ? $0?.words : nil }) { return known }
    let words = read(source)
    last.withLockedValue { $0 = (source, words) }
    return words
  }
}

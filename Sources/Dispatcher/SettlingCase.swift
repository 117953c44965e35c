import BatchDomain

/// What is known of one unknown chunk between two looks.
struct SettlingCase {
  /// The attempt whose answer was lost.
  let attempt: Int
  /// The chunk is not looked at before that moment of ``BatchClock/elapsed()``.
  var nextLook: Duration
  /// Looks that said nothing since nothing more was sent that could bring a control.
  var idleLooks = 0
  /// Whether it is left to a person.
  var isHeld = false
  /// What the last look saw, where a second one has to agree, and when the first of those that agree began.
  private var agreed: (isSeen: [Bool], since: Timestamp)?

  /// A case that was not looked at.
  init(attempt: Int, nextLook: Duration) {
    self.attempt = attempt
    self.nextLook = nextLook
  }

  /// Takes note of what a look saw of the chunk's items.
  ///
  /// - Returns: when the first look began that saw the same, if there was one before this.
  mutating func agree(on isSeen: [Bool], at lookedAt: Timestamp) -> Timestamp? {
    if let agreed, agreed.isSeen == isSeen { return agreed.since }
    agreed = (isSeen, lookedAt)
    return nil
  }

  /// A look contradicted the one before, or said nothing.
  mutating func disagree() { agreed = nil }
}

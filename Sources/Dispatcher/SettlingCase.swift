import BatchDomain

/// What is known of one unknown chunk between two looks.
struct SettlingCase {
  /// The attempt whose answer was lost.
  let attempt: Int
  /// The chunk is not looked at before that moment of ``BatchClock/elapsed()``.
  var nextLook: Duration
  /// Looks that said nothing since nothing more was sent that could become a witness.
  var idleLooks = 0
  /// Whether it is left to a person.
  var isHeld = false
  /// A case that was not looked at.
  init(attempt: Int, nextLook: Duration) {
    self.attempt = attempt
    self.nextLook = nextLook
  }
}

import BatchDomain

/// A claim whose content was not yet held against its digest.
struct UncheckedClaim: Sendable {
  /// What the claim came to.
  let claim: Claim
  /// SHA-256 of the content as it was planned, where a chunk was claimed.
  let digest: [UInt8]

  /// A claim as the transaction made it.
  init(_ claim: Claim, digest: [UInt8] = []) {
    self.claim = claim
    self.digest = digest
  }
}

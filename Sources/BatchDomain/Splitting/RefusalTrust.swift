/// What refusals of a run's chunks are known to mean. The raw values are what the store has.
///
/// Whether one bad element refuses the whole request, or is dropped while the others are taken, is documented
/// nowhere; so the first refused chunk of a run is looked up before it is divided.
package enum RefusalTrust: String, Sendable, CaseIterable {
  /// No refused chunk was looked up yet.
  case unproven
  /// The first that was looked up had none of its items taken: a refusal means the whole chunk.
  case whole
  /// One had items taken although it was refused: every refusal is looked up before its chunk is divided.
  case partial
}

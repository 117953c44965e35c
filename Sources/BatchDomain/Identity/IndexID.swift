/// The service's id of the index that receives a video; 24 hex digits in every realistic sample, but passed
/// through as the manifest has it.
package struct IndexID: Hashable, Sendable, CustomStringConvertible {
  /// The id as the manifest has it.
  package let rawValue: String

  /// Takes the id as the manifest has it.
  package init(_ rawValue: String) { self.rawValue = rawValue }

  /// The id as the manifest has it.
  package var description: String { rawValue }
}

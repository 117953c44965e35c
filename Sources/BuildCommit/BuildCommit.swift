/// The commit that the program was built from.
package enum BuildCommit {
  /// Its full hash, with `-dirty` behind it where files were changed; `unknown` where the sources had no repository.
  package static var text: String { recordedCommit.isEmpty ? "unknown" : recordedCommit }
}

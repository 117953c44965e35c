/// Checks what is stored with SQL of its own: it shares no code with the store.
package enum StoreAudit {
  /// Queries that find nothing in a consistent store, with the meaning of a row.
  private static let contradictions = [
    (
      "a tally that does not add up",
      """
      SELECT t.run || ' ' || t.state AS thing FROM tally AS t
      WHERE t.run NOT IN (SELECT run FROM removed_run) AND (t.chunks, t.items) <>
        (SELECT count(*), coalesce(sum(c.item_count), 0) FROM chunk AS c
         WHERE c.run = t.run AND c.state = t.state)
      """
    ),
    (
      "a chunk without a tally",
      """
      SELECT c.run || ' ' || c.number AS thing FROM chunk AS c
      WHERE NOT EXISTS (SELECT 1 FROM tally AS t WHERE t.run = c.run AND t.state = c.state)
      """
    ),
    (
      "a run whose chunks do not cover its items",
      """
      SELECT r.id AS thing FROM run AS r
      WHERE r.state <> 'planning' AND r.id NOT IN (SELECT run FROM removed_run) AND r.items <>
        (SELECT coalesce(sum(c.item_count), 0) FROM chunk AS c WHERE c.run = r.id AND c.state <> 'split')
      """
    ),
    (
      "a run whose items are not all there",
      """
      SELECT r.id AS thing FROM run AS r
      WHERE r.state <> 'planning' AND r.id NOT IN (SELECT run FROM removed_run) AND r.items <>
        (SELECT coalesce(sum(json_array_length(i.sources)), 0) FROM item_block AS i WHERE i.position >= r.id << 40 AND i.position < (r.id + 1) << 40)
      """
    ),
    (
      "a chunk that overlaps the next, or leaves a gap before it",
      """
      SELECT run || ' ' || number AS thing FROM
        (SELECT c.run, c.number, c.first_item + c.item_count AS here,
                lead(c.first_item) OVER (PARTITION BY c.run ORDER BY c.first_item) AS next
         FROM chunk AS c JOIN run AS r ON r.id = c.run
         WHERE c.state <> 'split' AND r.state <> 'planning' AND r.id NOT IN (SELECT run FROM removed_run))
      WHERE next IS NOT NULL AND next <> here
      """
    ),
    (
      "a chunk under way without an open attempt, or an open attempt of another",
      """
      SELECT c.run || ' ' || c.number || ' ' || c.state AS thing FROM chunk AS c
      WHERE (c.state = 'submitting') <> EXISTS (SELECT 1 FROM attempt AS a
        WHERE a.run = c.run AND a.chunk = c.number AND a.finished_at IS NULL)
      """
    ),
    (
      "a step of a chunk accepted twice, or tried after it or the last step was accepted",
      """
      SELECT a.run || ' ' || a.chunk AS thing FROM attempt AS a JOIN attempt AS later
        ON later.run = a.run AND later.chunk = a.chunk AND later.number > a.number
        AND (later.step = a.step OR a.step = 'index')
      WHERE a.outcome = 'accepted'
      """
    ),
  ]

  private static let soundness = """
    SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'
    UNION ALL SELECT 'a foreign key of ' || "table" || ' points nowhere' FROM pragma_foreign_key_check
    """

  /// Checks the database at a path.
  ///
  /// - Returns: the faults, one sentence each; empty when there are none.
  package static func problems(in path: String) throws -> [String] {
    // A store that died while it was made may have no tables yet.
    let isMade = try !Raw.query("SELECT 1 FROM sqlite_schema WHERE name = 'removed_run'", in: path).isEmpty
    let queries = contradictions.map { name, query in "SELECT '\(name): ' || thing FROM (\(query))" }
    return try Raw.query(([soundness] + (isMade ? queries : [])).joined(separator: "\nUNION ALL "), in: path)
  }
}

-- Known items in sorted segments, and what a run left out because it was known.

-- They are read anew from the runs, which are all there: nothing removed a run before this step.
DROP TABLE known_item;
DROP TABLE known_run;

-- Items that were accepted or rejected for good, sorted by their identity. A segment is never changed; several become one
-- as they get many.
CREATE TABLE known_segment (
  -- Never used again: whoever reads a segment notices that it is gone.
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  -- Generations of the service's API that have one set of videos: 'transfers', 'assets'.
  family      TEXT NOT NULL,
  -- origin.id of the service; where several rows stand for one service, the first of them.
  origin      INTEGER NOT NULL,
  items       INTEGER NOT NULL,
  -- What is not complete was left behind by a process that died, or is being written.
  is_complete INTEGER NOT NULL CHECK (is_complete IN (0, 1))
) STRICT;

CREATE TABLE known_page (
  -- known_segment.id * 2^24 + the number of the page within it, from 0.
  position INTEGER PRIMARY KEY,
  -- XXH64 of the entries; its seed is the position.
  checksum INTEGER NOT NULL,
  -- 32 bytes for each item, little-endian: 128 bits of a SHA-256 over index_id and object as two signed numbers, 64 bits of
  -- an XXH64 over what else it says, and a mark: 8 bits of kind (0 neither any more, 1 accepted, 3 rejected), 24 bits of
  -- known_reason.id, 32 bits of run.id.
  entries  BLOB NOT NULL
) STRICT;

-- Why items were rejected.
CREATE TABLE known_reason (
  id   INTEGER PRIMARY KEY,
  code TEXT NOT NULL UNIQUE
) STRICT;

-- Runs whose items are there, also those that were removed since. A run that has other counts by now is read anew.
CREATE TABLE known_run (
  run      INTEGER PRIMARY KEY,
  run_id   TEXT NOT NULL,
  accepted INTEGER NOT NULL,
  rejected INTEGER NOT NULL,
  attempts INTEGER NOT NULL
) STRICT;

-- Counts what adds to the items that a run still has: runs that were planned, and items that were put back. A plan that was
-- compared with what was known then is completed only while this is the same.
CREATE TABLE known_revision (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  revision INTEGER NOT NULL
) STRICT;
INSERT INTO known_revision (id, revision) VALUES (1, 0);

-- Items of the manifest that a run left out, by what is known of them and by the run that has them. That run may be gone.
ALTER TABLE run ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0 CHECK (skipped >= 0);
-- SHA-256 over the wire forms of what is left, where something was left out: `manifest_digest` is over all of the manifest.
ALTER TABLE run ADD COLUMN items_digest BLOB CHECK (length(items_digest) = 32);
CREATE TABLE run_skipped (
  run     INTEGER NOT NULL REFERENCES run (id),
  kind    TEXT NOT NULL CHECK (kind = 'accepted' OR kind = 'open' OR kind = 'rejected'),
  earlier TEXT NOT NULL,
  -- Why they were rejected; empty for the others.
  code    TEXT NOT NULL,
  items   INTEGER NOT NULL CHECK (items > 0),
  PRIMARY KEY (run, kind, earlier, code)
) STRICT, WITHOUT ROWID;

-- Runs that were removed, or that are being removed: from the moment that a run is here nobody sees it any more.
CREATE TABLE removed_run (
  -- run.id. As long as the table of runs has that row, too, the removal has not ended: the next prune continues it.
  run             INTEGER PRIMARY KEY,
  run_id          TEXT NOT NULL UNIQUE,
  removed_at      INTEGER NOT NULL,
  -- Of a run that had items accepted: what tells that its manifest was submitted before, and where to.
  manifest_digest BLOB CHECK (length(manifest_digest) = 32),
  destination     TEXT,
  CHECK ((manifest_digest IS NULL) = (destination IS NULL))
) STRICT;

CREATE INDEX removed_run_manifest ON removed_run (manifest_digest) WHERE manifest_digest IS NOT NULL;

-- Counts what was removed of the intents of a budget with their runs. Those are older than any window of time, so that only
-- the place of the last but so many has to be looked for anew.
ALTER TABLE budget ADD COLUMN removals INTEGER NOT NULL DEFAULT 0;

DROP TRIGGER attempt_removed;
CREATE TRIGGER attempt_removed AFTER DELETE ON attempt
WHEN NOT EXISTS (SELECT 1 FROM removed_run WHERE removed_run.run = old.run)
BEGIN
  UPDATE budget SET intents = intents + 1 WHERE origin = old.origin AND step = old.step;
END;

-- Runs that wait at the same time for room in the rate limits of one step of a service: what each of them took of it, and
-- when it may go next. A run that is alone on its store has no row. The row of a process that is gone does not count: its
-- run has another owner by then, or its lock is free.

CREATE TABLE rate_share (
  origin   INTEGER NOT NULL,
  step     TEXT NOT NULL CHECK (step <> ''),
  run      INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  -- run.owner of the process that waits.
  owner    INTEGER NOT NULL,
  -- Thousand-millionths of a window's limit: what its requests took while others waited, too.
  taken    INTEGER NOT NULL CHECK (taken >= 0),
  -- When it may go, or went: a little later, no room is kept for it any more.
  due      INTEGER NOT NULL,
  -- What its next request takes.
  items    INTEGER NOT NULL CHECK (items > 0),
  media_ms INTEGER CHECK (media_ms >= 0),
  PRIMARY KEY (origin, step, run)
) STRICT, WITHOUT ROWID;

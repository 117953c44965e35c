-- What the service makes of items that it accepted. Only runs that somebody tracks have rows here.

-- Was made for this, and never filled.
DROP TABLE item_record;

CREATE TABLE tracked_run (
  run        INTEGER PRIMARY KEY REFERENCES run (id) ON DELETE CASCADE,
  -- When the last look ended that read every listing, and when an item was last seen in another state than before.
  looked_at  INTEGER,
  changed_at INTEGER
) STRICT;

-- Items by state, so that no look and no report counts rows.
CREATE TABLE tracked_tally (
  run   INTEGER NOT NULL REFERENCES tracked_run (run) ON DELETE CASCADE,
  state TEXT NOT NULL,
  items INTEGER NOT NULL,
  PRIMARY KEY (run, state)
) STRICT, WITHOUT ROWID;

-- The listing of one index, in which items of one run are looked for.
CREATE TABLE tracked_listing (
  id        INTEGER PRIMARY KEY,
  run       INTEGER NOT NULL REFERENCES tracked_run (run) ON DELETE CASCADE,
  index_id  TEXT NOT NULL,
  -- The page at which a walk goes on that was not ended; NULL where none is under way.
  next_page INTEGER CHECK (next_page > 0),
  UNIQUE (run, index_id)
) STRICT;

CREATE TABLE tracked_item (
  -- run.id * 2^40 + the sequence number of the item.
  position    INTEGER PRIMARY KEY,
  listing     INTEGER NOT NULL REFERENCES tracked_listing (id) ON DELETE CASCADE,
  -- By what it is recognised there: 128 bits of a SHA-256 over the service's id, or over its file name. NULL where it
  -- cannot be recognised.
  mark        BLOB CHECK (length(mark) = 16),
  -- When the request with it began and ended.
  since       INTEGER NOT NULL,
  until       INTEGER NOT NULL,
  state       TEXT NOT NULL CHECK (state = 'not_seen' OR state = 'waiting' OR state = 'indexing' OR state = 'ready'
                                   OR state = 'failed' OR state = 'ambiguous'),
  external_id TEXT,
  -- Why it failed, in the service's words; of one that is worked on, a word of the service that nobody knows.
  detail      TEXT,
  -- Of one that failed: whether the service was asked for its reason.
  explained   INTEGER NOT NULL DEFAULT 0 CHECK (explained IN (0, 1))
) STRICT;

CREATE INDEX tracked_item_mark ON tracked_item (listing, mark);
-- Items that are still looked for. Queries repeat the WHERE terms.
CREATE INDEX tracked_item_open ON tracked_item (listing, since)
  WHERE state <> 'ready' AND state <> 'failed' AND mark IS NOT NULL;
CREATE INDEX tracked_item_open_mark ON tracked_item (listing, mark)
  WHERE state <> 'ready' AND state <> 'failed' AND mark IS NOT NULL;
CREATE INDEX tracked_item_failed ON tracked_item (listing, explained, detail) WHERE state = 'failed';

CREATE TRIGGER tracked_item_added AFTER INSERT ON tracked_item
BEGIN
  INSERT INTO tracked_tally (run, state, items) VALUES (new.position >> 40, new.state, 1)
    ON CONFLICT (run, state) DO UPDATE SET items = items + 1;
END;

CREATE TRIGGER tracked_item_moved AFTER UPDATE OF state ON tracked_item WHEN old.state <> new.state
BEGIN
  UPDATE tracked_tally SET items = items - 1 WHERE run = old.position >> 40 AND state = old.state;
  INSERT INTO tracked_tally (run, state, items) VALUES (new.position >> 40, new.state, 1)
    ON CONFLICT (run, state) DO UPDATE SET items = items + 1;
END;

-- Videos that a listing showed with the file name of an item: they are counted once it was read.
CREATE TABLE tracked_video (
  listing    INTEGER NOT NULL REFERENCES tracked_listing (id) ON DELETE CASCADE,
  mark       BLOB NOT NULL CHECK (length(mark) = 16),
  id         TEXT NOT NULL,
  created_at INTEGER,
  state      TEXT NOT NULL,
  detail     TEXT,
  PRIMARY KEY (listing, mark, id)
) STRICT, WITHOUT ROWID;

-- When somebody, for example a webhook of the service, last asked for a look to be made soon.
CREATE TABLE look_request (
  id           INTEGER PRIMARY KEY CHECK (id = 1),
  requested_at INTEGER NOT NULL
) STRICT;

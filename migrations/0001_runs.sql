-- Runs, their items, chunks and attempts.
-- Times are integer milliseconds since 1970-01-01T00:00:00Z, bound from the program's clock.

-- Scheme, host and port of a service: what rate limits are keyed by, across runs, and so are the waits it asks for.
CREATE TABLE origin (
  id          INTEGER PRIMARY KEY,
  url         TEXT NOT NULL UNIQUE,
  wait_until  INTEGER,
  wait_reason TEXT,
  CHECK ((wait_until IS NULL) = (wait_reason IS NULL))
) STRICT;

-- Addresses that requests went to: an answer lost at one cannot be settled at another.
CREATE TABLE destination (
  id  INTEGER PRIMARY KEY,
  url TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE run (
  -- Never used again: a run's lock is the byte of its id.
  id                   INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id               TEXT NOT NULL UNIQUE,
  name                 TEXT,
  job                  TEXT,
  state                TEXT NOT NULL CHECK (state IN ('planning', 'running', 'paused', 'finished', 'cancelled')),
  -- 'crash' is missing on purpose: it is found by looking at the owner, never stored.
  reason               TEXT CHECK (reason IN ('signal', 'window', 'throttled', 'account', 'endpoint', 'index',
                                              'unreachable', 'failures', 'store')),
  reason_detail        TEXT,
  created_at           INTEGER NOT NULL,
  finished_at          INTEGER,
  manifest             TEXT NOT NULL,
  manifest_path        TEXT,
  manifest_bytes       INTEGER,
  manifest_modified_at INTEGER,
  -- Whether it is sent although another run has the same manifest.
  again                INTEGER NOT NULL CHECK (again IN (0, 1)),
  -- SHA-256 over the items' wire forms; known once planning is done.
  manifest_digest      BLOB CHECK (length(manifest_digest) = 32),
  origin               INTEGER NOT NULL REFERENCES origin (id),
  destination          TEXT NOT NULL,
  settings             TEXT NOT NULL,
  items                INTEGER NOT NULL DEFAULT 0,
  repeated             INTEGER NOT NULL DEFAULT 0,
  attempts             INTEGER NOT NULL DEFAULT 0,
  first_intent_at      INTEGER,
  last_outcome_at      INTEGER,
  -- Counts the take-overs: a process that lost the run finds another number here and in the guard of its
  -- every change.
  owner                INTEGER NOT NULL DEFAULT 0,
  owner_host           TEXT,
  owner_pid            INTEGER,
  request              TEXT CHECK (request IN ('pause', 'cancel')),
  CHECK ((state = 'paused') = (reason IS NOT NULL)),
  CHECK ((state IN ('finished', 'cancelled')) = (finished_at IS NOT NULL)),
  CHECK (state = 'planning' OR manifest_digest IS NOT NULL)
) STRICT;

-- "Was this manifest submitted before?" is one look-up.
CREATE INDEX run_manifest ON run (manifest_digest, destination) WHERE manifest_digest IS NOT NULL;

-- One row per item, never changed. `position` is run.id * 2^40 + sequence: rows are appended in key order,
-- without a second tree for the key, and a run's items are one range.
CREATE TABLE item (
  position INTEGER PRIMARY KEY,
  source   TEXT NOT NULL
) STRICT;

CREATE TABLE chunk (
  run              INTEGER NOT NULL REFERENCES run (id),
  number           INTEGER NOT NULL,
  first_item       INTEGER NOT NULL,
  item_count       INTEGER NOT NULL CHECK (item_count > 0),
  byte_count       INTEGER NOT NULL,
  -- SHA-256 of the content of the request's file part.
  digest           BLOB NOT NULL CHECK (length(digest) = 32),
  -- The index of all its items; NULL when they differ.
  index_id         TEXT,
  -- Whether a file name of it may stand for another item of the same index, too.
  names_clash      INTEGER NOT NULL CHECK (names_clash IN (0, 1)),
  -- The chunk this one was split from.
  parent           INTEGER,
  state            TEXT NOT NULL CHECK (state IN ('pending', 'submitting', 'unknown', 'accepted', 'rejected',
                                                  'failed', 'split', 'cancelled')),
  -- run.owner of the process that submits it.
  owner            INTEGER,
  ready_at         INTEGER NOT NULL DEFAULT 0,
  attempts         INTEGER NOT NULL DEFAULT 0,
  counted_attempts INTEGER NOT NULL DEFAULT 0,
  -- Only attempts from this number on count: `resume --retry` grants a fresh allowance.
  allowance_from   INTEGER NOT NULL DEFAULT 1,
  -- Of a rejected range: whether its bad items were not told apart.
  not_isolated     INTEGER NOT NULL DEFAULT 0 CHECK (not_isolated IN (0, 1)),
  -- The last attempt that ended, kept here so that a report reads no attempts.
  last_outcome     TEXT,
  last_status      INTEGER,
  last_code        TEXT,
  last_message     TEXT,
  last_at          INTEGER,
  PRIMARY KEY (run, number),
  CHECK ((state = 'submitting') = (owner IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Chunks that are still to be decided or that went wrong, next to send first. Queries repeat the WHERE term,
-- which is how SQLite knows that a partial index serves them.
CREATE INDEX chunk_open ON chunk (run, state, ready_at, number)
  WHERE state NOT IN ('accepted', 'split', 'cancelled');
CREATE INDEX chunk_items ON chunk (run, first_item);

-- One row per try, never changed once `finished_at` is there.
CREATE TABLE attempt (
  run         INTEGER NOT NULL,
  chunk       INTEGER NOT NULL,
  number      INTEGER NOT NULL,
  origin      INTEGER NOT NULL REFERENCES origin (id),
  destination INTEGER NOT NULL REFERENCES destination (id),
  owner       INTEGER NOT NULL,
  started_at  INTEGER NOT NULL,
  finished_at INTEGER,
  took_ms     INTEGER,
  bytes       INTEGER NOT NULL,
  -- The longest it could be under way: what is known of its end when its process dies.
  timeout_ms  INTEGER NOT NULL,
  outcome     TEXT CHECK (outcome IN ('accepted', 'account', 'endpoint', 'index', 'throttled', 'not_processed',
                                      'unknown', 'content')),
  status      INTEGER,
  code        TEXT,
  message     TEXT,
  counted     INTEGER NOT NULL DEFAULT 0 CHECK (counted IN (0, 1)),
  PRIMARY KEY (run, chunk, number),
  FOREIGN KEY (run, chunk) REFERENCES chunk (run, number),
  CHECK ((finished_at IS NULL) = (outcome IS NULL))
) STRICT, WITHOUT ROWID;

-- Rate limits look back over the attempts of one service, whatever the run.
CREATE INDEX attempt_started ON attempt (origin, started_at);

-- What settling found, look by look of consequence: the evidence stays with the verdict.
CREATE TABLE settlement (
  run        INTEGER NOT NULL,
  chunk      INTEGER NOT NULL,
  attempt    INTEGER NOT NULL,
  decided_at INTEGER NOT NULL,
  verdict    TEXT NOT NULL CHECK (verdict IN ('received', 'not_received', 'undecided')),
  authority  TEXT NOT NULL CHECK (authority IN ('listing', 'policy', 'person')),
  evidence   TEXT NOT NULL,
  -- Whether the verdict makes the attempt count towards the limit.
  counted    INTEGER NOT NULL CHECK (counted IN (0, 1)),
  PRIMARY KEY (run, chunk, attempt, decided_at),
  FOREIGN KEY (run, chunk, attempt) REFERENCES attempt (run, chunk, number)
) STRICT, WITHOUT ROWID;

-- Chunks and items by state, kept by the triggers below so that no report counts rows.
CREATE TABLE tally (
  run    INTEGER NOT NULL REFERENCES run (id),
  state  TEXT NOT NULL,
  chunks INTEGER NOT NULL,
  items  INTEGER NOT NULL,
  PRIMARY KEY (run, state)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER chunk_added AFTER INSERT ON chunk
BEGIN
  INSERT INTO tally (run, state, chunks, items) VALUES (new.run, new.state, 1, new.item_count)
    ON CONFLICT (run, state) DO UPDATE SET chunks = chunks + 1, items = items + excluded.items;
END;

CREATE TRIGGER chunk_moved AFTER UPDATE OF state ON chunk WHEN old.state <> new.state
BEGIN
  UPDATE tally SET chunks = chunks - 1, items = items - old.item_count
    WHERE run = old.run AND state = old.state;
  INSERT INTO tally (run, state, chunks, items) VALUES (new.run, new.state, 1, new.item_count)
    ON CONFLICT (run, state) DO UPDATE SET chunks = chunks + 1, items = items + excluded.items;
END;

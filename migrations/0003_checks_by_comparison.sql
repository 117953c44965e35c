-- Lists of allowed words as comparisons. SQLite makes a table in memory for every IN with more than two words, each time
-- a statement runs (seen in EXPLAIN as OpenEphemeral): eight of them for every chunk that is sent. A CHECK cannot be
-- changed, so the tables are made anew; children first, so that no reference is ever broken.

CREATE TABLE chunk_new (
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
  state            TEXT NOT NULL CHECK (state = 'pending' OR state = 'submitting' OR state = 'unknown' OR state = 'accepted'
                                        OR state = 'rejected' OR state = 'failed' OR state = 'split' OR state = 'cancelled'),
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

INSERT INTO chunk_new (run, number, first_item, item_count, byte_count, digest, index_id, names_clash, parent, state,
                       owner, ready_at, attempts, counted_attempts, allowance_from, not_isolated, last_outcome,
                       last_status, last_code, last_message, last_at)
  SELECT run, number, first_item, item_count, byte_count, digest, index_id, names_clash, parent, state,
         owner, ready_at, attempts, counted_attempts, allowance_from, not_isolated, last_outcome,
         last_status, last_code, last_message, last_at FROM chunk;

-- One row per try, never changed once `finished_at` is there.
CREATE TABLE attempt_new (
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
  outcome     TEXT CHECK (outcome = 'accepted' OR outcome = 'account' OR outcome = 'endpoint' OR outcome = 'index'
                          OR outcome = 'throttled' OR outcome = 'not_processed' OR outcome = 'unknown'
                          OR outcome = 'content'),
  status      INTEGER,
  code        TEXT,
  message     TEXT,
  counted     INTEGER NOT NULL DEFAULT 0 CHECK (counted IN (0, 1)),
  -- Whether it came to nothing while nothing got through for anyone: it then says nothing about its chunk.
  in_outage   INTEGER NOT NULL DEFAULT 0 CHECK (in_outage IN (0, 1)),
  -- The place of this intent among the intents of its run, and how many there were when its outcome was recorded.
  intent      INTEGER NOT NULL DEFAULT 0,
  ended_after INTEGER,
  PRIMARY KEY (run, chunk, number),
  FOREIGN KEY (run, chunk) REFERENCES chunk_new (run, number),
  CHECK ((finished_at IS NULL) = (outcome IS NULL))
) STRICT, WITHOUT ROWID;

INSERT INTO attempt_new (run, chunk, number, origin, destination, owner, started_at, finished_at, took_ms, bytes,
                         timeout_ms, outcome, status, code, message, counted, in_outage, intent, ended_after)
  SELECT run, chunk, number, origin, destination, owner, started_at, finished_at, took_ms, bytes,
         timeout_ms, outcome, status, code, message, counted, in_outage, intent, ended_after FROM attempt;

CREATE TABLE settlement_new (
  run           INTEGER NOT NULL,
  chunk         INTEGER NOT NULL,
  attempt       INTEGER NOT NULL,
  decided_at    INTEGER NOT NULL,
  verdict       TEXT NOT NULL CHECK (verdict IN ('received', 'partly_received', 'not_received', 'undecided')),
  authority     TEXT NOT NULL CHECK (authority IN ('listing', 'policy', 'person')),
  -- The evidence in words, and in its parts where the listing was read.
  evidence      TEXT NOT NULL,
  -- When the first of the looks that agree began, and the last.
  first_look_at INTEGER,
  last_look_at  INTEGER,
  -- Tasks of the window that the last look listed, and items of the chunk among them.
  tasks_listed  INTEGER,
  items_seen    INTEGER,
  -- Numbers of the chunks that prove that the listing had caught up, as a JSON array.
  controls      TEXT,
  -- Whether the verdict makes the attempt count towards the limit.
  counted       INTEGER NOT NULL CHECK (counted IN (0, 1)),
  PRIMARY KEY (run, chunk, attempt, decided_at),
  FOREIGN KEY (run, chunk, attempt) REFERENCES attempt_new (run, chunk, number)
) STRICT, WITHOUT ROWID;

INSERT INTO settlement_new SELECT * FROM settlement;

DROP TABLE settlement;
DROP TABLE attempt;
DROP TABLE chunk;
ALTER TABLE chunk_new RENAME TO chunk;
ALTER TABLE attempt_new RENAME TO attempt;
ALTER TABLE settlement_new RENAME TO settlement;

-- Chunks that are still to be decided or that went wrong, next to send first. Queries repeat the WHERE terms,
-- which is how SQLite knows that a partial index serves them.
CREATE INDEX chunk_open ON chunk (run, state, ready_at, number)
  WHERE state <> 'accepted' AND state <> 'split' AND state <> 'cancelled';
CREATE INDEX chunk_items ON chunk (run, first_item);

-- Rate limits look back over the attempts of one service, whatever the run.
CREATE INDEX attempt_started ON attempt (origin, started_at);
CREATE UNIQUE INDEX attempt_intent ON attempt (run, intent);

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

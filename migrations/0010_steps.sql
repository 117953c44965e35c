-- How items are written, steps of a chunk, ids that the service gives, chunks that the service works on, what it says of
-- single items, and the service's budgets.
--
-- A CHECK cannot be changed, so the tables are made anew: children are dropped first, so that no reference is ever broken.

CREATE TABLE origin_new (
  id  INTEGER PRIMARY KEY,
  -- Scheme, host and port.
  url TEXT NOT NULL UNIQUE
) STRICT;

INSERT INTO origin_new SELECT id, url FROM origin;

-- What requests of one step are counted by, with a wait that the service asked for, for every run of the service. A step
-- that was never sent may have no row.
CREATE TABLE budget (
  origin      INTEGER NOT NULL REFERENCES origin_new (id),
  step        TEXT NOT NULL CHECK (step <> ''),
  -- Counts what changes the order of its intents. While it grows as fast as intents are added at the end, a process knows
  -- its place in the window of a rate without looking back.
  intents     INTEGER NOT NULL DEFAULT 0,
  wait_until  INTEGER,
  wait_reason TEXT,
  -- How long the wait was when it began; NULL where that is not known.
  wait_ms     INTEGER,
  PRIMARY KEY (origin, step),
  CHECK ((wait_until IS NULL) = (wait_reason IS NULL))
) STRICT, WITHOUT ROWID;

INSERT INTO budget (origin, step, intents, wait_until, wait_reason, wait_ms)
  SELECT id, 'transfer', intents, wait_until, wait_reason, wait_ms FROM origin;

CREATE TABLE run_new (
  -- Never used again: a run's lock is the byte of its id.
  id                   INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id               TEXT NOT NULL UNIQUE,
  name                 TEXT,
  job                  TEXT,
  state                TEXT NOT NULL CHECK (state IN ('planning', 'running', 'paused', 'finished', 'cancelled')),
  -- 'crash' is missing on purpose: it is found by looking at the owner, never stored. The last five are not used yet.
  reason               TEXT CHECK (reason IN ('signal', 'throttled', 'account', 'endpoint', 'index', 'unreachable',
                                              'failures', 'store', 'window', 'source', 'credentials', 'detached',
                                              'failed_over')),
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
  origin               INTEGER NOT NULL REFERENCES origin_new (id),
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
  -- What another process asks of the owner; ends with the ownership.
  request              TEXT CHECK (request IN ('pause', 'cancel')),
  -- What refusals of this run's chunks are known to mean: nobody looked yet; the first that was looked up had none of
  -- its items taken; or one had some taken, and every refusal is looked up before its chunk is divided.
  refusals             TEXT NOT NULL DEFAULT 'unproven' CHECK (refusals IN ('unproven', 'whole', 'partial')),
  -- Whether an owner began to cancel it: whoever takes it over goes on with that.
  cancelling           INTEGER NOT NULL DEFAULT 0 CHECK (cancelling IN (0, 1)),
  CHECK ((state = 'paused') = (reason IS NOT NULL)),
  CHECK ((state IN ('finished', 'cancelled')) = (finished_at IS NOT NULL)),
  CHECK (state = 'planning' OR manifest_digest IS NOT NULL)
) STRICT;

INSERT INTO run_new (id, run_id, name, job, state, reason, reason_detail, created_at, finished_at, manifest,
                     manifest_path, manifest_bytes, manifest_modified_at, again, manifest_digest, origin, destination,
                     settings, items, repeated, attempts, first_intent_at, last_outcome_at, owner, owner_host, owner_pid,
                     request, refusals, cancelling)
  SELECT id, run_id, name, job, state, reason, reason_detail, created_at, finished_at, manifest,
         manifest_path, manifest_bytes, manifest_modified_at, again, manifest_digest, origin, destination,
         settings, items, repeated, attempts, first_intent_at, last_outcome_at, owner, owner_host, owner_pid,
         request, refusals, cancelling FROM run;

-- Ids of plans that were removed are not used again either.
DELETE FROM sqlite_sequence WHERE name = 'run_new';
INSERT INTO sqlite_sequence (name, seq) SELECT 'run_new', seq FROM sqlite_sequence WHERE name = 'run';

CREATE TABLE chunk_new (
  run              INTEGER NOT NULL REFERENCES run_new (id),
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
  state            TEXT NOT NULL CHECK (state = 'pending' OR state = 'submitting' OR state = 'processing'
                                        OR state = 'unknown' OR state = 'accepted' OR state = 'rejected'
                                        OR state = 'failed' OR state = 'split' OR state = 'cancelled'),
  -- The kind of request that it needs next, or had last. The words are those of the service's module.
  step             TEXT NOT NULL CHECK (step <> ''),
  -- The length of its videos; known once the service has looked at them.
  media_ms         INTEGER CHECK (media_ms >= 0),
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
                       step, owner, ready_at, attempts, counted_attempts, allowance_from, not_isolated, last_outcome,
                       last_status, last_code, last_message, last_at)
  SELECT run, number, first_item, item_count, byte_count, digest, index_id, names_clash, parent, state,
         'transfer', owner, ready_at, attempts, counted_attempts, allowance_from, not_isolated, last_outcome,
         last_status, last_code, last_message, last_at FROM chunk;

-- One row per try, never changed once `finished_at` is there.
CREATE TABLE attempt_new (
  run         INTEGER NOT NULL,
  chunk       INTEGER NOT NULL,
  number      INTEGER NOT NULL,
  -- The service it went to: its budget, and who has the items if it was accepted.
  origin      INTEGER NOT NULL REFERENCES origin_new (id),
  destination INTEGER NOT NULL REFERENCES destination (id),
  step        TEXT NOT NULL CHECK (step <> ''),
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
  -- The id that the service gave to what the request made, with its answer or when it was settled; kept for ever.
  external_id TEXT,
  -- The length of the videos in it, where that was known when it was sent.
  media_ms    INTEGER CHECK (media_ms >= 0),
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

INSERT INTO attempt_new (run, chunk, number, origin, destination, step, owner, started_at, finished_at, took_ms, bytes,
                         timeout_ms, outcome, status, code, message, counted, in_outage, intent, ended_after)
  SELECT run, chunk, number, origin, destination, 'transfer', owner, started_at, finished_at, took_ms, bytes,
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
  -- Numbers of the chunks that prove that the listing had caught up (witnesses), as a JSON array.
  controls      TEXT,
  -- Whether the verdict makes the attempt count towards the limit.
  counted       INTEGER NOT NULL CHECK (counted IN (0, 1)),
  PRIMARY KEY (run, chunk, attempt, decided_at),
  FOREIGN KEY (run, chunk, attempt) REFERENCES attempt_new (run, chunk, number)
) STRICT, WITHOUT ROWID;

INSERT INTO settlement_new SELECT * FROM settlement;

CREATE TABLE listing_lag_new (
  run         INTEGER NOT NULL REFERENCES run_new (id),
  index_id    TEXT NOT NULL,
  -- When the newest witness that was looked for was accepted.
  accepted_at INTEGER NOT NULL,
  lag_ms      INTEGER NOT NULL CHECK (lag_ms >= 0),
  PRIMARY KEY (run, index_id)
) STRICT, WITHOUT ROWID;

INSERT INTO listing_lag_new SELECT * FROM listing_lag;

-- Chunks and items by state, so that no report counts rows.
CREATE TABLE tally_new (
  run    INTEGER NOT NULL REFERENCES run_new (id),
  state  TEXT NOT NULL,
  chunks INTEGER NOT NULL,
  items  INTEGER NOT NULL,
  PRIMARY KEY (run, state)
) STRICT, WITHOUT ROWID;

INSERT INTO tally_new SELECT * FROM tally;

DROP TABLE tally;
DROP TABLE listing_lag;
DROP TABLE settlement;
DROP TABLE attempt;
DROP TABLE chunk;
DROP TABLE run;
DROP TABLE origin;
ALTER TABLE origin_new RENAME TO origin;
ALTER TABLE run_new RENAME TO run;
ALTER TABLE chunk_new RENAME TO chunk;
ALTER TABLE attempt_new RENAME TO attempt;
ALTER TABLE settlement_new RENAME TO settlement;
ALTER TABLE listing_lag_new RENAME TO listing_lag;
ALTER TABLE tally_new RENAME TO tally;

-- "Was this manifest submitted before?" is one look-up.
CREATE INDEX run_manifest ON run (manifest_digest, destination) WHERE manifest_digest IS NOT NULL;

-- Chunks that are still to be decided or that went wrong, next to send first. Queries repeat the WHERE terms,
-- which is how SQLite knows that a partial index serves them.
CREATE INDEX chunk_open ON chunk (run, state, step, ready_at, number)
  WHERE state <> 'accepted' AND state <> 'split' AND state <> 'cancelled';
CREATE INDEX chunk_items ON chunk (run, first_item);

-- Rate limits look back over the requests of one budget of a service, whatever the run.
CREATE INDEX attempt_started ON attempt (origin, step, started_at);
CREATE UNIQUE INDEX attempt_intent ON attempt (run, intent);

CREATE TRIGGER chunk_added AFTER INSERT ON chunk
BEGIN
  INSERT INTO tally (run, state, chunks, items) VALUES (new.run, new.state, 1, new.item_count)
    ON CONFLICT (run, state) DO UPDATE SET chunks = chunks + 1, items = items + excluded.items;
END;

-- The two moves that are left out are counted by whoever makes them, once for all changes of a commit.
CREATE TRIGGER chunk_moved AFTER UPDATE OF state ON chunk
WHEN old.state <> new.state AND NOT (old.state = 'pending' AND new.state = 'submitting')
  AND NOT (old.state = 'submitting' AND new.state = 'accepted')
BEGIN
  UPDATE tally SET chunks = chunks - 1, items = items - old.item_count
    WHERE run = old.run AND state = old.state;
  INSERT INTO tally (run, state, chunks, items) VALUES (new.run, new.state, 1, new.item_count)
    ON CONFLICT (run, state) DO UPDATE SET chunks = chunks + 1, items = items + excluded.items;
END;

CREATE TRIGGER attempt_redated AFTER UPDATE OF started_at, origin ON attempt
BEGIN
  UPDATE budget SET intents = intents + 1 WHERE (origin = new.origin OR origin = old.origin) AND step = new.step;
END;

CREATE TRIGGER attempt_removed AFTER DELETE ON attempt
BEGIN
  UPDATE budget SET intents = intents + 1 WHERE origin = old.origin AND step = old.step;
END;

-- What a request made although another had made it before: it is at the service, and nobody uses it.
CREATE TABLE surplus (
  run         INTEGER NOT NULL REFERENCES run (id),
  chunk       INTEGER NOT NULL,
  step        TEXT NOT NULL CHECK (step <> ''),
  external_id TEXT NOT NULL,
  seen_at     INTEGER NOT NULL,
  PRIMARY KEY (run, chunk, step, external_id),
  FOREIGN KEY (run, chunk) REFERENCES chunk (run, number)
) STRICT, WITHOUT ROWID;

-- What the service says of single items, for those of which it says something: most have no row.
CREATE TABLE item_record (
  -- run.id * 2^40 + the sequence number of the item.
  position    INTEGER PRIMARY KEY,
  -- The step that it is about.
  step        TEXT NOT NULL CHECK (step <> ''),
  said_at     INTEGER NOT NULL,
  -- What the service says, in one word of its module.
  status      TEXT NOT NULL CHECK (status <> ''),
  external_id TEXT,
  code        TEXT,
  message     TEXT
) STRICT;

-- Items were credited to the service that their run went to last. They are read anew, each for the service that its
-- accepted attempt went to.
DELETE FROM known_item;
DELETE FROM known_run;

-- The items of a row are kept as they are sent. How they were written is kept beside them, for those who want them back
-- as they came: white space takes no part in sending.

-- NULL where the items are written as the array has them: in rows that older formats made, too.
ALTER TABLE item_block ADD COLUMN layouts BLOB;

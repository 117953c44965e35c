-- A database of format 7, made by make-format.py when it was the newest but one. Never changed.
PRAGMA application_id = 1869767528;
BEGIN TRANSACTION;
CREATE TABLE "attempt" (
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
  FOREIGN KEY (run, chunk) REFERENCES "chunk" (run, number),
  CHECK ((finished_at IS NULL) = (outcome IS NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO "attempt" VALUES(1,0,1,1,1,1,1764001000100,1764001000150,40,187,60000,'throttled',429,'too_many_requests',NULL,0,0,1,NULL);
INSERT INTO "attempt" VALUES(1,0,2,1,1,1,1764001000200,1764001000250,40,187,60000,'accepted',200,NULL,NULL,0,0,2,NULL);
INSERT INTO "attempt" VALUES(1,1,1,1,1,1,1764001000300,1764001000350,40,94,60000,'content',400,'parameter_invalid',NULL,0,0,3,NULL);
INSERT INTO "attempt" VALUES(2,0,1,1,1,1,1764002000100,1764002000150,40,187,60000,'accepted',200,NULL,NULL,0,0,1,NULL);
INSERT INTO "attempt" VALUES(2,1,1,1,1,1,1764002000200,1764002000250,40,187,60000,'unknown',NULL,'reset',NULL,0,0,2,2);
CREATE TABLE "chunk" (
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
INSERT INTO "chunk" VALUES(1,0,0,2,187,X'69BBC46E3C73C1A80DCD4B995B486E44A93AF6DC26374D5B9EF60AD3C850161B','629d807aa9e2a3a33a92c00b',0,NULL,'accepted',NULL,0,2,0,1,0,'accepted',200,NULL,NULL,1764001000250);
INSERT INTO "chunk" VALUES(1,1,2,1,94,X'CB41C834A7AB3D709F1D53095888457E0AC43A1BDF22158DF91D2EABFB480D65','629d807aa9e2a3a33a92c00b',0,NULL,'rejected',NULL,0,1,0,1,0,'content',400,'parameter_invalid',NULL,1764001000350);
INSERT INTO "chunk" VALUES(2,0,0,2,187,X'9D3316CD00AF41EA928DDE2DD2BE4258D80C922FC9E391933509CC3C388A2F22','629d807aa9e2a3a33a92c00b',0,NULL,'accepted',NULL,0,1,0,1,0,'accepted',200,NULL,NULL,1764002000150);
INSERT INTO "chunk" VALUES(2,1,2,2,187,X'21DB44EEB58EFC9874BE86E5202E67DE807411EC388087FD2F6EF43CA8C7F576','629d807aa9e2a3a33a92c00b',0,NULL,'unknown',NULL,0,1,0,1,0,'unknown',NULL,'reset',NULL,1764002000250);
INSERT INTO "chunk" VALUES(2,2,4,2,187,X'A7DABC4A19B77E80D88DEA13F682AA972FA4824ADF056CDED8D73FA4CE9B7ADB','629d807aa9e2a3a33a92c00b',0,NULL,'pending',NULL,0,0,0,1,0,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE destination (
  id  INTEGER PRIMARY KEY,
  url TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO "destination" VALUES(1,'https://api.twelvelabs.io/v1/indexes/tasks/transfers');
CREATE TABLE item_block (
  position     INTEGER PRIMARY KEY,
  item_count   INTEGER NOT NULL CHECK (item_count > 0),
  -- Whether the array is what a request has, byte for byte.
  in_wire_form INTEGER NOT NULL CHECK (in_wire_form IN (0, 1)),
  -- XXH64 of the array; its seed is the position, complemented for an array in wire form. NULL in rows that this step
  -- made.
  checksum     INTEGER,
  -- JSON array of the items' source texts as they came. The last column, since it is long.
  sources      TEXT NOT NULL
) STRICT;
INSERT INTO "item_block" VALUES(1099511627776,2,0,NULL,'[{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/1-0.mp4"},{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/1-1.mp4"}]');
INSERT INTO "item_block" VALUES(1099511627778,1,0,NULL,'[{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/1-2.mp4"}]');
INSERT INTO "item_block" VALUES(2199023255552,2,0,NULL,'[{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/2-0.mp4"},{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/2-1.mp4"}]');
INSERT INTO "item_block" VALUES(2199023255554,2,0,NULL,'[{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/2-2.mp4"},{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/2-3.mp4"}]');
INSERT INTO "item_block" VALUES(2199023255556,2,0,NULL,'[{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/2-4.mp4"},{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/2-5.mp4"}]');
CREATE TABLE listing_lag (
  run         INTEGER NOT NULL REFERENCES run (id),
  index_id    TEXT NOT NULL,
  -- When that control was accepted.
  accepted_at INTEGER NOT NULL,
  lag_ms      INTEGER NOT NULL CHECK (lag_ms >= 0),
  PRIMARY KEY (run, index_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum BLOB NOT NULL, applied_at INTEGER NOT NULL) STRICT;
INSERT INTO "migration" VALUES(1,'0001_runs.sql',X'8A53F1648BE457C264FDBF92F4B109EDAAF719B68CA85EC8D4475DEC14159C68',1764000000000);
INSERT INTO "migration" VALUES(2,'0002_splitting.sql',X'BFE6B4D278A8776F5F6609F5829FA91F06570D163B530097A0B9DC354A27309C',1764000000000);
INSERT INTO "migration" VALUES(3,'0003_checks_by_comparison.sql',X'502924965B232F236AA28B974DAF4C3902DEBB81CEF16F10B2E69524A23C85E0',1764000000000);
INSERT INTO "migration" VALUES(4,'0004_tally_by_commit.sql',X'2166F6563F9972274C740E4C58E26ED6306C355432DB33AE1FE2F16912F51AA6',1764000000000);
INSERT INTO "migration" VALUES(5,'0005_item_blocks.sql',X'351118FF6CC595A8D9AA9743F8ABE79E7E9086B67E06EA06150F52E254A3D7AE',1764000000000);
INSERT INTO "migration" VALUES(6,'0006_length_of_waits.sql',X'624317736A2462F8200B950BB0F09FED14A5DBDAFDCB9793C42F78402D70C5F6',1764000000000);
INSERT INTO "migration" VALUES(7,'0007_cancelling.sql',X'40EB569FCECBBE1E19DB70A6C0A380248683853AF074CABEA61F9281E48B743B',1764000000000);
CREATE TABLE origin (
  id          INTEGER PRIMARY KEY,
  url         TEXT NOT NULL UNIQUE,
  wait_until  INTEGER,
  wait_reason TEXT, wait_ms INTEGER CHECK (wait_ms IS NULL OR wait_ms >= 0),
  CHECK ((wait_until IS NULL) = (wait_reason IS NULL))
) STRICT;
INSERT INTO "origin" VALUES(1,'https://api.twelvelabs.io',1764000060000,'too_many_requests',NULL);
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
  request              TEXT CHECK (request IN ('pause', 'cancel')), refusals TEXT NOT NULL DEFAULT 'unproven'
  CHECK (refusals IN ('unproven', 'whole', 'partial')), cancelling INTEGER NOT NULL DEFAULT 0 CHECK (cancelling IN (0, 1)),
  CHECK ((state = 'paused') = (reason IS NOT NULL)),
  CHECK ((state IN ('finished', 'cancelled')) = (finished_at IS NOT NULL)),
  CHECK (state = 'planning' OR manifest_digest IS NOT NULL)
) STRICT;
INSERT INTO "run" VALUES(1,'20251124-160000-000-aaaa',NULL,NULL,'finished',NULL,NULL,1764001000000,1764001009000,'videos.json',NULL,NULL,NULL,0,X'82FDC545AD6B73E24D3C621F0A27973132F55173044C2C84DF12821F8B087955',1,'https://api.twelvelabs.io/v1/indexes/tasks/transfers','{"base_url":"https://api.twelvelabs.io","chunk_bytes":1048576,"chunk_size":2,"concurrency":4,"max_attempts":8,"max_failures":"50%","max_wait_milliseconds":86400000,"on_unknown":"check","profile":"v1","rates":[],"settle_delay_milliseconds":30000,"strict":false,"timeout_milliseconds":60000}',3,0,3,1764001000100,1764001000350,1,NULL,NULL,NULL,'unproven',0);
INSERT INTO "run" VALUES(2,'20251124-170000-000-bbbb',NULL,NULL,'paused','signal',NULL,1764002000000,NULL,'videos.json',NULL,NULL,NULL,0,X'0B38962A10FF2E86A2CFD1FB192F18784A91975C7068E716A451859A147A8516',1,'https://api.twelvelabs.io/v1/indexes/tasks/transfers','{"base_url":"https://api.twelvelabs.io","chunk_bytes":1048576,"chunk_size":2,"concurrency":4,"max_attempts":8,"max_failures":"50%","max_wait_milliseconds":86400000,"on_unknown":"check","profile":"v1","rates":[],"settle_delay_milliseconds":30000,"strict":false,"timeout_milliseconds":60000}',6,0,2,1764002000100,1764002000250,1,NULL,NULL,NULL,'unproven',0);
CREATE TABLE "settlement" (
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
  FOREIGN KEY (run, chunk, attempt) REFERENCES "attempt" (run, chunk, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE tally (
  run    INTEGER NOT NULL REFERENCES run (id),
  state  TEXT NOT NULL,
  chunks INTEGER NOT NULL,
  items  INTEGER NOT NULL,
  PRIMARY KEY (run, state)
) STRICT, WITHOUT ROWID;
INSERT INTO "tally" VALUES(1,'accepted',1,2);
INSERT INTO "tally" VALUES(1,'rejected',1,1);
INSERT INTO "tally" VALUES(2,'accepted',1,2);
INSERT INTO "tally" VALUES(2,'pending',1,2);
INSERT INTO "tally" VALUES(2,'unknown',1,2);
CREATE INDEX run_manifest ON run (manifest_digest, destination) WHERE manifest_digest IS NOT NULL;
CREATE INDEX chunk_open ON chunk (run, state, ready_at, number)
  WHERE state <> 'accepted' AND state <> 'split' AND state <> 'cancelled';
CREATE INDEX chunk_items ON chunk (run, first_item);
CREATE INDEX attempt_started ON attempt (origin, started_at);
CREATE UNIQUE INDEX attempt_intent ON attempt (run, intent);
CREATE TRIGGER chunk_added AFTER INSERT ON chunk
BEGIN
  INSERT INTO tally (run, state, chunks, items) VALUES (new.run, new.state, 1, new.item_count)
    ON CONFLICT (run, state) DO UPDATE SET chunks = chunks + 1, items = items + excluded.items;
END;
CREATE TRIGGER chunk_moved AFTER UPDATE OF state ON chunk
WHEN old.state <> new.state AND NOT (old.state = 'pending' AND new.state = 'submitting')
  AND NOT (old.state = 'submitting' AND new.state = 'accepted')
BEGIN
  UPDATE tally SET chunks = chunks - 1, items = items - old.item_count
    WHERE run = old.run AND state = old.state;
  INSERT INTO tally (run, state, chunks, items) VALUES (new.run, new.state, 1, new.item_count)
    ON CONFLICT (run, state) DO UPDATE SET chunks = chunks + 1, items = items + excluded.items;
END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('run',2);
COMMIT;

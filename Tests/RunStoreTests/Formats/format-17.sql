-- A database of format 17, made by make-format.py when it was the newest but one. Never changed.
PRAGMA application_id = 1869767528;
BEGIN TRANSACTION;
CREATE TABLE "attempt" (
  run         INTEGER NOT NULL,
  chunk       INTEGER NOT NULL,
  number      INTEGER NOT NULL,
  -- The service it went to: its budget, and who has the items if it was accepted.
  origin      INTEGER NOT NULL REFERENCES "origin" (id),
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
  ended_after INTEGER, url_ends_at INTEGER,
  PRIMARY KEY (run, chunk, number),
  FOREIGN KEY (run, chunk) REFERENCES "chunk" (run, number),
  CHECK ((finished_at IS NULL) = (outcome IS NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO "attempt" VALUES(1,0,1,1,1,'transfer',1,1764001000100,1764001000150,40,187,60000,'throttled',429,'too_many_requests',NULL,NULL,NULL,0,0,1,NULL,NULL);
INSERT INTO "attempt" VALUES(1,0,2,1,1,'transfer',1,1764001000200,1764001000250,40,187,60000,'accepted',200,NULL,NULL,NULL,NULL,0,0,2,NULL,NULL);
INSERT INTO "attempt" VALUES(1,1,1,1,1,'transfer',1,1764001000300,1764001000350,40,94,60000,'content',400,'parameter_invalid',NULL,NULL,NULL,0,0,3,NULL,NULL);
INSERT INTO "attempt" VALUES(2,0,1,1,1,'transfer',1,1764002000100,1764002000150,40,187,60000,'accepted',200,NULL,NULL,NULL,NULL,0,0,1,NULL,NULL);
INSERT INTO "attempt" VALUES(2,1,1,1,1,'transfer',1,1764002000200,1764002000250,40,187,60000,'unknown',NULL,'reset',NULL,NULL,NULL,0,0,2,2,NULL);
INSERT INTO "attempt" VALUES(3,0,1,1,2,'upload',1,1764003000100,1764003000150,40,94,60000,'accepted',201,NULL,NULL,'66aaaaaaaaaaaaaaaaaaaa01',NULL,0,0,1,1,NULL);
INSERT INTO "attempt" VALUES(3,0,2,1,2,'index',1,1764003000200,1764003000250,40,94,60000,'accepted',202,NULL,NULL,'66bbbbbbbbbbbbbbbbbbbb01',NULL,0,0,2,2,NULL);
INSERT INTO "attempt" VALUES(3,1,1,1,2,'upload',1,1764003000300,1764003000350,40,94,60000,'accepted',201,NULL,NULL,'66aaaaaaaaaaaaaaaaaaaa02',NULL,0,0,3,3,NULL);
CREATE TABLE budget (
  origin      INTEGER NOT NULL REFERENCES "origin" (id),
  step        TEXT NOT NULL CHECK (step <> ''),
  -- Counts what changes the order of its intents. While it grows as fast as intents are added at the end, a process knows
  -- its place in the window of a rate without looking back.
  intents     INTEGER NOT NULL DEFAULT 0,
  wait_until  INTEGER,
  wait_reason TEXT,
  -- How long the wait was when it began; NULL where that is not known.
  wait_ms     INTEGER, removals INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (origin, step),
  CHECK ((wait_until IS NULL) = (wait_reason IS NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO "budget" VALUES(1,'transfer',0,1764000060000,'too_many_requests',NULL,0);
CREATE TABLE "chunk" (
  run              INTEGER NOT NULL REFERENCES "run" (id),
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
INSERT INTO "chunk" VALUES(1,0,0,2,187,X'69BBC46E3C73C1A80DCD4B995B486E44A93AF6DC26374D5B9EF60AD3C850161B','629d807aa9e2a3a33a92c00b',0,NULL,'accepted','transfer',NULL,NULL,0,2,0,1,0,'accepted',200,NULL,NULL,1764001000250);
INSERT INTO "chunk" VALUES(1,1,2,1,94,X'CB41C834A7AB3D709F1D53095888457E0AC43A1BDF22158DF91D2EABFB480D65','629d807aa9e2a3a33a92c00b',0,NULL,'rejected','transfer',NULL,NULL,0,1,0,1,0,'content',400,'parameter_invalid',NULL,1764001000350);
INSERT INTO "chunk" VALUES(2,0,0,2,187,X'9D3316CD00AF41EA928DDE2DD2BE4258D80C922FC9E391933509CC3C388A2F22','629d807aa9e2a3a33a92c00b',0,NULL,'accepted','transfer',NULL,NULL,0,1,0,1,0,'accepted',200,NULL,NULL,1764002000150);
INSERT INTO "chunk" VALUES(2,1,2,2,187,X'21DB44EEB58EFC9874BE86E5202E67DE807411EC388087FD2F6EF43CA8C7F576','629d807aa9e2a3a33a92c00b',0,NULL,'unknown','transfer',NULL,NULL,0,1,0,1,0,'unknown',NULL,'reset',NULL,1764002000250);
INSERT INTO "chunk" VALUES(2,2,4,2,187,X'A7DABC4A19B77E80D88DEA13F682AA972FA4824ADF056CDED8D73FA4CE9B7ADB','629d807aa9e2a3a33a92c00b',0,NULL,'pending','transfer',NULL,NULL,0,0,0,1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "chunk" VALUES(3,0,0,1,94,X'D069A749D93D4D6FCA3D2B3BB45970D2EB26F54A95F02CFAC8E344FCE755DD96','629d807aa9e2a3a33a92c00b',0,NULL,'accepted','index',NULL,NULL,0,2,0,1,0,'accepted',202,NULL,NULL,1764003000250);
INSERT INTO "chunk" VALUES(3,1,1,1,94,X'E9BFF29F6FF271532539ED779BED8C91B4F2D22F88BC29686274110B4DDE963A','629d807aa9e2a3a33a92c00b',0,NULL,'processing','upload',NULL,NULL,0,1,0,1,0,'accepted',201,NULL,NULL,1764003000350);
INSERT INTO "chunk" VALUES(3,2,2,1,94,X'3DB09DDFC2A5D0308CA78CC08910AA7B176B6E95CD6C3BA277434F7EB07ADD2D','629d807aa9e2a3a33a92c00b',0,NULL,'pending','upload',NULL,NULL,0,0,0,1,0,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE destination (
  id  INTEGER PRIMARY KEY,
  url TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO "destination" VALUES(1,'https://api.twelvelabs.io/v1/indexes/tasks/transfers');
INSERT INTO "destination" VALUES(2,'https://api.twelvelabs.io/v1.3');
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
, layouts BLOB) STRICT;
INSERT INTO "item_block" VALUES(1099511627776,2,0,NULL,'[{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/1-0.mp4"},{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/1-1.mp4"}]',NULL);
INSERT INTO "item_block" VALUES(1099511627778,1,0,NULL,'[{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/1-2.mp4"}]',NULL);
INSERT INTO "item_block" VALUES(2199023255552,2,0,NULL,'[{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/2-0.mp4"},{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/2-1.mp4"}]',NULL);
INSERT INTO "item_block" VALUES(2199023255554,2,0,NULL,'[{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/2-2.mp4"},{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/2-3.mp4"}]',NULL);
INSERT INTO "item_block" VALUES(2199023255556,2,0,NULL,'[{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/2-4.mp4"},{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/2-5.mp4"}]',NULL);
INSERT INTO "item_block" VALUES(3298534883328,1,0,NULL,'[{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/3-0.mp4"}]',NULL);
INSERT INTO "item_block" VALUES(3298534883329,1,0,NULL,'[{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/3-1.mp4"}]',NULL);
INSERT INTO "item_block" VALUES(3298534883330,1,0,NULL,'[{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/3-2.mp4"}]',NULL);
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
CREATE TABLE known_reason (
  id   INTEGER PRIMARY KEY,
  code TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE known_revision (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  revision INTEGER NOT NULL
) STRICT;
INSERT INTO "known_revision" VALUES(1,0);
CREATE TABLE known_run (
  run      INTEGER PRIMARY KEY,
  run_id   TEXT NOT NULL,
  accepted INTEGER NOT NULL,
  rejected INTEGER NOT NULL,
  attempts INTEGER NOT NULL
) STRICT;
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
CREATE TABLE "listing_lag" (
  run         INTEGER NOT NULL REFERENCES "run" (id),
  index_id    TEXT NOT NULL,
  -- When the newest witness that was looked for was accepted.
  accepted_at INTEGER NOT NULL,
  lag_ms      INTEGER NOT NULL CHECK (lag_ms >= 0),
  PRIMARY KEY (run, index_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE look_request (
  id           INTEGER PRIMARY KEY CHECK (id = 1),
  requested_at INTEGER NOT NULL
) STRICT;
CREATE TABLE migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum BLOB NOT NULL, applied_at INTEGER NOT NULL) STRICT;
INSERT INTO "migration" VALUES(1,'0001_runs.sql',X'8A53F1648BE457C264FDBF92F4B109EDAAF719B68CA85EC8D4475DEC14159C68',1764000000000);
INSERT INTO "migration" VALUES(2,'0002_splitting.sql',X'BFE6B4D278A8776F5F6609F5829FA91F06570D163B530097A0B9DC354A27309C',1764000000000);
INSERT INTO "migration" VALUES(3,'0003_checks_by_comparison.sql',X'502924965B232F236AA28B974DAF4C3902DEBB81CEF16F10B2E69524A23C85E0',1764000000000);
INSERT INTO "migration" VALUES(4,'0004_tally_by_commit.sql',X'2166F6563F9972274C740E4C58E26ED6306C355432DB33AE1FE2F16912F51AA6',1764000000000);
INSERT INTO "migration" VALUES(5,'0005_item_blocks.sql',X'351118FF6CC595A8D9AA9743F8ABE79E7E9086B67E06EA06150F52E254A3D7AE',1764000000000);
INSERT INTO "migration" VALUES(6,'0006_length_of_waits.sql',X'624317736A2462F8200B950BB0F09FED14A5DBDAFDCB9793C42F78402D70C5F6',1764000000000);
INSERT INTO "migration" VALUES(7,'0007_cancelling.sql',X'40EB569FCECBBE1E19DB70A6C0A380248683853AF074CABEA61F9281E48B743B',1764000000000);
INSERT INTO "migration" VALUES(8,'0008_order_of_intents.sql',X'364B7CD36BD3BE7E2850718EB861009D8CC91C37CEBBE78262BC2D306189F992',1764000000000);
INSERT INTO "migration" VALUES(9,'0009_known_items.sql',X'A56D99E5C516E2AA0B50A47C0D574A7040A4F69E8C474607204E6C74273A8DEF',1764000000000);
INSERT INTO "migration" VALUES(10,'0010_steps.sql',X'1B89B65BFB7C01D9D0FB646A58D3048F0BD04E69ADBDA8FFED9034FED57E035A',1764000000000);
INSERT INTO "migration" VALUES(11,'0011_known_items_in_segments.sql',X'14ED38982FEC37E2F38C297669AD231FE1E857F40D768804E185D969974EDEC9',1764000000000);
INSERT INTO "migration" VALUES(12,'0012_tracking.sql',X'FD0139ACB08DB5946776DA663CED7C52AE87F24CD5C6E94EFDEA18C4625B080F',1764000000000);
INSERT INTO "migration" VALUES(13,'0013_rate_shares.sql',X'05A66F008CB53B631A49E44995399E13BFCDFEEE29CAF976B476E06ECFECC3B7',1764000000000);
INSERT INTO "migration" VALUES(14,'0014_removed_runs.sql',X'1A8F2E5AE3056FA1F35287CEE34DB993AC4D26BFC916218F33E9989F12A5DFE7',1764000000000);
INSERT INTO "migration" VALUES(15,'0015_late_answers.sql',X'BA417EE2E877A4D3F1A98632AD1AB865FE68BB8E8E99F1648560B901B589B63B',1764000000000);
INSERT INTO "migration" VALUES(16,'0016_path_of_the_job.sql',X'BABB4486A710456AFAD8F6C59805A500F13BAEC2555D68AFB9C84039B355685C',1764000000000);
INSERT INTO "migration" VALUES(17,'0017_end_of_urls.sql',X'F0A54C2FF0DEAA789998F58A6095F1C71EC15B8A308F90AA031D12B2E4215C63',1764000000000);
CREATE TABLE "origin" (
  id  INTEGER PRIMARY KEY,
  -- Scheme, host and port.
  url TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO "origin" VALUES(1,'https://api.twelvelabs.io');
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
CREATE TABLE "run" (
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
  origin               INTEGER NOT NULL REFERENCES "origin" (id),
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
  cancelling           INTEGER NOT NULL DEFAULT 0 CHECK (cancelling IN (0, 1)), skipped INTEGER NOT NULL DEFAULT 0 CHECK (skipped >= 0), items_digest BLOB CHECK (length(items_digest) = 32), job_path TEXT,
  CHECK ((state = 'paused') = (reason IS NOT NULL)),
  CHECK ((state IN ('finished', 'cancelled')) = (finished_at IS NOT NULL)),
  CHECK (state = 'planning' OR manifest_digest IS NOT NULL)
) STRICT;
INSERT INTO "run" VALUES(1,'20251124-160000-000-aaaa',NULL,NULL,'finished',NULL,NULL,1764001000000,1764001009000,'videos.json',NULL,NULL,NULL,0,X'82FDC545AD6B73E24D3C621F0A27973132F55173044C2C84DF12821F8B087955',1,'https://api.twelvelabs.io/v1/indexes/tasks/transfers','{"base_url":"https://api.twelvelabs.io","chunk_bytes":1048576,"chunk_size":2,"concurrency":4,"max_attempts":8,"max_failures":"50%","max_wait_milliseconds":86400000,"on_unknown":"check","profile":"v1","rates":[],"settle_delay_milliseconds":30000,"strict":false,"timeout_milliseconds":60000}',3,0,3,1764001000100,1764001000350,1,NULL,NULL,NULL,'unproven',0,0,NULL,NULL);
INSERT INTO "run" VALUES(2,'20251124-170000-000-bbbb',NULL,NULL,'paused','signal',NULL,1764002000000,NULL,'videos.json',NULL,NULL,NULL,0,X'0B38962A10FF2E86A2CFD1FB192F18784A91975C7068E716A451859A147A8516',1,'https://api.twelvelabs.io/v1/indexes/tasks/transfers','{"base_url":"https://api.twelvelabs.io","chunk_bytes":1048576,"chunk_size":2,"concurrency":4,"max_attempts":8,"max_failures":"50%","max_wait_milliseconds":86400000,"on_unknown":"check","profile":"v1","rates":[],"settle_delay_milliseconds":30000,"strict":false,"timeout_milliseconds":60000}',6,0,2,1764002000100,1764002000250,1,NULL,NULL,NULL,'unproven',0,0,NULL,NULL);
INSERT INTO "run" VALUES(3,'20251124-180000-000-cccc',NULL,NULL,'paused','signal',NULL,1764003000000,NULL,'videos.json',NULL,NULL,NULL,0,X'4DE0CBDB5113997D875E12C027AC90A5457DB7D017A9D50C7684ECDDDCBF4A29',1,'https://api.twelvelabs.io/v1.3','{"base_url":"https://api.twelvelabs.io","chunk_bytes":1048576,"chunk_size":1,"concurrency":4,"max_attempts":8,"max_failures":"50%","max_wait_milliseconds":86400000,"on_unknown":"check","profile":"v1.3","ahead":200,"settle_grace_milliseconds":60000,"url_lifetime_milliseconds":43200000,"rates":[],"settle_delay_milliseconds":30000,"strict":false,"timeout_milliseconds":60000}',3,0,3,1764003000100,1764003000350,1,NULL,NULL,NULL,'unproven',0,0,NULL,NULL);
CREATE TABLE run_skipped (
  run     INTEGER NOT NULL REFERENCES run (id),
  kind    TEXT NOT NULL CHECK (kind = 'accepted' OR kind = 'open' OR kind = 'rejected'),
  earlier TEXT NOT NULL,
  -- Why they were rejected; empty for the others.
  code    TEXT NOT NULL,
  items   INTEGER NOT NULL CHECK (items > 0),
  PRIMARY KEY (run, kind, earlier, code)
) STRICT, WITHOUT ROWID;
CREATE TABLE "settlement" (
  run           INTEGER NOT NULL,
  chunk         INTEGER NOT NULL,
  attempt       INTEGER NOT NULL,
  decided_at    INTEGER NOT NULL,
  verdict       TEXT NOT NULL CHECK (verdict IN ('received', 'partly_received', 'not_received', 'undecided')),
  authority     TEXT NOT NULL CHECK (authority IN ('listing', 'policy', 'person', 'answer')),
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
  FOREIGN KEY (run, chunk, attempt) REFERENCES attempt (run, chunk, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE surplus (
  run         INTEGER NOT NULL REFERENCES run (id),
  chunk       INTEGER NOT NULL,
  step        TEXT NOT NULL CHECK (step <> ''),
  external_id TEXT NOT NULL,
  seen_at     INTEGER NOT NULL,
  PRIMARY KEY (run, chunk, step, external_id),
  FOREIGN KEY (run, chunk) REFERENCES chunk (run, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE "tally" (
  run    INTEGER NOT NULL REFERENCES "run" (id),
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
INSERT INTO "tally" VALUES(3,'accepted',1,1);
INSERT INTO "tally" VALUES(3,'pending',1,1);
INSERT INTO "tally" VALUES(3,'processing',1,1);
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
INSERT INTO "tracked_item" VALUES(1099511627776,1,X'6E340B9CFFB37A989CA544E6BB780A2C',1764001000200,1764001000250,'ready',NULL,NULL,0);
INSERT INTO "tracked_item" VALUES(1099511627777,1,X'4BF5122F344554C53BDE2EBB8CD2B7E3',1764001000200,1764001000250,'indexing',NULL,NULL,0);
CREATE TABLE tracked_listing (
  id        INTEGER PRIMARY KEY,
  run       INTEGER NOT NULL REFERENCES tracked_run (run) ON DELETE CASCADE,
  index_id  TEXT NOT NULL,
  -- The page at which a walk goes on that was not ended; NULL where none is under way.
  next_page INTEGER CHECK (next_page > 0),
  UNIQUE (run, index_id)
) STRICT;
INSERT INTO "tracked_listing" VALUES(1,1,'629d807aa9e2a3a33a92c00b',NULL);
CREATE TABLE tracked_run (
  run        INTEGER PRIMARY KEY REFERENCES run (id) ON DELETE CASCADE,
  -- When the last look ended that read every listing, and when an item was last seen in another state than before.
  looked_at  INTEGER,
  changed_at INTEGER
) STRICT;
INSERT INTO "tracked_run" VALUES(1,1764002000000,1764002000000);
CREATE TABLE tracked_tally (
  run   INTEGER NOT NULL REFERENCES tracked_run (run) ON DELETE CASCADE,
  state TEXT NOT NULL,
  items INTEGER NOT NULL,
  PRIMARY KEY (run, state)
) STRICT, WITHOUT ROWID;
INSERT INTO "tracked_tally" VALUES(1,'indexing',1);
INSERT INTO "tracked_tally" VALUES(1,'ready',1);
CREATE TABLE tracked_video (
  listing    INTEGER NOT NULL REFERENCES tracked_listing (id) ON DELETE CASCADE,
  mark       BLOB NOT NULL CHECK (length(mark) = 16),
  id         TEXT NOT NULL,
  created_at INTEGER,
  state      TEXT NOT NULL,
  detail     TEXT,
  PRIMARY KEY (listing, mark, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_manifest ON run (manifest_digest, destination) WHERE manifest_digest IS NOT NULL;
CREATE INDEX chunk_open ON chunk (run, state, step, ready_at, number)
  WHERE state <> 'accepted' AND state <> 'split' AND state <> 'cancelled';
CREATE INDEX chunk_items ON chunk (run, first_item);
CREATE INDEX attempt_started ON attempt (origin, step, started_at);
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
CREATE TRIGGER attempt_redated AFTER UPDATE OF started_at, origin ON attempt
BEGIN
  UPDATE budget SET intents = intents + 1 WHERE (origin = new.origin OR origin = old.origin) AND step = new.step;
END;
CREATE INDEX tracked_item_mark ON tracked_item (listing, mark);
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
CREATE INDEX removed_run_manifest ON removed_run (manifest_digest) WHERE manifest_digest IS NOT NULL;
CREATE TRIGGER attempt_removed AFTER DELETE ON attempt
WHEN NOT EXISTS (SELECT 1 FROM removed_run WHERE removed_run.run = old.run)
BEGIN
  UPDATE budget SET intents = intents + 1 WHERE origin = old.origin AND step = old.step;
END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('run',3);
COMMIT;

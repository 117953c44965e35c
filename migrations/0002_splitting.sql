-- Splitting of chunks, what refusals are known to mean, and the evidence of every verdict in its parts.

-- What refusals of this run's chunks are known to mean: nobody looked yet; the first that was looked up had none of
-- its items taken; or one had some taken, and every refusal is looked up before its chunk is divided.
ALTER TABLE run ADD COLUMN refusals TEXT NOT NULL DEFAULT 'unproven'
  CHECK (refusals IN ('unproven', 'whole', 'partial'));

-- Whether the attempt came to nothing while nothing got through for anyone: it then says nothing about its chunk.
ALTER TABLE attempt ADD COLUMN in_outage INTEGER NOT NULL DEFAULT 0 CHECK (in_outage IN (0, 1));

-- The place of this intent among the intents of its run, and how many there were when its outcome was recorded: which
-- of two attempts was begun later, whatever became of the machine's clock between them.
ALTER TABLE attempt ADD COLUMN intent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN ended_after INTEGER;
UPDATE attempt SET intent = placed.place
  FROM (SELECT run, chunk, number, row_number() OVER (PARTITION BY run ORDER BY started_at, chunk, number) AS place
        FROM attempt) AS placed
  WHERE attempt.run = placed.run AND attempt.chunk = placed.chunk AND attempt.number = placed.number;
UPDATE attempt SET ended_after = (SELECT count(*) FROM attempt AS other
                                  WHERE other.run = attempt.run AND other.started_at <= attempt.finished_at)
  WHERE finished_at IS NOT NULL AND outcome = 'unknown';
CREATE UNIQUE INDEX attempt_intent ON attempt (run, intent);

-- A CHECK cannot be changed, so the table is made anew.
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
  FOREIGN KEY (run, chunk, attempt) REFERENCES attempt (run, chunk, number)
) STRICT, WITHOUT ROWID;

INSERT INTO settlement_new (run, chunk, attempt, decided_at, verdict, authority, evidence, counted)
  SELECT run, chunk, attempt, decided_at, verdict, authority, evidence, counted FROM settlement;
DROP TABLE settlement;
ALTER TABLE settlement_new RENAME TO settlement;

-- How far the listing of an index is behind: the longest it can have taken to show the newest control that was
-- looked for. Kept, so that whoever resumes the run after a night knows it.
CREATE TABLE listing_lag (
  run         INTEGER NOT NULL REFERENCES run (id),
  index_id    TEXT NOT NULL,
  -- When that control was accepted.
  accepted_at INTEGER NOT NULL,
  lag_ms      INTEGER NOT NULL CHECK (lag_ms >= 0),
  PRIMARY KEY (run, index_id)
) STRICT, WITHOUT ROWID;

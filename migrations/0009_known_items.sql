-- Items that the service accepted, whatever the run: whether a manifest has some of them is asked when it is submitted.
-- Filled then, from the accepted chunks of the runs before, and by nothing that is done while a run is sent.
CREATE TABLE known_item (
  -- origin.id of the service; where several rows stand for one service, the first of them.
  origin    INTEGER NOT NULL,
  -- The item by its index_id and object: 128 bits of a SHA-256 over the bytes of both.
  high      INTEGER NOT NULL,
  low       INTEGER NOT NULL,
  -- Where it was accepted: run.id, and the first item of that run that has both.
  run       INTEGER NOT NULL,
  sequence  INTEGER NOT NULL,
  PRIMARY KEY (origin, high, low, run)
) STRICT, WITHOUT ROWID;

-- Runs whose accepted items are there, and how many were accepted then: a run that has more by now is read anew.
CREATE TABLE known_run (
  run   INTEGER PRIMARY KEY,
  items INTEGER NOT NULL
) STRICT;

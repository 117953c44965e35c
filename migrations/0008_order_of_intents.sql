-- Counts what changes the order of the intents of a service. While it grows as fast as intents are added at the end, a
-- process that knows where a rolling window begins goes on from there and does not count the window anew.
ALTER TABLE origin ADD COLUMN intents INTEGER NOT NULL DEFAULT 0;

CREATE TRIGGER attempt_redated AFTER UPDATE OF started_at, origin ON attempt
BEGIN
  UPDATE origin SET intents = intents + 1 WHERE id = new.origin OR id = old.origin;
END;

CREATE TRIGGER attempt_removed AFTER DELETE ON attempt
BEGIN
  UPDATE origin SET intents = intents + 1 WHERE id = old.origin;
END;

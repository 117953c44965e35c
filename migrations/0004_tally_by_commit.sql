-- Every chunk becomes `submitting` and, as a rule, `accepted`. These two moves are counted by whoever makes them, once
-- for all changes of a commit; the trigger costs more than the moves. All other moves stay with it.
DROP TRIGGER chunk_moved;

CREATE TRIGGER chunk_moved AFTER UPDATE OF state ON chunk
WHEN old.state <> new.state AND NOT (old.state = 'pending' AND new.state = 'submitting')
  AND NOT (old.state = 'submitting' AND new.state = 'accepted')
BEGIN
  UPDATE tally SET chunks = chunks - 1, items = items - old.item_count
    WHERE run = old.run AND state = old.state;
  INSERT INTO tally (run, state, chunks, items) VALUES (new.run, new.state, 1, new.item_count)
    ON CONFLICT (run, state) DO UPDATE SET chunks = chunks + 1, items = items + excluded.items;
END;

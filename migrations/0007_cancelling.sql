-- A request of another process belongs to the ownership it was made for and ends with it. What an owner followed stays:
-- whoever takes a run over whose owner was cancelling it goes on with that.
ALTER TABLE run ADD COLUMN cancelling INTEGER NOT NULL DEFAULT 0 CHECK (cancelling IN (0, 1));

-- Runs of dead processes. Whether their owner had begun to cancel was not recorded, and the request was kept then.
UPDATE run SET cancelling = 1 WHERE request = 'cancel' AND state = 'running';
UPDATE run SET request = NULL WHERE request IS NOT NULL;

-- How long a wait of the service was when it began. A moment of the day alone says nothing about that once the clock was
-- put right: what is left of a wait is never more than this.
ALTER TABLE origin ADD COLUMN wait_ms INTEGER CHECK (wait_ms IS NULL OR wait_ms >= 0);

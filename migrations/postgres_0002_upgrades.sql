-- Upgrades beside processes that are at work.

-- Whether a program that does not know a step must not work with a database that has it.
ALTER TABLE migration ADD COLUMN is_breaking bigint NOT NULL DEFAULT 1 CHECK (is_breaking IN (0, 1));

-- The schema that a process has to know to go on: set before a breaking step is made, so that those which do not know it let
-- their requests end and leave.
ALTER TABLE engine ADD COLUMN required_schema bigint NOT NULL DEFAULT 0;

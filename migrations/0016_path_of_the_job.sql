-- The path of the job file from the root of the file system: `--continue` knows its runs by it. The column `job` has the path as it was
-- given, which names another file in another folder. NULL for runs that are older than this column.
ALTER TABLE run ADD COLUMN job_path TEXT;

-- The path of the job file from the root of the file system: `--continue` knows its runs by it.
ALTER TABLE run ADD COLUMN job_path text;

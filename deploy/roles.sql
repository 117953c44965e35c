-- A database and two roles: one that makes tables, and one for the machines that send. For psql, as a superuser:
--
--   psql --dbname postgres --file deploy/roles.sql
--
-- Then give the roles passwords (\password orchestrate_worker), or certificates.
CREATE ROLE orchestrate_owner LOGIN;
CREATE ROLE orchestrate_worker LOGIN;
CREATE DATABASE orchestrate OWNER orchestrate_owner;
\connect orchestrate
REVOKE ALL ON DATABASE orchestrate FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE orchestrate TO orchestrate_worker;
GRANT USAGE ON SCHEMA public TO orchestrate_worker;
GRANT USAGE, CREATE ON SCHEMA public TO orchestrate_owner;
-- For every table that the owner makes, now and in later versions.
ALTER DEFAULT PRIVILEGES FOR ROLE orchestrate_owner IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO orchestrate_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE orchestrate_owner IN SCHEMA public
  GRANT USAGE ON SEQUENCES TO orchestrate_worker;

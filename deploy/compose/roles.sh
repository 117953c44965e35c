#!/bin/sh
# Run once by the image of PostgreSQL, when it makes the database's files.
set -eu
psql --username "$POSTGRES_USER" --dbname postgres --set ON_ERROR_STOP=1 --file /roles.sql
psql --username "$POSTGRES_USER" --dbname postgres --set ON_ERROR_STOP=1 \
  --set owner="$OWNER_PASSWORD" --set worker="$WORKER_PASSWORD" <<'SQL'
ALTER ROLE orchestrate_owner PASSWORD :'owner';
ALTER ROLE orchestrate_worker PASSWORD :'worker';
SQL

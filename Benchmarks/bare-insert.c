// The least a durable record of a manifest can cost: reads JSON lines, inserts every line, commits once.
// WAL, synchronous NORMAL, one transaction, one prepared INSERT; no parsing, no checking, no hashing.
//
//   bare-insert FILE DATABASE
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int code, sqlite3 *database) {
  if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW) return;
  fprintf(stderr, "%s\n", sqlite3_errmsg(database));
  exit(1);
}

int main(int count, char **arguments) {
  if (count != 3) return 64;
  FILE *file = fopen(arguments[1], "r");
  sqlite3 *database;
  if (file == NULL || sqlite3_open(arguments[2], &database) != SQLITE_OK) return 1;
  must(sqlite3_exec(database,
                    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                    "CREATE TABLE item (position INTEGER PRIMARY KEY, source TEXT NOT NULL) STRICT; BEGIN",
                    NULL, NULL, NULL),
       database);
  sqlite3_stmt *insert;
  must(sqlite3_prepare_v2(database, "INSERT INTO item (source) VALUES (?)", -1, &insert, NULL), database);
  char *line = NULL;
  size_t room = 0;
  ssize_t length;
  while ((length = getline(&line, &room, file)) > 0) {
    must(sqlite3_bind_text64(insert, 1, line, length - 1, SQLITE_STATIC, SQLITE_UTF8), database);
    must(sqlite3_step(insert), database);
    sqlite3_reset(insert);
  }
  must(sqlite3_exec(database, "COMMIT", NULL, NULL, NULL), database);
  sqlite3_finalize(insert);
  must(sqlite3_close(database), database);
  return 0;
}

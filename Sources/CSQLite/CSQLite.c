#define _GNU_SOURCE
#include "CSQLite.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int csqlite_bind_text(sqlite3_stmt *statement, int index, const void *bytes, int64_t length) {
  // A null pointer would bind NULL; an empty text has a place to point to.
  return sqlite3_bind_text64(statement, index, length ? bytes : "", (sqlite3_uint64)length,
                             SQLITE_TRANSIENT, SQLITE_UTF8);
}

int csqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, int64_t length) {
  return sqlite3_bind_blob64(statement, index, length ? bytes : "", (sqlite3_uint64)length,
                             SQLITE_TRANSIENT);
}

int csqlite_bind_kept_text(sqlite3_stmt *statement, int index, const void *bytes, int64_t length) {
  return sqlite3_bind_text64(statement, index, length ? bytes : "", (sqlite3_uint64)length, SQLITE_STATIC,
                             SQLITE_UTF8);
}

int csqlite_set_no_checkpoint_on_close(sqlite3 *database, int on) {
  return sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, on, (int *)0);
}

int csqlite_set_defensive(sqlite3 *database, int on) {
  return sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, on, (int *)0);
}

static struct flock span(int64_t offset, int64_t length, short type) {
  struct flock lock;
  memset(&lock, 0, sizeof lock); // l_pid has to be 0 for open-file-description locks
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = (off_t)offset;
  lock.l_len = (off_t)length;
  return lock;
}

int csqlite_lock(int descriptor, int64_t offset, int exclusive) {
  struct flock lock = span(offset, 1, exclusive ? F_WRLCK : F_RDLCK);
  while (fcntl(descriptor, F_OFD_SETLK, &lock) != 0) {
    if (errno != EINTR) return errno == EACCES ? EAGAIN : errno;
  }
  return 0;
}

int csqlite_unlock(int descriptor, int64_t offset) {
  struct flock lock = span(offset, 1, F_UNLCK);
  return fcntl(descriptor, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
}

int csqlite_find_lock(int descriptor, int64_t offset, int64_t length, int64_t *held) {
  // A read lock conflicts with exclusive locks only, which is what owners hold.
  struct flock lock = span(offset, length, F_RDLCK);
  if (fcntl(descriptor, F_OFD_GETLK, &lock) != 0) return -errno;
  if (lock.l_type == F_UNLCK) return 0;
  *held = (int64_t)lock.l_start;
  return 1;
}

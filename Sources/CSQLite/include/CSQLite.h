// The system's SQLite, and the few things Swift cannot call or see by itself.
#ifndef CSQLITE_H
#define CSQLITE_H

#include <sqlite3.h>
#include <stdint.h>

// Binds bytes that SQLite copies at once (SQLITE_TRANSIENT is a cast Swift does not import).
int csqlite_bind_text(sqlite3_stmt *statement, int index, const void *bytes, int64_t length);
int csqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, int64_t length);

// Binds text that stays where it is until the statement was reset (SQLITE_STATIC).
int csqlite_bind_kept_text(sqlite3_stmt *statement, int index, const void *bytes, int64_t length);

// sqlite3_db_config is variadic. Returns an SQLite result code.
int csqlite_set_no_checkpoint_on_close(sqlite3 *database, int on);
int csqlite_set_defensive(sqlite3 *database, int on);

// Open-file-description locks on one byte of a file (fcntl(2), "Open file description locks"); Swift does not
// see the F_OFD constants. They belong to the open file, not to the process, and end with its last descriptor.
//
// csqlite_lock: takes the lock without waiting. Returns 0, or an errno value (EAGAIN when it is held).
int csqlite_lock(int descriptor, int64_t offset, int exclusive);
// Gives the lock back. Returns 0 or an errno value.
int csqlite_unlock(int descriptor, int64_t offset);
// Asks, without taking it, whether some other open file holds an exclusive lock on any of `length` bytes
// (0: to the end). Returns 1 when one does, with the first such byte in *held, 0 when none does, or a negative
// errno value.
int csqlite_find_lock(int descriptor, int64_t offset, int64_t length, int64_t *held);

#endif

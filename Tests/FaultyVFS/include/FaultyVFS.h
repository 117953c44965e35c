// A SQLite VFS for tests that can make storage fail: a shim over the default one (https://sqlite.org/vfs.html).
//
// It becomes the process's default VFS with the first watched folder. A file outside every watched folder is
// opened by the VFS beneath and never seen again here, so tests beside this one notice nothing.
#ifndef FAULTY_VFS_H
#define FAULTY_VFS_H

#include <stdint.h>

// A folder whose files can be made to fail.
typedef struct faulty_folder faulty_folder;

// What fails, and the result code it fails with.
typedef enum faulty_kind {
  FAULTY_DISK_FULL,       // a write: SQLITE_FULL, half of its bytes written
  FAULTY_WRITE_ERROR,     // a write: SQLITE_IOERR_WRITE, half of its bytes written
  FAULTY_SYNC_ERROR,      // a sync: SQLITE_IOERR_FSYNC
  FAULTY_TRUNCATE_ERROR,  // a truncation: SQLITE_IOERR_TRUNCATE
  FAULTY_READ_ERROR,      // a read: SQLITE_IOERR_READ
  FAULTY_OPEN_ERROR,      // opening a file: SQLITE_CANTOPEN
  FAULTY_DELETE_ERROR,    // removing a file: SQLITE_IOERR_DELETE
  FAULTY_LOCKED,          // taking a lock of the shared memory or of the file: SQLITE_BUSY
  FAULTY_MEMORY_ERROR,    // mapping shared memory: SQLITE_IOERR_SHMMAP
} faulty_kind;

// What was asked of the files of a folder since it is watched.
typedef struct faulty_counts {
  int64_t writes;
  int64_t bytes; // written
  int64_t syncs;
} faulty_counts;

// Watches a folder, given by its absolute path without symbolic links. Syncs of its files do nothing from here
// on: what is tested is what the callers do, and the page cache outlives them. NULL when memory is out.
faulty_folder *faulty_watch(const char *path);

// Lets the nth matching call from now on fail, from 1; with `persistent` every later one as well.
void faulty_arm(faulty_folder *folder, faulty_kind kind, int64_t nth, int persistent);

// Lets no further call fail. Returns how many did since the folder was armed.
int64_t faulty_disarm(faulty_folder *folder);

// What was asked so far.
faulty_counts faulty_count(faulty_folder *folder);

// Ends the watch. Files that are still open stay usable.
void faulty_unwatch(faulty_folder *folder);

#endif

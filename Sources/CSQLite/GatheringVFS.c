#define _GNU_SOURCE
#include "GatheringVFS.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

// Bytes that are gathered at most. SQLite's VFS for Unix takes the length of a write modulo 128 KiB (seekAndWriteFd in
// os_unix.c), so that a write must be shorter.
enum { CAPACITY = 124 * 1024 };

// The formats (https://sqlite.org/walformat.html): a frame of the log is a header and a page; the header's second word is
// not 0 in the last frame of a transaction. The index of the log has mxFrame in its header, and nBackfillAttempted.
enum { FRAME_HEADER = 24, TRUNCATION_AT = 4, WRITE_LOCK = 0 };
enum { MX_FRAME_AT = 16, BACKFILL_ATTEMPTED_AT = 128 };

typedef struct gathering_file {
  sqlite3_file base;
  sqlite3_file *real; // what the VFS beneath opened
  // What was written and is not handed on.
  unsigned char *bytes;
  int length;
  sqlite3_int64 offset;
  int is_gathering;
  // Of a log: the database it belongs to, where the transaction goes on (-1: it has no frame yet), whether the frame that
  // is being written ends it, and a descriptor of its own.
  struct gathering_file *database;
  sqlite3_int64 next_offset;
  int is_commit;
  int descriptor;
  // Of a database: its log, the first block of the log's index while it is mapped, and why a page of the last checkpoint
  // was not written that was said to be.
  struct gathering_file *log;
  void volatile *index;
  int failure;
} gathering_file;

static gathering_file *of(sqlite3_file *file) { return (gathering_file *)file; }

static sqlite3_vfs *beneath(void) { return sqlite3_vfs_find(NULL); }

// Lets the device begin, so that less is left for the next sync to wait for.
static void begin_writing(gathering_file *file, int length) {
#ifdef __linux__
  if (file->descriptor >= 0 && length >= CAPACITY / 2) {
    // Advice: the sync that follows tells what could not be written.
    (void)sync_file_range(file->descriptor, file->offset, length, SYNC_FILE_RANGE_WRITE);
  }
#else
  (void)file;
  (void)length;
#endif
}

// What cannot be written stays: a statement that met the failure may be undone alone, and the transaction go on.
static int hand_on(gathering_file *file) {
  if (file->length == 0) return SQLITE_OK;
  int code = file->real->pMethods->xWrite(file->real, file->bytes, file->length, file->offset);
  if (code != SQLITE_OK) return code;
  begin_writing(file, file->length);
  file->length = 0;
  return SQLITE_OK;
}

static int write_through(gathering_file *file, const void *bytes, int count, sqlite3_int64 offset) {
  int code = hand_on(file);
  return code ? code : file->real->pMethods->xWrite(file->real, bytes, count, offset);
}

static int gather(gathering_file *file, const void *bytes, int count, sqlite3_int64 offset) {
  if (!file->bytes) file->bytes = sqlite3_malloc(CAPACITY);
  if (!file->bytes || count > CAPACITY) return write_through(file, bytes, count, offset);
  if (file->length + count > CAPACITY || offset != file->offset + file->length) {
    int code = hand_on(file);
    if (code) return code;
  }
  if (file->length == 0) file->offset = offset;
  memcpy(file->bytes + file->length, bytes, (size_t)count);
  file->length += count;
  return SQLITE_OK;
}

// A transaction that goes on where it was, frame by frame, is gathered up to its last frame. A write elsewhere is handed on
// at once, and so is the rest of the transaction; what comes before its first frame is the log's own header.
static int write_log(gathering_file *file, const void *bytes, int count, sqlite3_int64 offset) {
  int is_header = count == FRAME_HEADER;
  if (file->next_offset < 0 && !is_header) return write_through(file, bytes, count, offset);
  if (file->next_offset >= 0 && offset != file->next_offset) {
    file->is_gathering = 0;
    return write_through(file, bytes, count, offset);
  }
  if (is_header) {
    static const unsigned char none[4];
    file->is_commit = memcmp((const unsigned char *)bytes + TRUNCATION_AT, none, sizeof none) != 0;
  }
  int code = gather(file, bytes, count, offset);
  if (code) return code;
  file->next_offset = offset + count;
  if (!file->is_commit || is_header) return SQLITE_OK;
  file->is_gathering = 0;
  code = hand_on(file);
  // A transaction that is said to have failed must not be whole in the log a moment later.
  file->length = 0;
  return code;
}

// Whether the checkpoint that begins will copy all of the log: SQLite then truncates and syncs the database before it tells
// readers that the pages are there, and can be told of a failure. That holds as long as nobody commits meanwhile, which
// `Database` sees to.
static int copies_whole_log(gathering_file *file) {
  if (!file->index) return 0;
  const volatile char *index = file->index;
  return *(const volatile unsigned *)(index + MX_FRAME_AT) ==
         *(const volatile unsigned *)(index + BACKFILL_ATTEMPTED_AT);
}

static int file_close(sqlite3_file *file) {
  gathering_file *closing = of(file);
  int code = closing->real->pMethods->xClose(closing->real);
  sqlite3_free(closing->real);
  sqlite3_free(closing->bytes);
  if (closing->database) closing->database->log = NULL;
  if (closing->log) closing->log->database = NULL;
  if (closing->descriptor >= 0) close(closing->descriptor);
  return code;
}

static int file_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
  int code = hand_on(of(file));
  sqlite3_file *real = of(file)->real;
  return code ? code : real->pMethods->xRead(real, bytes, count, offset);
}

static int file_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
  gathering_file *written = of(file);
  if (!written->is_gathering) return write_through(written, bytes, count, offset);
  return written->database ? write_log(written, bytes, count, offset) : gather(written, bytes, count, offset);
}

// Hands on, and tells of a page that was not written at the end of a checkpoint's copying, where nobody listens.
static int tell(gathering_file *file) {
  int code = hand_on(file);
  if (code == SQLITE_OK) code = file->failure;
  file->failure = SQLITE_OK;
  return code;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
  int code = tell(of(file));
  sqlite3_file *real = of(file)->real;
  return code ? code : real->pMethods->xTruncate(real, size);
}

static int file_sync(sqlite3_file *file, int flags) {
  int code = tell(of(file));
  sqlite3_file *real = of(file)->real;
  return code ? code : real->pMethods->xSync(real, flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
  int code = hand_on(of(file));
  sqlite3_file *real = of(file)->real;
  return code ? code : real->pMethods->xFileSize(real, size);
}

static int file_lock(sqlite3_file *file, int level) {
  sqlite3_file *real = of(file)->real;
  return real->pMethods->xLock(real, level);
}

static int file_unlock(sqlite3_file *file, int level) {
  sqlite3_file *real = of(file)->real;
  return real->pMethods->xUnlock(real, level);
}

static int file_check_reserved_lock(sqlite3_file *file, int *held) {
  sqlite3_file *real = of(file)->real;
  return real->pMethods->xCheckReservedLock(real, held);
}

static int file_control(sqlite3_file *file, int operation, void *argument) {
  gathering_file *controlled = of(file);
  if (operation == SQLITE_FCNTL_CKPT_START) {
    controlled->failure = SQLITE_OK;
    controlled->is_gathering = copies_whole_log(controlled);
  } else if (operation == SQLITE_FCNTL_CKPT_DONE && controlled->is_gathering) {
    controlled->is_gathering = 0;
    controlled->failure = hand_on(controlled);
    // Later another process may have copied newer pages.
    controlled->length = 0;
  }
  sqlite3_file *real = controlled->real;
  return real->pMethods->xFileControl(real, operation, argument);
}

static int file_sector_size(sqlite3_file *file) {
  sqlite3_file *real = of(file)->real;
  return real->pMethods->xSectorSize(real);
}

static int file_characteristics(sqlite3_file *file) {
  sqlite3_file *real = of(file)->real;
  return real->pMethods->xDeviceCharacteristics(real);
}

static int file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **memory) {
  sqlite3_file *real = of(file)->real;
  int code = real->pMethods->xShmMap(real, page, size, extend, memory);
  if (page == 0) of(file)->index = code == SQLITE_OK ? *memory : NULL;
  return code;
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
  sqlite3_file *real = of(file)->real;
  gathering_file *log = of(file)->log;
  int is_write_lock = log && offset == WRITE_LOCK && (flags & SQLITE_SHM_EXCLUSIVE);
  if (is_write_lock && (flags & SQLITE_SHM_UNLOCK)) {
    // What was committed has been handed on; the rest was undone, and its place belongs to whoever writes next.
    log->length = 0;
    log->is_gathering = 0;
  }
  int code = real->pMethods->xShmLock(real, offset, count, flags);
  if (is_write_lock && (flags & SQLITE_SHM_LOCK) && code == SQLITE_OK) {
    log->is_gathering = 1;
    log->next_offset = -1;
    log->is_commit = 0;
  }
  return code;
}

static void file_shm_barrier(sqlite3_file *file) {
  sqlite3_file *real = of(file)->real;
  real->pMethods->xShmBarrier(real);
}

static int file_shm_unmap(sqlite3_file *file, int remove) {
  of(file)->index = NULL;
  sqlite3_file *real = of(file)->real;
  return real->pMethods->xShmUnmap(real, remove);
}

// Version 2 has shared memory and no memory map of the file, which is not used.
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags) {
  (void)vfs;
  sqlite3_vfs *real_vfs = beneath();
  gathering_file *opened = of(file);
  memset(opened, 0, sizeof *opened);
  opened->descriptor = -1;
  opened->next_offset = -1;
  opened->real = sqlite3_malloc(real_vfs->szOsFile);
  if (!opened->real) return SQLITE_NOMEM;
  memset(opened->real, 0, (size_t)real_vfs->szOsFile);
  int code = real_vfs->xOpen(real_vfs, name, opened->real, flags, out_flags);
  if (!opened->real->pMethods) {
    sqlite3_free(opened->real);
    return code;
  }
  opened->base.pMethods = &methods;
  if (code == SQLITE_OK && name && (flags & SQLITE_OPEN_WAL)) {
    sqlite3_file *database = sqlite3_database_file_object(name);
    // Where another VFS is over this one, the database is a file of that, and nothing is gathered.
    if (database && database->pMethods == &methods) {
      opened->database = of(database);
      opened->database->log = opened;
#ifdef __linux__
      // No locks are held on the log itself, which closing a descriptor would give back (fcntl(2)).
      opened->descriptor = open(name, O_RDONLY | O_CLOEXEC);
#endif
    }
  }
  return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder) {
  (void)vfs;
  return beneath()->xDelete(beneath(), name, sync_folder);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *result) {
  (void)vfs;
  return beneath()->xAccess(beneath(), name, flags, result);
}

static int vfs_full_pathname(sqlite3_vfs *vfs, const char *name, int size, char *path) {
  (void)vfs;
  return beneath()->xFullPathname(beneath(), name, size, path);
}

static int vfs_randomness(sqlite3_vfs *vfs, int count, char *bytes) {
  (void)vfs;
  return beneath()->xRandomness(beneath(), count, bytes);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
  (void)vfs;
  return beneath()->xSleep(beneath(), microseconds);
}

static int vfs_current_time(sqlite3_vfs *vfs, double *day) {
  (void)vfs;
  return beneath()->xCurrentTime(beneath(), day);
}

static int vfs_get_last_error(sqlite3_vfs *vfs, int count, char *text) {
  (void)vfs;
  return beneath()->xGetLastError(beneath(), count, text);
}

static int vfs_current_time_int64(sqlite3_vfs *vfs, sqlite3_int64 *milliseconds) {
  (void)vfs;
  return beneath()->xCurrentTimeInt64(beneath(), milliseconds);
}

static sqlite3_vfs gathering = {
    .iVersion = 2,
    .szOsFile = (int)sizeof(gathering_file),
    .zName = CSQLITE_GATHERING_VFS,
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_full_pathname,
    .xRandomness = vfs_randomness,
    .xSleep = vfs_sleep,
    .xCurrentTime = vfs_current_time,
    .xGetLastError = vfs_get_last_error,
    .xCurrentTimeInt64 = vfs_current_time_int64,
};

static pthread_once_t registration = PTHREAD_ONCE_INIT;
static int registered;

static void register_gathering(void) {
  sqlite3_vfs *real_vfs = beneath();
  if (!real_vfs) {
    registered = SQLITE_ERROR;
    return;
  }
  gathering.mxPathname = real_vfs->mxPathname;
  registered = sqlite3_vfs_register(&gathering, 0);
}

int csqlite_register_gathering(void) {
  pthread_once(&registration, register_gathering);
  return registered;
}

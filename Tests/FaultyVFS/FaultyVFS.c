#include "FaultyVFS.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

struct faulty_folder {
  faulty_folder *next;
  char *path;
  size_t length;
  int references; // the watch and every open file
  int armed;
  faulty_kind kind;
  int persistent;
  int64_t left; // matching calls until the one that fails
  int64_t failed;
  faulty_counts counts;
};

typedef struct faulty_file {
  sqlite3_file base;
  faulty_folder *folder;
  sqlite3_file *real; // behind this struct, in memory that SQLite allocates for both
} faulty_file;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static faulty_folder *folders;
static sqlite3_vfs *real_vfs;
static sqlite3_vfs shim;
// The next sleep on this thread is SQLite's patience with a lock that nobody holds.
static _Thread_local int waits_for_nobody;

static void release(faulty_folder *folder) {
  if (--folder->references > 0) return;
  free(folder->path);
  free(folder);
}

static faulty_folder *find(const char *name) {
  for (faulty_folder *folder = folders; folder; folder = folder->next) {
    if (strncmp(name, folder->path, folder->length) == 0 && name[folder->length] == '/') return folder;
  }
  return NULL;
}

static int fails_locked(faulty_folder *folder, faulty_kind kind) {
  if (!folder->armed || folder->kind != kind) return 0;
  if (folder->left > 0) folder->left--;
  if (folder->left > 0) return 0;
  folder->failed++;
  if (!folder->persistent) folder->armed = 0;
  return 1;
}

static int fails(faulty_folder *folder, faulty_kind kind) {
  pthread_mutex_lock(&mutex);
  int result = fails_locked(folder, kind);
  pthread_mutex_unlock(&mutex);
  return result;
}

static faulty_file *of(sqlite3_file *file) { return (faulty_file *)file; }

static int file_close(sqlite3_file *file) {
  sqlite3_file *real = of(file)->real;
  int code = real->pMethods->xClose(real);
  pthread_mutex_lock(&mutex);
  release(of(file)->folder);
  pthread_mutex_unlock(&mutex);
  return code;
}

static int file_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
  if (fails(of(file)->folder, FAULTY_READ_ERROR)) return SQLITE_IOERR_READ;
  sqlite3_file *real = of(file)->real;
  return real->pMethods->xRead(real, bytes, count, offset);
}

static int file_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
  sqlite3_file *real = of(file)->real;
  pthread_mutex_lock(&mutex);
  of(file)->folder->counts.writes++;
  of(file)->folder->counts.bytes += count;
  pthread_mutex_unlock(&mutex);
  int is_full = fails(of(file)->folder, FAULTY_DISK_FULL);
  if (!is_full && !fails(of(file)->folder, FAULTY_WRITE_ERROR)) {
    return real->pMethods->xWrite(real, bytes, count, offset);
  }
  // A write that fails has often begun.
  int code = real->pMethods->xWrite(real, bytes, count / 2, offset);
  if (code != SQLITE_OK) return code;
  return is_full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
  if (fails(of(file)->folder, FAULTY_TRUNCATE_ERROR)) return SQLITE_IOERR_TRUNCATE;
  sqlite3_file *real = of(file)->real;
  return real->pMethods->xTruncate(real, size);
}

static int file_sync(sqlite3_file *file, int flags) {
  (void)flags;
  pthread_mutex_lock(&mutex);
  of(file)->folder->counts.syncs++;
  pthread_mutex_unlock(&mutex);
  return fails(of(file)->folder, FAULTY_SYNC_ERROR) ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
  sqlite3_file *real = of(file)->real;
  return real->pMethods->xFileSize(real, size);
}

static int refuse_lock(void) {
  waits_for_nobody = 1;
  return SQLITE_BUSY;
}

static int file_lock(sqlite3_file *file, int level) {
  if (fails(of(file)->folder, FAULTY_LOCKED)) return refuse_lock();
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
  sqlite3_file *real = of(file)->real;
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
  if (fails(of(file)->folder, FAULTY_MEMORY_ERROR)) {
    *memory = NULL;
    return SQLITE_IOERR_SHMMAP;
  }
  sqlite3_file *real = of(file)->real;
  return real->pMethods->xShmMap(real, page, size, extend, memory);
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
  // Giving a lock back cannot fail.
  if ((flags & SQLITE_SHM_LOCK) && fails(of(file)->folder, FAULTY_LOCKED)) return refuse_lock();
  sqlite3_file *real = of(file)->real;
  return real->pMethods->xShmLock(real, offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file) {
  sqlite3_file *real = of(file)->real;
  real->pMethods->xShmBarrier(real);
}

static int file_shm_unmap(sqlite3_file *file, int remove) {
  sqlite3_file *real = of(file)->real;
  return real->pMethods->xShmUnmap(real, remove);
}

// Version 2 has shared memory and no memory map of the file, whose accesses could not be seen.
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
  pthread_mutex_lock(&mutex);
  faulty_folder *folder = name ? find(name) : NULL;
  int is_refused = folder && fails_locked(folder, FAULTY_OPEN_ERROR);
  if (folder && !is_refused) folder->references++;
  pthread_mutex_unlock(&mutex);
  if (!folder) return real_vfs->xOpen(real_vfs, name, file, flags, out_flags);
  if (is_refused) {
    file->pMethods = NULL;
    return SQLITE_CANTOPEN;
  }
  faulty_file *opened = of(file);
  opened->folder = folder;
  opened->real = (sqlite3_file *)(opened + 1);
  int code = real_vfs->xOpen(real_vfs, name, opened->real, flags, out_flags);
  opened->base.pMethods = opened->real->pMethods ? &methods : NULL;
  if (!opened->base.pMethods) {
    pthread_mutex_lock(&mutex);
    release(folder);
    pthread_mutex_unlock(&mutex);
  }
  return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder) {
  (void)vfs;
  pthread_mutex_lock(&mutex);
  faulty_folder *folder = find(name);
  int is_refused = folder && fails_locked(folder, FAULTY_DELETE_ERROR);
  pthread_mutex_unlock(&mutex);
  if (is_refused) return SQLITE_IOERR_DELETE;
  return real_vfs->xDelete(real_vfs, name, folder ? 0 : sync_folder);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *result) {
  (void)vfs;
  return real_vfs->xAccess(real_vfs, name, flags, result);
}

static int vfs_full_pathname(sqlite3_vfs *vfs, const char *name, int size, char *path) {
  (void)vfs;
  return real_vfs->xFullPathname(real_vfs, name, size, path);
}

static int vfs_randomness(sqlite3_vfs *vfs, int count, char *bytes) {
  (void)vfs;
  return real_vfs->xRandomness(real_vfs, count, bytes);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
  (void)vfs;
  if (waits_for_nobody) {
    // SQLite counts what it asked for, so its patience ends as if the time had passed.
    waits_for_nobody = 0;
    return microseconds;
  }
  return real_vfs->xSleep(real_vfs, microseconds);
}

static int vfs_current_time(sqlite3_vfs *vfs, double *day) {
  (void)vfs;
  return real_vfs->xCurrentTime(real_vfs, day);
}

static int vfs_get_last_error(sqlite3_vfs *vfs, int count, char *text) {
  (void)vfs;
  return real_vfs->xGetLastError(real_vfs, count, text);
}

static int vfs_current_time_int64(sqlite3_vfs *vfs, sqlite3_int64 *milliseconds) {
  (void)vfs;
  return real_vfs->xCurrentTimeInt64(real_vfs, milliseconds);
}

static pthread_once_t registration = PTHREAD_ONCE_INIT;

static void register_shim(void) {
  real_vfs = sqlite3_vfs_find(NULL);
  shim = (sqlite3_vfs){
      .iVersion = 2,
      .szOsFile = (int)sizeof(faulty_file) + real_vfs->szOsFile,
      .mxPathname = real_vfs->mxPathname,
      .zName = "faulty",
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
  sqlite3_vfs_register(&shim, 1);
}

faulty_folder *faulty_watch(const char *path) {
  pthread_once(&registration, register_shim);
  faulty_folder *folder = calloc(1, sizeof *folder);
  char *copy = strdup(path);
  if (!folder || !copy) {
    free(folder);
    free(copy);
    return NULL;
  }
  folder->path = copy;
  folder->length = strlen(copy);
  folder->references = 1;
  pthread_mutex_lock(&mutex);
  folder->next = folders;
  folders = folder;
  pthread_mutex_unlock(&mutex);
  return folder;
}

void faulty_arm(faulty_folder *folder, faulty_kind kind, int64_t nth, int persistent) {
  pthread_mutex_lock(&mutex);
  folder->armed = 1;
  folder->kind = kind;
  folder->persistent = persistent;
  folder->left = nth;
  folder->failed = 0;
  pthread_mutex_unlock(&mutex);
}

int64_t faulty_disarm(faulty_folder *folder) {
  pthread_mutex_lock(&mutex);
  folder->armed = 0;
  int64_t failed = folder->failed;
  pthread_mutex_unlock(&mutex);
  return failed;
}

faulty_counts faulty_count(faulty_folder *folder) {
  pthread_mutex_lock(&mutex);
  faulty_counts counts = folder->counts;
  pthread_mutex_unlock(&mutex);
  return counts;
}

void faulty_unwatch(faulty_folder *folder) {
  pthread_mutex_lock(&mutex);
  for (faulty_folder **place = &folders; *place; place = &(*place)->next) {
    if (*place == folder) {
      *place = folder->next;
      break;
    }
  }
  folder->armed = 0;
  release(folder);
  pthread_mutex_unlock(&mutex);
}

// A SQLite VFS over the default one (https://sqlite.org/vfs.html) that hands on large writes where SQLite makes small ones:
// the frames of a transaction in the write-ahead log, each a header of 24 bytes and a page, and the pages a checkpoint
// copies into the database. What is in the files at a sync, and when others are told to look, is what would be there without
// it, but for frames of transactions that were undone, which nobody reads.
//
// Nothing gathered outlives what it belongs to: a transaction is handed on with its last frame, before SQLite lets others
// see it; what was undone is dropped before the lock that writers take is given back; and pages are gathered only in
// checkpoints that copy the whole log, where SQLite truncates and syncs the database before it relies on them. For that
// nobody may commit during a checkpoint, which SQLite 3.40 needs in any case (https://sqlite.org/wal.html, "The WAL-Reset
// Bug").
#ifndef GATHERING_VFS_H
#define GATHERING_VFS_H

#define CSQLITE_GATHERING_VFS "gathering"

// Registers it under that name, once; not as the default. Returns an SQLite result code.
int csqlite_register_gathering(void);

#endif

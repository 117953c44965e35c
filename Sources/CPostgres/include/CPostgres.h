// The functions of libpq that this program uses, declared here and loaded when they are first needed: the program is built
// without libpq, and runs without it as long as its database is a file.
//
// The types and values are those of libpq-fe.h, part of an interface (libpq.so.5) that only grows;
// scripts/check-libpq compares them with the real header. To use another function, add it to the list.
#ifndef CPOSTGRES_H
#define CPOSTGRES_H

#include <stddef.h>

// The check has these from libpq-fe.h.
#ifndef CPOSTGRES_TYPES_ARE_KNOWN

typedef unsigned int Oid;
typedef struct pg_conn PGconn;
typedef struct pg_result PGresult;

typedef enum {
  CONNECTION_OK,
  CONNECTION_BAD,
  CONNECTION_STARTED,
  CONNECTION_MADE,
  CONNECTION_AWAITING_RESPONSE,
  CONNECTION_AUTH_OK,
  CONNECTION_SETENV,
  CONNECTION_SSL_STARTUP,
  CONNECTION_NEEDED,
  CONNECTION_CHECK_WRITABLE,
  CONNECTION_CONSUME,
  CONNECTION_GSS_STARTUP,
  CONNECTION_CHECK_TARGET,
  CONNECTION_CHECK_STANDBY
} ConnStatusType;

typedef enum {
  PGRES_POLLING_FAILED = 0,
  PGRES_POLLING_READING,
  PGRES_POLLING_WRITING,
  PGRES_POLLING_OK,
  PGRES_POLLING_ACTIVE
} PostgresPollingStatusType;

typedef enum {
  PGRES_EMPTY_QUERY = 0,
  PGRES_COMMAND_OK,
  PGRES_TUPLES_OK,
  PGRES_COPY_OUT,
  PGRES_COPY_IN,
  PGRES_BAD_RESPONSE,
  PGRES_NONFATAL_ERROR,
  PGRES_FATAL_ERROR,
  PGRES_COPY_BOTH,
  PGRES_SINGLE_TUPLE,
  PGRES_PIPELINE_SYNC,
  PGRES_PIPELINE_ABORTED
} ExecStatusType;

typedef enum {
  PQTRANS_IDLE,
  PQTRANS_ACTIVE,
  PQTRANS_INTRANS,
  PQTRANS_INERROR,
  PQTRANS_UNKNOWN
} PGTransactionStatusType;

typedef struct _PQconninfoOption {
  char *keyword;
  char *envvar;
  char *compiled;
  char *val;
  char *label;
  char *dispchar;
  int dispsize;
} PQconninfoOption;

typedef void (*PQnoticeReceiver)(void *arg, const PGresult *res);

#define PG_DIAG_SQLSTATE 'C'
#define PG_DIAG_MESSAGE_PRIMARY 'M'

#endif

// Each function: VALUE or NOTHING for what it returns, then the type, the name, the parameters, and their names.
#define CPOSTGRES_FUNCTIONS(VALUE, NOTHING)                                                                              \
  VALUE(PGconn *, PQconnectdbParams, (const char *const *k, const char *const *v, int e), (k, v, e))                     \
  VALUE(PGconn *, PQconnectStartParams, (const char *const *k, const char *const *v, int e), (k, v, e))                  \
  VALUE(PostgresPollingStatusType, PQconnectPoll, (PGconn * c), (c))                                                     \
  NOTHING(void, PQfinish, (PGconn * c), (c))                                                                             \
  VALUE(PQconninfoOption *, PQconninfoParse, (const char *t, char **m), (t, m))                                          \
  NOTHING(void, PQconninfoFree, (PQconninfoOption * o), (o))                                                             \
  NOTHING(void, PQfreemem, (void *p), (p))                                                                               \
  VALUE(ConnStatusType, PQstatus, (const PGconn *c), (c))                                                                \
  VALUE(PGTransactionStatusType, PQtransactionStatus, (const PGconn *c), (c))                                            \
  VALUE(const char *, PQparameterStatus, (const PGconn *c, const char *n), (c, n))                                       \
  VALUE(int, PQserverVersion, (const PGconn *c), (c))                                                                    \
  VALUE(int, PQlibVersion, (void), ())                                                                                   \
  VALUE(char *, PQerrorMessage, (const PGconn *c), (c))                                                                  \
  VALUE(char *, PQhost, (const PGconn *c), (c))                                                                          \
  VALUE(int, PQsocket, (const PGconn *c), (c))                                                                           \
  VALUE(int, PQbackendPID, (const PGconn *c), (c))                                                                       \
  VALUE(int, PQsslInUse, (PGconn * c), (c))                                                                              \
  VALUE(PQnoticeReceiver, PQsetNoticeReceiver, (PGconn * c, PQnoticeReceiver r, void *a), (c, r, a))                     \
  VALUE(PGresult *, PQexec, (PGconn * c, const char *q), (c, q))                                                         \
  VALUE(PGresult *, PQexecParams,                                                                                        \
        (PGconn * c, const char *q, int n, const Oid *t, const char *const *v, const int *l, const int *f, int r),       \
        (c, q, n, t, v, l, f, r))                                                                                        \
  VALUE(PGresult *, PQprepare, (PGconn * c, const char *s, const char *q, int n, const Oid *t), (c, s, q, n, t))         \
  VALUE(PGresult *, PQexecPrepared,                                                                                      \
        (PGconn * c, const char *s, int n, const char *const *v, const int *l, const int *f, int r),                     \
        (c, s, n, v, l, f, r))                                                                                           \
  VALUE(int, PQsendQueryParams,                                                                                          \
        (PGconn * c, const char *q, int n, const Oid *t, const char *const *v, const int *l, const int *f, int r),       \
        (c, q, n, t, v, l, f, r))                                                                                        \
  VALUE(int, PQsendPrepare, (PGconn * c, const char *s, const char *q, int n, const Oid *t), (c, s, q, n, t))            \
  VALUE(int, PQsendQueryPrepared,                                                                                        \
        (PGconn * c, const char *s, int n, const char *const *v, const int *l, const int *f, int r),                     \
        (c, s, n, v, l, f, r))                                                                                           \
  VALUE(int, PQsendQuery, (PGconn * c, const char *q), (c, q))                                                           \
  VALUE(PGresult *, PQgetResult, (PGconn * c), (c))                                                                      \
  VALUE(int, PQisBusy, (PGconn * c), (c))                                                                                \
  VALUE(int, PQconsumeInput, (PGconn * c), (c))                                                                          \
  VALUE(int, PQflush, (PGconn * c), (c))                                                                                 \
  VALUE(int, PQsetnonblocking, (PGconn * c, int a), (c, a))                                                              \
  VALUE(int, PQenterPipelineMode, (PGconn * c), (c))                                                                     \
  VALUE(int, PQexitPipelineMode, (PGconn * c), (c))                                                                      \
  VALUE(int, PQpipelineSync, (PGconn * c), (c))                                                                          \
  VALUE(int, PQsendFlushRequest, (PGconn * c), (c))                                                                      \
  VALUE(int, PQputCopyData, (PGconn * c, const char *b, int n), (c, b, n))                                               \
  VALUE(int, PQputCopyEnd, (PGconn * c, const char *m), (c, m))                                                          \
  VALUE(ExecStatusType, PQresultStatus, (const PGresult *r), (r))                                                        \
  VALUE(char *, PQresultErrorMessage, (const PGresult *r), (r))                                                          \
  VALUE(char *, PQresultErrorField, (const PGresult *r, int f), (r, f))                                                  \
  VALUE(int, PQntuples, (const PGresult *r), (r))                                                                        \
  VALUE(int, PQnfields, (const PGresult *r), (r))                                                                        \
  VALUE(Oid, PQftype, (const PGresult *r, int f), (r, f))                                                                \
  VALUE(char *, PQcmdStatus, (PGresult * r), (r))                                                                        \
  VALUE(char *, PQcmdTuples, (PGresult * r), (r))                                                                        \
  VALUE(char *, PQgetvalue, (const PGresult *r, int t, int f), (r, t, f))                                                \
  VALUE(int, PQgetlength, (const PGresult *r, int t, int f), (r, t, f))                                                  \
  VALUE(int, PQgetisnull, (const PGresult *r, int t, int f), (r, t, f))                                                  \
  NOTHING(void, PQclear, (PGresult * r), (r))

#ifdef CPOSTGRES_TYPES_ARE_KNOWN
#define CPOSTGRES_VISIBILITY
#else
// The library calls some of these itself, and is not to find them here.
#define CPOSTGRES_VISIBILITY __attribute__((visibility("hidden")))
#endif

#define CPOSTGRES_DECLARE(type, name, parameters, arguments) CPOSTGRES_VISIBILITY type name parameters;
CPOSTGRES_FUNCTIONS(CPOSTGRES_DECLARE, CPOSTGRES_DECLARE)
#undef CPOSTGRES_DECLARE

// Loads libpq, once. Returns NULL, or why it cannot be loaded; then no other function here may be called with anything but
// a null pointer.
CPOSTGRES_VISIBILITY const char *cpostgres_load(void);

// Fields of an error or a notice are named by characters that are macros.
static inline const char *cpostgres_sqlstate(const PGresult *result) {
  return PQresultErrorField(result, PG_DIAG_SQLSTATE);
}

static inline const char *cpostgres_message(const PGresult *result) {
  return PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
}

#endif

#include "CPostgres.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

#ifdef __APPLE__
#define CPOSTGRES_LIBRARY "libpq.5.dylib"
#else
#define CPOSTGRES_LIBRARY "libpq.so.5"
#endif

#define FIELD(type, name, parameters, arguments) type(*name) parameters;
static struct {
  CPOSTGRES_FUNCTIONS(FIELD, FIELD)
} library;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *failure;
static char text[256];

static void load(void) {
  void *handle = dlopen(CPOSTGRES_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *reason = dlerror();
    snprintf(text, sizeof text, "%s", reason ? reason : CPOSTGRES_LIBRARY " is not there");
    failure = text;
    return;
  }
  const char *missing = NULL;
#define FIND(type, name, parameters, arguments)                                                                          \
  *(void **)&library.name = dlsym(handle, #name);                                                                        \
  if (!library.name) missing = #name;
  CPOSTGRES_FUNCTIONS(FIND, FIND)
  if (missing) {
    snprintf(text, sizeof text, CPOSTGRES_LIBRARY " is older than version 14: it has no %s", missing);
    failure = text;
  }
}

const char *cpostgres_load(void) {
  pthread_once(&once, load);
  return failure;
}

// A null pointer is all that these can be called with where nothing was loaded: a connection that was never made, or a
// result of none.
#define VALUE(type, name, parameters, arguments)                                                                         \
  type name parameters {                                                                                                 \
    if (!library.name) return (type)0;                                                                                   \
    return library.name arguments;                                                                                       \
  }
#define NOTHING(type, name, parameters, arguments)                                                                       \
  type name parameters {                                                                                                 \
    if (library.name) library.name arguments;                                                                            \
  }
CPOSTGRES_FUNCTIONS(VALUE, NOTHING)

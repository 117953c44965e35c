// Counts what a thread takes from the heap, for tests: glibc's allocator under its own names, with a counter before it.
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

#include <stdint.h>

// Allocations of the calling thread since it began; -1 where a sanitizer has the allocator.
int64_t allocation_count(void);

// Tells threads apart.
uint64_t allocation_thread(void);

#endif

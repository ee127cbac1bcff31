/* Memory of the library: aligned allocation, checked arithmetic on sizes, and the allocation guard.
 *
 * Sizes that come from files go through alm_mul_size and alm_add_size before they are used. While
 * the guard of a thread is up (a session runs), an allocation fails with ALM_STATUS_INTERNAL: runs
 * must not allocate.
 */
#ifndef ALM_KERNELS_CORE_MEMORY_H
#define ALM_KERNELS_CORE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/core/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Every block starts at a multiple of this. */
enum { ALM_ALIGNMENT = 64 };

/* *out = a·b; ALM_STATUS_MEMORY with a text that holds `what` when it does not fit in size_t. */
alm_status alm_mul_size(size_t a, size_t b, const char *what, size_t *out);

/* *out = a+b, likewise. */
alm_status alm_add_size(size_t a, size_t b, const char *what, size_t *out);

/* *out = a block of count·size bytes, uninitialised, owned by the caller (alm_free). count·size = 0
 * gives a block too. Error: ALM_STATUS_MEMORY, "out of memory: <bytes> bytes for <what>". */
alm_status alm_alloc(size_t count, size_t size, const char *what, void *out);

/* The same, filled with zeros. */
alm_status alm_calloc(size_t count, size_t size, const char *what, void *out);

/* Grows or shrinks the block *inout (NULL: a new one) to count·size bytes; it keeps what fits. On
 * error *inout stays as it was. */
alm_status alm_realloc(size_t count, size_t size, const char *what, void *inout);

/* Makes room for `need` elements of `size` bytes in the growing array *inout with room for
 * *capacity. */
alm_status alm_reserve(size_t need, size_t size, const char *what, void *inout, size_t *capacity);

/* *out = a copy of the text, owned by the caller. */
alm_status alm_strdup(const char *text, const char *what, char **out);

/* NULL is accepted. */
void alm_free(void *block);

/* Raises and lowers the guard of this thread; nests. */
void alm_guard_begin(void);
void alm_guard_end(void);
bool alm_guard_is_up(void);

/* Allocations that were attempted under a guard since the start, in all threads: 0 in a correct
 * program. */
uint64_t alm_guard_violations(void);

/* Counts one more; for test programs that also watch malloc itself. */
void alm_guard_violate(void);

#ifdef __cplusplus
}
#endif

#endif

/* malloc of the whole test program: counts, fails the n-th call, finds leaks and allocations during
 * a run.
 *
 * malloc_probe.c defines malloc and its relatives over glibc's own (__libc_malloc ...), so the
 * calls of every library are seen too. A call under the allocation guard (kernels/core/memory.h)
 * counts as a violation. Not for sanitizer builds, which bring a malloc of their own.
 */
#ifndef ALM_TESTS_FAULTS_MALLOC_PROBE_H
#define ALM_TESTS_FAULTS_MALLOC_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROBE_NEVER = -1 };

typedef struct probe_report {
    int64_t calls;  /* allocations since probe_begin, in all threads, the failed ones included */
    int64_t failed; /* of these */
    int64_t live;   /* blocks allocated minus blocks freed since probe_begin */
    int64_t peak_bytes; /* largest sum of usable sizes above that at probe_begin */
} probe_report;

/* Starts counting. Allocation number `fail_at` (from 0) fails with ENOMEM, and with `sticky` all
 * after it; PROBE_NEVER: none. */
void probe_begin(int64_t fail_at, bool sticky);

/* Stops failing and counting. */
probe_report probe_end(void);

/* While counting, notes the call path of each allocation: `hash` [capacity] gets a hash of the
 * return addresses. NULL: no more. */
void probe_paths(uint64_t *hash, int64_t capacity);

/* Calls made directly by a library whose file name holds this text do not fail and have no number.
 * NULL: none. */
void probe_spare(const char *library);

/* In processes that are forked from now on nothing fails. */
void probe_spare_children(void);

#endif

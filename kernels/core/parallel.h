/* A pool of threads for one session: splits a loop of independent tasks.
 *
 * Tasks must write disjoint outputs and must not depend on which thread runs them, so that a result
 * does not depend on the number of threads. Nothing allocates after alm_pool_create. The guard of
 * the calling thread (memory.h) is raised in the workers while they run tasks.
 */
#ifndef ALM_KERNELS_CORE_PARALLEL_H
#define ALM_KERNELS_CORE_PARALLEL_H

#include <stdint.h>

#include "kernels/core/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct alm_pool alm_pool;

/* One task: `index` of `count`, run by thread `thread` (0 ... threads−1; at most one task a thread
 * at a time). */
typedef void alm_task_fn(void *context, int64_t index, int thread);

/* Names the calling thread for debuggers and profilers; of the name 15 bytes are kept. */
void alm_thread_name(const char *name);

/* Cores this process may use (affinity), at least 1. */
int alm_core_count(void);

/* threads >= 1, the calling thread included. */
alm_status alm_pool_create(int threads, alm_pool **out);
void alm_pool_destroy(alm_pool *pool);
int alm_pool_threads(const alm_pool *pool);

/* Runs task(context, i, thread) for 0 <= i < count; returns when all have ended. pool NULL: in this
 * thread. */
void alm_parallel_for(alm_pool *pool, int64_t count, alm_task_fn *task, void *context);

#ifdef __cplusplus
}
#endif

#endif

#define _GNU_SOURCE
#include "kernels/core/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "kernels/core/memory.h"

/* Workers look for work this often before they sleep: a model has a thousand short loops a pose,
 * and waking a sleeping thread costs more than some of them. */
enum { SPINS = 20000 };

typedef struct worker {
    alm_pool *pool;
    pthread_t handle;
    int thread;
} worker;

struct alm_pool {
    int threads;
    int started;     /* workers that exist, for destroy */
    worker *workers; /* [threads − 1] */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    atomic_uint generation; /* one more with every loop */
    atomic_int running;     /* workers that have not finished this loop */
    atomic_bool stop;
    alm_task_fn *task;
    void *context;
    int64_t count;
    atomic_llong next; /* index that the next free thread takes */
    bool guarded;
};

void alm_thread_name(const char *name)
{
    (void)prctl(PR_SET_NAME, name); /* of this thread; cuts it off */
}

int alm_core_count(void)
{
    cpu_set_t set;
    const int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n;
}

static inline void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void take_tasks(alm_pool *pool, int thread)
{
    for (;;) {
        const int64_t i = atomic_fetch_add(&pool->next, 1);
        if (i >= pool->count) {
            return;
        }
        pool->task(pool->context, i, thread);
    }
}

static void wait_for_work(alm_pool *pool, unsigned seen)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load(&pool->generation) != seen) {
            return;
        }
        pause_briefly();
    }
    pthread_mutex_lock(&pool->mutex);
    while (atomic_load(&pool->generation) == seen) {
        pthread_cond_wait(&pool->wake, &pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
}

static void *work(void *argument)
{
    const worker *self = argument;
    alm_pool *pool = self->pool;
    char name[32];
    snprintf(name, sizeof name, "assemlm-cpu-%d", self->thread);
    alm_thread_name(name);
    for (unsigned seen = 0;; seen++) {
        wait_for_work(pool, seen);
        if (atomic_load(&pool->stop)) {
            return NULL;
        }
        if (pool->guarded) {
            alm_guard_begin();
        }
        take_tasks(pool, self->thread);
        if (pool->guarded) {
            alm_guard_end();
        }
        atomic_fetch_sub(&pool->running, 1);
    }
}

static void announce(alm_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->generation, 1);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

alm_status alm_pool_create(int threads, alm_pool **out)
{
    alm_pool *pool;
    ALM_TRY(alm_calloc(1, sizeof *pool, "thread pool", &pool));
    pool->threads = threads < 1 ? 1 : threads;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    alm_status status =
        alm_calloc((size_t)pool->threads, sizeof *pool->workers, "thread pool", &pool->workers);
    for (int i = 0; status == ALM_OK && i < pool->threads - 1; i++) {
        pool->workers[i] = (worker){.pool = pool, .thread = i + 1};
        const int error = pthread_create(&pool->workers[i].handle, NULL, work, &pool->workers[i]);
        if (error) {
            status = alm_fail(ALM_STATUS_MEMORY, "thread %d of %d could not be started (error %d)",
                              i + 2, pool->threads, error);
        } else {
            pool->started++;
        }
    }
    if (status != ALM_OK) {
        alm_pool_destroy(pool);
        return status;
    }
    *out = pool;
    return ALM_OK;
}

void alm_pool_destroy(alm_pool *pool)
{
    if (!pool) {
        return;
    }
    atomic_store(&pool->stop, true);
    announce(pool);
    for (int i = 0; i < pool->started; i++) {
        pthread_join(pool->workers[i].handle, NULL);
    }
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    alm_free(pool->workers);
    alm_free(pool);
}

int alm_pool_threads(const alm_pool *pool)
{
    return pool ? pool->threads : 1;
}

void alm_parallel_for(alm_pool *pool, int64_t count, alm_task_fn *task, void *context)
{
    if (!pool || pool->threads == 1 || count <= 1) {
        for (int64_t i = 0; i < count; i++) {
            task(context, i, 0);
        }
        return;
    }
    pool->task = task;
    pool->context = context;
    pool->count = count;
    pool->guarded = alm_guard_is_up();
    atomic_store(&pool->next, 0);
    atomic_store(&pool->running, pool->threads - 1);
    announce(pool);
    take_tasks(pool, 0);
    /* Who has not finished by then may wait for the core that this loop keeps busy. */
    for (int i = 0; atomic_load(&pool->running) > 0; i++) {
        if (i < SPINS) {
            pause_briefly();
        } else {
            sched_yield();
            i = SPINS;
        }
    }
}

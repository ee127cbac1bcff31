/* Ranks that are threads of this process. */
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/comm.h"

typedef struct group {
    pthread_mutex_t lock;
    pthread_cond_t turned;
    int size, here, members; /* arrived at this meeting; ranks that have not left */
    unsigned meeting;
    bool broken; /* a rank left while others wait for it, or brought another size */
    size_t bytes;
    unsigned char (*data)[ALM_COMM_BYTES];
} group;

/* Waits until all ranks have come here; false when one of them never will. The lock is held. */
static bool meet(group *g)
{
    const unsigned meeting = g->meeting;
    if (g->members < g->size || g->broken) {
        return false;
    }
    if (++g->here == g->size) {
        g->here = 0;
        g->meeting++;
        pthread_cond_broadcast(&g->turned);
        return true;
    }
    while (g->meeting == meeting && !g->broken) {
        pthread_cond_wait(&g->turned, &g->lock);
    }
    return g->meeting != meeting;
}

static alm_status all_gather(alm_comm *comm, const void *send, void *receive, size_t bytes)
{
    group *g = comm->group;
    pthread_mutex_lock(&g->lock);
    if (g->here > 0 && g->bytes != bytes) {
        g->broken = true;
        pthread_cond_broadcast(&g->turned);
    }
    g->bytes = bytes;
    memcpy(g->data[comm->rank], send, bytes);
    bool together = meet(g);
    for (int r = 0; r < g->size && together; r++) {
        memcpy((unsigned char *)receive + (size_t)r * bytes, g->data[r], bytes);
    }
    /* Nobody overwrites before all have read. */
    together = together && meet(g);
    pthread_mutex_unlock(&g->lock);
    return together ? ALM_OK
                    : alm_fail(ALM_STATUS_INTERNAL,
                               "rank %d: another rank has left or brings another size", comm->rank);
}

static void destroy(group *g)
{
    pthread_cond_destroy(&g->turned);
    pthread_mutex_destroy(&g->lock);
    alm_free(g->data);
    alm_free(g);
}

static void leave(alm_comm *comm)
{
    group *g = comm->group;
    pthread_mutex_lock(&g->lock);
    const bool last = --g->members == 0;
    if (g->here > 0) { /* they wait for this one */
        g->broken = true;
        pthread_cond_broadcast(&g->turned);
    }
    pthread_mutex_unlock(&g->lock);
    if (last) {
        destroy(g);
    }
}

alm_status alm_comm_local_create(int ranks, alm_comm *comm)
{
    static const alm_comm_ops ops = {.name = "local", .all_gather = all_gather, .leave = leave};
    if (ranks < 1 || ranks > ALM_COMM_RANKS) {
        return alm_fail(ALM_STATUS_USAGE, "%d ranks, expected 1 to %d", ranks, (int)ALM_COMM_RANKS);
    }
    group *g;
    ALM_TRY(alm_calloc(1, sizeof *g, "ranks", &g));
    alm_status status = alm_calloc((size_t)ranks, sizeof *g->data, "ranks", &g->data);
    if (status == ALM_OK && pthread_mutex_init(&g->lock, NULL) != 0) {
        status = alm_fail(ALM_STATUS_MEMORY, "out of memory: a mutex");
    }
    if (status != ALM_OK) {
        alm_free(g->data);
        alm_free(g);
        return status;
    }
    pthread_cond_init(&g->turned, NULL);
    g->size = ranks;
    g->members = ranks;
    for (int r = 0; r < ranks; r++) {
        comm[r] = (alm_comm){.ops = &ops, .rank = r, .size = ranks, .group = g};
    }
    return ALM_OK;
}

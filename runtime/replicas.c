#include "runtime/replicas.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "kernels/core/parallel.h"
#include "runtime/comm.h"
#include "runtime/ranges.h"

/* A device has one job at work and one waiting. */
enum { DEPTH = 2 };

typedef enum slot_state { SLOT_EMPTY, SLOT_READY, SLOT_DONE } slot_state;

typedef struct slot {
    void *job;
    slot_state state;
} slot;

typedef struct worker {
    alm_replicas *all;
    alm_session *session;
    alm_comm comm;
    pthread_t thread;
    bool started;
    slot slots[DEPTH];
    unsigned taken; /* jobs it has begun */
} worker;

struct alm_replicas {
    alm_job_fn *work;
    alm_job_done_fn *done;
    void *context;
    int count;
    worker workers[ALM_MAX_DEVICES];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
    pthread_t finisher;
    bool finishes;                /* the finisher was started */
    uint64_t submitted, finished; /* job i is dealt to worker i mod count */
    alm_status status;            /* the first error of done() */
    char text[1024];              /* its text: the finisher's is its own */
};

static slot *slot_of(alm_replicas *r, uint64_t job)
{
    const uint64_t n = (uint64_t)r->count;
    return &r->workers[job % n].slots[job / n % DEPTH];
}

static void *work(void *context)
{
    worker *w = context;
    alm_replicas *r = w->all;
    char name[32];
    snprintf(name, sizeof name, "assemlm-job-%d", (int)(w - r->workers));
    alm_thread_name(name);
    pthread_mutex_lock(&r->lock);
    for (;;) {
        slot *s = &w->slots[w->taken % DEPTH];
        while (s->state != SLOT_READY && !r->stopping) {
            pthread_cond_wait(&r->changed, &r->lock);
        }
        if (r->stopping) {
            break;
        }
        void *job = s->job;
        pthread_mutex_unlock(&r->lock);
        r->work(w->session, job);
        pthread_mutex_lock(&r->lock);
        s->state = SLOT_DONE;
        w->taken++;
        pthread_cond_broadcast(&r->changed);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* Ends jobs in their order, until one ends with an error. */
static void *finish(void *context)
{
    alm_replicas *r = context;
    alm_thread_name("assemlm-finish");
    pthread_mutex_lock(&r->lock);
    while (r->status == ALM_OK) {
        slot *s = slot_of(r, r->finished);
        while (s->state != SLOT_DONE && !r->stopping) {
            pthread_cond_wait(&r->changed, &r->lock);
        }
        if (r->stopping) {
            break;
        }
        pthread_mutex_unlock(&r->lock);
        const alm_status status = r->done(r->context, s->job);
        pthread_mutex_lock(&r->lock);
        *s = (slot){.state = SLOT_EMPTY};
        r->finished++;
        r->status = status;
        if (status != ALM_OK) {
            snprintf(r->text, sizeof r->text, "%s", alm_error_message());
        }
        pthread_cond_broadcast(&r->changed);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* Waits until at most `most` jobs are not finished; the error that ended them. */
static alm_status wait_for(alm_replicas *r, uint64_t most)
{
    pthread_mutex_lock(&r->lock);
    while (r->submitted - r->finished > most && r->status == ALM_OK) {
        pthread_cond_wait(&r->changed, &r->lock);
    }
    const alm_status status = r->status;
    pthread_mutex_unlock(&r->lock);
    return status == ALM_OK ? ALM_OK : alm_fail(status, "%s", r->text);
}

alm_status alm_replicas_submit(alm_replicas *r, void *job)
{
    const alm_status status = wait_for(r, (uint64_t)r->count * DEPTH - 1);
    if (status != ALM_OK) {
        (void)r->done(r->context, job); /* nobody else does it any more */
        return status;
    }
    pthread_mutex_lock(&r->lock);
    *slot_of(r, r->submitted++) = (slot){.job = job, .state = SLOT_READY};
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return ALM_OK;
}

alm_status alm_replicas_drain(alm_replicas *r)
{
    return wait_for(r, 0);
}

void alm_replicas_destroy(alm_replicas *r)
{
    if (!r) {
        return;
    }
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    for (int i = 0; i < r->count; i++) {
        worker *w = &r->workers[i];
        if (w->started) {
            pthread_join(w->thread, NULL);
        }
    }
    if (r->finishes) {
        pthread_join(r->finisher, NULL);
    }
    for (; r->finished < r->submitted; r->finished++) {
        (void)r->done(r->context, slot_of(r, r->finished)->job);
    }
    for (int i = 0; i < r->count; i++) {
        alm_comm_leave(&r->workers[i].comm);
        if (i > 0) {
            alm_session_destroy(r->workers[i].session);
        }
    }
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    alm_free(r);
}

/* ---- Beginning ---- */

/* What must be the same on all devices for equal bits; the rest is the same within a process. */
static uint64_t fingerprint(const worker *w)
{
    const alm_device *d = &w->session->timeline->device;
    return (uint64_t)d->arch << 48 | (uint64_t)d->multiprocessors << 32 | (uint64_t)d->shared_bytes;
}

typedef struct greeting {
    worker *worker;
    alm_status status;
    char text[256];
} greeting;

/* In a thread of its own: every rank takes part. */
static void *greet(void *context)
{
    greeting *g = context;
    alm_thread_name("assemlm-comm");
    alm_range_begin("comm", "greeting");
    g->status = alm_comm_same(&g->worker->comm, fingerprint(g->worker), "the devices differ");
    alm_range_end();
    if (g->status != ALM_OK) {
        const char *message = alm_error_message();
        const size_t n = strlen(message);
        memcpy(g->text, message, n < sizeof g->text - 1 ? n : sizeof g->text - 1);
    }
    return NULL;
}

static alm_status greet_all(alm_replicas *r)
{
    greeting g[ALM_MAX_DEVICES] = {{0}};
    pthread_t thread[ALM_MAX_DEVICES];
    int started = 0;
    for (; started < r->count; started++) {
        g[started].worker = &r->workers[started];
        if (pthread_create(&thread[started], NULL, greet, &g[started]) != 0) {
            break;
        }
    }
    /* Those that began must not wait for one that never comes. */
    for (int i = started; i < r->count; i++) {
        alm_comm_leave(&r->workers[i].comm);
    }
    for (int i = 0; i < started; i++) {
        pthread_join(thread[i], NULL);
    }
    if (started < r->count) {
        return alm_fail(ALM_STATUS_MEMORY, "out of memory: a thread");
    }
    for (int i = 0; i < r->count; i++) {
        if (g[i].status != ALM_OK) {
            return alm_fail(g[i].status, "%s", g[i].text);
        }
    }
    return ALM_OK;
}

/* NCCL where it is there and the devices are different ones; else through memory. */
static alm_status join_ranks(alm_replicas *r, const alm_engine *e)
{
    alm_comm comm[ALM_COMM_RANKS];
    int device[ALM_COMM_RANKS];
    bool distinct = true;
    for (int i = 0; i < r->count; i++) {
        device[i] = e->target[i]->index;
        for (int j = 0; j < i; j++) {
            distinct = distinct && device[i] != device[j];
        }
    }
    if (!distinct || alm_comm_nccl_create(r->count, device, comm) != ALM_OK) {
        alm_error_clear();
        ALM_TRY(alm_comm_local_create(r->count, comm));
    }
    for (int i = 0; i < r->count; i++) {
        r->workers[i].comm = comm[i];
    }
    return ALM_OK;
}

static alm_status begin(alm_replicas *r, alm_session *session)
{
    alm_engine *e = session->engine;
    for (int i = 0; i < r->count; i++) {
        r->workers[i].all = r;
        r->workers[i].session = session;
        if (i > 0) {
            r->workers[i].session = NULL;
            ALM_TRY(alm_session_create_on(e, i, 0, &r->workers[i].session));
        }
    }
    ALM_TRY(join_ranks(r, e));
    ALM_TRY(greet_all(r));
    for (int i = 0; i < r->count; i++) {
        worker *w = &r->workers[i];
        if (pthread_create(&w->thread, NULL, work, w) != 0) {
            return alm_fail(ALM_STATUS_MEMORY, "out of memory: a thread");
        }
        w->started = true;
    }
    if (pthread_create(&r->finisher, NULL, finish, r) != 0) {
        return alm_fail(ALM_STATUS_MEMORY, "out of memory: a thread");
    }
    r->finishes = true;
    return ALM_OK;
}

alm_status alm_replicas_create(alm_session *session, alm_job_fn *work_fn, alm_job_done_fn *done,
                               void *context, alm_replicas **out)
{
    alm_replicas *r;
    ALM_TRY(alm_calloc(1, sizeof *r, "replicas", &r));
    *r = (alm_replicas){
        .work = work_fn, .done = done, .context = context, .count = session->engine->n_targets};
    if (pthread_mutex_init(&r->lock, NULL) != 0) {
        alm_free(r);
        return alm_fail(ALM_STATUS_MEMORY, "out of memory: a mutex");
    }
    pthread_cond_init(&r->changed, NULL);
    const alm_status status = begin(r, session);
    if (status != ALM_OK) {
        alm_replicas_destroy(r);
        return status;
    }
    *out = r;
    return ALM_OK;
}

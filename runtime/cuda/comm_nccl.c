/* Ranks that are GPUs of this process, through NCCL. The library is opened when it is asked for:
 * the program starts without it. What is gathered passes through a small device buffer of each
 * rank.
 *
 * NCCL waits for ever for a rank that does not come. So a rank that waits looks whether another one
 * has failed or left meanwhile, and then aborts its own communicator, which nobody else uses. The
 * ranks are connected when they are made: a later call only enqueues. */
#include <time.h>

#include "kernels/core/memory.h"
#include "runtime/comm.h"
#include "runtime/cuda/cuda_backend.h"

#if !defined(ALM_CUDA_SHIM) && __has_include(<nccl.h>)

#include <nccl.h>
#include <pthread.h>

typedef struct nccl_library {
    void *handle;
    __typeof__(ncclCommInitAll) *init_all;
    __typeof__(ncclAllGather) *all_gather;
    __typeof__(ncclCommDestroy) *destroy;
    __typeof__(ncclCommAbort) *give_up;
    __typeof__(ncclGroupStart) *begin;
    __typeof__(ncclGroupEnd) *end;
    __typeof__(ncclGetErrorString) *text;
} nccl_library;

/* What the ranks share; the last one that leaves frees it. */
typedef struct group {
    nccl_library library;
    int size;
    pthread_mutex_t lock;       /* of what follows */
    long calls[ALM_COMM_RANKS]; /* of all_gather, begun by each rank */
    int present;
    bool broken; /* a rank failed, or left while another one waited for it */
} group;

/* One rank. */
typedef struct rank {
    group *group;
    ncclComm_t comm; /* NULL: aborted */
    int number, device;
    cudaStream_t stream;
    unsigned char *buffer; /* [ALM_COMM_BYTES · (1 + ranks)] on the device: sent, then received */
} rank;

static alm_status open_library(nccl_library *l)
{
    const char *name;
    void *handle = alm_library_open(ALM_LIBRARY_NCCL, &name);
    if (!handle) {
        return alm_fail(ALM_STATUS_DEVICE, "NCCL is not there: libnccl.so.2 cannot be opened");
    }
#define FIND(field, function)                                                                      \
    ALM_TRY(alm_library_function(handle, "libnccl.so.2", function, &l->field));
    FIND(init_all, "ncclCommInitAll")
    FIND(all_gather, "ncclAllGather")
    FIND(destroy, "ncclCommDestroy")
    FIND(give_up, "ncclCommAbort")
    FIND(begin, "ncclGroupStart")
    FIND(end, "ncclGroupEnd")
    FIND(text, "ncclGetErrorString")
#undef FIND
    return ALM_OK;
}

static alm_status check(const nccl_library *l, ncclResult_t result, const char *what)
{
    return result == ncclSuccess
               ? ALM_OK
               : alm_fail(ALM_STATUS_RESTART, "NCCL failed at %s: %s", what, l->text(result));
}

/* Counts the call; false when not all ranks are there. */
static bool begin_call(rank *r)
{
    (void)pthread_mutex_lock(&r->group->lock);
    const bool works = !r->group->broken && r->group->present == r->group->size && r->comm;
    r->group->calls[r->number]++;
    (void)pthread_mutex_unlock(&r->group->lock);
    return works;
}

static bool is_broken(group *g, bool also)
{
    (void)pthread_mutex_lock(&g->lock);
    const bool broken = g->broken = g->broken || also;
    (void)pthread_mutex_unlock(&g->lock);
    return broken;
}

static void give_up(rank *r)
{
    if (r->comm) {
        (void)r->group->library.give_up(r->comm);
        r->comm = NULL;
    }
}

static alm_status refuse(void)
{
    return alm_fail(ALM_STATUS_RESTART, "all_gather: another rank failed or left");
}

/* Until the stream is done, or for ever is over. */
static alm_status wait_for_others(rank *r)
{
    static const struct timespec pause = {.tv_nsec = 20000};
    cudaError_t error;
    while ((error = cudaStreamQuery(r->stream)) == cudaErrorNotReady) {
        if (is_broken(r->group, false)) {
            give_up(r);
            return refuse();
        }
        (void)nanosleep(&pause, NULL);
    }
    return almi_cuda_check(error, "all_gather");
}

static alm_status gather(rank *r, const void *send, void *receive, size_t bytes)
{
    const nccl_library *l = &r->group->library;
    unsigned char *from = r->buffer, *to = r->buffer + ALM_COMM_BYTES;
    ALM_TRY(almi_cuda_check(cudaSetDevice(r->device), "all_gather"));
    ALM_TRY(almi_cuda_check(cudaMemcpyAsync(from, send, bytes, cudaMemcpyHostToDevice, r->stream),
                            "all_gather"));
    ALM_TRY(check(l, l->all_gather(from, to, bytes, ncclUint8, r->comm, r->stream), "all_gather"));
    ALM_TRY(wait_for_others(r));
    return almi_cuda_check(
        cudaMemcpy(receive, to, bytes * (size_t)r->group->size, cudaMemcpyDeviceToHost),
        "all_gather");
}

static alm_status all_gather(alm_comm *comm, const void *send, void *receive, size_t bytes)
{
    rank *r = comm->group;
    if (!begin_call(r)) {
        (void)is_broken(r->group, true);
        return refuse();
    }
    const alm_status status = gather(r, send, receive, bytes);
    if (status != ALM_OK) {
        (void)is_broken(r->group, true);
    }
    return status;
}

static void free_rank(rank *r)
{
    (void)cudaSetDevice(r->device);
    if (r->stream) {
        (void)cudaStreamDestroy(r->stream);
    }
    almi_cuda_free(r->buffer);
    alm_free(r);
}

static void free_group(group *g)
{
    (void)pthread_mutex_destroy(&g->lock);
    alm_free(g);
}

static void leave(alm_comm *comm)
{
    rank *r = comm->group;
    group *g = r->group;
    (void)pthread_mutex_lock(&g->lock);
    for (int i = 0; i < g->size; i++) {
        g->broken = g->broken || g->calls[i] > g->calls[r->number]; /* it waits for this rank */
    }
    g->calls[r->number] = -1; /* waits for nobody */
    const bool broken = g->broken, is_last = --g->present == 0;
    (void)pthread_mutex_unlock(&g->lock);
    if (broken) {
        give_up(r);
    } else if (r->comm) {
        (void)g->library.destroy(r->comm);
    }
    free_rank(r);
    if (is_last) {
        free_group(g);
    }
}

static alm_status open_group(int ranks, group **out)
{
    group *g;
    ALM_TRY(alm_calloc(1, sizeof *g, "the ranks", &g));
    g->size = g->present = ranks;
    if (pthread_mutex_init(&g->lock, NULL) != 0) {
        alm_free(g);
        return alm_fail(ALM_STATUS_MEMORY, "out of memory: a mutex");
    }
    const alm_status status = open_library(&g->library);
    if (status != ALM_OK) {
        free_group(g);
        return status;
    }
    *out = g;
    return ALM_OK;
}

static alm_status open_rank(rank *r, int ranks)
{
    ALM_TRY(almi_cuda_check(cudaSetDevice(r->device), "choosing the device"));
    ALM_TRY(almi_cuda_check(cudaStreamCreateWithFlags(&r->stream, cudaStreamNonBlocking),
                            "creating a stream"));
    return almi_cuda_alloc((size_t)ALM_COMM_BYTES * (size_t)(1 + ranks), "collectives", &r->buffer);
}

/* Joins the ranks, and lets them gather once: NCCL connects them at their first call. */
static alm_status join(group *g, rank *const *r, const int *devices)
{
    const nccl_library *l = &g->library;
    ncclComm_t comm[ALM_COMM_RANKS];
    ALM_TRY(check(l, l->init_all(comm, g->size, devices), "joining the GPUs"));
    for (int i = 0; i < g->size; i++) {
        r[i]->comm = comm[i];
    }
    ALM_TRY(check(l, l->begin(), "connecting the GPUs"));
    ncclResult_t result = ncclSuccess;
    for (int i = 0; i < g->size && result == ncclSuccess; i++) {
        result = l->all_gather(r[i]->buffer, r[i]->buffer + ALM_COMM_BYTES, 1, ncclUint8, comm[i],
                               r[i]->stream);
    }
    const ncclResult_t ended = l->end();
    ALM_TRY(check(l, result == ncclSuccess ? ended : result, "connecting the GPUs"));
    for (int i = 0; i < g->size; i++) {
        ALM_TRY(almi_cuda_check(cudaSetDevice(r[i]->device), "choosing the device"));
        ALM_TRY(almi_cuda_check(cudaStreamSynchronize(r[i]->stream), "connecting the GPUs"));
    }
    return ALM_OK;
}

alm_status alm_comm_nccl_create(int ranks, const int *devices, alm_comm *comm)
{
    static const alm_comm_ops ops = {.name = "nccl", .all_gather = all_gather, .leave = leave};
    rank *r[ALM_COMM_RANKS] = {NULL};
    group *g;
    if (ranks < 1 || ranks > ALM_COMM_RANKS) {
        return alm_fail(ALM_STATUS_USAGE, "%d ranks, expected 1 to %d", ranks, (int)ALM_COMM_RANKS);
    }
    ALM_TRY(open_group(ranks, &g));
    alm_status status = ALM_OK;
    for (int i = 0; i < ranks && status == ALM_OK; i++) {
        status = alm_calloc(1, sizeof *r[i], "a rank", &r[i]);
        if (status == ALM_OK) {
            r[i]->group = g;
            r[i]->number = i;
            r[i]->device = devices[i];
            status = open_rank(r[i], ranks);
        }
    }
    if (status == ALM_OK) {
        status = join(g, r, devices);
    }
    if (status != ALM_OK) {
        for (int i = 0; i < ranks && r[i]; i++) {
            give_up(r[i]);
            free_rank(r[i]);
        }
        free_group(g);
        return status;
    }
    for (int i = 0; i < ranks; i++) {
        comm[i] = (alm_comm){.ops = &ops, .rank = i, .size = ranks, .group = r[i]};
    }
    return ALM_OK;
}

#else

alm_status alm_comm_nccl_create(int ranks, const int *devices, alm_comm *comm)
{
    (void)ranks;
    (void)devices;
    (void)comm;
    return alm_fail(ALM_STATUS_DEVICE, "this assemlm was built without NCCL");
}

#endif

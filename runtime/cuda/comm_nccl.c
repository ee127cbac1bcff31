/* Ranks that are GPUs of this process, through NCCL. The library is opened when it is asked for:
 * the program starts without it. What is gathered passes through a small device buffer of each
 * rank. */
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/comm.h"
#include "runtime/cuda/cuda_backend.h"

#if !defined(ALM_CUDA_SHIM) && __has_include(<nccl.h>)

#include <dlfcn.h>
#include <nccl.h>

typedef struct nccl_library {
    void *handle;
    __typeof__(ncclCommInitAll) *init_all;
    __typeof__(ncclAllGather) *all_gather;
    __typeof__(ncclCommDestroy) *destroy;
    __typeof__(ncclGetErrorString) *text;
} nccl_library;

/* One rank. */
typedef struct rank {
    nccl_library library;
    ncclComm_t comm;
    int device;
    cudaStream_t stream;
    unsigned char *buffer; /* [ALM_COMM_BYTES · (1 + ranks)] on the device: sent, then received */
} rank;

static alm_status open_library(nccl_library *l)
{
    l->handle = dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
    if (!l->handle) {
        return alm_fail(ALM_STATUS_DEVICE, "NCCL is not there: libnccl.so.2 cannot be opened");
    }
    void *const found[] = {dlsym(l->handle, "ncclCommInitAll"), dlsym(l->handle, "ncclAllGather"),
                           dlsym(l->handle, "ncclCommDestroy"),
                           dlsym(l->handle, "ncclGetErrorString")};
    for (size_t i = 0; i < sizeof found / sizeof found[0]; i++) {
        if (!found[i]) {
            return alm_fail(ALM_STATUS_DEVICE, "libnccl.so.2 lacks a function that is needed");
        }
    }
    memcpy(&l->init_all, &found[0], sizeof found[0]);
    memcpy(&l->all_gather, &found[1], sizeof found[1]);
    memcpy(&l->destroy, &found[2], sizeof found[2]);
    memcpy(&l->text, &found[3], sizeof found[3]);
    return ALM_OK;
}

static alm_status check(const nccl_library *l, ncclResult_t result, const char *what)
{
    return result == ncclSuccess
               ? ALM_OK
               : alm_fail(ALM_STATUS_RESTART, "NCCL failed at %s: %s", what, l->text(result));
}

static alm_status all_gather(alm_comm *comm, const void *send, void *receive, size_t bytes)
{
    rank *r = comm->group;
    unsigned char *from = r->buffer, *to = r->buffer + ALM_COMM_BYTES;
    ALM_TRY(almi_cuda_check(cudaSetDevice(r->device), "all_gather"));
    ALM_TRY(almi_cuda_check(cudaMemcpyAsync(from, send, bytes, cudaMemcpyHostToDevice, r->stream),
                            "all_gather"));
    ALM_TRY(check(&r->library,
                  r->library.all_gather(from, to, bytes, ncclUint8, r->comm, r->stream),
                  "all_gather"));
    ALM_TRY(almi_cuda_check(
        cudaMemcpyAsync(receive, to, bytes * (size_t)comm->size, cudaMemcpyDeviceToHost, r->stream),
        "all_gather"));
    return almi_cuda_check(cudaStreamSynchronize(r->stream), "all_gather");
}

static void free_rank(rank *r)
{
    (void)cudaSetDevice(r->device);
    if (r->comm) {
        (void)r->library.destroy(r->comm);
    }
    if (r->stream) {
        (void)cudaStreamDestroy(r->stream);
    }
    almi_cuda_free(r->buffer);
    if (r->library.handle) {
        dlclose(r->library.handle);
    }
    alm_free(r);
}

static void leave(alm_comm *comm)
{
    free_rank(comm->group);
}

static alm_status open_rank(rank *r, int ranks)
{
    ALM_TRY(open_library(&r->library));
    ALM_TRY(almi_cuda_check(cudaSetDevice(r->device), "choosing the device"));
    ALM_TRY(almi_cuda_check(cudaStreamCreateWithFlags(&r->stream, cudaStreamNonBlocking),
                            "creating a stream"));
    return almi_cuda_alloc((size_t)ALM_COMM_BYTES * (size_t)(1 + ranks), "collectives", &r->buffer);
}

alm_status alm_comm_nccl_create(int ranks, const int *devices, alm_comm *comm)
{
    static const alm_comm_ops ops = {.name = "nccl", .all_gather = all_gather, .leave = leave};
    rank *r[ALM_COMM_RANKS] = {NULL};
    ncclComm_t comms[ALM_COMM_RANKS] = {NULL};
    alm_status status = ALM_OK;
    if (ranks < 1 || ranks > ALM_COMM_RANKS) {
        return alm_fail(ALM_STATUS_USAGE, "%d ranks, expected 1 to %d", ranks, (int)ALM_COMM_RANKS);
    }
    for (int i = 0; i < ranks && status == ALM_OK; i++) {
        status = alm_calloc(1, sizeof *r[i], "a rank", &r[i]);
        if (status == ALM_OK) {
            r[i]->device = devices[i];
            status = open_rank(r[i], ranks);
        }
    }
    if (status == ALM_OK) {
        const nccl_library *l = &r[0]->library;
        status = check(l, l->init_all(comms, ranks, devices), "joining the GPUs");
    }
    for (int i = 0; i < ranks; i++) {
        if (status != ALM_OK) {
            if (r[i]) {
                free_rank(r[i]);
            }
            continue;
        }
        r[i]->comm = comms[i];
        comm[i] = (alm_comm){.ops = &ops, .rank = i, .size = ranks, .group = r[i]};
    }
    return status;
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

/* Opens a GPU. Refused, each with one line: no driver, a driver older than the toolkit needs, no
 * such device, an architecture below sm_80 or one that this program has no code for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "kernels/cuda/error.h"
#include "kernels/cuda/table.h"
#include "runtime/cuda/cuda_backend.h"

#ifdef ALM_CUDA_SHIM
const char *const alm_cuda_backend_name = "shim";
#else
const char *const alm_cuda_backend_name = "cuda";
#endif

const alm_kernel *(*const alm_cuda_device_kernels)(const alm_op_def *op) = alm_cuda_kernels;

enum { OLDEST_ARCH = 80 };

alm_status almi_cuda_check(cudaError_t error, const char *what)
{
    const alm_status status = alm_cuda_status(error);
    size_t free_bytes = 0, all_bytes = 0;
    if (status == ALM_OK) {
        return ALM_OK;
    }
    (void)cudaGetLastError(); /* one that is not sticky is forgotten */
    if (status == ALM_STATUS_MEMORY) {
        (void)cudaMemGetInfo(&free_bytes, &all_bytes);
        return alm_fail(status, "out of device memory: %s, %zu of the device's %zu bytes are free",
                        what, free_bytes, all_bytes);
    }
    return alm_fail(status, "the GPU failed at %s: %s (%s)", what, cudaGetErrorString(error),
                    cudaGetErrorName(error));
}

alm_status almi_cuda_use(const alm_cuda_target *t)
{
    return almi_cuda_check(cudaSetDevice(t->base.index), "choosing the device");
}

void almi_cuda_use_at_end(const alm_target *target)
{
    (void)cudaSetDevice(target->index);
}

static alm_status allocated(cudaError_t error, size_t bytes, const char *what, const char *where)
{
    size_t free_bytes = 0, all_bytes = 0;
    if (error != cudaErrorMemoryAllocation) {
        return almi_cuda_check(error, what);
    }
    (void)cudaGetLastError(); /* it is not sticky: forget it */
    (void)cudaMemGetInfo(&free_bytes, &all_bytes);
    return alm_fail(ALM_STATUS_MEMORY,
                    "out of %s memory: %zu bytes for %s, %zu of the device's %zu bytes are free",
                    where, bytes, what, free_bytes, all_bytes);
}

alm_status almi_cuda_alloc(size_t bytes, const char *what, void *out)
{
    void *block = NULL;
    ALM_TRY(allocated(cudaMalloc(&block, bytes ? bytes : 1), bytes, what, "device"));
    memcpy(out, &block, sizeof block);
    return ALM_OK;
}

alm_status almi_cuda_alloc_pinned(size_t bytes, const char *what, void *out)
{
    void *block = NULL;
    ALM_TRY(allocated(cudaMallocHost(&block, bytes ? bytes : 1), bytes, what, "pinned host"));
    memcpy(out, &block, sizeof block);
    return ALM_OK;
}

void almi_cuda_free(void *block)
{
    if (block) {
        (void)cudaFree(block);
    }
}

void almi_cuda_free_pinned(void *block)
{
    if (block) {
        (void)cudaFreeHost(block);
    }
}

static void target_close(alm_target *base)
{
    alm_cuda_target *t = (alm_cuda_target *)base;
    almi_cuda_use_at_end(base);
    almi_cuda_weights_free(t);
    pthread_mutex_destroy(&t->lock);
    alm_free(t);
}

static const alm_backend_ops ops = {
    .close = target_close,
    .timeline_create = almi_cuda_timeline_create,
    .timeline_destroy = almi_cuda_timeline_destroy,
    .state_create = almi_cuda_state_create,
    .state_destroy = almi_cuda_state_destroy,
    .executor_create = almi_cuda_executor_create,
    .executor_destroy = almi_cuda_executor_destroy,
    .run = almi_cuda_run,
    .fetch = almi_cuda_fetch,
};

/* The first call of the runtime: says why there is no GPU. */
static alm_status count_devices(int *count)
{
    const cudaError_t error = cudaGetDeviceCount(count);
    if (error == cudaErrorInsufficientDriver) {
        int have = 0, need = 0;
        (void)cudaDriverGetVersion(&have);
        (void)cudaRuntimeGetVersion(&need);
        if (have == 0) {
            return alm_fail(ALM_STATUS_DEVICE, "no GPU: no NVIDIA driver is installed");
        }
        return alm_fail(ALM_STATUS_DEVICE,
                        "the NVIDIA driver is for CUDA %d.%d, this assemlm needs one for CUDA "
                        "%d.%d or later",
                        have / 1000, have % 1000 / 10, need / 1000, need % 1000 / 10);
    }
    if (error != cudaSuccess || *count == 0) {
        return alm_fail(ALM_STATUS_DEVICE, "no GPU: %s",
                        error == cudaSuccess ? "none is visible" : cudaGetErrorString(error));
    }
    return ALM_OK;
}

/* Whether one of the architectures ("80,90a") has code for the GPU: code of sm_XY runs from X.Y to
 * the end of generation X, with an 'a' on X.Y alone. */
bool almi_cuda_has_code(const char *archs, int arch)
{
    for (const char *at = archs; *at; at += *at == ',') {
        char *end;
        const long built = strtol(at, &end, 10);
        const bool only = *end == 'a';
        if (only ? built == arch : built / 10 == arch / 10 && built <= arch) {
            return true;
        }
        at = end + strcspn(end, ",");
    }
    return false;
}

alm_status almi_cuda_properties(int index, struct cudaDeviceProp *out)
{
    const cudaError_t error = cudaGetDeviceProperties(out, index);
    return error == cudaSuccess ? ALM_OK
                                : alm_fail(ALM_STATUS_DEVICE, "%s:%d: %s", alm_cuda_backend_name,
                                           index, cudaGetErrorString(error));
}

static alm_status describe(int index, alm_cuda_target *t)
{
    struct cudaDeviceProp p;
    ALM_TRY(almi_cuda_properties(index, &p));
    const int arch = 10 * p.major + p.minor;
    if (arch < OLDEST_ARCH) {
        return alm_fail(ALM_STATUS_DEVICE,
                        "%s:%d: %s has compute capability %d.%d, at least %d.%d is needed",
                        alm_cuda_backend_name, index, p.name, p.major, p.minor, OLDEST_ARCH / 10,
                        OLDEST_ARCH % 10);
    }
#ifdef ALM_CUDA_ARCHS
    if (!almi_cuda_has_code(ALM_CUDA_ARCHS, arch)) {
        return alm_fail(ALM_STATUS_DEVICE,
                        "%s:%d: this assemlm has no code for %s, compute capability %d.%d: it was "
                        "built for %s (cmake's ASSEMLM_CUDA_ARCHS)",
                        alm_cuda_backend_name, index, p.name, p.major, p.minor, ALM_CUDA_ARCHS);
    }
#endif
    t->base.device = (alm_device){.backend = ALM_BACKEND_CUDA,
                                  .arch = arch,
                                  .threads = 1,
                                  .kernels = alm_cuda_kernels,
                                  .multiprocessors = p.multiProcessorCount,
                                  .shared_bytes = p.sharedMemPerBlockOptin};
    snprintf(t->base.name, sizeof t->base.name, "%s:%d (%.100s)", alm_cuda_backend_name, index,
             p.name);
    return ALM_OK;
}

int alm_cuda_device_count(void)
{
    int count = 0;
    return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

alm_status alm_target_open_cuda(int index, alm_target **out)
{
    int count = 0;
    ALM_TRY(count_devices(&count));
    if (index >= count) {
        return alm_fail(ALM_STATUS_DEVICE, "%s:%d: there %s %d GPU%s, numbered from 0",
                        alm_cuda_backend_name, index, count == 1 ? "is" : "are", count,
                        count == 1 ? "" : "s");
    }
    alm_cuda_target *t;
    ALM_TRY(alm_calloc(1, sizeof *t, "device", &t));
    t->base.ops = &ops;
    t->base.index = index;
    if (pthread_mutex_init(&t->lock, NULL) != 0) {
        alm_free(t);
        return alm_fail(ALM_STATUS_MEMORY, "out of memory: a mutex");
    }
    alm_status status = describe(index, t);
    if (status == ALM_OK) {
        status = almi_cuda_use(t);
        if (status == ALM_STATUS_RESTART || status == ALM_STATUS_INTERNAL) {
            status = ALM_STATUS_DEVICE; /* nothing ran yet: there is nothing to restart */
        }
    }
    if (status != ALM_OK) {
        target_close(&t->base);
        return status;
    }
    *out = &t->base;
    return ALM_OK;
}

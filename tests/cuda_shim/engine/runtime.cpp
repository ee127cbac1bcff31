/* The fake CUDA runtime: devices, errors, memory, launches; and the faults that tests ask for.
 *
 * An error of the device (a fault from alm_shim_fail_call) stays: all later calls return it, as on
 * a GPU, and only free what they were to free. Streams, events and graphs are in stream.cpp.
 */
#include "tests/cuda_shim/engine/engine.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <memory>

namespace shim
{

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static long calls, allocs;
static long failing_call, failing_alloc; /* counts at which to fail; 0: never */
static cudaError_t sticky_error;
static thread_local cudaError_t last_error;
static thread_local int device;

int current_device()
{
    return device;
}

static long device_count()
{
    return environment("ALM_SHIM_DEVICES", 1);
}

static long driver_version()
{
    return environment("ALM_SHIM_DRIVER", CUDART_VERSION);
}

/* Whether there is a device to work with. */
static cudaError_t check_driver()
{
    if (driver_version() / 1000 < CUDART_VERSION / 1000) {
        return cudaErrorInsufficientDriver;
    }
    return device_count() > 0 ? cudaSuccess : cudaErrorNoDevice;
}

Call::Call()
{
    pthread_mutex_lock(&lock);
    calls++;
    if (failing_call && calls >= failing_call) {
        failing_call = 0;
        sticky_error = cudaErrorIllegalAddress;
    }
    error_ = sticky_error != cudaSuccess ? sticky_error : check_driver();
}

Call::~Call()
{
    pthread_mutex_unlock(&lock);
}

cudaError_t Call::end(cudaError_t error)
{
    if (error != cudaSuccess) {
        last_error = error;
    }
    return error;
}

/* ---- Copies and fills ---- */

/* Whether a range may be what `kind` says it is. Memory that is not the device's is the host's. */
static bool is_side(const void *p, size_t bytes, bool on_device)
{
    const Allocation *a = find_allocation(p, bytes);
    if (on_device) {
        return a && !a->pinned;
    }
    return !a || a->pinned;
}

static bool spans_allocation_end(const void *p, size_t bytes)
{
    return !find_allocation(p, bytes) && bytes &&
           (find_allocation(p, 1) || find_allocation((const char *)p + bytes - 1, 1));
}

static cudaError_t check_copy(const void *to, const void *from, size_t bytes, cudaMemcpyKind kind)
{
    if (!bytes) {
        return cudaSuccess;
    }
    if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault) {
        return cudaErrorInvalidMemcpyDirection;
    }
    if (!to || !from || spans_allocation_end(to, bytes) || spans_allocation_end(from, bytes)) {
        return cudaErrorInvalidValue;
    }
    if (kind == cudaMemcpyDefault) {
        return cudaSuccess;
    }
    const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    return is_side(to, bytes, to_device) && is_side(from, bytes, from_device)
               ? cudaSuccess
               : cudaErrorInvalidValue;
}

/* The host's side of a copy is checked here as if the host's code touched it. */
static void check_host_side([[maybe_unused]] const void *p, [[maybe_unused]] size_t bytes)
{
#if SHIM_ASAN
    if (bytes && !find_allocation(p, bytes)) {
        void *bad = __asan_region_is_poisoned((void *)p, bytes);
        if (bad) {
            fail("a copy of %zu bytes touches host memory at %p, byte %zu of it, that is not valid",
                 bytes, bad, (size_t)((char *)bad - (const char *)p));
        }
    }
#endif
}

static void do_copy(void *to, const void *from, size_t bytes)
{
    check_host_side(to, bytes);
    check_host_side(from, bytes);
    copy_bytes(to, from, bytes);
}

} // namespace shim

using namespace shim;

/* ---- Control ---- */

extern "C" void alm_shim_fail_call(long n)
{
    failing_call = n > 0 ? calls + n : 0;
    sticky_error = last_error = cudaSuccess;
}

extern "C" void alm_shim_fail_alloc(long n)
{
    failing_alloc = n > 0 ? allocs + n : 0;
}

extern "C" long alm_shim_calls(void)
{
    return calls;
}

extern "C" long alm_shim_allocs(void)
{
    return allocs;
}

extern "C" long alm_shim_launches(void)
{
    return launches;
}

extern "C" long alm_shim_live_allocations(void)
{
    return allocation_count();
}

extern "C" size_t alm_shim_live_bytes(void)
{
    return allocated_bytes(-1);
}

/* ---- Versions, devices, errors ---- */

extern "C" cudaError_t cudaDriverGetVersion(int *version)
{
    *version = (int)driver_version();
    return cudaSuccess;
}

extern "C" cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

extern "C" cudaError_t cudaGetDeviceCount(int *count)
{
    Call call;
    *count = 0;
    if (call.refused()) {
        return call.end();
    }
    *count = (int)device_count();
    return cudaSuccess;
}

extern "C" cudaError_t cudaSetDevice(int number)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    if (number < 0 || number >= device_count()) {
        return call.end(cudaErrorInvalidDevice);
    }
    device = number;
    return cudaSuccess;
}

extern "C" cudaError_t cudaGetDevice(int *number)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    *number = device;
    return cudaSuccess;
}

static size_t total_memory()
{
    return (size_t)environment("ALM_SHIM_MEMORY_MB", 4096) << 20;
}

extern "C" cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *p, int number)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    if (number < 0 || number >= device_count()) {
        return call.end(cudaErrorInvalidDevice);
    }
    const long arch = environment("ALM_SHIM_ARCH", 80);
    *p = {};
    snprintf(p->name, sizeof p->name, "shim");
    p->totalGlobalMem = total_memory();
    p->sharedMemPerBlock = 48 << 10;
    p->regsPerBlock = 65536;
    p->warpSize = WARP;
    p->maxThreadsPerBlock = MAX_THREADS;
    p->maxThreadsDim[0] = p->maxThreadsDim[1] = 1024;
    p->maxThreadsDim[2] = 64;
    p->maxGridSize[0] = INT32_MAX;
    p->maxGridSize[1] = p->maxGridSize[2] = 65535;
    p->major = (int)(arch / 10);
    p->minor = (int)(arch % 10);
    p->multiProcessorCount = 4;
    p->concurrentKernels = 1;
    p->pciBusID = number + 1;
    p->unifiedAddressing = 1;
    p->memoryBusWidth = 256;
    p->l2CacheSize = 1 << 20;
    p->maxThreadsPerMultiProcessor = 2048;
    p->sharedMemPerMultiprocessor = most_shared_bytes() + 1024;
    p->regsPerMultiprocessor = 65536;
    p->sharedMemPerBlockOptin = most_shared_bytes();
    p->maxBlocksPerMultiProcessor = 32;
    p->reservedSharedMemPerBlock = 1024;
    return cudaSuccess;
}

extern "C" cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int number)
{
    struct cudaDeviceProp p;
    const cudaError_t error = cudaGetDeviceProperties(&p, number);
    if (error != cudaSuccess) {
        return error;
    }
    switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock: *value = p.maxThreadsPerBlock; break;
    case cudaDevAttrMaxSharedMemoryPerBlock: *value = (int)p.sharedMemPerBlock; break;
    case cudaDevAttrWarpSize: *value = p.warpSize; break;
    case cudaDevAttrClockRate: *value = 0; break;
    case cudaDevAttrMultiProcessorCount: *value = p.multiProcessorCount; break;
    case cudaDevAttrL2CacheSize: *value = p.l2CacheSize; break;
    case cudaDevAttrMaxThreadsPerMultiProcessor: *value = p.maxThreadsPerMultiProcessor; break;
    case cudaDevAttrComputeCapabilityMajor: *value = p.major; break;
    case cudaDevAttrComputeCapabilityMinor: *value = p.minor; break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
        *value = (int)p.sharedMemPerMultiprocessor;
        break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = (int)p.sharedMemPerBlockOptin; break;
    default: return last_error = cudaErrorInvalidValue;
    }
    return cudaSuccess;
}

extern "C" cudaError_t cudaDeviceSynchronize(void)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    const cudaError_t error = forbid_in_capture();
    if (error == cudaSuccess) {
        finish_streams();
    }
    return call.end(error);
}

extern "C" cudaError_t cudaDeviceReset(void)
{
    return cudaDeviceSynchronize();
}

extern "C" cudaError_t cudaGetLastError(void)
{
    const cudaError_t error = last_error;
    pthread_mutex_lock(&lock);
    last_error = sticky_error;
    pthread_mutex_unlock(&lock);
    return error;
}

extern "C" cudaError_t cudaPeekAtLastError(void)
{
    return last_error;
}

static const struct {
    cudaError_t error;
    const char *name, *text;
} error_texts[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInitializationError, "cudaErrorInitializationError", "initialization error"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration",
     "invalid configuration argument"},
    {cudaErrorInvalidMemcpyDirection, "cudaErrorInvalidMemcpyDirection",
     "invalid copy direction for memcpy"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
     "CUDA driver version is insufficient for CUDA runtime version"},
    {cudaErrorInvalidDeviceFunction, "cudaErrorInvalidDeviceFunction", "invalid device function"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorNoKernelImageForDevice, "cudaErrorNoKernelImageForDevice",
     "no kernel image is available for execution on the device"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {cudaErrorIllegalState, "cudaErrorIllegalState",
     "the operation cannot be performed in the present state"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress",
     "an illegal memory access was encountered"},
    {cudaErrorLaunchOutOfResources, "cudaErrorLaunchOutOfResources",
     "too many resources requested for launch"},
    {cudaErrorMisalignedAddress, "cudaErrorMisalignedAddress", "misaligned address"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure"},
    {cudaErrorNotSupported, "cudaErrorNotSupported", "operation not supported"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
     "operation not permitted when stream is capturing"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated",
     "operation failed due to a previous error during capture"},
    {cudaErrorStreamCaptureMerge, "cudaErrorStreamCaptureMerge",
     "operation would result in a merge of separate capture sequences"},
    {cudaErrorStreamCaptureUnmatched, "cudaErrorStreamCaptureUnmatched",
     "capture was not ended in the same stream as it began"},
    {cudaErrorStreamCaptureUnjoined, "cudaErrorStreamCaptureUnjoined",
     "capturing stream has unjoined work"},
    {cudaErrorStreamCaptureIsolation, "cudaErrorStreamCaptureIsolation",
     "dependency created on uncaptured work in another stream"},
    {cudaErrorStreamCaptureImplicit, "cudaErrorStreamCaptureImplicit",
     "operation would make the legacy stream depend on a capturing blocking stream"},
    {cudaErrorCapturedEvent, "cudaErrorCapturedEvent",
     "operation not permitted on an event last recorded in a capturing stream"},
    {cudaErrorUnknown, "cudaErrorUnknown", "unknown error"},
};

extern "C" const char *cudaGetErrorName(cudaError_t error)
{
    for (size_t i = 0; i < sizeof error_texts / sizeof error_texts[0]; i++) {
        if (error_texts[i].error == error) {
            return error_texts[i].name;
        }
    }
    return "unrecognized error code";
}

extern "C" const char *cudaGetErrorString(cudaError_t error)
{
    for (size_t i = 0; i < sizeof error_texts / sizeof error_texts[0]; i++) {
        if (error_texts[i].error == error) {
            return error_texts[i].text;
        }
    }
    return "unrecognized error code";
}

/* ---- Memory ---- */

extern "C" cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    const size_t used = allocated_bytes(device);
    *total_bytes = total_memory();
    *free_bytes = used < *total_bytes ? *total_bytes - used : 0;
    return cudaSuccess;
}

static cudaError_t allocate(void **memory, size_t bytes, bool pinned)
{
    Call call;
    allocs++;
    if (call.refused()) {
        return call.end();
    }
    const cudaError_t error = forbid_in_capture();
    if (error != cudaSuccess) {
        return call.end(error);
    }
    if (!memory) {
        return call.end(cudaErrorInvalidValue);
    }
    if (failing_alloc && allocs >= failing_alloc) {
        failing_alloc = 0;
        return call.end(cudaErrorMemoryAllocation);
    }
    if (!pinned) {
        const size_t used = allocated_bytes(device), total = total_memory();
        if (used > total || bytes > total - used) {
            return call.end(cudaErrorMemoryAllocation);
        }
    }
    *memory = bytes ? add_allocation(bytes, device, pinned) : nullptr;
    return cudaSuccess;
}

/* Work that may still use the memory is done first, as cudaFree waits for the device. */
static cudaError_t release(void *memory, bool pinned)
{
    Call call;
    cudaError_t error = cudaSuccess;
    if (!call.refused()) {
        error = forbid_in_capture();
        if (error != cudaSuccess) {
            return call.end(error);
        }
        finish_streams();
    }
    if (memory && !remove_allocation(memory, pinned)) {
        error = cudaErrorInvalidValue;
    }
    return call.refused() ? call.end() : call.end(error);
}

extern "C" cudaError_t cudaMalloc(void **memory, size_t bytes)
{
    return allocate(memory, bytes, false);
}

extern "C" cudaError_t cudaFree(void *memory)
{
    return release(memory, false);
}

extern "C" cudaError_t cudaMallocHost(void **memory, size_t bytes)
{
    return allocate(memory, bytes, true);
}

extern "C" cudaError_t cudaHostAlloc(void **memory, size_t bytes, unsigned int)
{
    return allocate(memory, bytes, true);
}

extern "C" cudaError_t cudaFreeHost(void *memory)
{
    return release(memory, true);
}

extern "C" cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes,
                                  enum cudaMemcpyKind kind)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    cudaError_t error = begin_default_stream();
    if (error == cudaSuccess) {
        error = check_copy(to, from, bytes, kind);
    }
    if (error == cudaSuccess) {
        do_copy(to, from, bytes);
    }
    return call.end(error);
}

extern "C" cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes,
                                       enum cudaMemcpyKind kind, cudaStream_t stream)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    const cudaError_t error = check_copy(to, from, bytes, kind);
    if (error != cudaSuccess) {
        return call.end(error);
    }
    return call.end(enqueue(stream, cudaGraphNodeTypeMemcpy, [=] { do_copy(to, from, bytes); }));
}

static cudaError_t check_fill(void *memory, size_t bytes)
{
    return !bytes || find_allocation(memory, bytes) ? cudaSuccess : cudaErrorInvalidValue;
}

extern "C" cudaError_t cudaMemset(void *memory, int value, size_t bytes)
{
    return cudaMemsetAsync(memory, value, bytes, nullptr);
}

extern "C" cudaError_t cudaMemsetAsync(void *memory, int value, size_t bytes, cudaStream_t stream)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    const cudaError_t error = check_fill(memory, bytes);
    if (error != cudaSuccess) {
        return call.end(error);
    }
    return call.end(
        enqueue(stream, cudaGraphNodeTypeMemset, [=] { fill_bytes(memory, value, bytes); }));
}

/* ---- Launches ---- */

extern "C" cudaError_t cudaFuncSetAttribute(const void *function, enum cudaFuncAttribute attribute,
                                            int value)
{
    Call call;
    if (call.refused()) {
        return call.end();
    }
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0) {
        return call.end(cudaErrorInvalidValue);
    }
    return call.end(set_dynamic_limit(function, (size_t)value));
}

extern "C" cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *, const void *, void **)
{
    Call call;
    return call.end(call.refused() ? call.end() : cudaErrorNotSupported);
}

cudaError_t shim::enqueue_launch(const cudaLaunchConfig_t *config, const Launch &launch)
{
    /* Whoever holds the last copy of the work destroys the arguments. */
    const std::shared_ptr<void> args(launch.args, launch.destroy);
    watch_deaths();
    Call call;
    if (call.refused()) {
        return call.end();
    }
    const dim3 grid = config->gridDim, block = config->blockDim;
    const size_t dynamic_bytes = config->dynamicSmemBytes;
    const cudaError_t error = check_launch(launch.function, grid, block, dynamic_bytes);
    if (error != cudaSuccess) {
        return call.end(error);
    }
    const int on = device;
    running_function = launch.function;
    launch_device = on;
    launch.check(launch.args);
    running_function = nullptr;
    return call.end(enqueue(config->stream, cudaGraphNodeTypeKernel, [=] {
        (void)args;
        launch_device = on;
        run_grid(launch, grid, block, dynamic_bytes);
    }));
}

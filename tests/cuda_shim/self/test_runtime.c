/* The fake CUDA runtime, as a backend in C sees it: devices, memory, streams, events, graphs,
 * errors and the faults that tests ask for. */
#include "tests/shim/alm_test.h"

#include <stdlib.h>

#include <cuda_runtime_api.h>

#include "cuda_shim_control.h"
#include "tests/cuda_shim/self/runtime_kernels.h"

#define REQUIRE_CUDA(expression)                                                                   \
    do {                                                                                           \
        const cudaError_t error_ = (expression);                                                   \
        if (error_ != cudaSuccess) {                                                               \
            ALM_FAIL("%s: %s", #expression, cudaGetErrorName(error_));                             \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#define CHECK_CUDA(expression, expected)                                                           \
    do {                                                                                           \
        const cudaError_t error_ = (expression);                                                   \
        if (error_ != (expected)) {                                                                \
            ALM_FAIL("%s: %s, expected %s", #expression, cudaGetErrorName(error_),                 \
                     cudaGetErrorName(expected));                                                  \
        }                                                                                          \
    } while (0)

enum { N = 16 };

/* Two streams, an event, device memory for three vectors, the first of them 1 ... N. */
typedef struct bench {
    cudaStream_t stream, other;
    cudaEvent_t event, joined;
    float *x, *y, *z;
    float *pinned; /* [N] */
} bench;

static void begin(bench *b)
{
    alm_shim_fail_call(0);
    alm_shim_fail_alloc(0);
    alm_shim_streams_late(false);
    cudaSetDevice(0);
    cudaStreamCreateWithFlags(&b->stream, cudaStreamNonBlocking);
    cudaStreamCreateWithFlags(&b->other, cudaStreamNonBlocking);
    cudaEventCreateWithFlags(&b->event, cudaEventDisableTiming);
    cudaEventCreateWithFlags(&b->joined, cudaEventDisableTiming);
    float values[N];
    for (int i = 0; i < N; i++) {
        values[i] = (float)(i + 1);
    }
    cudaMalloc((void **)&b->x, sizeof values);
    cudaMalloc((void **)&b->y, sizeof values);
    cudaMalloc((void **)&b->z, sizeof values);
    cudaMallocHost((void **)&b->pinned, sizeof values);
    memset(b->pinned, 0, sizeof values);
    cudaMemcpy(b->x, values, sizeof values, cudaMemcpyHostToDevice);
    cudaMemset(b->y, 0, sizeof values);
    cudaMemset(b->z, 0, sizeof values);
    cudaGetLastError();
}

static void end(bench *b)
{
    cudaStreamDestroy(b->stream);
    cudaStreamDestroy(b->other);
    cudaEventDestroy(b->event);
    cudaEventDestroy(b->joined);
    cudaFree(b->x);
    cudaFree(b->y);
    cudaFree(b->z);
    cudaFreeHost(b->pinned);
    alm_shim_fail_call(0);
    alm_shim_streams_late(false);
    ALM_CHECK_INT(alm_shim_live_allocations(), 0);
    ALM_CHECK_INT(alm_shim_live_objects(), 0);
    ALM_CHECK_INT(alm_shim_live_bytes(), 0);
}

static float element(const float *device, int i)
{
    float v = -1;
    cudaMemcpy(&v, device + i, sizeof v, cudaMemcpyDeviceToHost);
    return v;
}

ALM_TEST(cuda_runtime, device)
{
    int count = -1, version = 0, value = 0, device = -1;
    REQUIRE_CUDA(cudaGetDeviceCount(&count));
    ALM_CHECK_INT(count, 1);
    REQUIRE_CUDA(cudaDriverGetVersion(&version));
    ALM_CHECK_INT(version, CUDART_VERSION);
    struct cudaDeviceProp p;
    REQUIRE_CUDA(cudaGetDeviceProperties(&p, 0));
    ALM_CHECK_TEXT(p.name, "shim");
    ALM_CHECK_INT(p.major * 10 + p.minor, 80);
    ALM_CHECK_INT(p.multiProcessorCount, 4);
    ALM_CHECK_INT(p.sharedMemPerBlockOptin, 227 * 1024);
    REQUIRE_CUDA(cudaDeviceGetAttribute(&value, cudaDevAttrMultiProcessorCount, 0));
    ALM_CHECK_INT(value, 4);
    CHECK_CUDA(cudaSetDevice(1), cudaErrorInvalidDevice);
    CHECK_CUDA(cudaPeekAtLastError(), cudaErrorInvalidDevice);
    CHECK_CUDA(cudaGetLastError(), cudaErrorInvalidDevice);
    CHECK_CUDA(cudaGetLastError(), cudaSuccess);
    REQUIRE_CUDA(cudaGetDevice(&device));
    ALM_CHECK_INT(device, 0);
    ALM_CHECK_TEXT(cudaGetErrorString(cudaErrorInvalidDevice), "invalid device ordinal");
    ALM_CHECK_TEXT(cudaGetErrorName(cudaErrorInvalidDevice), "cudaErrorInvalidDevice");
}

ALM_TEST(cuda_runtime, other_machines)
{
    int count = -1;
    float *memory = NULL;
    struct cudaDeviceProp p;
    setenv("ALM_SHIM_DEVICES", "0", 1);
    CHECK_CUDA(cudaGetDeviceCount(&count), cudaErrorNoDevice);
    ALM_CHECK_INT(count, 0);
    setenv("ALM_SHIM_DEVICES", "2", 1);
    REQUIRE_CUDA(cudaGetDeviceCount(&count));
    ALM_CHECK_INT(count, 2);
    REQUIRE_CUDA(cudaSetDevice(1));
    REQUIRE_CUDA(cudaMalloc((void **)&memory, 64));
    REQUIRE_CUDA(cudaFree(memory));
    REQUIRE_CUDA(cudaSetDevice(0));
    unsetenv("ALM_SHIM_DEVICES");
    setenv("ALM_SHIM_DRIVER", "12040", 1);
    CHECK_CUDA(cudaGetDeviceCount(&count), cudaErrorInsufficientDriver);
    CHECK_CUDA(cudaMalloc((void **)&memory, 64), cudaErrorInsufficientDriver);
    REQUIRE_CUDA(cudaDriverGetVersion(&count));
    ALM_CHECK_INT(count, 12040);
    unsetenv("ALM_SHIM_DRIVER");
    setenv("ALM_SHIM_ARCH", "75", 1);
    REQUIRE_CUDA(cudaGetDeviceProperties(&p, 0));
    ALM_CHECK_INT(p.major * 10 + p.minor, 75);
    ALM_CHECK_INT(p.sharedMemPerBlockOptin, 64 * 1024);
    unsetenv("ALM_SHIM_ARCH");
    setenv("ALM_SHIM_MEMORY_MB", "1", 1);
    size_t unused = 0, total = 0;
    REQUIRE_CUDA(cudaMalloc((void **)&memory, 1 << 19));
    REQUIRE_CUDA(cudaMemGetInfo(&unused, &total));
    ALM_CHECK_INT(unused, 1 << 19);
    ALM_CHECK_INT(total, 1 << 20);
    void *more = NULL;
    CHECK_CUDA(cudaMalloc(&more, (1 << 19) + 1), cudaErrorMemoryAllocation);
    REQUIRE_CUDA(cudaFree(memory));
    unsetenv("ALM_SHIM_MEMORY_MB");
    cudaGetLastError();
}

ALM_TEST(cuda_runtime, memory_and_launch)
{
    bench b;
    begin(&b);
    REQUIRE_CUDA(launch_scale(b.y, b.x, 2, 1, N, b.stream));
    REQUIRE_CUDA(
        cudaMemcpyAsync(b.pinned, b.y, N * sizeof(float), cudaMemcpyDeviceToHost, b.stream));
    REQUIRE_CUDA(cudaStreamSynchronize(b.stream));
    for (int i = 0; i < N; i++) {
        ALM_CHECK_INT(b.pinned[i], 2 * (i + 1) + 1);
    }
    REQUIRE_CUDA(cudaMemcpy(b.z, b.y, N * sizeof(float), cudaMemcpyDeviceToDevice));
    ALM_CHECK_INT(element(b.z, 3), 9);
    REQUIRE_CUDA(cudaMemsetAsync(b.z, 0, 8, b.stream));
    ALM_CHECK_INT(element(b.z, 1), 0);
    ALM_CHECK_INT(element(b.z, 2), 7);
    CHECK_CUDA(cudaMemcpy(b.z, b.pinned, N * sizeof(float) + 1, cudaMemcpyHostToDevice),
               cudaErrorInvalidValue);
    CHECK_CUDA(cudaMemcpy(b.z, b.y, 4, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
    CHECK_CUDA(cudaFree(b.x + 1), cudaErrorInvalidValue);
    CHECK_CUDA(cudaFree(b.pinned), cudaErrorInvalidValue);
    CHECK_CUDA(cudaStreamSynchronize((cudaStream_t)&b), cudaErrorInvalidResourceHandle);
    end(&b);
}

ALM_TEST(cuda_runtime, limits_of_launches)
{
    const dim3 one = {1, 1, 1};
    CHECK_CUDA(launch_shape(one, (dim3){1024, 1, 1}, 0, 0), cudaSuccess);
    CHECK_CUDA(launch_shape(one, (dim3){1025, 1, 1}, 0, 0), cudaErrorInvalidConfiguration);
    CHECK_CUDA(launch_shape(one, (dim3){1, 1, 65}, 0, 0), cudaErrorInvalidConfiguration);
    CHECK_CUDA(launch_shape(one, (dim3){0, 1, 1}, 0, 0), cudaErrorInvalidConfiguration);
    CHECK_CUDA(launch_shape((dim3){1, 65536, 1}, one, 0, 0), cudaErrorInvalidConfiguration);
    CHECK_CUDA(launch_shape((dim3){1, 1, 65536}, one, 0, 0), cudaErrorInvalidConfiguration);
    CHECK_CUDA(launch_shape((dim3){0, 1, 1}, one, 0, 0), cudaErrorInvalidConfiguration);
    CHECK_CUDA(launch_shape(one, one, 48 * 1024, 0), cudaSuccess);
    CHECK_CUDA(launch_shape(one, one, 48 * 1024 + 1, 0), cudaErrorInvalidValue);
    CHECK_CUDA(launch_shape(one, one, 227 * 1024, 1), cudaSuccess);
    CHECK_CUDA(launch_shape(one, one, 227 * 1024 + 1, 1), cudaErrorInvalidValue);
    cudaGetLastError();
}

/* A host that does not wait sees old values. */
ALM_TEST(cuda_runtime, late_streams)
{
    bench b;
    begin(&b);
    alm_shim_streams_late(true);
    REQUIRE_CUDA(launch_scale(b.y, b.x, 2, 0, N, b.stream));
    REQUIRE_CUDA(cudaEventRecord(b.event, b.stream));
    REQUIRE_CUDA(cudaStreamWaitEvent(b.other, b.event, 0));
    REQUIRE_CUDA(launch_scale(b.z, b.y, 10, 0, N, b.other));
    REQUIRE_CUDA(
        cudaMemcpyAsync(b.pinned, b.z, N * sizeof(float), cudaMemcpyDeviceToHost, b.other));
    CHECK_CUDA(cudaStreamQuery(b.other), cudaErrorNotReady);
    CHECK_CUDA(cudaEventQuery(b.event), cudaErrorNotReady);
    ALM_CHECK_INT(b.pinned[0], 0);
    ALM_CHECK_INT(element(b.y, 0), 0); /* these streams are not in step with the default one */
    REQUIRE_CUDA(cudaStreamSynchronize(b.other));
    ALM_CHECK_INT(b.pinned[2], 60);
    CHECK_CUDA(cudaEventQuery(b.event), cudaSuccess);
    CHECK_CUDA(cudaStreamQuery(b.stream), cudaSuccess);

    /* Without the event the second stream is early. */
    REQUIRE_CUDA(launch_scale(b.y, b.x, 0, 5, N, b.stream));
    REQUIRE_CUDA(launch_scale(b.z, b.y, 10, 0, N, b.other));
    REQUIRE_CUDA(cudaStreamSynchronize(b.other));
    ALM_CHECK_INT(element(b.z, 2), 60);
    REQUIRE_CUDA(cudaDeviceSynchronize());
    ALM_CHECK_INT(element(b.y, 2), 5);
    end(&b);
}

ALM_TEST(cuda_runtime, events_measure)
{
    bench b;
    begin(&b);
    cudaEvent_t start, stop;
    float ms = -1;
    REQUIRE_CUDA(cudaEventCreateWithFlags(&start, cudaEventDefault));
    REQUIRE_CUDA(cudaEventCreateWithFlags(&stop, cudaEventDefault));
    CHECK_CUDA(cudaEventElapsedTime(&ms, start, stop), cudaErrorInvalidResourceHandle);
    REQUIRE_CUDA(cudaEventRecord(start, b.stream));
    REQUIRE_CUDA(launch_scale(b.y, b.x, 2, 0, N, b.stream));
    REQUIRE_CUDA(cudaEventRecord(stop, b.stream));
    REQUIRE_CUDA(cudaEventSynchronize(stop));
    REQUIRE_CUDA(cudaEventElapsedTime(&ms, start, stop));
    ALM_CHECK(ms > 0 && ms < 10000);
    REQUIRE_CUDA(cudaEventRecord(b.event, b.stream));
    CHECK_CUDA(cudaEventElapsedTime(&ms, start, b.event), cudaErrorInvalidResourceHandle);
    cudaEventDestroy(start);
    cudaEventDestroy(stop);
    end(&b);
}

/* x -> y on one stream, y -> z on another that forks and joins; `join`, or not. */
static cudaError_t capture(bench *b, bool join, cudaGraph_t *graph)
{
    cudaError_t error = cudaStreamBeginCapture(b->stream, cudaStreamCaptureModeThreadLocal);
    if (error != cudaSuccess) {
        return error;
    }
    launch_scale(b->y, b->x, 2, 0, N, b->stream);
    cudaEventRecord(b->event, b->stream);
    cudaStreamWaitEvent(b->other, b->event, 0);
    launch_scale(b->z, b->y, 10, 0, N, b->other);
    if (join) {
        cudaEventRecord(b->joined, b->other);
        cudaStreamWaitEvent(b->stream, b->joined, 0);
        launch_scale(b->z, b->z, 1, 1, N, b->stream);
        cudaMemcpyAsync(b->pinned, b->z, N * sizeof(float), cudaMemcpyDeviceToHost, b->stream);
    }
    return cudaStreamEndCapture(b->stream, graph);
}

ALM_TEST(cuda_runtime, graph)
{
    for (int order = 0; order < ALM_SHIM_ORDERS; order++) {
        alm_shim_configure(order, ALM_SHIM_COPIES_LAZY, 5);
        bench b;
        begin(&b);
        const long launches = alm_shim_launches();
        cudaGraph_t graph = NULL;
        cudaGraphExec_t exec = NULL;
        REQUIRE_CUDA(capture(&b, true, &graph));
        ALM_CHECK_INT(alm_shim_launches(), launches); /* nothing has run */
        ALM_CHECK_INT(element(b.y, 0), 0);
        size_t nodes = 0;
        REQUIRE_CUDA(cudaGraphGetNodes(graph, NULL, &nodes));
        ALM_CHECK_INT(nodes, 4);
        REQUIRE_CUDA(cudaGraphInstantiate(&exec, graph, 0));
        REQUIRE_CUDA(cudaGraphDestroy(graph));
        for (int run = 1; run <= 3; run++) {
            float first = (float)run;
            REQUIRE_CUDA(cudaMemcpy(b.x, &first, sizeof first, cudaMemcpyHostToDevice));
            REQUIRE_CUDA(cudaGraphLaunch(exec, b.stream));
            REQUIRE_CUDA(cudaStreamSynchronize(b.stream));
            ALM_CHECK_INT(b.pinned[0], 20 * run + 1);
            ALM_CHECK_INT(b.pinned[5], 121);
        }
        ALM_CHECK_INT(alm_shim_launches() - launches, 9);
        REQUIRE_CUDA(cudaGraphExecDestroy(exec));
        end(&b);
    }
}

/* Two branches that nothing orders run in either order. */
ALM_TEST(cuda_runtime, graph_branches_are_unordered)
{
    bool seen[2] = {false, false};
    for (int order = 0; order < ALM_SHIM_ORDERS; order++) {
        alm_shim_configure(order, ALM_SHIM_COPIES_LAZY, 5);
        bench b;
        begin(&b);
        cudaGraph_t graph = NULL;
        cudaGraphExec_t exec = NULL;
        REQUIRE_CUDA(cudaStreamBeginCapture(b.stream, cudaStreamCaptureModeThreadLocal));
        REQUIRE_CUDA(cudaEventRecord(b.event, b.stream));
        REQUIRE_CUDA(cudaStreamWaitEvent(b.other, b.event, 0));
        REQUIRE_CUDA(launch_scale(b.y, b.x, 2, 0, N, b.stream));
        REQUIRE_CUDA(launch_scale(b.z, b.y, 10, 0, N, b.other)); /* should have waited */
        REQUIRE_CUDA(cudaEventRecord(b.joined, b.other));
        REQUIRE_CUDA(cudaStreamWaitEvent(b.stream, b.joined, 0));
        REQUIRE_CUDA(cudaStreamEndCapture(b.stream, &graph));
        REQUIRE_CUDA(cudaGraphInstantiate(&exec, graph, 0));
        REQUIRE_CUDA(cudaGraphLaunch(exec, b.stream));
        REQUIRE_CUDA(cudaStreamSynchronize(b.stream));
        seen[element(b.z, 0) == 20] = true;
        REQUIRE_CUDA(cudaGraphExecDestroy(exec));
        REQUIRE_CUDA(cudaGraphDestroy(graph));
        end(&b);
    }
    ALM_CHECK(seen[0] && seen[1]);
}

ALM_TEST(cuda_runtime, capture_refuses)
{
    bench b;
    begin(&b);
    cudaGraph_t graph = NULL;
    void *memory = NULL;
    CHECK_CUDA(capture(&b, false, &graph), cudaErrorStreamCaptureUnjoined);
    ALM_CHECK(graph == NULL);

    REQUIRE_CUDA(cudaStreamBeginCapture(b.stream, cudaStreamCaptureModeThreadLocal));
    CHECK_CUDA(cudaMalloc(&memory, 64), cudaErrorStreamCaptureUnsupported);
    CHECK_CUDA(launch_scale(b.y, b.x, 2, 0, N, b.stream), cudaErrorStreamCaptureInvalidated);
    CHECK_CUDA(cudaStreamEndCapture(b.stream, &graph), cudaErrorStreamCaptureInvalidated);

    REQUIRE_CUDA(cudaStreamBeginCapture(b.stream, cudaStreamCaptureModeGlobal));
    CHECK_CUDA(cudaStreamSynchronize(b.stream), cudaErrorStreamCaptureUnsupported);
    CHECK_CUDA(cudaStreamEndCapture(b.stream, &graph), cudaErrorStreamCaptureInvalidated);

    REQUIRE_CUDA(cudaStreamBeginCapture(b.stream, cudaStreamCaptureModeGlobal));
    CHECK_CUDA(cudaDeviceSynchronize(), cudaErrorStreamCaptureUnsupported);
    CHECK_CUDA(cudaStreamEndCapture(b.stream, &graph), cudaErrorStreamCaptureInvalidated);

    REQUIRE_CUDA(cudaStreamBeginCapture(b.stream, cudaStreamCaptureModeGlobal));
    REQUIRE_CUDA(cudaEventRecord(b.event, b.stream));
    CHECK_CUDA(cudaEventSynchronize(b.event), cudaErrorCapturedEvent);
    CHECK_CUDA(cudaStreamEndCapture(b.stream, &graph), cudaErrorStreamCaptureInvalidated);

    /* Work before the capture is not part of it. */
    REQUIRE_CUDA(cudaEventRecord(b.event, b.other));
    REQUIRE_CUDA(cudaStreamBeginCapture(b.stream, cudaStreamCaptureModeThreadLocal));
    CHECK_CUDA(cudaStreamWaitEvent(b.stream, b.event, 0), cudaErrorStreamCaptureIsolation);
    CHECK_CUDA(cudaStreamEndCapture(b.stream, &graph), cudaErrorStreamCaptureInvalidated);
    CHECK_CUDA(cudaStreamEndCapture(b.stream, &graph), cudaErrorIllegalState);
    CHECK_CUDA(cudaStreamBeginCapture(NULL, cudaStreamCaptureModeGlobal),
               cudaErrorStreamCaptureUnsupported);

    REQUIRE_CUDA(cudaStreamBeginCapture(b.stream, cudaStreamCaptureModeThreadLocal));
    REQUIRE_CUDA(cudaStreamEndCapture(b.stream, &graph)); /* all is well again */
    REQUIRE_CUDA(cudaGraphDestroy(graph));
    end(&b);
}

/* A stream that a backend destroys in the middle of a capture takes the capture with it. */
ALM_TEST(cuda_runtime, capture_abandoned)
{
    bench b;
    begin(&b);
    REQUIRE_CUDA(cudaStreamBeginCapture(b.stream, cudaStreamCaptureModeThreadLocal));
    REQUIRE_CUDA(launch_scale(b.y, b.x, 2, 0, N, b.stream));
    end(&b);
    begin(&b);
    REQUIRE_CUDA(launch_scale(b.y, b.x, 2, 0, N, b.stream));
    end(&b);
}

/* Events inside of a graph that are set at every run of it. */
ALM_TEST(cuda_runtime, external_events)
{
    bench b;
    begin(&b);
    cudaEvent_t start, stop;
    cudaGraph_t graph = NULL;
    cudaGraphExec_t exec = NULL;
    float ms = -1;
    REQUIRE_CUDA(cudaEventCreateWithFlags(&start, cudaEventDefault));
    REQUIRE_CUDA(cudaEventCreateWithFlags(&stop, cudaEventDefault));
    REQUIRE_CUDA(cudaStreamBeginCapture(b.stream, cudaStreamCaptureModeThreadLocal));
    REQUIRE_CUDA(cudaEventRecordWithFlags(start, b.stream, cudaEventRecordExternal));
    REQUIRE_CUDA(launch_scale(b.y, b.x, 2, 0, N, b.stream));
    REQUIRE_CUDA(cudaEventRecordWithFlags(stop, b.stream, cudaEventRecordExternal));
    REQUIRE_CUDA(cudaStreamEndCapture(b.stream, &graph));
    REQUIRE_CUDA(cudaGraphInstantiate(&exec, graph, 0));
    CHECK_CUDA(cudaEventElapsedTime(&ms, start, stop), cudaErrorInvalidResourceHandle);
    REQUIRE_CUDA(cudaGraphLaunch(exec, b.stream));
    REQUIRE_CUDA(cudaStreamSynchronize(b.stream));
    REQUIRE_CUDA(cudaEventElapsedTime(&ms, start, stop));
    ALM_CHECK(ms > 0 && ms < 10000);
    cudaEventDestroy(start);
    cudaEventDestroy(stop);
    cudaGraphExecDestroy(exec);
    cudaGraphDestroy(graph);
    end(&b);
}

/* Every call in turn fails; all after it too, and nothing leaks. */
ALM_TEST(cuda_runtime, sticky_faults)
{
    bench b;
    begin(&b);
    long calls = alm_shim_calls();
    launch_scale(b.y, b.x, 2, 0, N, b.stream);
    cudaStreamSynchronize(b.stream);
    ALM_CHECK_INT(alm_shim_calls() - calls, 2);
    end(&b);

    for (long n = 1; n <= 4; n++) {
        begin(&b);
        alm_shim_fail_call(n);
        const cudaError_t errors[] = {
            launch_scale(b.y, b.x, 2, 0, N, b.stream),
            cudaMemcpyAsync(b.pinned, b.y, N * sizeof(float), cudaMemcpyDeviceToHost, b.stream),
            cudaStreamSynchronize(b.stream),
            cudaEventRecord(b.event, b.stream),
        };
        for (long i = 0; i < 4; i++) {
            CHECK_CUDA(errors[i], i + 1 < n ? cudaSuccess : cudaErrorIllegalAddress);
        }
        CHECK_CUDA(cudaGetLastError(), cudaErrorIllegalAddress);
        CHECK_CUDA(cudaGetLastError(), cudaErrorIllegalAddress);
        end(&b); /* frees although every call fails */
    }
}

ALM_TEST(cuda_runtime, allocations_fail)
{
    bench b;
    begin(&b);
    void *memory[3] = {NULL, NULL, NULL};
    const long allocs = alm_shim_allocs();
    alm_shim_fail_alloc(2);
    REQUIRE_CUDA(cudaMalloc(&memory[0], 64));
    CHECK_CUDA(cudaMallocHost(&memory[1], 64), cudaErrorMemoryAllocation);
    ALM_CHECK(memory[1] == NULL);
    REQUIRE_CUDA(cudaMalloc(&memory[2], 64));
    ALM_CHECK_INT(alm_shim_allocs() - allocs, 3);
    CHECK_CUDA(cudaGetLastError(), cudaErrorMemoryAllocation);
    CHECK_CUDA(cudaGetLastError(), cudaSuccess);
    REQUIRE_CUDA(cudaFree(memory[0]));
    REQUIRE_CUDA(cudaFree(memory[2]));
    REQUIRE_CUDA(cudaFree(NULL));
    end(&b);
}

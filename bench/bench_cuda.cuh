/* What the benches of CUDA kernels share: the GPU and a stream, random operands, times of captured
 * launches. For their developers: an error of the GPU ends the program. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/device.cuh"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/libraries.h"

static void must(cudaError_t error, const char *what)
{
    if (error != cudaSuccess) {
        fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(error));
        exit(1);
    }
}

/* ---- The GPU ---- */

struct bench_gpu {
    cudaDeviceProp facts;
    int clock_khz; /* at most */
    alm_device device;
    cudaStream_t stream;
    cudaEvent_t begin, end;
    alm_exec x;
};

/* GPU 0, with a stream, a fault flag that is 0 and libraries, until the program ends. The struct
 * stays where it is. */
static inline void bench_open(bench_gpu *g)
{
    *g = bench_gpu{};
    must(cudaGetDeviceProperties(&g->facts, 0), "no GPU");
    must(cudaDeviceGetAttribute(&g->clock_khz, cudaDevAttrClockRate, 0), "clock");
    g->device.backend = ALM_BACKEND_CUDA;
    g->device.arch = 10 * g->facts.major + g->facts.minor;
    g->device.threads = 1;
    g->device.multiprocessors = g->facts.multiProcessorCount;
    g->device.shared_bytes = g->facts.sharedMemPerBlockOptin;
    must(cudaStreamCreateWithFlags(&g->stream, cudaStreamNonBlocking), "stream");
    must(cudaEventCreate(&g->begin), "event");
    must(cudaEventCreate(&g->end), "event");
    g->x.device = &g->device;
    g->x.stream = g->stream;
    g->x.fault_code = 1;
    must(cudaMalloc(&g->x.fault, sizeof *g->x.fault), "memory");
    must(cudaMemset(g->x.fault, 0, sizeof *g->x.fault), "memory");
    alm_libraries *libraries;
    if (alm_libraries_create(&libraries) != ALM_OK) {
        fprintf(stderr, "%s\n", alm_error_message());
        exit(1);
    }
    g->x.libraries = libraries;
}

/* "NVIDIA H100 80GB HBM3, sm_90, 132 processors, 1980 MHz at most" */
static inline void bench_print(const bench_gpu *g)
{
    printf("%s, sm_%d%d, %d processors, %d MHz at most", g->facts.name, g->facts.major,
           g->facts.minor, g->facts.multiProcessorCount, g->clock_khz / 1000);
}

/* Whether a kernel met data that its contract refuses; says so. */
static inline bool bench_fault(const bench_gpu *g)
{
    int32_t fault = 0;
    must(cudaMemcpy(&fault, g->x.fault, sizeof fault, cudaMemcpyDeviceToHost), "fault");
    if (fault) {
        fprintf(stderr, "a kernel met data that its contract refuses\n");
    }
    return fault != 0;
}

/* Whether the kernel is for this GPU and takes the arguments. */
static inline bool bench_accepts(const alm_kernel *k, const alm_device *device,
                                 const alm_op_args *args)
{
    return k->min_arch <= device->arch && (!k->max_arch || device->arch <= k->max_arch) &&
           (!k->is_trial || getenv("ASSEMLM_TEST_HOPPER")) && (!k->accepts || k->accepts(args));
}

/* ---- Operands ---- */

/* A different number for every index. */
static __device__ __forceinline__ uint32_t bench_hash(uint32_t i, uint32_t seed)
{
    uint32_t h = i * 0x9E3779B1u + seed;
    h = (h ^ h >> 16) * 0x85EBCA6Bu;
    h = (h ^ h >> 13) * 0xC2B2AE35u;
    return h ^ h >> 16;
}

/* The hash as a number in [-1, 1). */
static __device__ __forceinline__ float bench_uniform(uint32_t hash)
{
    return (float)(hash >> 8) * 0x1p-23f - 1.0f;
}

/* The result for the floats that it prints as: bf16 is widened in place, from the end. */
static inline void bench_widen(float *values, size_t count)
{
    const uint16_t *rounded = (const uint16_t *)values;
    for (size_t i = count; i-- > 0;) {
        const uint32_t bits = (uint32_t)rounded[i] << 16;
        memcpy(&values[i], &bits, sizeof bits);
    }
}

/* Numbers in [-scale, scale), rounded to VIA first. */
template <class T, class VIA>
static __global__ void bench_fill_kernel(T *out, size_t n, float scale, uint32_t seed)
{
    for (size_t i = (size_t)blockIdx.x * 256 + threadIdx.x; i < n; i += (size_t)gridDim.x * 256) {
        const float v = bench_uniform(bench_hash((uint32_t)i, seed)) * scale;
        out[i] = from_float<T>(to_float(from_float<VIA>(v)));
    }
}

template <class T, class VIA = T>
static inline T *bench_filled(size_t n, float scale, uint32_t seed)
{
    T *out;
    must(cudaMalloc(&out, n * sizeof *out), "memory");
    bench_fill_kernel<T, VIA><<<1024, 256>>>(out, n, scale, seed);
    must(cudaGetLastError(), "filling");
    return out;
}

/* ---- Times ---- */

static inline int bench_compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* Sorts the times. */
static inline float bench_median(float *ms, int n)
{
    qsort(ms, (size_t)n, sizeof *ms, bench_compare);
    return ms[n / 2];
}

/* Milliseconds of one launch of the graph. */
static inline float bench_sample(const bench_gpu *g, cudaGraphExec_t graph)
{
    float ms;
    must(cudaEventRecord(g->begin, g->stream), "event");
    must(cudaGraphLaunch(graph, g->stream), "launch");
    must(cudaEventRecord(g->end, g->stream), "event");
    must(cudaEventSynchronize(g->end), "the kernels");
    must(cudaEventElapsedTime(&ms, g->begin, g->end), "event");
    return ms;
}

/* Captures `launches` calls of run; *out is left alone when one fails, which is said. */
typedef alm_status bench_run(const alm_exec *x, int launch, const void *context);
static inline bool bench_capture(const alm_exec *x, int launches, const char *what, bench_run *run,
                                 const void *context, cudaGraphExec_t *out)
{
    cudaStream_t stream = (cudaStream_t)x->stream;
    cudaGraph_t graph;
    alm_status status = ALM_OK;
    must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capture");
    for (int i = 0; i < launches && status == ALM_OK; i++) {
        status = run(x, i, context);
    }
    must(cudaStreamEndCapture(stream, &graph), "the end of capture");
    if (status != ALM_OK) {
        fprintf(stderr, "%s: %s\n", what, alm_error_message());
    } else {
        must(cudaGraphInstantiate(out, graph, 0), "graph");
    }
    must(cudaGraphDestroy(graph), "graph");
    return status == ALM_OK;
}

/* A node to time, and the other one of run_pair or NULL. */
struct bench_node {
    const alm_kernel *kernel;
    const alm_op_args *args, *pair;
};

static inline alm_status bench_run_node(const alm_exec *x, int launch, const void *context)
{
    const bench_node *n = (const bench_node *)context;
    (void)launch;
    return n->pair ? n->kernel->run_pair(x, n->args, n->pair) : n->kernel->run(x, n->args);
}

/* Median microseconds of a run, of `samples` (at most 64) captured graphs of `launches` runs, after
 * three that do not count; in ordinary launches, or in ones that may begin before the one before
 * has ended. */
static inline double bench_time(const bench_gpu *g, const bench_node *n, bool overlap, int launches,
                                int samples)
{
    alm_exec x = g->x;
    cudaGraphExec_t graph;
    float ms[64];
    x.overlap = overlap;
    if (!bench_capture(&x, launches, n->kernel->name, bench_run_node, n, &graph)) {
        exit(1);
    }
    for (int i = -3; i < samples; i++) {
        ms[i < 0 ? 0 : i] = bench_sample(g, graph);
    }
    must(cudaGraphExecDestroy(graph), "graph");
    return (double)bench_median(ms, samples) / launches * 1000;
}

/* What the check programs of the Hopper kernels share: stand-ins for the core library, verdicts,
 * and tests of the pieces in kernels/cuda/hopper.cuh, each with an output that tells what is wrong.
 *
 * A check program is one source file with the kernel's file included, built with ALM_HOPPER_WATCH:
 * a wait that would never end is given up after 0.2 s and named.
 */
#pragma once

#define ALM_HOPPER_WATCH 1
#include "kernels/cuda/device.cuh"

#include "kernels/cuda/hopper.cuh"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Stand-ins for kernels/core ---- */

extern "C" alm_status alm_fail(alm_status status, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    printf("  alm_fail(%d): ", (int)status);
    vprintf(format, list);
    printf("\n");
    va_end(list);
    return status;
}

extern "C" size_t alm_dtype_size(alm_dtype dtype)
{
    return dtype == ALM_DTYPE_BF16 ? 2 : 4;
}

extern "C" int64_t alm_desc_row(const alm_desc *desc)
{
    int64_t n = 1;
    for (int i = 1; i < desc->rank; i++) {
        n *= desc->dim[i];
    }
    return n;
}

/* ---- Verdicts ---- */

static int checks, failures;

static void verdict(bool good, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    printf("%s ", good ? "PASS" : "FAIL");
    vprintf(format, list);
    printf("\n");
    va_end(list);
    fflush(stdout);
    checks++;
    failures += !good;
}

/* A failed call leaves the context useless or the program wrong: ends it. */
static void must(cudaError_t error, const char *what)
{
    if (error != cudaSuccess) {
        printf("FAIL %s: %s (%s). Nothing after this can run.\n", what, cudaGetErrorString(error),
               cudaGetErrorName(error));
        printf("%d checks, %d failed before\n", checks, failures);
        fflush(stdout);
        exit(1);
    }
}

/* Waits for the device; tells of a wait that was given up. */
static bool finished(const char *what)
{
    must(cudaGetLastError(), what);
    must(cudaDeviceSynchronize(), what);
    hopper_watch seen;
    must(cudaMemcpyFromSymbol(&seen, hopper_watched, sizeof seen), "read the watch");
    if (seen.gave_up) {
        printf("  HANG in %s: wait '%c' of stage %d, parity %d, block %d, thread %d, had no end\n",
               what, seen.name % 256, seen.name / 256, seen.parity, seen.block, seen.thread);
        const hopper_watch none = {};
        must(cudaMemcpyToSymbol(hopper_watched, &none, sizeof none), "reset the watch");
    }
    return !seen.gave_up;
}

static void *device_bytes(size_t bytes)
{
    void *p = nullptr;
    must(cudaMalloc(&p, bytes ? bytes : 16), "cudaMalloc");
    return p;
}

static uint32_t noise_state = 1;
static uint32_t noise()
{
    noise_state = noise_state * 1664525u + 1013904223u;
    return noise_state >> 8;
}

static uint16_t bf16_bits(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return (uint16_t)((bits + 0x7FFFu + ((bits >> 16) & 1)) >> 16);
}

/* ---- Tensor copies ---- */

static const int BOX_ROWS = 24, BOX_LOW = 16;

/* Block 0 fetches a box at (column, row) and dumps the panel. blocks 2: a cluster, the first block
 * fetches rows 0-15 and the second rows 16-23, both for both; dump: [2, panel]. */
template <int BLOCKS>
static __global__ void __cluster_dims__(BLOCKS, 1, 1) __launch_bounds__(128)
    box_kernel(const __grid_constant__ CUtensorMap low, const __grid_constant__ CUtensorMap high,
               int column, int row, uint16_t *dump)
{
    alm_shared_arena arena;
    unsigned char *panel = arena.take<unsigned char>(BOX_ROWS * PANEL_ROW_BYTES);
    uint64_t *full = arena.take<uint64_t>(1);
    for (int i = (int)threadIdx.x; i < BOX_ROWS * PANEL_ROW_BYTES / 2; i += 128) {
        ((uint16_t *)panel)[i] = 0xEEEE;
    }
    if (threadIdx.x == 0) {
        mbarrier_init(full, 1);
        mbarrier_init_done();
    }
    shared_writes_to_async();
    __syncthreads();
    const int rank = BLOCKS == 1 ? 0 : cluster_rank();
    cluster_barrier();
    if (threadIdx.x == 0) {
        mbarrier_expect(full, BOX_ROWS * PANEL_ROW_BYTES);
        if (BLOCKS == 1) {
            copy_panel(panel, &low, column, row, full);
        } else if (rank == 0) {
            copy_panel_to(3, panel, &low, column, row, full);
        } else {
            copy_panel_to(3, panel + BOX_LOW * PANEL_ROW_BYTES, &high, column, row + BOX_LOW, full);
        }
    }
    mbarrier_wait(full, 0, 'b');
    for (int i = (int)threadIdx.x; i < BOX_ROWS * PANEL_ROW_BYTES / 2; i += 128) {
        dump[rank * BOX_ROWS * PANEL_COLUMNS + i] = ((const uint16_t *)panel)[i];
    }
    cluster_barrier();
}

/* Where the panel holds something else than the swizzled box. Element (r, c) of the matrix is
 * 0x1000 + 128·r + c. */
static bool panel_is_right(const char *what, const uint16_t *panel, int column, int row, int rows,
                           int columns)
{
    int wrong = 0, plain = 0, untouched = 0, chunk_found[8][8];
    memset(chunk_found, -1, sizeof chunk_found);
    for (int r = 0; r < BOX_ROWS; r++) {
        for (int c = 0; c < PANEL_COLUMNS; c++) {
            const bool inside = row + r < rows && column + c < columns;
            const uint16_t want =
                inside ? (uint16_t)(0x1000 + 128 * (row + r) + column + c) : (uint16_t)0;
            const uint16_t got = panel[r * 64 + ((c / 8) ^ (r % 8)) * 8 + c % 8];
            untouched += got == 0xEEEE;
            plain += panel[r * 64 + c] == want;
            if (got != want && wrong++ < 4) {
                printf("  %s: row %d column %d is 0x%04x, expected 0x%04x\n", what, r, c, got,
                       want);
            }
        }
    }
    if (wrong) {
        printf("  %d wrong, %d untouched; without swizzle %d of %d would be right. Rows 0-9, what "
               "lies in each 16-byte chunk (row.chunk):\n",
               wrong, untouched, plain, BOX_ROWS * 64);
        for (int r = 0; r < 10; r++) {
            printf("   ");
            for (int c = 0; c < 8; c++) {
                const uint16_t v = panel[r * 64 + c * 8];
                const int at = v - 0x1000 - 128 * row - column;
                printf(v == 0        ? "  zero"
                       : v == 0xEEEE ? "  none"
                                     : " %2d.%02d",
                       at / 128, at % 128 / 8);
            }
            printf("\n");
        }
    }
    return wrong == 0;
}

static void test_boxes()
{
    const int rows = 40, columns = 104, stride = 128;
    uint16_t *host = (uint16_t *)calloc((size_t)rows * stride, 2);
    for (int r = 0; r < rows; r++) {
        for (int c = 0; c < stride; c++) {
            host[r * stride + c] = (uint16_t)(0x1000 + 128 * r + c);
        }
    }
    uint16_t *data = (uint16_t *)device_bytes((size_t)rows * stride * 2);
    uint16_t *dump = (uint16_t *)device_bytes(2 * BOX_ROWS * 64 * 2);
    uint16_t got[2 * BOX_ROWS * 64];
    must(cudaMemcpy(data, host, (size_t)rows * stride * 2, cudaMemcpyHostToDevice), "copy");
    CUtensorMap whole, low, high;
    if (alm_tensor_map(&whole, "whole", data, rows, columns, stride, BOX_ROWS) ||
        alm_tensor_map(&low, "low", data, rows, columns, stride, BOX_LOW) ||
        alm_tensor_map(&high, "high", data, rows, columns, stride, BOX_ROWS - BOX_LOW)) {
        verdict(false, "tensor map");
        return;
    }
    const int shared = BOX_ROWS * PANEL_ROW_BYTES + 64;
    static const int at[4][2] = {{0, 0}, {64, 8}, {0, 24}, {64, 32}};
    for (int i = 0; i < 4; i++) {
        const int column = at[i][0], row = at[i][1];
        must(cudaMemset(dump, 0xDD, sizeof got), "memset");
        box_kernel<1><<<1, 128, shared>>>(whole, whole, column, row, dump);
        bool good = finished("box");
        must(cudaMemcpy(got, dump, sizeof got, cudaMemcpyDeviceToHost), "copy");
        good = panel_is_right("box", got, column, row, rows, columns) && good;
        verdict(good, "tensor copy of [24, 64] at row %d column %d of [40, 104]", row, column);
        must(cudaMemset(dump, 0xDD, sizeof got), "memset");
        box_kernel<2><<<2, 128, shared>>>(low, high, column, row, dump);
        good = finished("shared box");
        must(cudaMemcpy(got, dump, sizeof got, cudaMemcpyDeviceToHost), "copy");
        good = panel_is_right("block 0", got, column, row, rows, columns) && good;
        good = panel_is_right("block 1", got + BOX_ROWS * 64, column, row, rows, columns) && good;
        verdict(good, "the same, halves fetched by two blocks for both");
    }
    cudaFree(data);
    cudaFree(dump);
    free(host);
}

/* ---- Products ---- */

/* One warpgroup: d [64, N] = a [64, 64] · b [N, 64]ᵀ; a and b: small integers in bf16, row-major.
 */
template <int N>
static __global__ void __launch_bounds__(128)
    product_kernel(const uint16_t *a, const uint16_t *b, float *d)
{
    alm_shared_arena arena;
    uint16_t *a_panel = arena.take<uint16_t>(64 * 64);
    uint16_t *b_panel = arena.take<uint16_t>(N * 64);
    const int t = (int)threadIdx.x;
    for (int i = t; i < 64 * 64; i += 128) {
        a_panel[i / 64 * 64 + ((i % 64 / 8) ^ (i / 64 % 8)) * 8 + i % 8] = a[i];
    }
    for (int i = t; i < N * 64; i += 128) {
        b_panel[i / 64 * 64 + ((i % 64 / 8) ^ (i / 64 % 8)) * 8 + i % 8] = b[i];
    }
    shared_writes_to_async();
    __syncthreads();
    float sum[N / 2];
    for (int i = 0; i < N / 2; i++) {
        sum[i] = 1000.0f; /* must be forgotten */
    }
    const uint64_t at_a = panel_descriptor(a_panel), at_b = panel_descriptor(b_panel);
    keep_sums(sum);
    product_begin();
#pragma unroll
    for (int s = 0; s < 4; s++) {
        product_bf16<N>(sum, at_a + s * PANEL_STEP_16, at_b + s * PANEL_STEP_16, s > 0);
    }
    product_commit();
    product_wait<0>();
    keep_sums(sum);
#pragma unroll
    for (int i = 0; i < N / 2; i++) {
        const int row = 16 * (t / 32) + t % 32 / 4 + 8 * (i / 2 % 2);
        const int column = 8 * (i / 4) + 2 * (t % 4) + i % 2;
        d[row * N + column] = sum[i];
    }
}

/* Operands of a product of 64 x 64 by 64 x n or n x 64: small integers, and as bf16 on the device;
 * room for the result, which starts as NaN. */
struct product_data {
    int a[64 * 64], b[256 * 64]; /* b: n · 64 of it */
    float got[64 * 256];
    uint16_t *device_a, *device_b;
    float *device_out;
};

static uint16_t *integers(int *to, int count)
{
    static uint16_t bits[256 * 64];
    for (int i = 0; i < count; i++) {
        to[i] = (int)(noise() % 15) - 7;
        bits[i] = bf16_bits((float)to[i]);
    }
    uint16_t *data = (uint16_t *)device_bytes((size_t)count * 2);
    must(cudaMemcpy(data, bits, (size_t)count * 2, cudaMemcpyHostToDevice), "copy");
    return data;
}

static product_data *begin_product(int n)
{
    static product_data p;
    p.device_a = integers(p.a, 64 * 64);
    p.device_b = integers(p.b, n * 64);
    p.device_out = (float *)device_bytes(sizeof p.got);
    must(cudaMemset(p.device_out, 0xFF, sizeof p.got), "memset");
    return &p;
}

/* Whether the kernel ended; fetches what it made. */
static bool fetch_product(product_data *p, const char *what)
{
    const bool ended = finished(what);
    must(cudaMemcpy(p->got, p->device_out, sizeof p->got, cudaMemcpyDeviceToHost), "copy");
    return ended;
}

static void end_product(product_data *p)
{
    cudaFree(p->device_a);
    cudaFree(p->device_b);
    cudaFree(p->device_out);
}

template <int N> static void test_product()
{
    product_data *p = begin_product(N);
    const float *got = p->got;
    product_kernel<N><<<1, 128, (64 + N) * 128>>>(p->device_a, p->device_b, p->device_out);
    const bool ended = fetch_product(p, "product");
    int wrong = 0, by_row[8] = {}, by_column[8] = {}, by_step[4] = {}, by_warp[4] = {};
    for (int r = 0; r < 64; r++) {
        for (int c = 0; c < N; c++) {
            int part[4] = {}, want = 0;
            for (int k = 0; k < 64; k++) {
                part[k / 16] += p->a[r * 64 + k] * p->b[c * 64 + k];
            }
            want = part[0] + part[1] + part[2] + part[3];
            if (got[r * N + c] != (float)want) {
                by_row[r % 8]++;
                by_column[c % 8]++;
                by_warp[r / 16]++;
                for (int s = 0; s < 4; s++) { /* would one step of k explain it? */
                    by_step[s] += got[r * N + c] == (float)(want - part[s]) ||
                                  got[r * N + c] == (float)part[s];
                }
                if (wrong++ < 6) {
                    printf("  row %d column %d is %g, expected %d (steps of k: %d %d %d %d)\n", r,
                           c, got[r * N + c], want, part[0], part[1], part[2], part[3]);
                }
            }
        }
    }
    if (wrong) {
        printf("  %d of %d wrong; by row%%8:", wrong, 64 * N);
        for (int i = 0; i < 8; i++) {
            printf(" %d", by_row[i]);
        }
        printf("; by column%%8:");
        for (int i = 0; i < 8; i++) {
            printf(" %d", by_column[i]);
        }
        printf("; by warp: %d %d %d %d; explained by step of k: %d %d %d %d\n", by_warp[0],
               by_warp[1], by_warp[2], by_warp[3], by_step[0], by_step[1], by_step[2], by_step[3]);
    }
    verdict(ended && wrong == 0, "product 64 x %d x 64", N);
    end_product(p);
}

/* One warpgroup: d [64, N] = a [64, 64] · b [64, N], a from registers, b as it lies in memory.
 * OTHER: with the two offsets of the descriptor exchanged, to see whether that would be right. */
template <int N, bool OTHER>
static __global__ void __launch_bounds__(128)
    product_rows_kernel(const uint16_t *a, const uint16_t *b, float *d)
{
    alm_shared_arena arena;
    uint16_t *panels = arena.take<uint16_t>(N * 64);
    const int t = (int)threadIdx.x, row = 16 * (t / 32) + t % 32 / 4, column = 2 * (t % 4);
    for (int i = t; i < 64 * N; i += 128) {
        const int r = i / N, c = i % N;
        panels[c / 64 * 64 * 64 + r * 64 + ((c % 64 / 8) ^ (r % 8)) * 8 + c % 8] = b[i];
    }
    shared_writes_to_async();
    __syncthreads();
    uint32_t p[4][4];
    for (int c = 0; c < 4; c++) {
        for (int i = 0; i < 4; i++) {
            const int at = (row + 8 * (i % 2)) * 64 + 16 * c + column + 8 * (i / 2);
            p[c][i] = a[at] | (uint32_t)a[at + 1] << 16;
        }
    }
    float sum[N / 2];
    for (int i = 0; i < N / 2; i++) {
        sum[i] = 1.0f; /* must be kept */
    }
    const uint64_t right = rows_descriptor(panels, 64 * 128);
    const uint64_t other = (right & ~(0x3FFFull << 16 | 0x3FFFull << 32)) |
                           (right >> 16 & 0x3FFF) << 32 | (right >> 32 & 0x3FFF) << 16;
    const uint64_t at_b = OTHER ? other : right;
    keep_sums(sum);
    product_begin();
#pragma unroll
    for (int c = 0; c < 4; c++) {
        product_rows_bf16<N>(sum, p[c], at_b + c * ROWS_STEP_16);
    }
    product_commit();
    product_wait<0>();
    keep_sums(sum);
#pragma unroll
    for (int i = 0; i < N / 2; i++) {
        d[(row + 8 * (i / 2 % 2)) * N + 8 * (i / 4) + column + i % 2] = sum[i];
    }
}

template <int N> static void test_product_rows()
{
    product_data *p = begin_product(N);
    const float *got = p->got;
    for (int other = 0; other < 2; other++) {
        auto kernel = other ? product_rows_kernel<N, true> : product_rows_kernel<N, false>;
        kernel<<<1, 128, N * 128>>>(p->device_a, p->device_b, p->device_out);
        const bool ended = fetch_product(p, "product with rows");
        int wrong = 0, by_half[2] = {};
        for (int r = 0; r < 64; r++) {
            for (int c = 0; c < N; c++) {
                int want = 1;
                for (int k = 0; k < 64; k++) {
                    want += p->a[r * 64 + k] * p->b[k * N + c];
                }
                if (got[r * N + c] != (float)want) {
                    by_half[c / 64]++;
                    if (wrong++ < 4) {
                        printf("  row %d column %d is %g, expected %d\n", r, c, got[r * N + c],
                               want);
                    }
                }
            }
        }
        if (!other) {
            verdict(ended && wrong == 0, "product of registers 64 x 64 and rows of %d", N);
            if (ended && wrong == 0) {
                break;
            }
            printf("  %d wrong, columns below 64: %d, above: %d\n", wrong, by_half[0], by_half[1]);
        } else {
            printf("  with the offsets of the descriptor exchanged: %d wrong\n", wrong);
        }
    }
    end_product(p);
}

/* ---- Calls of a kernel ---- */

typedef alm_status (*run_function)(const alm_exec *, const alm_op_args *);

/* [rows, columns]; absent where data is NULL. */
static alm_tensor tensor_of(void *data, alm_dtype dtype, int64_t rows, int64_t columns,
                            int64_t stride, const int32_t *count)
{
    alm_tensor t = {};
    t.data = data;
    t.count = count;
    t.stride = stride;
    t.desc.dtype = data ? dtype : ALM_DTYPE_NONE;
    t.desc.rank = 2;
    t.desc.dim[0] = rows;
    t.desc.dim[1] = columns;
    return t;
}

/* Element `at` of an output, bf16 or float32. */
static double element_at(const unsigned char *out, bool is_bf16, int64_t at)
{
    if (is_bf16) {
        const uint32_t bits = (uint32_t)((const uint16_t *)out)[at] << 16;
        float v;
        memcpy(&v, &bits, sizeof v);
        return v;
    }
    return ((const float *)out)[at];
}

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Microseconds a launch: the median of several runs of a graph of `launches` launches, which take
 * these arguments in turn. Negative: did not work. */
static float time_of(run_function run, alm_exec x, const alm_op_args *const *args, int n_args,
                     int launches)
{
    enum { ROUNDS = 9 };
    float times[ROUNDS];
    cudaEvent_t start, stop;
    cudaStream_t stream;
    cudaGraph_t graph;
    cudaGraphExec_t ready;
    must(cudaStreamCreate(&stream), "stream");
    must(cudaEventCreate(&start), "event");
    must(cudaEventCreate(&stop), "event");
    x.stream = stream;
    bool good = true;
    must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "capture");
    for (int i = 0; i < launches && good; i++) {
        good = run(&x, args[i % n_args]) == ALM_OK;
    }
    must(cudaStreamEndCapture(stream, &graph), "capture");
    must(cudaGraphInstantiate(&ready, graph, 0), "graph");
    for (int r = -2; r < ROUNDS && good; r++) {
        must(cudaEventRecord(start, stream), "event");
        must(cudaGraphLaunch(ready, stream), "launch");
        must(cudaEventRecord(stop, stream), "event");
        good = finished("timing");
        float ms = 0;
        must(cudaEventElapsedTime(&ms, start, stop), "event");
        if (r >= 0) {
            times[r] = ms * 1000.0f / (float)launches;
        }
    }
    cudaGraphExecDestroy(ready);
    cudaGraphDestroy(graph);
    cudaEventDestroy(start);
    cudaEventDestroy(stop);
    cudaStreamDestroy(stream);
    qsort(times, ROUNDS, sizeof times[0], compare_floats);
    return good ? times[ROUNDS / 2] : -1;
}

/* ---- The program ---- */

static cudaDeviceProp device_facts()
{
    cudaDeviceProp facts;
    int driver = 0, runtime = 0;
    must(cudaGetDeviceProperties(&facts, 0), "find a device");
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    printf("%s, compute capability %d.%d, %d multiprocessors, %zu KB shared memory a block, L2 %d "
           "MB, driver %d, runtime %d\n",
           facts.name, facts.major, facts.minor, facts.multiProcessorCount,
           facts.sharedMemPerBlockOptin / 1024, facts.l2CacheSize >> 20, driver, runtime);
    if (facts.major != 9) {
        printf("Not checked: these kernels are for compute capability 9.0.\n");
        exit(77); /* "not here", as tools/gpu_check has it */
    }
    return facts;
}

/* The whole of main(): `PROGRAM check` checks, `PROGRAM time` times, without an argument both. */
static int check_main(int argc, char **argv, void (*check)(alm_exec x), void (*time)(alm_exec x))
{
    const cudaDeviceProp facts = device_facts();
    alm_device device = {};
    device.backend = ALM_BACKEND_CUDA;
    device.arch = 90;
    device.multiprocessors = facts.multiProcessorCount;
    device.shared_bytes = facts.sharedMemPerBlockOptin;
    alm_exec x = {};
    x.device = &device;
    if (argc < 2 || strcmp(argv[1], "time") != 0) {
        check(x);
        printf("%d checks, %d failed\n", checks, failures);
    }
    if (argc < 2 || strcmp(argv[1], "check") != 0) {
        time(x);
    }
    return failures ? 1 : 0;
}

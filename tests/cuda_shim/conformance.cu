/* Whether the functions of kernels/cuda/device.cuh do on this machine what their contracts say.
 *
 * Each check feeds numbered registers or elements through one function and compares every lane's
 * result with what the PTX manual's formulas give, computed on the host. The same file is built by
 * nvcc and run on a GPU, and built by the host compiler and run by the shim: when both pass, what
 * the shim's tests say of a kernel holds on the GPU. One line a check; ends with 1 on a difference.
 * Takes well under a second.
 */
#include "kernels/cuda/device.cuh"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef ALM_CUDA_SHIM
#include "cuda_shim_launch.h"
#endif

enum { WARP_LANES = 32, MAX_WORDS = 1 << 14, CHAIN = 8 };

static uint32_t *device_words; /* results, filled with 0xFF before each check */
static uint8_t *device_bytes;  /* inputs */
static uint32_t got[MAX_WORDS], expected[MAX_WORDS];
static int n_failed;

/* ---- The host's side ---- */

static void need(cudaError_t error, const char *what)
{
    if (error != cudaSuccess) {
        printf("FAIL  %s: %s\n", what, cudaGetErrorString(error));
        exit(1);
    }
}

template <class... P, class... A>
static void launch(void (*kernel)(P...), int blocks, int threads, size_t shared, A... args)
{
    if (shared > 48 * 1024) {
        need(cudaFuncSetAttribute((const void *)kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  (int)shared),
             "cudaFuncSetAttribute");
    }
    cudaLaunchAttribute overlap = {};
    overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    overlap.val.programmaticStreamSerializationAllowed = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3((unsigned)blocks);
    config.blockDim = dim3((unsigned)threads);
    config.dynamicSmemBytes = shared;
    config.attrs = &overlap;
    config.numAttrs = 1;
    need(cudaLaunchKernelEx(&config, kernel, P(args)...), "launch");
}

static void begin(const void *input, size_t bytes)
{
    need(cudaMemset(device_words, 0xFF, sizeof got), "cudaMemset");
    if (bytes) {
        need(cudaMemcpy(device_bytes, input, bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
    }
    memset(expected, 0xFF, sizeof expected);
}

static void fetch()
{
    need(cudaMemcpy(got, device_words, sizeof got, cudaMemcpyDeviceToHost), "results");
}

/* Words that no lane was to write must still be 0xFF. */
static void compare(const char *name, int words_per_lane)
{
    fetch();
    int differences = 0, first = -1;
    for (int i = 0; i < MAX_WORDS; i++) {
        if (got[i] != expected[i]) {
            first = first < 0 ? i : first;
            differences++;
        }
    }
    if (!differences) {
        printf("ok    %s\n", name);
        return;
    }
    n_failed++;
    printf("FAIL  %s: %d words differ; thread %d, word %d is %08x, expected %08x\n", name,
           differences, first / words_per_lane, first % words_per_lane, got[first],
           expected[first]);
}

static uint32_t float_bits(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* Of a float that bf16 holds exactly. */
static uint32_t bf16_bits(float v)
{
    return float_bits(v) >> 16;
}

/* ---- mma: registers of the fragments, numbered ---- */

/* a, b, c: the fragments of all lanes, [32, 4], [32, 2] and [32, 4]. */
static __global__ void mma_kernel(const uint32_t *a, const uint32_t *b, const float *c, float *out)
{
    const int lane = (int)threadIdx.x;
    uint32_t fragment_a[4], fragment_b[2];
    float d[4];
    for (int i = 0; i < 4; i++) {
        fragment_a[i] = a[lane * 4 + i];
        d[i] = c[lane * 4 + i];
    }
    for (int i = 0; i < 2; i++) {
        fragment_b[i] = b[lane * 2 + i];
    }
    mma_bf16_16x8x16(d, fragment_a, fragment_b);
    for (int i = 0; i < 4; i++) {
        out[lane * 4 + i] = d[i];
    }
}

/* PTX manual, "Matrix Fragments for mma.m16n8k16 with floating point type". Element i of a lane's
 * fragment; 8 elements of A, 4 of B, 4 of C. */
static void place_a(int lane, int i, int *row, int *column)
{
    const int group = lane >> 2, in_group = lane % 4;
    *row = i < 2 || (i >= 4 && i < 6) ? group : group + 8;
    *column = in_group * 2 + (i & 1) + (i >= 4 ? 8 : 0);
}
static void place_b(int lane, int i, int *row, int *column)
{
    *row = lane % 4 * 2 + (i & 1) + (i >= 2 ? 8 : 0);
    *column = lane >> 2;
}
static void place_c(int lane, int i, int *row, int *column)
{
    *row = (lane >> 2) + (i < 2 ? 0 : 8);
    *column = lane % 4 * 2 + (i & 1);
}

/* Numbers that bf16 and the sums hold exactly, so that the order of the sums does not matter. */
static void check_mma(const char *name, float (*value_a)(int), float (*value_b)(int, int))
{
    float a[16][16], b[16][8], c[16][8];
    struct {
        uint32_t a[32][4], b[32][2];
        float c[32][4];
    } in;
    int row, column;
    memset(&in, 0, sizeof in);
    for (int lane = 0; lane < 32; lane++) {
        for (int i = 0; i < 8; i++) {
            place_a(lane, i, &row, &column);
            a[row][column] = value_a(lane * 8 + i);
            in.a[lane][i / 2] |= bf16_bits(a[row][column]) << i % 2 * 16;
        }
        for (int i = 0; i < 4; i++) {
            place_b(lane, i, &row, &column);
            b[row][column] = value_b(row, column);
            in.b[lane][i / 2] |= bf16_bits(b[row][column]) << i % 2 * 16;
            place_c(lane, i, &row, &column);
            in.c[lane][i] = c[row][column] = (float)(1000 * lane + i);
        }
    }
    begin(&in, sizeof in);
    for (int lane = 0; lane < 32; lane++) {
        for (int i = 0; i < 4; i++) {
            place_c(lane, i, &row, &column);
            float sum = c[row][column];
            for (int k = 0; k < 16; k++) {
                sum += a[row][k] * b[k][column];
            }
            expected[lane * 4 + i] = float_bits(sum);
        }
    }
    launch(mma_kernel, 1, 32, 0, (const uint32_t *)device_bytes,
           (const uint32_t *)(device_bytes + sizeof in.a),
           (const float *)(device_bytes + sizeof in.a + sizeof in.b), (float *)device_words);
    compare(name, 4);
}

static float numbered(int i)
{
    return (float)i; /* 0 ... 255 */
}
static float left_half(int row, int column)
{
    return row == column ? 1.0f : 0.0f;
}
static float right_half(int row, int column)
{
    return row == column + 8 ? 1.0f : 0.0f;
}
static float all_different(int row, int column)
{
    return (float)(row * 8 + column - 64);
}

/* ---- ldmatrix ---- */

enum { LD_STRIDE = 24 }; /* halves between rows */

/* Rows lie in another order than the lanes that name them. */
template <bool TRANSPOSED> static __global__ void ldmatrix_kernel(const uint16_t *in, uint32_t *out)
{
    SHARED(uint4, rows, [32 * LD_STRIDE / 8]);
    uint16_t *halves = reinterpret_cast<uint16_t *>(rows);
    const int lane = (int)threadIdx.x;
    for (int i = 0; i < 8; i++) {
        halves[lane * LD_STRIDE + i] = in[lane * 8 + i];
    }
    __syncwarp();
    uint32_t r[4];
    const uint16_t *row = halves + (lane * 5 % 32) * LD_STRIDE;
    if (TRANSPOSED) {
        ldmatrix_x4_trans(r, row);
    } else {
        ldmatrix_x4(r, row);
    }
    for (int i = 0; i < 4; i++) {
        out[lane * 4 + i] = r[i];
    }
}

static void check_ldmatrix(bool transposed)
{
    uint16_t in[256], matrix[4][8][8];
    for (int i = 0; i < 256; i++) {
        in[i] = (uint16_t)(0x4000 + i);
    }
    for (int lane = 0; lane < 32; lane++) {
        memcpy(matrix[lane / 8][lane % 8], in + lane * 5 % 32 * 8, 16);
    }
    begin(in, sizeof in);
    for (int lane = 0; lane < 32; lane++) {
        for (int m = 0; m < 4; m++) {
            uint32_t pair = 0;
            for (int h = 0; h < 2; h++) {
                const int across = lane % 4 * 2 + h, down = lane / 4;
                const uint16_t v = transposed ? matrix[m][across][down] : matrix[m][down][across];
                pair |= (uint32_t)v << h * 16;
            }
            expected[lane * 4 + m] = pair;
        }
    }
    launch(transposed ? ldmatrix_kernel<true> : ldmatrix_kernel<false>, 1, 32, 0,
           (const uint16_t *)device_bytes, device_words);
    compare(transposed ? "ldmatrix_x4_trans" : "ldmatrix_x4", 4);
}

/* ---- Asynchronous copies ---- */

/* Thread t copies t valid bytes; thread 17 leaves the size to the default. */
static __global__ void copy_kernel(const uint8_t *in, uint32_t *out)
{
    alm_shared_arena arena;
    uint4 *landed = arena.take<uint4>(32);
    const int t = (int)threadIdx.x;
    landed[t] = make_uint4(7, 7, 7, 7);
    __syncthreads();
    if (t <= 16) {
        copy_async16(&landed[t], in + t * 16, t);
    } else if (t == 17) {
        copy_async16(&landed[t], in + t * 16);
    }
    copy_async_commit();
    copy_async_wait<0>();
    __syncthreads();
    const uint4 v = landed[31 - t]; /* seen by another thread than the one that copied */
    const uint32_t words[4] = {v.x, v.y, v.z, v.w};
    for (int i = 0; i < 4; i++) {
        out[(31 - t) * 4 + i] = words[i];
    }
}

static void check_copies()
{
    uint8_t in[18 * 16], out[32 * 16];
    for (int i = 0; i < (int)sizeof in; i++) {
        in[i] = (uint8_t)(i * 37 + 11);
    }
    begin(in, sizeof in);
    for (int t = 0; t < 32; t++) {
        for (int i = 0; i < 16; i++) {
            const int valid = t == 17 ? 16 : t;
            out[t * 16 + i] = t > 17 ? (i % 4 ? 0 : 7) : (i < valid ? in[t * 16 + i] : 0);
        }
    }
    memcpy(expected, out, sizeof out);
    launch(copy_kernel, 1, 32, 32 * 16, (const uint8_t *)device_bytes, device_words);
    compare("copy_async16, 0 ... 16 valid bytes", 4);
}

/* Three groups in flight, taken up one after the other. */
static __global__ void groups_kernel(const uint4 *in, uint32_t *out)
{
    alm_shared_arena arena;
    uint4 *landed = arena.take<uint4>(3 * 64);
    const int t = (int)threadIdx.x, other = 63 - t;
    for (int g = 0; g < 3; g++) {
        copy_async16(&landed[g * 64 + t], &in[g * 64 + t]);
        copy_async_commit();
    }
    copy_async_wait<2>();
    __syncthreads();
    out[t * 3] = landed[other].x;
    copy_async_wait<1>();
    __syncthreads();
    out[t * 3 + 1] = landed[64 + other].y;
    copy_async_wait<0>();
    __syncthreads();
    out[t * 3 + 2] = landed[128 + other].w;
}

static void check_groups()
{
    uint32_t in[3 * 64 * 4];
    for (int i = 0; i < 3 * 64 * 4; i++) {
        in[i] = (uint32_t)(i * 2654435761u);
    }
    begin(in, sizeof in);
    for (int t = 0; t < 64; t++) {
        expected[t * 3] = in[(63 - t) * 4];
        expected[t * 3 + 1] = in[(64 + 63 - t) * 4 + 1];
        expected[t * 3 + 2] = in[(128 + 63 - t) * 4 + 3];
    }
    launch(groups_kernel, 1, 64, 3 * 64 * 16, (const uint4 *)device_bytes, device_words);
    compare("copy_async_wait, groups", 3);
}

/* ---- Named barriers: two warps produce, two consume ---- */

static __global__ void barrier_kernel(uint32_t *out)
{
    SHARED(uint32_t, buffer, [64]);
    const int t = (int)threadIdx.x;
    for (int round = 0; round < 5; round++) {
        if (t < 64) {
            if (round > 0) {
                named_barrier(2, 128);
            }
            buffer[t] = (uint32_t)(t + 100 * round);
            named_barrier(1, 128);
        } else {
            named_barrier(1, 128);
            out[round * 64 + t - 64] = buffer[127 - t];
            if (round < 4) {
                named_barrier(2, 128);
            }
        }
    }
}

static void check_named_barriers()
{
    begin(NULL, 0);
    for (int i = 0; i < 5 * 64; i++) {
        expected[i] = (uint32_t)(63 - i % 64 + 100 * (i / 64));
    }
    launch(barrier_kernel, 1, 128, 0, device_words);
    compare("named_barrier", 1);
}

/* ---- Collectives of a warp ---- */

enum { WARP_WORDS = 24 };

static __global__ void warp_kernel(uint32_t *out)
{
    const int lane = (int)threadIdx.x % 32;
    uint32_t *w = out + threadIdx.x * WARP_WORDS;
    w[0] = (uint32_t)__shfl_sync(FULL_WARP, lane * 3, 5, 8);
    w[1] = (uint32_t)__shfl_up_sync(FULL_WARP, lane, 3);
    w[2] = (uint32_t)__shfl_down_sync(FULL_WARP, lane, 3, 16);
    w[3] = (uint32_t)__shfl_xor_sync(FULL_WARP, lane, 7);
    const double d = __shfl_xor_sync(FULL_WARP, lane + 0.5, 1);
    w[4] = (uint32_t)(d * 2);
    const unsigned long long key = (unsigned long long)lane << 40 | 5u;
    w[5] = (uint32_t)(__shfl_sync(FULL_WARP, key, 31 - lane) >> 40);
    w[6] = __ballot_sync(FULL_WARP, lane % 3 == 0);
    w[7] = (uint32_t)__any_sync(FULL_WARP, lane == 31);
    w[8] = (uint32_t)__all_sync(FULL_WARP, lane < 31);
    w[9] = __reduce_add_sync(FULL_WARP, (unsigned)lane);
    w[10] = (uint32_t)__reduce_max_sync(FULL_WARP, lane - 40);
    w[11] = (uint32_t)__reduce_min_sync(FULL_WARP, lane - 40);
    w[12] = __reduce_max_sync(FULL_WARP, (unsigned)(lane - 1));
    w[13] = __reduce_or_sync(FULL_WARP, 1u << lane / 2);
    w[14] = __match_any_sync(FULL_WARP, lane / 5);
    w[15] = lane < 10 ? __ballot_sync(0x3FFu, lane & 1) : 0u;
    w[16] = __float_as_uint(warp_sum((float)lane));
    w[17] = __float_as_uint(warp_max((float)(lane * 5 % 32) - 100.0f));
    w[18] = (uint32_t)__syncthreads_count(lane < 5);
    w[19] = (uint32_t)__syncthreads_or(threadIdx.x == 63);
    w[20] = (uint32_t)__syncthreads_and(threadIdx.x != 63);
    w[21] = (uint32_t)(__shfl_xor_sync(FULL_WARP, lane, 4, 8));
    w[22] = (uint32_t)(__clz(lane) + 100 * __ffs(lane) + 10000 * __popc((unsigned)lane));
    w[23] = __brev((unsigned)lane);
}

static void check_warp()
{
    begin(NULL, 0);
    for (int t = 0; t < 64; t++) {
        const int lane = t % 32;
        uint32_t *w = expected + t * WARP_WORDS;
        w[0] = (uint32_t)(lane / 8 * 8 + 5) * 3;
        w[1] = (uint32_t)(lane < 3 ? lane : lane - 3);
        w[2] = (uint32_t)(lane % 16 + 3 > 15 ? lane : lane + 3);
        w[3] = (uint32_t)(lane ^ 7);
        w[4] = (uint32_t)((lane ^ 1) * 2 + 1);
        w[5] = (uint32_t)(31 - lane);
        w[6] = 0x49249249u;
        w[7] = 1;
        w[8] = 0;
        w[9] = 496;
        w[10] = (uint32_t)-9;
        w[11] = (uint32_t)-40;
        w[12] = 0xFFFFFFFFu;
        w[13] = 0xFFFF;
        w[14] = 0;
        for (int j = 0; j < 32; j++) {
            w[14] |= j / 5 == lane / 5 ? 1u << j : 0u;
        }
        w[15] = lane < 10 ? 0x2AAu : 0u;
        w[16] = float_bits(496.0f);
        w[17] = float_bits(-69.0f);
        w[18] = 10;
        w[19] = 1;
        w[20] = 0;
        w[21] = (uint32_t)(lane ^ 4);
        int leading = 32, lowest = 0, ones = 0;
        uint32_t reversed = 0;
        for (int b = 31; b >= 0; b--) {
            if (lane >> b & 1) {
                leading = leading == 32 ? 31 - b : leading;
                lowest = b + 1;
                ones++;
                reversed |= 1u << (31 - b);
            }
        }
        w[22] = (uint32_t)(leading + 100 * lowest + 10000 * ones);
        w[23] = reversed;
    }
    launch(warp_kernel, 1, 64, 0, device_words);
    compare("shuffles, votes, reductions", WARP_WORDS);
}

/* ---- Block sums ---- */

static __global__ void block_kernel(float *out)
{
    const float t = (float)threadIdx.x;
    const float first = block_sum<128>(t), second = block_sum<128>(first - 8128.0f + t * 2.0f);
    out[threadIdx.x * 2] = first;
    out[threadIdx.x * 2 + 1] = second;
}

static void check_block_sum()
{
    begin(NULL, 0);
    for (int t = 0; t < 128; t++) {
        expected[t * 2] = float_bits(8128.0f);
        expected[t * 2 + 1] = float_bits(16256.0f);
    }
    launch(block_kernel, 1, 128, 0, (float *)device_words);
    compare("block_sum", 2);
}

/* ---- Rounding to bf16 ---- */

static __global__ void bf16_kernel(const float *in, uint32_t *out, int n)
{
    const int t = (int)threadIdx.x;
    if (t < n) {
        const bf16 rounded = from_float<bf16>(in[t]);
        out[t * 3] = __float_as_uint(to_float(rounded));
        out[t * 3 + 1] = pack_bf16(in[t], 1.0f);
        out[t * 3 + 2] = pack_bf16(-2.0f, in[t]);
    }
}

static void check_bf16()
{
    static const uint32_t in[] = {
        0x00000000, 0x80000000, 0x3F800000, 0x3F808000, 0x3F818000, 0x3F808001, 0x3F817FFF,
        0x3F800001, 0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000, 0xFF800000, 0x00000001, 0x00008000,
        0x00018000, 0x00008001, 0x80008001, 0x42F6E979, 0xC2F6E979, 0x7F7F7FFF, 0x7F7F8000,
    };
    const int n = sizeof in / sizeof in[0];
    begin(in, sizeof in);
    for (int i = 0; i < n; i++) {
        uint32_t rounded = in[i] >> 16;
        const uint32_t rest = in[i] & 0xFFFF;
        if ((in[i] & 0x7F800000) != 0x7F800000 &&
            (rest > 0x8000 || (rest == 0x8000 && (rounded & 1)))) {
            rounded++; /* to nearest, ties to even; past the largest: infinity */
        }
        expected[i * 3] = rounded << 16;
        expected[i * 3 + 1] = 0x3F800000 | rounded;
        expected[i * 3 + 2] = rounded << 16 | 0xC000;
    }
    launch(bf16_kernel, 1, 64, 0, (const float *)device_bytes, device_words, n);
    compare("from_float<bf16>, pack_bf16", 3);
}

static __global__ void exp2_kernel(const float *in, float *out, int n)
{
    const int t = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (t < n) {
        out[t] = fast_exp2(in[t]);
    }
}

/* Within 2^-22 of the result; results below the least normal number may be 0. */
static void check_exp2()
{
    const int N = 2048;
    static float in[N];
    for (int i = 0; i < N; i++) {
        in[i] = -130.0f + 260.0f * (float)i / (float)N;
    }
    in[0] = -INFINITY;
    in[1] = INFINITY;
    in[2] = 0.0f;
    in[3] = -1000.0f;
    begin(in, sizeof in);
    launch(exp2_kernel, N / 64, 64, 0, (const float *)device_bytes, (float *)device_words, N);
    fetch();
    int bad = 0;
    double worst = 0;
    for (int i = 0; i < N; i++) {
        float y;
        memcpy(&y, &got[i], sizeof y);
        const double right = exp2((double)in[i]);
        if (right > 3.4028235677973366e38) {
            bad += !(y > 0 && isinf(y));
        } else if (right < 0x1p-126) {
            bad += !(y >= 0 && y <= 0x1p-126f);
        } else {
            const double error = fabs((double)y / right - 1.0);
            worst = error > worst ? error : worst;
            bad += !(error <= 0x1p-22);
        }
    }
    n_failed += bad > 0;
    printf("%s  fast_exp2: %d of %d values are wrong, largest relative error %.2g\n",
           bad ? "FAIL" : "ok  ", bad, N, worst);
}

/* ---- Shared memory ---- */

/* Offsets of the parts, then whether the parts keep apart from each other and from SHARED. */
static __global__ void arena_kernel(uint32_t *out, int big)
{
    SHARED(uint32_t, fixed, [32]);
    alm_shared_arena arena;
    uint8_t *first = arena.take<uint8_t>(1);
    uint32_t *second = arena.take<uint32_t>(32);
    bf16 *third = arena.take<bf16>(33);
    float *fourth = arena.take<float>(big);
    const uint32_t t = threadIdx.x;
    fixed[t] = 1000 + t;
    second[t] = 2000 + t;
    third[t] = from_float<bf16>((float)t);
    if (t == 0) {
        first[0] = 77;
        third[32] = from_float<bf16>(32.0f);
    }
    for (int i = (int)t; i < big; i += 32) {
        fourth[i] = (float)i;
    }
    __syncthreads();
    out[t * 5] = fixed[31 - t] + second[31 - t];
    out[t * 5 + 1] = __float_as_uint(to_float(third[t + 1]));
    out[t * 5 + 2] = __float_as_uint(fourth[big - 1 - (int)t]);
    out[t * 5 + 3] = first[0];
    out[t * 5 + 4] = (uint32_t)((uintptr_t)second % 16 + (uintptr_t)third % 16 +
                                (uintptr_t)fourth % 16 + (uintptr_t)first % 1024);
}

static void check_arena()
{
    const int big = 24000; /* more than 48 KB */
    const size_t bytes = 16 + 128 + 80 + (size_t)big * 4;
    begin(NULL, 0);
    for (int t = 0; t < 32; t++) {
        expected[t * 5] = (uint32_t)(3000 + 2 * (31 - t));
        expected[t * 5 + 1] = float_bits((float)(t + 1));
        expected[t * 5 + 2] = float_bits((float)(big - 1 - t));
        expected[t * 5 + 3] = 77;
        expected[t * 5 + 4] = 0;
    }
    launch(arena_kernel, 1, 32, bytes, device_words, big);
    compare("SHARED and alm_shared_arena", 5);
}

/* ---- Launches that overlap, counts, faults, the last block ---- */

/* Adds to what the launch before has written, many blocks each. */
static __global__ void chain_kernel(uint32_t *values, uint32_t add)
{
    release_dependents();
    wait_for_inputs();
    const uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    const uint32_t n = gridDim.x * blockDim.x;
    values[i] = add == 1 ? i : values[n + (i * 7 + 1) % n] + add;
}

static __global__ void copy_back_kernel(uint32_t *values)
{
    release_dependents();
    wait_for_inputs();
    const uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    const uint32_t n = gridDim.x * blockDim.x;
    values[n + i] = values[i];
}

static void check_chain()
{
    const uint32_t N = 64 * 64;
    static uint32_t values[N], before[N];
    begin(NULL, 0);
    for (uint32_t add = 1; add <= CHAIN; add++) {
        launch(chain_kernel, 64, 64, 0, device_words, add);
        launch(copy_back_kernel, 64, 64, 0, device_words);
        for (uint32_t i = 0; i < N; i++) {
            values[i] = add == 1 ? i : before[(i * 7 + 1) % N] + add;
        }
        memcpy(before, values, sizeof values);
    }
    memcpy(expected, values, sizeof values);
    memcpy(expected + N, values, sizeof values);
    compare("wait_for_inputs, release_dependents", 1);
}

static __global__ void count_kernel(const int32_t *counts, uint32_t *out, int32_t *fault)
{
    const int t = (int)threadIdx.x;
    alm_row_count rows = {t < 5 ? counts + t : nullptr, 10};
    out[t] = (uint32_t)rows.get();
    report_fault(fault, 42);
    report_fault(fault, 43);
}

static void check_counts()
{
    static const int32_t in[] = {0, 7, 10, 11, -3, 0 /* fault */};
    begin(in, sizeof in);
    static const uint32_t right[] = {0, 7, 10, 10, 0, 10};
    for (int t = 0; t < 32; t++) {
        expected[t] = right[t < 5 ? t : 5];
    }
    launch(count_kernel, 1, 32, 0, (const int32_t *)device_bytes, device_words,
           (int32_t *)device_bytes + 5);
    compare("alm_row_count", 1);
    int32_t fault = 0;
    need(cudaMemcpy(&fault, device_bytes + 20, 4, cudaMemcpyDeviceToHost), "fault");
    const bool right_fault = fault == 42 || fault == 43;
    n_failed += !right_fault;
    printf("%s  report_fault: %d\n", right_fault ? "ok  " : "FAIL", fault);
}

/* Blocks leave their numbers; the last one to count adds them up. */
static __global__ void last_block_kernel(uint32_t *parts, uint32_t *count, uint32_t *out)
{
    SHARED(int, last, );
    if (threadIdx.x == 0) {
        parts[blockIdx.x] = blockIdx.x + 1;
        __threadfence();
        last = atomicAdd(count, 1u) == gridDim.x - 1;
        __threadfence();
    }
    __syncthreads();
    if (last && threadIdx.x == 0) {
        uint32_t sum = 0;
        for (unsigned i = 0; i < gridDim.x; i++) {
            sum += parts[i];
        }
        out[0] = sum;
        out[1] = atomicMax(count, 5u);
        out[2] = atomicExch(count, 9u);
        out[3] = atomicCAS(count, 9u, 3u);
        out[4] = *count;
    }
}

static void check_last_block()
{
    static const uint32_t zeros[101] = {0};
    begin(zeros, sizeof zeros);
    expected[0] = 5050;
    expected[1] = expected[2] = 100;
    expected[3] = 9;
    expected[4] = 3;
    launch(last_block_kernel, 100, 32, 0, (uint32_t *)device_bytes + 1, (uint32_t *)device_bytes,
           device_words);
    compare("atomics and fences", 1);
}

int main()
{
    struct cudaDeviceProp properties;
    need(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
    printf("device: %s, sm_%d%d\n", properties.name, properties.major, properties.minor);
    need(cudaMalloc((void **)&device_words, sizeof got), "cudaMalloc");
    need(cudaMalloc((void **)&device_bytes, 1 << 16), "cudaMalloc");
    check_mma("mma_bf16_16x8x16, left half of A", numbered, left_half);
    check_mma("mma_bf16_16x8x16, right half of A", numbered, right_half);
    check_mma("mma_bf16_16x8x16, all different", numbered, all_different);
    check_ldmatrix(false);
    check_ldmatrix(true);
    check_copies();
    check_groups();
    check_named_barriers();
    check_warp();
    check_block_sum();
    check_bf16();
    check_exp2();
    check_arena();
    check_chain();
    check_counts();
    check_last_block();
    cudaFree(device_words);
    cudaFree(device_bytes);
    printf("%s: %d failures\n", n_failed ? "FAILED" : "passed", n_failed);
    return n_failed ? 1 : 0;
}

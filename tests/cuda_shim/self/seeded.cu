/* Three kernels of the kinds that we write - a reduction, farthest point sampling, attention with
 * asynchronous copies and matrix products - each right for BUG = NONE, and with one of eighteen
 * mistakes otherwise. test_shim.c says which kind of build must find which. */
#include "tests/cuda_shim/self/cases.h"

namespace
{

enum bug {
    NONE,
    /* reduce */
    NO_BARRIER_BEFORE_SUMS,
    SHARED_OVERRUN,
    TAIL_READS_ONE_MORE,
    MISALIGNED_VECTOR,
    DIVERGENT_BARRIER,
    SLOT_NEVER_WRITTEN,
    HALF_WARP_FULL_MASK,
    SHUFFLE_OUTSIDE_MASK,
    NO_SYNCWARP,
    BLOCKS_ADD_PLAINLY,
    /* fps */
    ARENA_OVERRUN,
    NO_BARRIER_AFTER_LOAD,
    SINGLE_BUFFER,
    ARENA_TOO_SMALL,
    /* attention */
    WAITS_FOR_TOO_LITTLE,
    TAIL_KEYS_NOT_MASKED,
    TAIL_ROWS_NOT_MASKED,
    NO_BARRIER_BEFORE_PREFETCH,
};

/* ---- Sum of n floats: vectors, shuffles, a slot a warp, one atomic a block ---- */

/* The first warp adds the slots of the others. */
template <bug BUG> float sum_of_slots(const float (&slots)[8], int lane)
{
    float s = lane < 8 ? slots[lane] : 0.0f;
    if constexpr (BUG == HALF_WARP_FULL_MASK) {
        return lane < 16 ? warp_sum(s) : 0.0f;
    } else if constexpr (BUG == NO_SYNCWARP) {
        SHARED(float, exchange, [32]);
        for (int d = 16; d > 0; d >>= 1) {
            exchange[lane] = s;
            s += exchange[lane ^ d];
        }
        return s;
    } else if constexpr (BUG == SHUFFLE_OUTSIDE_MASK) {
        for (int d = 8; lane < 8 && d > 0; d >>= 1) {
            s += __shfl_xor_sync(0xFFu, s, d);
        }
        return s;
    }
    return warp_sum(s);
}

template <bug BUG> __global__ void reduce_kernel(const float *x, int n, float *out)
{
    SHARED(float, slots, [8]);
    const int step = (int)(gridDim.x * 256), first = (int)(blockIdx.x * 256 + threadIdx.x);
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    const bool skewed = BUG == MISALIGNED_VECTOR;
    const float4 *vectors = reinterpret_cast<const float4 *>(x + (skewed ? 1 : 0));
    float s = 0;
    for (int i = first; i < n / 4 - (skewed ? 1 : 0); i += step) {
        const float4 v = vectors[i];
        s += (v.x + v.y) + (v.z + v.w);
    }
    const int end = BUG == TAIL_READS_ONE_MORE && n % 4 ? n + 1 : n;
    for (int i = n / 4 * 4 + first; i < end; i += step) {
        s += x[i];
    }
    s = warp_sum(s);
    if (lane == 0 && !(BUG == SLOT_NEVER_WRITTEN && warp == 7)) {
        slots[warp + (BUG == SHARED_OVERRUN ? 1 : 0)] = s;
    }
    if constexpr (BUG == DIVERGENT_BARRIER) {
        if (warp < 4) {
            __syncthreads();
        } else {
            __syncthreads();
        }
    } else if constexpr (BUG != NO_BARRIER_BEFORE_SUMS) {
        __syncthreads();
    }
    if (warp == 0) {
        s = sum_of_slots<BUG>(slots, lane);
        if (lane == 0 && BUG == BLOCKS_ADD_PLAINLY) {
            *out += s;
        } else if (lane == 0) {
            atomicAdd(out, s);
        }
    }
}

int reduce_of(void (*kernel)(const float *, int, float *), int n)
{
    float *x = new float[n], zero = 0, got;
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += x[i] = case_random();
    }
    float *device_x = on_device(x, n), *device_out = on_device(&zero, 1);
    const int blocks = n / 1024 + 1 < 8 ? n / 1024 + 1 : 8;
    launch(kernel, dim3((unsigned)blocks), dim3(256), 0, device_x, n, device_out);
    from_device(&got, device_out, 1);
    cudaFree(device_x);
    cudaFree(device_out);
    delete[] x;
    return !(fabs((double)got - sum) <= 1e-3 + 1e-6 * n);
}

template <bug BUG> int reduce(void)
{
    const int sizes[] = {1, 3, 31, 255, 1021, 4099, 20000};
    int wrong = 0;
    for (int n : sizes) {
        wrong |= reduce_of(reduce_kernel<BUG>, n);
    }
    return wrong;
}

/* ---- Farthest point sampling: a block a cloud, points in shared memory ---- */

template <bug BUG> __global__ void fps_kernel(const float *xyz, int n, int m, int *index)
{
    SHARED(unsigned long long, best, [2][8]);
    alm_shared_arena arena;
    float *points = arena.take<float>(3 * n);
    const float *cloud = xyz + (size_t)blockIdx.x * 3 * n;
    const int t = (int)threadIdx.x, lane = t % 32, warp = t / 32;
    for (int i = t; i < 3 * n + (BUG == ARENA_OVERRUN ? 1 : 0); i += 256) {
        points[i] = cloud[i < 3 * n ? i : 0];
    }
    float distance[4];
    for (int k = 0; k < 4; k++) {
        distance[k] = 3.4e38f;
    }
    if (t == 0) {
        index[blockIdx.x * m] = 0;
    }
    int last = 0;
    if constexpr (BUG != NO_BARRIER_AFTER_LOAD) {
        __syncthreads();
    }
    for (int s = 1; s < m; s++) {
        const float *p = points + 3 * last;
        unsigned long long key = 0;
        for (int k = 0; k < 4; k++) {
            const int i = t + 256 * k;
            if (i < n) {
                const float *q = points + 3 * i;
                const float x = q[0] - p[0], y = q[1] - p[1], z = q[2] - p[2];
                distance[k] = fminf(distance[k], x * x + y * y + z * z);
                key = max(key, (unsigned long long)__float_as_uint(distance[k]) << 32 |
                                   (0xFFFFFFFFu - (unsigned)i));
            }
        }
        for (int d = 16; d > 0; d >>= 1) {
            key = max(key, __shfl_xor_sync(FULL_WARP, key, d));
        }
        const int buffer = BUG == SINGLE_BUFFER ? 0 : s & 1;
        if (lane == 0) {
            best[buffer][warp] = key;
        }
        __syncthreads();
        key = best[buffer][lane & 7];
        for (int d = 4; d > 0; d >>= 1) {
            key = max(key, __shfl_xor_sync(FULL_WARP, key, d));
        }
        last = (int)(0xFFFFFFFFu - (unsigned)key);
        if (t == 0) {
            index[blockIdx.x * m + s] = last;
        }
    }
}

/* How many of the m indices are not the farthest point's. */
int fps_errors(const float *cloud, int n, int m, const int *index)
{
    float *distance = new float[n];
    for (int i = 0; i < n; i++) {
        distance[i] = 3.4e38f;
    }
    int last = 0, errors = 0;
    for (int s = 0; s < m; s++) {
        errors += index[s] != last;
        const float *p = cloud + 3 * last;
        float farthest = -1;
        for (int i = 0; i < n; i++) {
            const float *q = cloud + 3 * i;
            const float x = q[0] - p[0], y = q[1] - p[1], z = q[2] - p[2];
            distance[i] = fminf(distance[i], x * x + y * y + z * z);
            if (distance[i] > farthest) {
                farthest = distance[i];
                last = i;
            }
        }
    }
    delete[] distance;
    return errors;
}

template <bug BUG> int fps_of(int clouds, int n, int m)
{
    float *xyz = new float[clouds * n * 3];
    int *index = new int[clouds * m];
    for (int i = 0; i < clouds * n * 3; i++) {
        xyz[i] = case_random();
    }
    float *device_xyz = on_device(xyz, clouds * n * 3);
    int *device_index = on_device((const int *)nullptr, clouds * m);
    launch(fps_kernel<BUG>, dim3((unsigned)clouds), dim3(256),
           (size_t)n * 12 - (BUG == ARENA_TOO_SMALL ? 16 : 0), device_xyz, n, m, device_index);
    from_device(index, device_index, clouds * m);
    int errors = 0;
    for (int c = 0; c < clouds; c++) {
        errors += fps_errors(xyz + c * n * 3, n, m, index + c * m);
    }
    cudaFree(device_xyz);
    cudaFree(device_index);
    delete[] xyz;
    delete[] index;
    return errors != 0;
}

template <bug BUG> int fps(void)
{
    return fps_of<BUG>(2, 100, 20) | fps_of<BUG>(1, 700, 40);
}

/* ---- Attention forward: heads of 64, 4 warps of 16 query rows, tiles of 64 keys ---- */

enum { HEAD = 64, TILE = 64, STRIDE = 72 };

/* 64 rows of src from row0 on; rows past n become 0. */
template <bug BUG> void load_tile(bf16 *tile, const bf16 *src, int row0, int n)
{
    for (int i = (int)threadIdx.x; i < TILE * 8; i += 128) {
        const int row = i / 8, column = i % 8 * 8;
        const bool valid = BUG == TAIL_ROWS_NOT_MASKED || row0 + row < n;
        copy_async16(tile + row * STRIDE + column, src + (valid ? row0 + row : 0) * HEAD + column,
                     valid ? 16 : 0);
    }
}

/* s = q · kᵀ of a warp's 16 rows and 64 keys. */
void scores(float (&s)[8][4], const uint32_t (&q)[4][4], const bf16 *keys, int lane)
{
    for (int k = 0; k < 4; k++) {
        for (int n = 0; n < 8; n += 2) {
            uint32_t r[4];
            ldmatrix_x4(r, keys + (n * 8 + lane % 8 + lane / 16 * 8) * STRIDE + k * 16 +
                               lane / 8 % 2 * 8);
            const uint32_t left[2] = {r[0], r[1]}, right[2] = {r[2], r[3]};
            mma_bf16_16x8x16(s[n], q[k], left);
            mma_bf16_16x8x16(s[n + 1], q[k], right);
        }
    }
}

/* o += p · v of a warp's 16 rows. */
void weighted(float (&o)[8][4], const float (&p)[8][4], const bf16 *values, int lane)
{
    for (int k = 0; k < 4; k++) {
        const uint32_t a[4] = {pack_bf16(p[2 * k][0], p[2 * k][1]),
                               pack_bf16(p[2 * k][2], p[2 * k][3]),
                               pack_bf16(p[2 * k + 1][0], p[2 * k + 1][1]),
                               pack_bf16(p[2 * k + 1][2], p[2 * k + 1][3])};
        for (int d = 0; d < 8; d += 2) {
            uint32_t r[4];
            ldmatrix_x4_trans(r, values + (k * 16 + lane % 16) * STRIDE + d * 8 + lane / 16 * 8);
            const uint32_t left[2] = {r[0], r[1]}, right[2] = {r[2], r[3]};
            mma_bf16_16x8x16(o[d], a, left);
            mma_bf16_16x8x16(o[d + 1], a, right);
        }
    }
}

/* One tile of scores into the running softmax of row half h (0, 1) of the fragment. */
void softmax_step(float (&s)[8][4], float (&o)[8][4], float (&most)[2], float (&sum)[2], int h)
{
    float top = most[h];
    for (int n = 0; n < 8; n++) {
        top = fmaxf(top, fmaxf(s[n][2 * h], s[n][2 * h + 1]));
    }
    top = fmaxf(top, __shfl_xor_sync(FULL_WARP, top, 1));
    top = fmaxf(top, __shfl_xor_sync(FULL_WARP, top, 2));
    const float shrink = most[h] == -INFINITY ? 0.0f : fast_exp2((most[h] - top) * 1.44269504f);
    float part = 0;
    for (int n = 0; n < 8; n++) {
        for (int i = 2 * h; i < 2 * h + 2; i++) {
            s[n][i] = top == -INFINITY ? 0.0f : fast_exp2((s[n][i] - top) * 1.44269504f);
            part += s[n][i];
            o[n][i] *= shrink;
        }
    }
    most[h] = top;
    sum[h] = sum[h] * shrink + part;
}

template <bug BUG>
__global__ void attention_kernel(const bf16 *q, const bf16 *k, const bf16 *v, float *out, int n)
{
    alm_shared_arena arena;
    bf16 *queries = arena.take<bf16>(TILE * STRIDE);
    bf16 *keys[2], *values[2];
    for (int i = 0; i < 2; i++) {
        keys[i] = arena.take<bf16>(TILE * STRIDE);
        values[i] = arena.take<bf16>(TILE * STRIDE);
    }
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    const int row0 = (int)blockIdx.x * TILE, tiles = (n + TILE - 1) / TILE;
    load_tile<NONE>(queries, q, row0, n);
    load_tile<BUG>(keys[0], k, 0, n);
    load_tile<BUG>(values[0], v, 0, n);
    copy_async_commit();
    float o[8][4] = {}, most[2] = {-INFINITY, -INFINITY}, sum[2] = {};
    uint32_t fragment[4][4];
    for (int j = 0; j < tiles; j++) {
        if (j + 1 < tiles) {
            load_tile<BUG>(keys[(j + 1) % 2], k, (j + 1) * TILE, n);
            load_tile<BUG>(values[(j + 1) % 2], v, (j + 1) * TILE, n);
            copy_async_commit();
            copy_async_wait<BUG == WAITS_FOR_TOO_LITTLE ? 2 : 1>();
        } else {
            copy_async_wait<0>();
        }
        __syncthreads();
        for (int i = 0; j == 0 && i < 4; i++) {
            ldmatrix_x4(fragment[i],
                        queries + (warp * 16 + lane % 16) * STRIDE + i * 16 + lane / 16 * 8);
        }
        float s[8][4] = {};
        scores(s, fragment, keys[j % 2], lane);
        for (int c = 0; c < 8; c++) {
            for (int i = 0; i < 4; i++) {
                const int key = j * TILE + c * 8 + 2 * (lane % 4) + i % 2;
                s[c][i] = key < n || BUG == TAIL_KEYS_NOT_MASKED ? s[c][i] * 0.125f : -INFINITY;
            }
        }
        softmax_step(s, o, most, sum, 0);
        softmax_step(s, o, most, sum, 1);
        weighted(o, s, values[j % 2], lane);
        if constexpr (BUG != NO_BARRIER_BEFORE_PREFETCH) {
            __syncthreads();
        }
    }
    for (int h = 0; h < 2; h++) {
        sum[h] += __shfl_xor_sync(FULL_WARP, sum[h], 1);
        sum[h] += __shfl_xor_sync(FULL_WARP, sum[h], 2);
        const int row = row0 + warp * 16 + lane / 4 + h * 8;
        for (int d = 0; row < n && d < 8; d++) {
            *reinterpret_cast<float2 *>(out + row * HEAD + d * 8 + 2 * (lane % 4)) =
                make_float2(o[d][2 * h] / sum[h], o[d][2 * h + 1] / sum[h]);
        }
    }
}

/* Largest difference of row i of the output from the exact one. */
double attention_error(const bf16 *q, const bf16 *k, const bf16 *v, const float *out, int n, int i)
{
    double *p = new double[n], most = -1e30, sum = 0, worst = 0;
    for (int j = 0; j < n; j++) {
        p[j] = 0;
        for (int d = 0; d < HEAD; d++) {
            p[j] += 0.125 * (double)(float)q[i * HEAD + d] * (double)(float)k[j * HEAD + d];
        }
        most = p[j] > most ? p[j] : most;
    }
    for (int j = 0; j < n; j++) {
        p[j] = exp(p[j] - most);
        sum += p[j];
    }
    for (int d = 0; d < HEAD; d++) {
        double o = 0;
        for (int j = 0; j < n; j++) {
            o += p[j] / sum * (double)(float)v[j * HEAD + d];
        }
        const double error = fabs(o - (double)out[i * HEAD + d]);
        worst = error <= worst ? worst : error;
    }
    delete[] p;
    return worst;
}

template <bug BUG> int attention_of(int n)
{
    bf16 *h[3], *device[3];
    for (int i = 0; i < 3; i++) {
        h[i] = new bf16[n * HEAD];
        for (int j = 0; j < n * HEAD; j++) {
            h[i][j] = from_float<bf16>(case_random());
        }
        device[i] = on_device(h[i], n * HEAD);
    }
    float *out = new float[n * HEAD], *device_out = on_device((const float *)nullptr, n * HEAD);
    launch(attention_kernel<BUG>, dim3((unsigned)(n + TILE - 1) / TILE), dim3(128),
           5 * TILE * STRIDE * sizeof(bf16), device[0], device[1], device[2], device_out, n);
    from_device(out, device_out, n * HEAD);
    double worst = 0;
    for (int i = 0; i < n; i += 1 + n / 96) {
        const double error = attention_error(h[0], h[1], h[2], out, n, i);
        worst = error <= worst ? worst : error;
    }
    for (int i = 0; i < 3; i++) {
        cudaFree(device[i]);
        delete[] h[i];
    }
    cudaFree(device_out);
    delete[] out;
    return !(worst <= 1.2e-2);
}

template <bug BUG> int attention(void)
{
    return attention_of<BUG>(64) | attention_of<BUG>(130);
}

} // namespace

const shim_case seeded_cases[] = {
    {"reduce", reduce<NONE>},
    {"fps", fps<NONE>},
    {"attention", attention<NONE>},
    {"no_barrier_before_sums", reduce<NO_BARRIER_BEFORE_SUMS>},
    {"shared_overrun", reduce<SHARED_OVERRUN>},
    {"tail_reads_one_more", reduce<TAIL_READS_ONE_MORE>},
    {"misaligned_vector", reduce<MISALIGNED_VECTOR>},
    {"divergent_barrier", reduce<DIVERGENT_BARRIER>},
    {"slot_never_written", reduce<SLOT_NEVER_WRITTEN>},
    {"half_warp_full_mask", reduce<HALF_WARP_FULL_MASK>},
    {"shuffle_outside_mask", reduce<SHUFFLE_OUTSIDE_MASK>},
    {"no_syncwarp", reduce<NO_SYNCWARP>},
    {"blocks_add_plainly", reduce<BLOCKS_ADD_PLAINLY>},
    {"arena_overrun", fps<ARENA_OVERRUN>},
    {"no_barrier_after_load", fps<NO_BARRIER_AFTER_LOAD>},
    {"single_buffer", fps<SINGLE_BUFFER>},
    {"arena_too_small", fps<ARENA_TOO_SMALL>},
    {"waits_for_too_little", attention<WAITS_FOR_TOO_LITTLE>},
    {"tail_keys_not_masked", attention<TAIL_KEYS_NOT_MASKED>},
    {"tail_rows_not_masked", attention<TAIL_ROWS_NOT_MASKED>},
    {"no_barrier_before_prefetch", attention<NO_BARRIER_BEFORE_PREFETCH>},
    {nullptr, nullptr},
};

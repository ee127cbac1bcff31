/* fps: one block a cloud. Clouds of up to 3,072 points lie in registers, a run of points a thread,
 * and a choice costs one barrier; larger ones keep their distances in the workspace.
 *
 * The integers are those of the CPU: the mean in double as if summed in order, distances without
 * fused operations, ties to the lowest index.
 */
#include "kernels/cuda/device.cuh"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/table.h"

extern "C" {
#include "kernels/fps/fps.h"
}

enum {
    SMALL_THREADS = 128,
    LARGE_THREADS = 256,
    SMALL_POINTS = 3072 /* 36 KB of coordinates in shared memory */
};

struct fps_cloud {
    const float *xyz; /* [N, 3] */
    int64_t stride;
    alm_row_count points;
    int32_t *out; /* [count] */
    int64_t out_stride;
    float *distance; /* large clouds: [N] */
};

struct fps_clouds {
    fps_cloud of[2];
};

/* A point and how far it is; the better one is farther, then lower. */
struct fps_farthest {
    double distance;
    int index;
};

__device__ __forceinline__ void keep_better(fps_farthest &a, double distance, int index)
{
    if (distance > a.distance || (distance == a.distance && index < a.index)) {
        a.distance = distance;
        a.index = index;
    }
}

/* Bits of the coordinates that one thread has seen, as powers of two: every number is a multiple of
 * 2^lowest and below 2^highest. */
struct fps_span {
    int lowest, highest;
};

__device__ __forceinline__ void widen(fps_span &s, float v)
{
    const unsigned bits = __float_as_uint(v) & 0x7FFFFFFFu;
    if (bits == 0) {
        return;
    }
    const int exponent = max((int)(bits >> 23), 1);
    const unsigned mantissa = (bits & 0x7FFFFFu) | (bits >> 23 ? 0x800000u : 0);
    /* Infinities and NaN count as wide. */
    s.highest = max(s.highest, exponent == 255 ? 4000 : exponent - 126);
    s.lowest = min(s.lowest, exponent - 150 + __ffs((int)mantissa) - 1);
}

/* The sums of the coordinates as if added in order in double. points: [n, 3], rows `stride` apart.
 * Where no partial sum can be rounded any order gives the same, which is so for most clouds; else
 * three threads add in order. */
template <int THREADS>
__device__ void sums_of(const float *points, int64_t stride, int n, double (&sum)[3])
{
    SHARED(double, part, [THREADS / 32][3]);
    SHARED(int, span, [THREADS / 32][2]);
    SHARED(double, total, [3]);
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    fps_span s = {INT32_MAX, INT32_MIN};
    double mine[3] = {0, 0, 0};
    for (int i = (int)threadIdx.x; i < n; i += THREADS) {
        for (int c = 0; c < 3; c++) {
            const float v = points[i * stride + c];
            widen(s, v);
            mine[c] += (double)v;
        }
    }
    for (int d = 16; d > 0; d >>= 1) {
        for (int c = 0; c < 3; c++) {
            mine[c] += __shfl_xor_sync(FULL_WARP, mine[c], d);
        }
    }
    s.lowest = __reduce_min_sync(FULL_WARP, s.lowest);
    s.highest = __reduce_max_sync(FULL_WARP, s.highest);
    if (lane == 0) {
        span[warp][0] = s.lowest;
        span[warp][1] = s.highest;
        for (int c = 0; c < 3; c++) {
            part[warp][c] = mine[c];
        }
    }
    __syncthreads();
    for (int w = 0; w < THREADS / 32; w++) {
        s.lowest = min(s.lowest, span[w][0]);
        s.highest = max(s.highest, span[w][1]);
    }
    /* |sum| < n·2^highest; 53 bits are exact. No number at all: all are 0. */
    const int grown = 32 - __clz(n);
    const bool exact = s.lowest == INT32_MAX || s.highest + grown - s.lowest <= 53;
    if (threadIdx.x < 3) {
        const int c = (int)threadIdx.x;
        double v = 0;
        if (exact) {
            for (int w = 0; w < THREADS / 32; w++) {
                v += part[w][c];
            }
        } else {
#pragma unroll 8
            for (int i = 0; i < n; i++) {
                v = __dadd_rn(v, (double)points[i * stride + c]);
            }
        }
        total[c] = v;
    }
    __syncthreads();
    for (int c = 0; c < 3; c++) {
        sum[c] = total[c];
    }
}

/* alm_fps_start(): the point farthest from the mean, for n >= 1. */
template <int THREADS> __device__ int start_of(const float *points, int64_t stride, int n)
{
    SHARED(double, distance, [THREADS / 32]);
    SHARED(int, index, [THREADS / 32]);
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    double mean[3];
    sums_of<THREADS>(points, stride, n, mean);
    for (int c = 0; c < 3; c++) {
        mean[c] = __ddiv_rn(mean[c], (double)n);
    }
    fps_farthest best = {-1.0, INT32_MAX};
    for (int i = (int)threadIdx.x; i < n; i += THREADS) {
        double sum = 0;
        for (int c = 0; c < 3; c++) {
            const double difference = __dsub_rn((double)points[i * stride + c], mean[c]);
            sum = __dadd_rn(sum, __dmul_rn(difference, difference));
        }
        keep_better(best, sum < (double)INFINITY ? sum : (double)INFINITY, i);
    }
    for (int d = 16; d > 0; d >>= 1) {
        const double far = __shfl_xor_sync(FULL_WARP, best.distance, d);
        const int at = __shfl_xor_sync(FULL_WARP, best.index, d);
        keep_better(best, far, at);
    }
    if (lane == 0) {
        distance[warp] = best.distance;
        index[warp] = best.index;
    }
    __syncthreads();
    for (int w = 0; w < THREADS / 32; w++) {
        keep_better(best, distance[w], index[w]);
    }
    return best.index;
}

/* Squared distance in float32, added in order, nothing fused. */
__device__ __forceinline__ float squared(float dx, float dy, float dz)
{
    return __fadd_rn(__fadd_rn(__fmul_rn(dx, dx), __fmul_rn(dy, dy)), __fmul_rn(dz, dz));
}

/* One block of 128 threads a cloud (blockIdx.x) of at most 128·POINTS points; thread t has the
 * points t·POINTS ... + POINTS, so that a lower thread has lower indices. */
template <int POINTS>
static __global__ void __launch_bounds__(SMALL_THREADS, 1) fps_small(fps_clouds clouds, int count)
{
    SHARED(int2, best, [2][SMALL_THREADS / 32]); /* bits of the distance, index */
    alm_shared_arena arena;
    float *points = arena.take<float>(3 * SMALL_THREADS * POINTS);
    release_dependents();
    wait_for_inputs();
    const fps_cloud c = blockIdx.x == 0 ? clouds.of[0] : clouds.of[1];
    const int n = c.points.get(), first = (int)threadIdx.x * POINTS;
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    if (n == 0) {
        for (int t = (int)threadIdx.x; t < count; t += SMALL_THREADS) {
            c.out[t * c.out_stride] = 0;
        }
        return;
    }
#pragma unroll 8
    for (int i = (int)threadIdx.x; i < 3 * n; i += SMALL_THREADS) {
        points[i] = c.xyz[i / 3 * c.stride + i % 3];
    }
    __syncthreads();
    int last = start_of<SMALL_THREADS>(points, 3, n);
    float x[POINTS], y[POINTS], z[POINTS], distance[POINTS];
#pragma unroll
    for (int p = 0; p < POINTS; p++) { /* -1: not a point, never farthest */
        const bool inside = first + p < n;
        x[p] = inside ? points[3 * (first + p)] : 0;
        y[p] = inside ? points[3 * (first + p) + 1] : 0;
        z[p] = inside ? points[3 * (first + p) + 2] : 0;
        distance[p] = inside ? INFINITY : -1.0f;
    }
    for (int t = 0;; t++) {
        if (threadIdx.x == 0) {
            c.out[t * c.out_stride] = last;
        }
        if (t + 1 == count) {
            return;
        }
        const float qx = points[3 * last], qy = points[3 * last + 1], qz = points[3 * last + 2];
        float far = -1.0f;
        int at = 0;
#pragma unroll
        for (int p = 0; p < POINTS; p++) { /* fminf: NaN changes nothing */
            distance[p] = fminf(distance[p], squared(__fsub_rn(x[p], qx), __fsub_rn(y[p], qy),
                                                     __fsub_rn(z[p], qz)));
            at = distance[p] > far ? p : at;
            far = fmaxf(distance[p], far);
        }
        /* As integers distances order as they do as numbers, and -1 is below them all. */
        const int bits = __float_as_int(far), most = __reduce_max_sync(FULL_WARP, bits);
        const unsigned equal = __ballot_sync(FULL_WARP, bits == most);
        if (lane == __ffs((int)equal) - 1) {
            best[t % 2][warp] = make_int2(bits, first + at);
        }
        __syncthreads();
        int2 winner = best[t % 2][0];
        for (int w = 1; w < SMALL_THREADS / 32; w++) {
            const int2 other = best[t % 2][w];
            winner = other.x > winner.x ? other : winner;
        }
        last = winner.y;
    }
}

/* Any number of points: one block of 256 threads a cloud. */
static __global__ void __launch_bounds__(LARGE_THREADS) fps_large(fps_clouds clouds, int count)
{
    SHARED(unsigned long long, best, [2][LARGE_THREADS / 32]); /* distance, then lower index */
    release_dependents();
    wait_for_inputs();
    const fps_cloud c = blockIdx.x == 0 ? clouds.of[0] : clouds.of[1];
    const int n = c.points.get();
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    int last = n > 0 ? start_of<LARGE_THREADS>(c.xyz, c.stride, n) : 0;
    for (int i = (int)threadIdx.x; i < n; i += LARGE_THREADS) {
        c.distance[i] = INFINITY;
    }
    for (int t = 0;; t++) {
        if (threadIdx.x == 0) {
            c.out[t * c.out_stride] = last;
        }
        if (t + 1 == count) {
            return;
        }
        const float *q = c.xyz + last * c.stride;
        unsigned long long key = 0;
        for (int i = (int)threadIdx.x; i < n; i += LARGE_THREADS) {
            const float *p = c.xyz + i * c.stride;
            const float d =
                fminf(c.distance[i],
                      squared(__fsub_rn(p[0], q[0]), __fsub_rn(p[1], q[1]), __fsub_rn(p[2], q[2])));
            c.distance[i] = d;
            const unsigned long long mine =
                (unsigned long long)__float_as_uint(d) << 32 | (0xFFFFFFFFu - (unsigned)i);
            key = max(key, mine);
        }
        for (int d = 16; d > 0; d >>= 1) {
            key = max(key, __shfl_xor_sync(FULL_WARP, key, d));
        }
        if (lane == 0) {
            best[t % 2][warp] = key;
        }
        __syncthreads();
        key = best[t % 2][0];
        for (int w = 1; w < LARGE_THREADS / 32; w++) {
            key = max(key, best[t % 2][w]);
        }
        last = n > 0 ? (int)(0xFFFFFFFFu - (unsigned)(key & 0xFFFFFFFFu)) : 0;
    }
}

static size_t workspace(const alm_op_args *a, const alm_device *device)
{
    (void)device;
    const int64_t points = a->in[0].desc.dim[0];
    return points > SMALL_POINTS ? (size_t)points * sizeof(float) : 0;
}

static fps_cloud cloud_of(const alm_op_args *a)
{
    const alm_tensor *xyz = &a->in[0], *out = &a->out[0];
    return fps_cloud{(const float *)xyz->data, xyz->stride, alm_row_count_of(xyz),
                     (int32_t *)out->data,     out->stride, (float *)a->workspace};
}

static alm_status launch(const alm_exec *x, const alm_op_args *a, const alm_op_args *b)
{
    const int count = ((const alm_fps_attr *)a->attr)->count;
    const int64_t points = a->in[0].desc.dim[0];
    const fps_clouds clouds = {{cloud_of(a), cloud_of(b ? b : a)}};
    const dim3 grid(b ? 2 : 1);
    const size_t unit = 3 * SMALL_THREADS * sizeof(float);
    if (points > SMALL_POINTS) {
        return alm_launch(x, "fps", fps_large, grid, dim3(LARGE_THREADS), 0, clouds, count);
    }
    if (points <= 8 * SMALL_THREADS) {
        return alm_launch(x, "fps", fps_small<8>, grid, dim3(SMALL_THREADS), 8 * unit, clouds,
                          count);
    }
    return alm_launch(x, "fps", fps_small<24>, grid, dim3(SMALL_THREADS), 24 * unit, clouds, count);
}

static alm_status run(const alm_exec *x, const alm_op_args *a)
{
    return launch(x, a, nullptr);
}

extern "C" const alm_kernel alm_fps_cuda_kernels[] = {
    {.name = "fps_f32_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .workspace = workspace,
     .run = run,
     .run_pair = launch},
    {.name = nullptr},
};

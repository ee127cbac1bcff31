/* knn: a block takes 16 (or 8) queries. It runs over the points in tiles of 128 in shared memory,
 * keeps the distances of its queries there, and each warp chooses the nearest of two queries. What
 * does not fit goes a warp a query with the distances in the workspace.
 *
 * Distances are differences, squares and sums in float32, coordinates ascending, nothing fused: the
 * same bits as on the CPU, hence the same integers. They are chosen on their bits, which order as
 * the distances do:
 *   - each lane takes the least of its points; every one is another point, so that the k-th of
 *     these 32 is at least the k-th distance (k <= 32);
 *   - the points within that bound, about 3 of 100, are put together in the order of their index;
 *   - counting those that go before each gives the k nearest.
 * Where these are more than 64, bisection finds the k-th distance among all.
 */
#include "kernels/cuda/device.cuh"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/table.h"

extern "C" {
#include "kernels/knn/knn.h"
}

enum {
    TILE = 128,       /* points of a tile */
    CANDIDATES = 64,  /* points within the bound that are counted out */
    ROW_WARPS = 1024, /* of the kernel for everything: queries under way */
    INFINITE = 0x7F800000
};

struct knn_side {
    const float *query, *points; /* [Q, size], [N, size] */
    int64_t query_stride, point_stride;
    alm_row_count queries, count;
    int32_t *out; /* [Q, k] */
    int64_t out_stride;
    uint32_t *distance; /* the kernel for everything: [warps][N] */
};

struct knn_sides {
    knn_side of[2];
};

__device__ __forceinline__ float add_squared(float sum, float a, float b)
{
    const float difference = __fsub_rn(a, b);
    return __fadd_rn(sum, __fmul_rn(difference, difference));
}

/* NaN counts as infinity. */
__device__ __forceinline__ uint32_t bits_of(float sum)
{
    return __float_as_uint(sum < INFINITY ? sum : INFINITY);
}

/* At least the k-th of the distances, k <= 32. */
__device__ __forceinline__ uint32_t bound_of(const uint32_t *distance, int n, int k)
{
    const int lane = (int)threadIdx.x % 32;
    uint32_t least = 0xFFFFFFFFu;
    for (int i = lane; i < n; i += 32) {
        least = min(least, distance[i]);
    }
    int rank = 0;
#pragma unroll
    for (int j = 0; j < 32; j++) {
        const uint32_t other = __shfl_sync(FULL_WARP, least, j);
        rank += other < least || (other == least && j < lane);
    }
    const unsigned who = __ballot_sync(FULL_WARP, rank == k - 1);
    return __shfl_sync(FULL_WARP, least, __ffs((int)who) - 1);
}

/* The k-th of the distances. */
__device__ uint32_t bisect(const uint32_t *distance, int n, int k, uint32_t high)
{
    uint32_t low = 0;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        unsigned below = 0;
        for (int i = (int)threadIdx.x % 32; i < n; i += 32) {
            below += distance[i] <= middle;
        }
        if (__reduce_add_sync(FULL_WARP, below) >= (unsigned)k) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

/* The points below the k-th distance and the first ones at it. */
__device__ void choose_by_bisection(const uint32_t *distance, int n, int k, uint32_t high,
                                    int32_t *out)
{
    const int lane = (int)threadIdx.x % 32;
    const unsigned before = (1u << lane) - 1;
    const uint32_t kth = bisect(distance, n, k, high);
    unsigned below = 0;
    for (int i = lane; i < n; i += 32) {
        below += distance[i] < kth;
    }
    const int equal_wanted = k - (int)__reduce_add_sync(FULL_WARP, below);
    int at = 0, equal_seen = 0;
    for (int first = 0; first < n; first += 32) {
        const int i = first + lane;
        const uint32_t d = i < n ? distance[i] : 0xFFFFFFFFu;
        const unsigned equal = __ballot_sync(FULL_WARP, d == kth);
        const bool taken =
            d < kth || (d == kth && equal_seen + __popc(equal & before) < equal_wanted);
        const unsigned all = __ballot_sync(FULL_WARP, taken);
        if (taken) {
            out[at + __popc(all & before)] = i;
        }
        at += __popc(all);
        equal_seen += __popc(equal);
    }
}

/* Writes the k nearest of the n points, ascending by index, what is over filled with the last one.
 * One warp. found: [CANDIDATES] of this warp, distance and index. */
__device__ void choose(const uint32_t *distance, int n, int k, uint2 *found, int32_t *out)
{
    const int lane = (int)threadIdx.x % 32, m = min(k, n);
    const unsigned before = (1u << lane) - 1;
    for (int t = m + lane; t < k; t += 32) {
        out[t] = n > 0 ? n - 1 : 0;
    }
    if (m == 0) {
        return;
    }
    if (m > 32) {
        choose_by_bisection(distance, n, m, INFINITE, out);
        return;
    }
    const uint32_t bound = min(bound_of(distance, n, m), (uint32_t)INFINITE);
    int count = 0;
    for (int first = 0; first < n && count <= CANDIDATES; first += 32) {
        const int i = first + lane;
        const uint32_t d = i < n ? distance[i] : 0xFFFFFFFFu;
        const unsigned within = __ballot_sync(FULL_WARP, d <= bound);
        const int at = count + __popc(within & before);
        if (d <= bound && at < CANDIDATES) {
            found[at] = make_uint2(d, (uint32_t)i);
        }
        count += __popc(within);
    }
    __syncwarp();
    if (count > CANDIDATES) {
        choose_by_bisection(distance, n, m, bound, out);
        return;
    }
    const uint2 none = make_uint2(0xFFFFFFFFu, 0);
    const uint2 a = lane < count ? found[lane] : none;
    const uint2 b = lane + 32 < count ? found[lane + 32] : none;
    int a_rank = 0, b_rank = 0;
    for (int j = 0; j < count; j++) {
        const uint32_t other = found[j].x;
        a_rank += other < a.x || (other == a.x && j < lane);
        b_rank += other < b.x || (other == b.x && j < lane + 32);
    }
    const bool take_a = lane < count && a_rank < m, take_b = lane + 32 < count && b_rank < m;
    const unsigned all_a = __ballot_sync(FULL_WARP, take_a);
    const unsigned all_b = __ballot_sync(FULL_WARP, take_b);
    if (take_a) {
        out[__popc(all_a & before)] = (int32_t)a.y;
    }
    if (take_b) {
        out[__popc(all_a) + __popc(all_b & before)] = (int32_t)b.y;
    }
    __syncwarp();
}

/* Points [first, first + TILE) into tile [TILE][pitch], what lies past n as zeros. flat: rows are
 * packed, pitch numbers long, and aligned to 16 bytes; then the copy is asynchronous. */
template <int THREADS>
__device__ __forceinline__ void load_tile(const knn_side &s, int size, int pitch, bool flat, int n,
                                          int first, float *tile)
{
    if (flat) {
        const float *from = s.points + (int64_t)first * size;
        const int64_t left = ((int64_t)n - first) * size * 4;
        for (int i = (int)threadIdx.x; i < TILE * size / 4; i += THREADS) {
            const int64_t valid = left - 16 * i;
            /* A copy of nothing needs an address all the same. */
            copy_async16(tile + 4 * i, valid > 0 ? from + 4 * i : s.points,
                         (int)(valid < 0    ? 0
                               : valid < 16 ? valid
                                            : 16));
        }
    } else {
        for (int i = (int)threadIdx.x; i < TILE * size; i += THREADS) {
            const int p = i / size, c = i % size;
            tile[p * pitch + c] = first + p < n ? s.points[(first + p) * s.point_stride + c] : 0;
        }
    }
}

/* Distances of four queries to the two points lane and lane + 32 of 64. query: [size][QUERIES] from
 * the first of the four; points: [64][pitch]. SIZE 0: any size. */
template <int SIZE, int QUERIES>
__device__ __forceinline__ void tile_distances(const float *query, const float *points, int size,
                                               int pitch, float (&sum)[4][2])
{
    const float *a = points + (int)threadIdx.x % 32 * pitch, *b = a + 32 * pitch;
    const int numbers = SIZE ? SIZE : size;
#pragma unroll(SIZE == 63 ? 9 : 3)
    for (int c = 0; c < numbers; c++) {
        const float4 q = *(const float4 *)(query + c * QUERIES);
        const float x = a[c], y = b[c];
        sum[0][0] = add_squared(sum[0][0], q.x, x);
        sum[0][1] = add_squared(sum[0][1], q.x, y);
        sum[1][0] = add_squared(sum[1][0], q.y, x);
        sum[1][1] = add_squared(sum[1][1], q.y, y);
        sum[2][0] = add_squared(sum[2][0], q.z, x);
        sum[2][1] = add_squared(sum[2][1], q.z, y);
        sum[3][0] = add_squared(sum[3][0], q.w, x);
        sum[3][1] = add_squared(sum[3][1], q.w, y);
    }
}

/* Numbers of a row in shared memory: odd, so that the rows of 32 lanes lie in 32 banks. */
static __host__ __device__ __forceinline__ int pitch_of(int size)
{
    return size | 1;
}

/* Capacity of a row of distances: whole tiles. */
static __host__ __device__ __forceinline__ int padded(int points)
{
    return (points + TILE - 1) / TILE * TILE;
}

/* Bytes of shared memory of knn_tiles. The parts: queries, two tiles, distances, candidates. */
static size_t tiles_bytes(int queries, int64_t size, int64_t points)
{
    const int64_t pitch = size | 1, row = (points + TILE - 1) / TILE * TILE;
    return (size_t)((queries * size + 2 * TILE * pitch + queries * row) * 4 +
                    queries / 2 * CANDIDATES * 8);
}

/* QUERIES queries from blockIdx.x·QUERIES of side blockIdx.y on; 16 threads a query. A warp takes
 * four queries and half a tile, then chooses for two queries. */
template <int SIZE, int QUERIES>
static __global__ void __launch_bounds__(16 * QUERIES, 1)
    knn_tiles(knn_sides sides, int size, int capacity, int k)
{
    enum { THREADS = 16 * QUERIES };
    size = SIZE ? SIZE : size;
    const int pitch = pitch_of(size), row = padded(capacity);
    alm_shared_arena arena;
    float *query = arena.take<float>(QUERIES * size);
    float *tile = arena.take<float>(2 * TILE * pitch);
    uint32_t *distance = arena.take<uint32_t>(QUERIES * row);
    uint2 *candidates = arena.take<uint2>(QUERIES / 2 * CANDIDATES);
    release_dependents();
    wait_for_inputs();
    const knn_side s = blockIdx.y == 0 ? sides.of[0] : sides.of[1];
    const int n = s.count.get(), queries = s.queries.get();
    const int first_query = (int)blockIdx.x * QUERIES;
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    const bool flat = s.point_stride == size && pitch == size && (uintptr_t)s.points % 16 == 0;
    if (first_query >= queries) {
        return;
    }
    if (n > 0) {
        load_tile<THREADS>(s, size, pitch, flat, n, 0, tile);
    }
    copy_async_commit();
    for (int i = (int)threadIdx.x; i < QUERIES * size; i += THREADS) {
        const int q = min(first_query + i / size, queries - 1), c = i % size;
        query[c * QUERIES + i / size] = s.query[q * s.query_stride + c];
    }
    const int quad = warp / 2 * 4, half = warp % 2 * 64;
    for (int first = 0, t = 0; first < n; first += TILE, t ^= 1) {
        if (first + TILE < n) {
            load_tile<THREADS>(s, size, pitch, flat, n, first + TILE,
                               tile + (t ^ 1) * TILE * pitch);
        }
        copy_async_commit();
        copy_async_wait<1>();
        __syncthreads();
        float sum[4][2] = {};
        tile_distances<SIZE, QUERIES>(query + quad, tile + (t * TILE + half) * pitch, size, pitch,
                                      sum);
#pragma unroll
        for (int q = 0; q < 4; q++) {
            uint32_t *to = distance + (quad + q) * row + first + half + lane;
            to[0] = bits_of(sum[q][0]);
            to[32] = bits_of(sum[q][1]);
        }
        __syncthreads();
    }
    for (int q = 2 * warp; q < 2 * warp + 2 && first_query + q < queries; q++) {
        choose(distance + q * row, n, k, candidates + warp * CANDIDATES,
               s.out + (first_query + q) * s.out_stride);
    }
}

/* Everything: a warp takes query after query, its distances lie in the workspace. */
static __global__ void __launch_bounds__(128)
    knn_rows(knn_sides sides, int size, int capacity, int k)
{
    SHARED(uint2, candidates, [4][CANDIDATES]);
    release_dependents();
    wait_for_inputs();
    const knn_side s = blockIdx.y == 0 ? sides.of[0] : sides.of[1];
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    const int n = s.count.get(), queries = s.queries.get(), warps = (int)gridDim.x * 4;
    const int mine = (int)blockIdx.x * 4 + warp;
    uint32_t *distance = s.distance + (int64_t)mine * capacity;
    for (int q = mine; q < queries; q += warps) {
        const float *query = s.query + q * s.query_stride;
        for (int i = lane; i < n; i += 32) {
            const float *p = s.points + i * s.point_stride;
            float sum = 0;
            for (int c = 0; c < size; c++) {
                sum = add_squared(sum, query[c], p[c]);
            }
            distance[i] = bits_of(sum);
        }
        __syncwarp();
        choose(distance, n, k, candidates[warp], s.out + q * s.out_stride);
        __syncwarp();
    }
}

/* Queries of a block of knn_tiles; 0: knn_rows. */
static int queries_of(const alm_op_args *a, const alm_device *device)
{
    const int64_t size = alm_desc_row(&a->in[1].desc), points = a->in[1].desc.dim[0];
    for (int queries = 16; queries >= 8; queries /= 2) {
        if (size > 0 && size < 4096 && points < 65536 &&
            tiles_bytes(queries, size, points) <= device->shared_bytes) {
            return queries;
        }
    }
    return 0;
}

static unsigned row_blocks(const alm_op_args *a)
{
    const int64_t queries = a->in[0].desc.dim[0];
    return alm_blocks(queries < ROW_WARPS ? queries : (int64_t)ROW_WARPS, 4);
}

static size_t workspace(const alm_op_args *a, const alm_device *device)
{
    if (queries_of(a, device)) {
        return 0;
    }
    return (size_t)row_blocks(a) * 4 * (size_t)a->in[1].desc.dim[0] * sizeof(uint32_t);
}

static knn_side side_of(const alm_op_args *a)
{
    const alm_tensor *query = &a->in[0], *points = &a->in[1], *out = &a->out[0];
    return knn_side{(const float *)query->data,
                    (const float *)points->data,
                    query->stride,
                    points->stride,
                    alm_row_count_of(query),
                    alm_row_count_of(points),
                    (int32_t *)out->data,
                    out->stride,
                    (uint32_t *)a->workspace};
}

template <int QUERIES>
static alm_status launch_tiles(const alm_exec *x, const alm_op_args *a, const knn_sides &sides,
                               unsigned count)
{
    const int k = ((const alm_knn_attr *)a->attr)->k;
    const int size = (int)alm_desc_row(&a->in[1].desc), points = (int)a->in[1].desc.dim[0];
    void (*const kernel)(knn_sides, int, int, int) = size == 63  ? knn_tiles<63, QUERIES>
                                                     : size == 3 ? knn_tiles<3, QUERIES>
                                                                 : knn_tiles<0, QUERIES>;
    const dim3 grid(alm_blocks(a->in[0].desc.dim[0], QUERIES), count);
    return alm_launch(x, "knn", kernel, grid, dim3(16 * QUERIES),
                      tiles_bytes(QUERIES, size, points), sides, size, points, k);
}

static alm_status launch(const alm_exec *x, const alm_op_args *a, const alm_op_args *b)
{
    const knn_sides sides = {{side_of(a), side_of(b ? b : a)}};
    const unsigned count = b ? 2 : 1;
    const int queries = queries_of(a, x->device);
    if (queries == 16) {
        return launch_tiles<16>(x, a, sides, count);
    }
    if (queries == 8) {
        return launch_tiles<8>(x, a, sides, count);
    }
    return alm_launch(x, "knn", knn_rows, dim3(row_blocks(a), count), dim3(128), 0, sides,
                      (int)alm_desc_row(&a->in[1].desc), (int)a->in[1].desc.dim[0],
                      ((const alm_knn_attr *)a->attr)->k);
}

static alm_status run(const alm_exec *x, const alm_op_args *a)
{
    return launch(x, a, nullptr);
}

extern "C" const alm_kernel alm_knn_cuda_kernels[] = {
    {.name = "knn_f32_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .workspace = workspace,
     .run = run,
     .run_pair = launch},
    {.name = nullptr},
};

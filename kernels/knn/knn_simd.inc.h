/* knn, written once for AVX-512 and AVX2.
 *
 * The points are transposed into [C][M], so that lanes are points. A task takes QUERIES queries: a
 * register tile of QUERIES × VECTORS vectors of points runs along the coordinates, each a
 * difference, a square and a sum as in the reference, which gives the same bits. Then the k nearest
 * of each query are chosen on the bits of the distances, which order as the distances do:
 *   - each of GROUPS vectors of lanes keeps its minimum; every minimum is another point, so that
 *     with k lanes or more the largest of them is at least the k-th distance;
 *   - the points within that bound, about a tenth, are put together, in the order of their index;
 *   - bisection finds the k-th distance among them; what is below it and the first ones that are
 *     equal to it are the result, ascending by index.
 */
#include "kernels/core/simd.h"
#include "kernels/knn/knn.h"

#include <limits.h>
#include <math.h>

enum {
    W = ALM_VF_WIDTH,
#if defined(__AVX512F__)
    QUERIES = 4,
    VECTORS = 4,
#else
    QUERIES = 2,
    VECTORS = 4,
#endif
    BLOCK = VECTORS * W, /* points of a register tile */
    GROUPS = 4           /* vectors of minima, at most */
};

#if defined(__AVX512F__)

static inline alm_vi load_bits(const int32_t *p)
{
    return _mm512_loadu_si512(p);
}

static inline void store_bits(int32_t *p, alm_vi v)
{
    _mm512_storeu_si512(p, v);
}

static inline alm_vi set_bits(int32_t v)
{
    return _mm512_set1_epi32(v);
}

static inline alm_vi add_bits(alm_vi a, alm_vi b)
{
    return _mm512_add_epi32(a, b);
}

static inline alm_vi smaller_bits(alm_vi a, alm_vi b)
{
    return _mm512_min_epi32(a, b);
}

/* Bit i: lane i of a is at most lane i of b. */
static inline uint32_t not_above(alm_vi a, alm_vi b)
{
    return _mm512_cmple_epi32_mask(a, b);
}

/* Puts the lanes of v that `lanes` names together at p, which has room for W. */
static inline void put_lanes(int32_t *p, alm_vi v, uint32_t lanes)
{
    _mm512_storeu_si512(p, _mm512_maskz_compress_epi32((__mmask16)lanes, v));
}

#else

static inline alm_vi load_bits(const int32_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

static inline void store_bits(int32_t *p, alm_vi v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, v);
}

static inline alm_vi set_bits(int32_t v)
{
    return _mm256_set1_epi32(v);
}

static inline alm_vi add_bits(alm_vi a, alm_vi b)
{
    return _mm256_add_epi32(a, b);
}

static inline alm_vi smaller_bits(alm_vi a, alm_vi b)
{
    return _mm256_min_epi32(a, b);
}

static inline uint32_t not_above(alm_vi a, alm_vi b)
{
    return ~(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(a, b))) & 0xFF;
}

static inline void put_lanes(int32_t *p, alm_vi v, uint32_t lanes)
{
    int32_t lane[W];
    store_bits(lane, v);
    for (; lanes; lanes &= lanes - 1) {
        *p++ = lane[__builtin_ctz(lanes)];
    }
}

#endif

/* What all tasks share. */
typedef struct job {
    const alm_op_args *a;
    int64_t n, m, size; /* points, rounded up to blocks; numbers of a point */
    float *points;      /* [size][m] */
    int32_t *scratch;   /* [threads][QUERIES + 2][m + W]: distances; candidates: distance, index */
} job;

static int64_t padded(int64_t n)
{
    return (n + BLOCK - 1) / BLOCK * BLOCK;
}

size_t ALM_SIMD_NAME(alm_knn_workspace)(const alm_op_args *a, const alm_device *device)
{
    const int64_t m = padded(a->in[1].desc.dim[0]), size = alm_desc_row(&a->in[1].desc);
    return (size_t)(size * m + device->threads * (QUERIES + 2) * (m + W)) * sizeof(float);
}

/* Points [block·BLOCK, ... + BLOCK) into lanes; the last one fills the lanes that are over. */
static void transpose(void *context, int64_t block, int thread)
{
    (void)thread;
    const job *j = context;
    for (int64_t i = block * BLOCK; i < (block + 1) * BLOCK; i++) {
        const float *p = alm_row(const float, &j->a->in[1], i < j->n ? i : j->n - 1);
        for (int64_t c = 0; c < j->size; c++) {
            j->points[c * j->m + i] = p[c];
        }
    }
}

/* Bits of the distances of QUERIES queries to one block of points. */
static inline void tile(const job *j, const float *const query[QUERIES], int64_t at, int32_t *out,
                        int64_t stride)
{
    alm_vf sum[QUERIES][VECTORS];
    for (int q = 0; q < QUERIES; q++) {
        for (int v = 0; v < VECTORS; v++) {
            sum[q][v] = alm_vf_zero();
        }
    }
    for (int64_t c = 0; c < j->size; c++) {
        const float *p = j->points + c * j->m + at;
        for (int q = 0; q < QUERIES; q++) {
            const alm_vf x = alm_vf_set1(query[q][c]);
            for (int v = 0; v < VECTORS; v++) {
                const alm_vf difference = x - alm_vf_load(p + v * W);
                sum[q][v] = sum[q][v] + difference * difference;
            }
        }
    }
    for (int q = 0; q < QUERIES; q++) {
        for (int v = 0; v < VECTORS; v++) {
            const alm_vf finite = alm_vf_min(sum[q][v], alm_vf_set1(INFINITY));
            store_bits(out + q * stride + at + v * W, alm_vf_bits(finite));
        }
    }
}

/* At least the k-th smallest of the m distances. */
static int32_t bound_of(const int32_t *distance, int64_t m, int k)
{
    const int groups = (k + W - 1) / W;
    if (groups > GROUPS) {
        return INT_MAX - 1;
    }
    alm_vi least[GROUPS];
    for (int g = 0; g < GROUPS; g++) {
        least[g] = set_bits(INT_MAX);
    }
    for (int64_t i = 0; i < m; i += groups * W) {
        for (int g = 0; g < groups && i + g * W < m; g++) {
            least[g] = smaller_bits(least[g], load_bits(distance + i + g * W));
        }
    }
    int32_t lane[GROUPS * W], bound = 0;
    for (int g = 0; g < groups; g++) {
        store_bits(lane + g * W, least[g]);
    }
    for (int i = 0; i < groups * W; i++) {
        bound = lane[i] > bound ? lane[i] : bound;
    }
    return bound < INT_MAX ? bound : INT_MAX - 1;
}

static int64_t count_not_above(const int32_t *bits, int64_t m, int32_t limit)
{
    const alm_vi at_most = set_bits(limit);
    int64_t n = 0;
    for (int64_t i = 0; i < m; i += W) {
        n += __builtin_popcount(not_above(load_bits(bits + i), at_most));
    }
    return n;
}

/* The k nearest of the n points, k <= n, as indices ascending. distance: [m], INT_MAX from n on. */
static void choose(const int32_t *distance, int64_t m, int k, int32_t *bits, int32_t *index,
                   int32_t *out)
{
    const int32_t bound = bound_of(distance, m, k);
    int32_t first[W];
    for (int i = 0; i < W; i++) {
        first[i] = i;
    }
    const alm_vi at_most = set_bits(bound);
    alm_vi number = load_bits(first);
    int64_t found = 0;
    for (int64_t i = 0; i < m; i += W) {
        const alm_vi v = load_bits(distance + i);
        const uint32_t lanes = not_above(v, at_most);
        put_lanes(bits + found, v, lanes);
        put_lanes(index + found, number, lanes);
        found += __builtin_popcount(lanes);
        number = add_bits(number, set_bits(W));
    }
    store_bits(bits + found, set_bits(INT_MAX));
    int32_t low = 0, high = bound; /* the k-th distance is in low ... high */
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if (count_not_above(bits, found, middle) >= k) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    int64_t equal = low > 0 ? k - count_not_above(bits, found, low - 1) : k;
    for (int64_t i = 0, at = 0; at < k; i++) {
        const bool is_equal = bits[i] == low;
        out[at] = index[i];
        at += bits[i] < low || (is_equal && equal > 0);
        equal -= is_equal;
    }
}

/* Queries [block·QUERIES, ... + QUERIES). */
static void one_block(void *context, int64_t block, int thread)
{
    const job *j = context;
    const alm_knn_attr *attr = j->a->attr;
    const alm_tensor *queries = &j->a->in[0], *out = &j->a->out[0];
    const int64_t first = block * QUERIES, rows = alm_rows(queries), stride = j->m + W;
    int32_t *distance = j->scratch + thread * (QUERIES + 2) * stride;
    int32_t *bits = distance + QUERIES * stride, *index = bits + stride;
    const float *query[QUERIES];
    for (int q = 0; q < QUERIES; q++) {
        query[q] = alm_row(const float, queries, first + q < rows ? first + q : rows - 1);
    }
    for (int64_t at = 0; at < j->m; at += BLOCK) {
        tile(j, query, at, distance, stride);
    }
    const int k = attr->k < j->n ? attr->k : (int)j->n;
    for (int64_t q = 0; q < QUERIES && first + q < rows; q++) {
        int32_t *row = alm_row(int32_t, out, first + q);
        for (int64_t i = j->n; i < j->m; i++) {
            distance[q * stride + i] = INT_MAX;
        }
        choose(distance + q * stride, j->m, k, bits, index, row);
        for (int t = k; t < attr->k; t++) {
            row[t] = (int32_t)j->n - 1;
        }
    }
}

alm_status ALM_SIMD_NAME(alm_knn_f32)(const alm_exec *exec, const alm_op_args *a)
{
    const int64_t n = alm_rows(&a->in[1]), m = padded(n), size = alm_desc_row(&a->in[1].desc);
    job j = {.a = a, .n = n, .m = m, .size = size, .points = a->workspace};
    j.scratch = (int32_t *)a->workspace + size * m;
    if (n < 1) {
        return alm_knn_f32_ref(exec, a);
    }
    alm_parallel_for(exec->pool, m / BLOCK, transpose, &j);
    alm_parallel_for(exec->pool, (alm_rows(&a->in[0]) + QUERIES - 1) / QUERIES, one_block, &j);
    return ALM_OK;
}

/* The mask of attention on a GPU, for every kernel of the family: which tiles of 64 keys a group of
 * queries skips, takes whole or must mask, and which keys of a tile one query sees.
 *
 * Tiles begin at multiples of 64 keys from key 0 on, whatever a kernel's tile of queries is. A tile
 * in which a query sees nothing leaves that query's sums as they are, to the bit, so how queries
 * are grouped decides about time only. Kinds of keys matter to points alone: a group of queries
 * without points never reads them. Include after device.cuh and attention.h.
 */
#pragma once

static const int ATTENTION_TILE = 64;   /* keys */
static const int ATTENTION_CHUNK = 128; /* tiles whose key kinds are held at a time */

/* Kinds of a group of queries, as bits. */
static const int QUERY_POINT = 1;     /* some query is a point */
static const int QUERY_NO_POINT = 2;  /* some is none */
static const int QUERY_INVARIANT = 4; /* some is an invariant point */
static const int QUERY_OTHER = 8;     /* some is not an invariant point */

/* Of a group of queries. Without a query: nothing is seen. */
struct attention_bounds {
    int begin_min, end_max; /* no range reaches outside of these */
    int begin_max, end_min; /* all ranges hold all between these */
    int kinds;
};

/* Kinds of the 64 keys of a tile, bit by bit. Bits past the last key are 0. */
struct attention_key_kinds {
    uint64_t points, equivariant;
};

enum attention_class { ATTENTION_SKIPPED, ATTENTION_PARTIAL, ATTENTION_FULL };

/* The bounds of no query. */
__device__ __forceinline__ attention_bounds attention_no_bounds()
{
    return attention_bounds{INT32_MAX, INT32_MIN, INT32_MIN, INT32_MAX, 0};
}

__device__ __forceinline__ void attention_bounds_join(attention_bounds &a,
                                                      const attention_bounds &b)
{
    a.begin_min = min(a.begin_min, b.begin_min);
    a.end_max = max(a.end_max, b.end_max);
    a.begin_max = max(a.begin_max, b.begin_max);
    a.end_min = min(a.end_min, b.end_min);
    a.kinds |= b.kinds;
}

/* rule: [3] begin, end, kind of one query. */
__device__ __forceinline__ attention_bounds attention_bounds_of(const int *rule)
{
    attention_bounds b = attention_no_bounds();
    if (rule[0] < rule[1]) {
        b.begin_min = b.begin_max = rule[0];
        b.end_max = b.end_min = rule[1];
    } else { /* an empty range: no tile is whole for it */
        b.begin_max = INT32_MAX;
    }
    b.kinds = (rule[2] != ALM_ROW_PLAIN ? QUERY_POINT : QUERY_NO_POINT) |
              (rule[2] == ALM_ROW_INVARIANT ? QUERY_INVARIANT : QUERY_OTHER);
    return b;
}

/* The same in every lane: the bounds of the lanes' bounds. */
__device__ __forceinline__ attention_bounds attention_bounds_of_warp(attention_bounds b)
{
    for (int d = 16; d > 0; d >>= 1) {
        attention_bounds other;
        other.begin_min = __shfl_xor_sync(FULL_WARP, b.begin_min, d);
        other.end_max = __shfl_xor_sync(FULL_WARP, b.end_max, d);
        other.begin_max = __shfl_xor_sync(FULL_WARP, b.begin_max, d);
        other.end_min = __shfl_xor_sync(FULL_WARP, b.end_min, d);
        other.kinds = __shfl_xor_sync(FULL_WARP, b.kinds, d);
        attention_bounds_join(b, other);
    }
    return b;
}

/* Keys of the tile that begins at `first` which exist, bit by bit; first < keys. */
__device__ __forceinline__ uint64_t attention_keys_of(int first, int keys)
{
    return keys - first >= ATTENTION_TILE ? ~0ull : (1ull << (keys - first)) - 1;
}

/* What the queries have to do with the keys first ... first + 63 of `keys`; first < keys. */
__device__ __forceinline__ attention_class attention_class_of(const attention_bounds &b, int first,
                                                              int keys, attention_key_kinds kinds)
{
    const uint64_t all = attention_keys_of(first, keys);
    const int last = min(first + ATTENTION_TILE, keys);
    const bool has_invariant = (b.kinds & QUERY_INVARIANT) != 0;
    const bool only_invariant = (b.kinds & QUERY_OTHER) == 0;
    /* Points that invariant queries do not see are left out when there are no other queries. */
    const uint64_t hidden = only_invariant ? kinds.equivariant : 0;
    const bool in_range = b.begin_min < last && first < b.end_max;
    const bool points_meet = (b.kinds & QUERY_POINT) != 0 && (kinds.points & ~hidden) != 0;
    if ((!in_range && !points_meet) || (all & ~hidden) == 0) {
        return ATTENTION_SKIPPED;
    }
    const bool all_in_range = b.begin_max <= first && last <= b.end_min;
    const bool all_points = (b.kinds & QUERY_NO_POINT) == 0 && kinds.points == all;
    const bool some_hidden = has_invariant && kinds.equivariant != 0;
    const bool is_whole = last - first == ATTENTION_TILE;
    return is_whole && (all_in_range || all_points) && !some_hidden ? ATTENTION_FULL
                                                                    : ATTENTION_PARTIAL;
}

/* Bits 0 ... n - 1, for any n. */
__device__ __forceinline__ uint64_t attention_bits_below(int n)
{
    return n <= 0 ? 0 : n >= 64 ? ~0ull : (1ull << n) - 1;
}

/* The keys first ... first + 63 of `keys` that a query sees, bit by bit; first < keys. */
__device__ __forceinline__ uint64_t attention_visible(const int *rule, int first, int keys,
                                                      attention_key_kinds kinds)
{
    /* Clamped, so that bounds far outside of the keys do not overflow. */
    const int begin = max(rule[0], 0), end = max(min(rule[1], keys), 0);
    uint64_t seen = attention_bits_below(end - first) & ~attention_bits_below(begin - first);
    seen |= rule[2] != ALM_ROW_PLAIN ? kinds.points : 0;
    seen &= rule[2] == ALM_ROW_INVARIANT ? ~kinds.equivariant : ~0ull;
    return seen & attention_keys_of(first, keys);
}

/* Kinds of the keys of the ATTENTION_CHUNK tiles from tile `first` on into shared memory (tiles
 * past the last key are left alone). All WARPS warps of the block call it, between barriers.
 * key_rule: [keys, 3], rows `stride` apart. */
template <int WARPS>
__device__ __forceinline__ void attention_scan_kinds(attention_key_kinds *kinds,
                                                     const int32_t *key_rule, int64_t stride,
                                                     int first, int keys)
{
    constexpr int BATCH = 8; /* tiles of a warp whose loads are under way together */
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    const int tiles = min(ATTENTION_CHUNK, (keys - 1) / ATTENTION_TILE + 1 - first);
    for (int t0 = warp; t0 < tiles; t0 += WARPS * BATCH) {
        int32_t kind[2 * BATCH];
#pragma unroll
        for (int i = 0; i < 2 * BATCH; i++) {
            const int64_t key =
                (int64_t)(first + t0 + i / 2 * WARPS) * ATTENTION_TILE + i % 2 * 32 + lane;
            kind[i] = key < keys ? key_rule[key * stride + 2] : (int32_t)ALM_ROW_PLAIN;
        }
#pragma unroll
        for (int i = 0; i < BATCH; i++) {
            const unsigned p0 = __ballot_sync(FULL_WARP, kind[2 * i] != ALM_ROW_PLAIN);
            const unsigned p1 = __ballot_sync(FULL_WARP, kind[2 * i + 1] != ALM_ROW_PLAIN);
            const unsigned e0 = __ballot_sync(FULL_WARP, kind[2 * i] == ALM_ROW_EQUIVARIANT);
            const unsigned e1 = __ballot_sync(FULL_WARP, kind[2 * i + 1] == ALM_ROW_EQUIVARIANT);
            if (lane == 0 && t0 + i * WARPS < tiles) {
                kinds[t0 + i * WARPS] =
                    attention_key_kinds{(uint64_t)p1 << 32 | p0, (uint64_t)e1 << 32 | e0};
            }
        }
    }
}

/* The rules of queries first ... first + ROWS - 1 into shared memory (an empty range for those past
 * `queries`), and their bounds: of each warp's ROWS/WARPS rows, and at [WARPS] of all. Ends with a
 * barrier. query_rule: [queries, 3], rows `stride` apart. */
template <int ROWS, int WARPS>
__device__ __forceinline__ void attention_load_rules(int (*rule)[3], attention_bounds *bounds,
                                                     const int32_t *query_rule, int64_t stride,
                                                     int first, int queries)
{
    static_assert(ROWS / WARPS <= 32 && ROWS % WARPS == 0, "a lane holds at most one query");
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    attention_bounds b = attention_no_bounds();
    if (lane < ROWS / WARPS) {
        const int row = warp * (ROWS / WARPS) + lane;
        const bool is_there = first + row < queries;
        const int32_t *from = query_rule + (is_there ? (first + row) * stride : 0);
        int mine[3];
        for (int i = 0; i < 3; i++) {
            mine[i] = is_there ? from[i] : 0;
            rule[row][i] = mine[i];
        }
        b = is_there ? attention_bounds_of(mine) : b;
    }
    b = attention_bounds_of_warp(b);
    if (lane == 0) {
        bounds[warp] = b;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int w = 0; w < WARPS - 1; w++) {
            attention_bounds_join(b, bounds[w + 1]);
        }
        bounds[WARPS] = b;
    }
    __syncthreads();
}

/* Of tile i of a chunk. kinds NULL: no query is a point, so that they do not matter. */
__device__ __forceinline__ attention_key_kinds attention_kinds_of(const attention_key_kinds *kinds,
                                                                  int i)
{
    return kinds ? kinds[i] : attention_key_kinds{0, 0};
}

/* The first tile from `tile` on, before `end`, that is not skipped; `end` when there is none. kinds
 * are those of the chunk that begins at tile `chunk`; NULL when no query is a point. */
__device__ __forceinline__ int attention_next_tile(const attention_bounds &b, int tile, int end,
                                                   int keys, const attention_key_kinds *kinds,
                                                   int chunk)
{
    for (; tile < end; tile++) {
        const attention_key_kinds k = attention_kinds_of(kinds, tile - chunk);
        if (attention_class_of(b, tile * ATTENTION_TILE, keys, k) != ATTENTION_SKIPPED) {
            break;
        }
    }
    return tile;
}

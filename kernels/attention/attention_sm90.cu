/* Flash attention of bf16 operands on Hopper: wgmma, TMA, mbarriers; heads of 64 or 128. Only for
 * sm_90a.
 *
 * A block has GROUPS warpgroups of 64 queries each. Tiles of 64 keys of k and v come in turn
 * through a ring of slots that one thread has the TMA unit fill; a slot is filled anew when all
 * warps have released it. A warpgroup lets the tensor cores multiply the next keys with its queries
 * while they still weigh the values of the tile before, and computes the exponentials meanwhile;
 * several warpgroups on a multiprocessor fill each other's gaps.
 *
 * The mask and the arithmetic are those of attention_bf16.cuh: softmax over tiles of 64 keys from
 * key 0 on, a tile of which a row sees nothing changes none of its bits.
 */
#include "kernels/cuda/device.cuh"

extern "C" {
#include "kernels/attention/attention.h"
}

#include "kernels/cuda/hopper.cuh"
#include "kernels/cuda/launch.h"

#include "kernels/attention/attention_args.cuh"
#include "kernels/attention/attention_mask.cuh"
#include "kernels/attention/attention_sm90.h"

enum {
    GROUP_ROWS = 64,                               /* queries of a warpgroup */
    HALF_BYTES = ATTENTION_TILE * PANEL_ROW_BYTES, /* 64 keys, 64 channels */
    MOST_KEYS = ATTENTION_CHUNK * ATTENTION_TILE   /* so that their kinds are read once */
};

template <int D, int GROUPS> struct flash90 {
    static constexpr int threads = GROUPS * WARPGROUP, warps = threads / 32;
    static constexpr int rows = GROUPS * GROUP_ROWS;
    static constexpr int panels = D / PANEL_COLUMNS;
    static constexpr int q_bytes = panels * rows * PANEL_ROW_BYTES;
    static constexpr int slot_bytes = panels * HALF_BYTES;
    /* A single warpgroup: three blocks share a multiprocessor where D is 128. */
    static constexpr int slots = D == 64 ? 4 * GROUPS : GROUPS == 1 ? 3 : 6;
    /* Items beyond those that the fetching warpgroup has released; another may be a tile behind. */
    static constexpr int ahead = GROUPS == 1 ? slots : slots - 2;
    static constexpr int blocks = D == 64 ? 4 / GROUPS : GROUPS == 1 ? 3 : 1;
    static constexpr int shared_bytes =
        q_bytes + slots * slot_bytes + ATTENTION_CHUNK * (int)sizeof(attention_key_kinds) +
        (rows * 3 * (int)sizeof(int) + 15) / 16 * 16 +
        ((warps + GROUPS + 1) * (int)sizeof(attention_bounds) + 15) / 16 * 16 + 2 * slots * 8 + 16;
};

struct flash90_maps {
    const CUtensorMap *q, *k, *v;
};

/* The parts of shared memory, and what the block is to do. */
struct flash90_block {
    unsigned char *q, *ring;
    attention_key_kinds *kinds; /* NULL: no query is a point */
    int (*rule)[3];
    attention_bounds *bounds; /* of each warp, of each warpgroup, of the block */
    uint64_t *full, *empty, *q_full;
    const attention_bounds *all;
    int keys, tiles, head, kv_column;
};

/* Of a thread: two rows h of its warp, 8 apart; channels and keys as in product_bf16. */
template <int D> struct flash90_state {
    float o[D / 2];
    float s[ATTENTION_TILE / 2]; /* scores, then weights */
    uint32_t p[ATTENTION_TILE / 16][4];
    float largest[2], sum[2], factor[2];
};

/* Items of the ring: k of the block's n-th tile is item 2n, v is 2n + 1. Item i lies in slot
 * i % SLOTS and is the (i / SLOTS)-th there. */
template <class F>
static __device__ __forceinline__ void wait_for_item(const flash90_block &b, int item)
{
    const int slot = item % F::slots;
    mbarrier_wait(&b.full[slot], (uint32_t)(item / F::slots) & 1, 'f' + 256 * slot);
}

template <class F>
static __device__ __forceinline__ void release_item(const flash90_block &b, int item)
{
    if (threadIdx.x % 32 == 0) {
        mbarrier_arrive(&b.empty[item % F::slots]);
    }
}

/* Which item is fetched next, and of which tile. Only one thread has it. */
struct flash90_fetcher {
    int item, tile;
};

/* Fetches the items before `limit` that there are. */
template <class F>
static __device__ __forceinline__ void fetch_items(const flash90_block &b, const flash90_maps &maps,
                                                   flash90_fetcher &f, int limit)
{
    while (f.item < limit && f.tile < b.tiles) {
        const int slot = f.item % F::slots;
        const CUtensorMap *const map = f.item % 2 == 0 ? maps.k : maps.v;
        unsigned char *const to = b.ring + slot * F::slot_bytes;
        mbarrier_wait(&b.empty[slot], ((uint32_t)(f.item / F::slots) & 1) ^ 1, 'e' + 256 * slot);
        mbarrier_expect(&b.full[slot], F::slot_bytes);
#pragma unroll
        for (int i = 0; i < F::panels; i++) {
            copy_panel(to + i * HALF_BYTES, map, b.kv_column + i * PANEL_COLUMNS,
                       f.tile * ATTENTION_TILE, &b.full[slot]);
        }
        if (f.item % 2 == 1) {
            f.tile = attention_next_tile(*b.all, f.tile + 1, b.tiles, b.keys, b.kinds, 0);
        }
        f.item++;
    }
}

/* Scores of keys that a row does not see become -infinity. rule: of this warp's 16 queries. */
static __device__ __forceinline__ void mask_scores(float (&s)[ATTENTION_TILE / 2],
                                                   const int (*rule)[3], int first, int keys,
                                                   attention_key_kinds kinds)
{
    const int lane = (int)threadIdx.x % 32;
#pragma unroll
    for (int h = 0; h < 2; h++) {
        const uint64_t seen =
            attention_visible(rule[8 * h + lane / 4], first, keys, kinds) >> (lane % 4 * 2);
        const uint32_t half[2] = {(uint32_t)seen, (uint32_t)(seen >> 32)};
#pragma unroll
        for (int j = 0; j < 8; j++) {
#pragma unroll
            for (int e = 0; e < 2; e++) {
                const bool is_seen = half[j / 4] >> (j % 4 * 8 + e) & 1;
                s[4 * j + 2 * h + e] = is_seen ? s[4 * j + 2 * h + e] : -INFINITY;
            }
        }
    }
}

/* Scores become weights 2^(scale·(score - largest so far)); `factor` is what the products so far
 * are to be multiplied by. `scale` is positive and holds log2(e). */
template <int D> static __device__ __forceinline__ void softmax(flash90_state<D> &w, float scale)
{
#pragma unroll
    for (int h = 0; h < 2; h++) {
        float largest = w.largest[h];
#pragma unroll
        for (int j = 0; j < 8; j++) {
            largest = fmaxf(largest, fmaxf(w.s[4 * j + 2 * h], w.s[4 * j + 2 * h + 1]));
        }
        largest = fmaxf(largest, __shfl_xor_sync(FULL_WARP, largest, 1));
        largest = fmaxf(largest, __shfl_xor_sync(FULL_WARP, largest, 2));
        /* Nothing seen yet: all weights are 2^-infinity. Products on their own, not in a fused one:
         * where the largest stays, the factor is exactly 2^0. */
        const float base = largest == -INFINITY ? 0 : __fmul_rn(largest, scale);
        w.factor[h] = fast_exp2(__fmul_rn(w.largest[h], scale) - base);
        w.largest[h] = largest;
        float sum[2] = {};
#pragma unroll
        for (int j = 0; j < 8; j++) {
#pragma unroll
            for (int e = 0; e < 2; e++) {
                const float p = fast_exp2(fmaf(w.s[4 * j + 2 * h + e], scale, -base));
                w.s[4 * j + 2 * h + e] = p;
                sum[e] += p;
            }
        }
        w.sum[h] = fmaf(w.sum[h], w.factor[h], sum[0] + sum[1]);
    }
}

/* The weights become the left operand; the products so far move to the new largest. */
template <int D> static __device__ __forceinline__ void take_weights(flash90_state<D> &w)
{
#pragma unroll
    for (int c = 0; c < ATTENTION_TILE / 16; c++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            w.p[c][i] = pack_bf16(w.s[8 * c + 2 * i], w.s[8 * c + 2 * i + 1]);
        }
    }
#pragma unroll
    for (int i = 0; i < D / 2; i++) {
        w.o[i] *= w.factor[i / 2 % 2];
    }
}

/* Rows of v past the last key may hold anything; their weights are 0, but 0·NaN is not. */
template <class F>
static __device__ __forceinline__ void clear_values(unsigned char *v, int from, int group)
{
    const int thread = (int)threadIdx.x % WARPGROUP;
    for (int i = thread; i < (ATTENTION_TILE - from) * 8 * F::panels; i += WARPGROUP) {
        const int panel = i / 8 / (ATTENTION_TILE - from), row = i / 8 % (ATTENTION_TILE - from);
        *(uint4 *)(v + panel * HALF_BYTES + (from + row) * PANEL_ROW_BYTES + i % 8 * 16) =
            make_uint4(0, 0, 0, 0);
    }
    shared_writes_to_async();
    named_barrier(1 + group, WARPGROUP);
}

/* Divides and writes this warp's rows, from row `first` of out on. */
template <int D>
static __device__ __forceinline__ void
store_rows(const attention_args &a, const flash90_state<D> &w, int first, int queries, int head)
{
    const int lane = (int)threadIdx.x % 32;
#pragma unroll
    for (int h = 0; h < 2; h++) {
        float sum = w.sum[h];
        sum += __shfl_xor_sync(FULL_WARP, sum, 1);
        sum += __shfl_xor_sync(FULL_WARP, sum, 2);
        const float inverse = sum == 0 ? 0 : 1 / sum;
        const int row = first + 8 * h + lane / 4;
        const int64_t at = row * a.out_stride + head * D + lane % 4 * 2;
        if (row >= queries) {
            continue;
        }
#pragma unroll
        for (int n = 0; n < D / 8; n++) {
            /* + 0: the sign of a zero would tell of tiles that were passed. */
            const float x = fmaf(w.o[4 * n + 2 * h], inverse, 0.0f);
            const float y = fmaf(w.o[4 * n + 2 * h + 1], inverse, 0.0f);
            if (!a.out_pairs) {
                attention_store(a, at + n * 8, x);
                attention_store(a, at + n * 8 + 1, y);
            } else if (a.out_bf16) {
                *(uint32_t *)((bf16 *)a.out + at + n * 8) = pack_bf16(x, y);
            } else {
                *(float2 *)((float *)a.out + at + n * 8) = make_float2(x, y);
            }
        }
    }
}

/* The rules of the queries, their bounds by warp, and when points are among them the kinds of all
 * keys. All threads call it. */
template <class F>
static __device__ __forceinline__ void load_mask(flash90_block &b, const attention_args &a,
                                                 int first, int queries)
{
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    attention_bounds mine = attention_no_bounds();
    if (lane < 16) {
        const int row = 16 * warp + lane;
        const bool is_there = first + row < queries;
        const int32_t *from =
            a.query_rule + (is_there ? (int64_t)(first + row) * a.query_rule_stride : 0);
        int rule[3];
        for (int i = 0; i < 3; i++) {
            rule[i] = is_there ? from[i] : 0;
            b.rule[row][i] = rule[i];
        }
        mine = is_there ? attention_bounds_of(rule) : mine;
    }
    mine = attention_bounds_of_warp(mine);
    if (lane == 0) {
        b.bounds[warp] = mine;
    }
    __syncthreads();
    constexpr int groups = F::warps / 4;
    if ((int)threadIdx.x <= groups) { /* one thread a warpgroup, one for the block */
        const int from = (int)threadIdx.x < groups ? 4 * (int)threadIdx.x : 0;
        const int end = (int)threadIdx.x < groups ? from + 4 : F::warps;
        mine = attention_no_bounds();
        for (int i = from; i < end; i++) {
            attention_bounds_join(mine, b.bounds[i]);
        }
        b.bounds[F::warps + (int)threadIdx.x] = mine;
    }
    __syncthreads();
    b.all = &b.bounds[F::warps + groups];
    if ((b.all->kinds & QUERY_POINT) == 0) {
        b.kinds = nullptr;
    } else if (b.keys > 0) {
        attention_scan_kinds<F::warps>(b.kinds, a.key_rule, a.key_rule_stride, 0, b.keys);
    }
    __syncthreads();
}

/* A tile of keys in the block's list. */
struct flash90_place {
    int n, tile; /* the n-th of the list; tile == b.tiles: the end */
};

static __device__ __forceinline__ flash90_place place_behind(const flash90_block &b,
                                                             flash90_place at)
{
    return flash90_place{at.n + 1,
                         attention_next_tile(*b.all, at.tile + 1, b.tiles, b.keys, b.kinds, 0)};
}

/* The constants of a warpgroup's walk. */
struct flash90_group {
    const attention_bounds *ours, *mine; /* of the warpgroup, of the warp */
    const int (*rule)[3];                /* of the warp's queries */
    uint64_t q, ring_k, ring_v;          /* descriptors */
    int group;                           /* of the block */
    float scale;
};

template <class F>
static __device__ __forceinline__ flash90_group group_of(const flash90_block &b, float scale)
{
    flash90_group g;
    const int warp = __shfl_sync(FULL_WARP, (int)threadIdx.x / 32, 0);
    g.group = warp / 4;
    g.mine = &b.bounds[warp];
    g.ours = &b.bounds[F::warps + g.group];
    g.rule = b.rule + 16 * warp;
    g.q = panel_descriptor(b.q + g.group * GROUP_ROWS * PANEL_ROW_BYTES);
    g.ring_k = panel_descriptor(b.ring);
    g.ring_v = rows_descriptor(b.ring, HALF_BYTES);
    g.scale = scale;
    return g;
}

static __device__ __forceinline__ bool is_skipped(const flash90_block &b, const flash90_group &g,
                                                  int tile)
{
    return attention_class_of(*g.ours, tile * ATTENTION_TILE, b.keys,
                              attention_kinds_of(b.kinds, tile)) == ATTENTION_SKIPPED;
}

/* s = q·k of the n-th tile. */
template <int D, class F>
static __device__ __forceinline__ void multiply(flash90_state<D> &w, const flash90_group &g, int n)
{
    const uint64_t k = g.ring_k + 2 * n % F::slots * (F::slot_bytes / 16);
#pragma unroll
    for (int c = 0; c < D / 16; c++) {
        const int panel = c / 4, step = c % 4 * PANEL_STEP_16;
        product_bf16<ATTENTION_TILE>(w.s, g.q + panel * (F::rows * PANEL_ROW_BYTES / 16) + step,
                                     k + panel * (HALF_BYTES / 16) + step, c > 0);
    }
}

/* o += p·v of the n-th tile. */
template <int D, class F>
static __device__ __forceinline__ void weigh(flash90_state<D> &w, const flash90_group &g, int n)
{
    const uint64_t v = g.ring_v + (2 * n + 1) % F::slots * (F::slot_bytes / 16);
#pragma unroll
    for (int c = 0; c < ATTENTION_TILE / 16; c++) {
        product_rows_bf16<D>(w.o, w.p[c], v + c * ROWS_STEP_16);
    }
}

template <int D> static __device__ __forceinline__ void keep_weighing(flash90_state<D> &w)
{
    keep_sums(w.o);
#pragma unroll
    for (int c = 0; c < ATTENTION_TILE / 16; c++) {
        keep_operands(w.p[c]);
    }
}

/* Mask and softmax of the scores of a tile. */
template <int D>
static __device__ __forceinline__ void score_weights(flash90_state<D> &w, const flash90_block &b,
                                                     const flash90_group &g, int tile)
{
    const attention_key_kinds kinds = attention_kinds_of(b.kinds, tile);
    const int first = tile * ATTENTION_TILE;
    if (attention_class_of(*g.mine, first, b.keys, kinds) != ATTENTION_FULL) {
        mask_scores(w.s, g.rule, first, b.keys, kinds);
    }
    softmax<D>(w, g.scale);
}

/* From the tile `at`, which the warpgroup sees, up to the last before one that it does not see: the
 * scores of a tile are multiplied while the values of the tile before are weighed. Returns the
 * place behind. */
template <int D, class F>
static __device__ __forceinline__ flash90_place run_of_tiles(const flash90_block &b,
                                                             const flash90_maps &maps,
                                                             const flash90_group &g,
                                                             flash90_fetcher &f, bool fetches,
                                                             flash90_state<D> &w, flash90_place at)
{
    wait_for_item<F>(b, 2 * at.n);
    keep_sums(w.o);
    product_begin();
    multiply<D, F>(w, g, at.n);
    product_commit();
    product_wait<0>();
    keep_sums(w.s);
    release_item<F>(b, 2 * at.n);
    score_weights<D>(w, b, g, at.tile);
    take_weights<D>(w);
    flash90_place next;
    for (;;) {
        if (fetches) {
            fetch_items<F>(b, maps, f, 2 * at.n + 1 + F::ahead);
        }
        __syncwarp();
        next = place_behind(b, at);
        wait_for_item<F>(b, 2 * at.n + 1);
        if (next.tile >= b.tiles || is_skipped(b, g, next.tile)) {
            break;
        }
        wait_for_item<F>(b, 2 * next.n);
        keep_sums(w.o);
        product_begin();
        multiply<D, F>(w, g, next.n);
        product_commit();
        weigh<D, F>(w, g, at.n);
        product_commit();
        product_wait<1>();
        keep_sums(w.s);
        release_item<F>(b, 2 * next.n);
        score_weights<D>(w, b, g, next.tile);
        product_wait<0>();
        keep_weighing<D>(w);
        release_item<F>(b, 2 * at.n + 1);
        take_weights<D>(w);
        at = next;
    }
    if (b.keys - at.tile * ATTENTION_TILE < ATTENTION_TILE) {
        clear_values<F>(b.ring + (2 * at.n + 1) % F::slots * F::slot_bytes,
                        b.keys - at.tile * ATTENTION_TILE, g.group);
    }
    keep_sums(w.o);
    product_begin();
    weigh<D, F>(w, g, at.n);
    product_commit();
    product_wait<0>();
    keep_weighing<D>(w);
    release_item<F>(b, 2 * at.n + 1);
    return next;
}

/* All tiles of keys for one warpgroup. The block's first thread fetches for all: never more than
 * what its own warpgroup has released, or it would wait for itself. */
template <int D, int GROUPS>
static __device__ __forceinline__ void flash90_run(const flash90_block &b, const flash90_maps &maps,
                                                   flash90_state<D> &w, float scale)
{
    using F = flash90<D, GROUPS>;
    const flash90_group g = group_of<F>(b, scale);
    const bool fetches = threadIdx.x == 0;
    flash90_place at = place_behind(b, flash90_place{-1, -1});
    flash90_fetcher f = {0, at.tile};
    mbarrier_wait(b.q_full, 0, 'q');
    while (at.tile < b.tiles) {
        if (fetches) {
            fetch_items<F>(b, maps, f, 2 * at.n + F::ahead);
        }
        __syncwarp();
        if (!is_skipped(b, g, at.tile)) {
            at = run_of_tiles<D, F>(b, maps, g, f, fetches, w, at);
            continue;
        }
        for (int item = 2 * at.n; item < 2 * at.n + 2; item++) {
            wait_for_item<F>(b, item);
            release_item<F>(b, item);
        }
        at = place_behind(b, at);
    }
}

/* Grid: attention_block_of. The maps' boxes: F::rows of q, 64 rows of k and v. */
template <int D, int GROUPS>
static __global__ void __launch_bounds__(GROUPS *WARPGROUP, flash90<D, GROUPS>::blocks)
    attention_sm90_kernel(const __grid_constant__ CUtensorMap q,
                          const __grid_constant__ CUtensorMap k,
                          const __grid_constant__ CUtensorMap v,
                          const __grid_constant__ attention_args a)
{
    using F = flash90<D, GROUPS>;
    release_dependents();
    const attention_block place = attention_block_of(a.heads);
    const int first = place.tile * F::rows;
    const flash90_maps maps = {&q, &k, &v};
    alm_shared_arena arena;
    flash90_block b;
    b.q = arena.take<unsigned char>(F::q_bytes);
    b.ring = arena.take<unsigned char>(F::slots * F::slot_bytes);
    b.kinds = arena.take<attention_key_kinds>(ATTENTION_CHUNK);
    b.rule = arena.take<int[3]>(F::rows);
    b.bounds = arena.take<attention_bounds>(F::warps + GROUPS + 1);
    b.full = arena.take<uint64_t>(2 * F::slots + 1);
    b.empty = b.full + F::slots;
    b.q_full = b.empty + F::slots;
    b.head = place.head;
    b.kv_column = place.head / a.group * D;
    if (threadIdx.x == 0) {
        prefetch_map(&q);
        prefetch_map(&k);
        prefetch_map(&v);
        for (int s = 0; s < F::slots; s++) {
            mbarrier_init(&b.full[s], 1);
            mbarrier_init(&b.empty[s], F::warps);
        }
        mbarrier_init(b.q_full, 1);
        mbarrier_init_done();
    }
    wait_for_inputs();
    const int queries = a.queries.get();
    b.keys = a.keys.get();
    b.tiles = (b.keys + ATTENTION_TILE - 1) / ATTENTION_TILE;
    if (first >= queries) {
        return;
    }
    if (threadIdx.x == 0) {
        mbarrier_expect(b.q_full, F::q_bytes);
#pragma unroll
        for (int i = 0; i < F::panels; i++) {
            copy_panel(b.q + i * F::rows * PANEL_ROW_BYTES, &q, place.head * D + i * PANEL_COLUMNS,
                       first, b.q_full);
        }
    }
    load_mask<F>(b, a, first, queries);
    flash90_state<D> w = {};
    w.largest[0] = w.largest[1] = -INFINITY;
    flash90_run<D, GROUPS>(b, maps, w, a.scale * 1.44269504f);
    store_rows<D>(a, w, first + (int)threadIdx.x / 32 * 16, queries, place.head);
}

/* ---- Host ---- */

template <int D, int GROUPS> static alm_status launch(const alm_exec *x, const alm_op_args *a)
{
    using F = flash90<D, GROUPS>;
    const attention_args args = attention_args_of(a);
    const alm_tensor *q = &a->in[0], *k = &a->in[1], *v = &a->in[2];
    if (q->desc.dim[0] == 0 || k->desc.dim[0] == 0) {
        return alm_attention_mma_run(x, a);
    }
    CUtensorMap q_map, k_map, v_map;
    ALM_TRY(alm_tensor_map(&q_map, "attention: q", q->data, q->desc.dim[0], q->desc.dim[1],
                           q->stride, F::rows));
    ALM_TRY(alm_tensor_map(&k_map, "attention: k", k->data, k->desc.dim[0], k->desc.dim[1],
                           k->stride, ATTENTION_TILE));
    ALM_TRY(alm_tensor_map(&v_map, "attention: v", v->data, v->desc.dim[0], v->desc.dim[1],
                           v->stride, ATTENTION_TILE));
    return alm_launch(x, "attention_bf16_sm90", attention_sm90_kernel<D, GROUPS>,
                      dim3(alm_blocks(q->desc.dim[0], F::rows) * (unsigned)args.heads),
                      dim3(F::threads), F::shared_bytes, q_map, k_map, v_map, args);
}

extern "C" bool alm_attention_sm90_accepts(const alm_op_args *a)
{
    const alm_attention_attr *attr = (const alm_attention_attr *)a->attr;
    for (int i = 0; i < 3; i++) {
        if (a->in[i].desc.dtype != ALM_DTYPE_BF16 || a->in[i].stride % 8 != 0) {
            return false;
        }
    }
    return (attr->head_dim == 64 || attr->head_dim == 128) && a->in[1].desc.dim[0] <= MOST_KEYS &&
           attr->scale > 1e-30f && attr->scale < 1e30f;
}

extern "C" alm_status alm_attention_sm90_run(const alm_exec *x, const alm_op_args *a)
{
    if (!attention_args_of(a).has_vectors) {
        return alm_attention_mma_run(x, a);
    }
    return ((const alm_attention_attr *)a->attr)->head_dim == 64 ? launch<64, 2>(x, a)
                                                                 : launch<128, 1>(x, a);
}

/* Flash attention of bf16 operands on mma.sync: one block a tile of queries and head, four warps of
 * 16 or 32 queries each, tiles of 64 keys in two buffers filled by cp.async.
 *
 * A row's result is the same whatever shares its tile: softmax runs over the tiles of keys from key
 * 0 on, the running maximum, sum and products are a row's own, and a tile of which the row sees
 * nothing changes none of their bits (factors of exactly 1, weights of exactly 0). Weights are
 * rounded to bf16 for the product with v, the sum is of the weights before; accumulators are
 * float32, the division comes last. Keys past the count are zero in shared memory: what lies there
 * may be NaN.
 */
#pragma once

/* Sizes for heads of D = 16, 32, 64 or 128. Rows in shared memory are 8 elements longer: 8 rows at
 * any column then lie in different banks. */
template <int D> struct flash {
    static constexpr int THREADS = 128, WARPS = 4;
    static constexpr int STACKS = D <= 64 ? 2 : 1; /* of 16 queries in a warp */
    static constexpr int ROWS = WARPS * STACKS * 16;
    static constexpr int PITCH = D + 8;
    static constexpr int TILE = ATTENTION_TILE * PITCH; /* elements of a tile of k or v */
    /* With one stack the queries pass through the second buffer into registers. */
    static constexpr int Q_PART = STACKS > 1 ? ROWS *PITCH : 0;
    static constexpr size_t SHARED_BYTES =
        (size_t)(Q_PART + 4 * TILE) * sizeof(bf16) + ATTENTION_CHUNK * sizeof(attention_key_kinds) +
        ROWS * 3 * sizeof(int) + (WARPS + 1) * sizeof(attention_bounds) + 16;
};

/* Of one warp: stack s, row h of the two that a lane holds, fragment n of 8 channels. */
template <int D> struct flash_state {
    float o[flash<D>::STACKS][D / 8][4];
    float largest[flash<D>::STACKS][2], sum[flash<D>::STACKS][2];
};

struct flash_shared {
    bf16 *q, *buffers;
    attention_key_kinds *kinds;
    int (*rule)[3];
    attention_bounds *bounds;
};

template <int D> __device__ __forceinline__ flash_shared flash_carve()
{
    typedef flash<D> F;
    alm_shared_arena arena;
    flash_shared s;
    s.buffers = arena.take<bf16>(4 * F::TILE);
    s.q = F::Q_PART ? arena.take<bf16>(F::Q_PART) : s.buffers + 2 * F::TILE;
    s.kinds = arena.take<attention_key_kinds>(ATTENTION_CHUNK);
    s.rule = arena.take<int[3]>(F::ROWS);
    s.bounds = arena.take<attention_bounds>(F::WARPS + 1);
    return s;
}

/* ROWS rows of D elements from row `first` on, those past `rows` as zeros. from: row 0 of the
 * head. */
template <int D, int ROWS>
__device__ __forceinline__ void flash_load(bf16 *to, const bf16 *from, int64_t stride, int first,
                                           int rows, bool has_vectors)
{
    constexpr int PIECES = D / 8, STEP = flash<D>::THREADS / PIECES;
    const int row = (int)threadIdx.x / PIECES, column = (int)threadIdx.x % PIECES * 8;
    const int left = rows - first - row;
    from += (first + row) * stride + column;
    to += row * flash<D>::PITCH + column;
#pragma unroll
    for (int r = 0; r < ROWS; r += STEP) {
        if (has_vectors) {
            copy_async16(to + r * flash<D>::PITCH, from, r < left ? 16 : 0);
        } else {
#pragma unroll 1
            for (int i = 0; i < 8; i++) {
                to[r * flash<D>::PITCH + i] = r < left ? from[i] : from_float<bf16>(0);
            }
        }
        from += STEP * stride;
    }
}

/* k and v of a tile into a buffer, a group of copies. */
template <int D>
__device__ __forceinline__ void flash_load_tile(const attention_args &a, bf16 *buffer, int head,
                                                int tile, int keys)
{
    const int first = tile * ATTENTION_TILE, column = head / a.group * D;
    flash_load<D, ATTENTION_TILE>(buffer, (const bf16 *)a.k + column, a.k_stride, first, keys,
                                  a.has_vectors);
    flash_load<D, ATTENTION_TILE>(buffer + flash<D>::TILE, (const bf16 *)a.v + column, a.v_stride,
                                  first, keys, a.has_vectors);
    copy_async_commit();
}

/* The fragment of 16 queries, 16 channels. */
template <int D>
__device__ __forceinline__ void flash_load_queries(uint32_t (&f)[4], const bf16 *rows, int channel)
{
    const int lane = (int)threadIdx.x % 32;
    ldmatrix_x4(f, rows + (lane & 15) * flash<D>::PITCH + channel + (lane >> 4) * 8);
}

/* s = q·k over a tile of keys. q: the queries of this warp, in registers where there is one stack.
 */
template <int D>
__device__ __forceinline__ void flash_scores(float (&s)[flash<D>::STACKS][8][4],
                                             const uint32_t (&kept)[D / 16][4], const bf16 *q,
                                             const bf16 *k)
{
    constexpr int PITCH = flash<D>::PITCH, STACKS = flash<D>::STACKS;
    const int lane = (int)threadIdx.x % 32;
    const bf16 *at = k + ((lane & 7) + (lane >> 4) * 8) * PITCH + (lane >> 3 & 1) * 8;
#pragma unroll
    for (int c = 0; c < D / 16; c++) {
        uint32_t a[STACKS][4];
#pragma unroll
        for (int t = 0; t < STACKS; t++) {
            if constexpr (STACKS > 1) {
                flash_load_queries<D>(a[t], q + t * 16 * PITCH, c * 16);
            } else {
                for (int i = 0; i < 4; i++) {
                    a[t][i] = kept[c][i];
                }
            }
        }
#pragma unroll
        for (int n = 0; n < 8; n += 2) {
            uint32_t r[4];
            ldmatrix_x4(r, at + n * 8 * PITCH + c * 16);
            const uint32_t b0[2] = {r[0], r[1]}, b1[2] = {r[2], r[3]};
#pragma unroll
            for (int t = 0; t < STACKS; t++) {
                mma_bf16_16x8x16(s[t][n], a[t], b0);
                mma_bf16_16x8x16(s[t][n + 1], a[t], b1);
            }
        }
    }
}

/* Scores of keys that a row does not see become -infinity. rule: of this warp's queries. */
template <int STACKS>
__device__ __forceinline__ void flash_mask(float (&s)[STACKS][8][4], const int (*rule)[3],
                                           int first, int keys, attention_key_kinds kinds)
{
    const int lane = (int)threadIdx.x % 32;
#pragma unroll
    for (int t = 0; t < STACKS; t++) {
#pragma unroll
        for (int h = 0; h < 2; h++) {
            const int row = t * 16 + h * 8 + lane / 4;
            const uint64_t seen =
                attention_visible(rule[row], first, keys, kinds) >> (lane % 4 * 2);
            const uint32_t half[2] = {(uint32_t)seen, (uint32_t)(seen >> 32)};
#pragma unroll
            for (int n = 0; n < 8; n++) {
#pragma unroll
                for (int i = 0; i < 2; i++) {
                    const bool is_seen = half[n / 4] >> (n % 4 * 8 + i) & 1;
                    s[t][n][2 * h + i] = is_seen ? s[t][n][2 * h + i] : -INFINITY;
                }
            }
        }
    }
}

/* Scores become weights 2^(scale·(score - largest so far)); sums and products move to the new
 * largest. `scale` is positive and holds log2(e). */
template <int D>
__device__ __forceinline__ void flash_softmax(flash_state<D> &w, float (&s)[flash<D>::STACKS][8][4],
                                              float scale)
{
#pragma unroll
    for (int t = 0; t < flash<D>::STACKS; t++) {
#pragma unroll
        for (int h = 0; h < 2; h++) {
            float largest = w.largest[t][h];
#pragma unroll
            for (int n = 0; n < 8; n++) {
                largest = fmaxf(largest, fmaxf(s[t][n][2 * h], s[t][n][2 * h + 1]));
            }
            largest = fmaxf(largest, __shfl_xor_sync(FULL_WARP, largest, 1));
            largest = fmaxf(largest, __shfl_xor_sync(FULL_WARP, largest, 2));
            /* Nothing seen yet: all weights are 2^-infinity. Products on their own, not in a fused
             * one: where the largest stays, the factor is exactly 2^0. */
            const float base = largest == -INFINITY ? 0 : __fmul_rn(largest, scale);
            const float factor = fast_exp2(__fmul_rn(w.largest[t][h], scale) - base);
            w.largest[t][h] = largest;
            float sum = 0;
#pragma unroll
            for (int n = 0; n < 8; n++) {
#pragma unroll
                for (int i = 0; i < 2; i++) {
                    const float p = fast_exp2(fmaf(s[t][n][2 * h + i], scale, -base));
                    s[t][n][2 * h + i] = p;
                    sum += p;
                }
            }
            w.sum[t][h] = fmaf(w.sum[t][h], factor, sum);
#pragma unroll
            for (int n = 0; n < D / 8; n++) {
                w.o[t][n][2 * h] *= factor;
                w.o[t][n][2 * h + 1] *= factor;
            }
        }
    }
}

/* o += weights·v over a tile of keys. */
template <int D>
__device__ __forceinline__ void flash_weigh(flash_state<D> &w,
                                            const float (&p)[flash<D>::STACKS][8][4], const bf16 *v)
{
    constexpr int PITCH = flash<D>::PITCH, STACKS = flash<D>::STACKS;
    const int lane = (int)threadIdx.x % 32;
    const bf16 *at = v + (lane & 15) * PITCH + (lane >> 4) * 8;
#pragma unroll
    for (int c = 0; c < 4; c++) {
        uint32_t a[STACKS][4];
#pragma unroll
        for (int t = 0; t < STACKS; t++) {
            a[t][0] = pack_bf16(p[t][2 * c][0], p[t][2 * c][1]);
            a[t][1] = pack_bf16(p[t][2 * c][2], p[t][2 * c][3]);
            a[t][2] = pack_bf16(p[t][2 * c + 1][0], p[t][2 * c + 1][1]);
            a[t][3] = pack_bf16(p[t][2 * c + 1][2], p[t][2 * c + 1][3]);
        }
#pragma unroll
        for (int n = 0; n < D / 8; n += 2) {
            uint32_t r[4];
            ldmatrix_x4_trans(r, at + c * 16 * PITCH + n * 8);
            const uint32_t b0[2] = {r[0], r[1]}, b1[2] = {r[2], r[3]};
#pragma unroll
            for (int t = 0; t < STACKS; t++) {
                mma_bf16_16x8x16(w.o[t][n], a[t], b0);
                mma_bf16_16x8x16(w.o[t][n + 1], a[t], b1);
            }
        }
    }
}

/* Divides and writes this warp's rows, from row `first` of out on. */
template <int D>
__device__ __forceinline__ void flash_store(const attention_args &a, const flash_state<D> &w,
                                            int first, int queries, int head)
{
    const int lane = (int)threadIdx.x % 32;
#pragma unroll
    for (int t = 0; t < flash<D>::STACKS; t++) {
#pragma unroll
        for (int h = 0; h < 2; h++) {
            float sum = w.sum[t][h];
            sum += __shfl_xor_sync(FULL_WARP, sum, 1);
            sum += __shfl_xor_sync(FULL_WARP, sum, 2);
            const float inverse = sum == 0 ? 0 : 1 / sum;
            const int row = first + t * 16 + h * 8 + lane / 4;
            const int64_t at = row * a.out_stride + head * D + lane % 4 * 2;
            if (row >= queries) {
                continue;
            }
#pragma unroll
            for (int n = 0; n < D / 8; n++) {
                /* + 0: the sign of a zero would tell of tiles that were passed. */
                const float x = fmaf(w.o[t][n][2 * h], inverse, 0.0f);
                const float y = fmaf(w.o[t][n][2 * h + 1], inverse, 0.0f);
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
}

/* The tiles of keys from tile `first` up to `end` (within one chunk), two in flight. All warps
 * call it; it begins with no copy under way that the first tile's buffer would meet. `kept`: the
 * queries in registers, taken once where `take` is set. */
template <int D>
__device__ __forceinline__ void flash_run(const attention_args &a, const flash_shared &shared,
                                          flash_state<D> &w, uint32_t (&kept)[D / 16][4], bool take,
                                          int first, int end, int head, int keys)
{
    typedef flash<D> F;
    const int warp = (int)threadIdx.x / 32;
    const bf16 *q = shared.q + warp * F::STACKS * 16 * F::PITCH;
    const attention_bounds &mine = shared.bounds[warp], &all = shared.bounds[F::WARPS];
    const attention_key_kinds *kinds = (all.kinds & QUERY_POINT) != 0 ? shared.kinds : nullptr;
    const float scale = a.scale * 1.44269504f;
    int tile = attention_next_tile(all, first, end, keys, kinds, first);
    int buffer = 0;
    if (tile < end) {
        flash_load_tile<D>(a, shared.buffers, head, tile, keys);
    }
    if (F::STACKS == 1 && take) { /* the queries lie in the second buffer */
        copy_async_wait<0>();
        __syncthreads();
#pragma unroll
        for (int c = 0; c < D / 16; c++) {
            flash_load_queries<D>(kept[c], q, c * 16);
        }
    }
    while (tile < end) {
        const int next = attention_next_tile(all, tile + 1, end, keys, kinds, first);
        bf16 *k = shared.buffers + buffer * 2 * F::TILE;
        copy_async_wait<0>();
        __syncthreads(); /* the tile is there, and nobody reads the other buffer any more */
        buffer ^= 1;
        if (next < end) {
            flash_load_tile<D>(a, shared.buffers + buffer * 2 * F::TILE, head, next, keys);
        }
        const attention_class kind = attention_class_of(mine, tile * ATTENTION_TILE, keys,
                                                        attention_kinds_of(kinds, tile - first));
        if (kind != ATTENTION_SKIPPED) {
            float s[F::STACKS][8][4] = {};
            flash_scores<D>(s, kept, q, k);
            if (kind == ATTENTION_PARTIAL) {
                flash_mask<F::STACKS>(s, shared.rule + warp * F::STACKS * 16, tile * ATTENTION_TILE,
                                      keys, attention_kinds_of(kinds, tile - first));
            }
            flash_softmax<D>(w, s, scale);
            flash_weigh<D>(w, s, k + F::TILE);
        }
        tile = next;
    }
}

/* Grid: attention_block_of; F::THREADS threads, F::SHARED_BYTES. heads·D columns a row. Two
 * blocks share a multiprocessor: three would leave too few registers. */
template <int D>
__global__ void __launch_bounds__(flash<D>::THREADS, 2) attention_bf16_kernel(attention_args a)
{
    typedef flash<D> F;
    release_dependents();
    wait_for_inputs();
    const attention_block block = attention_block_of(a.heads);
    const int first = block.tile * F::ROWS, queries = a.queries.get(), keys = a.keys.get();
    if (first >= queries) {
        return;
    }
    const flash_shared shared = flash_carve<D>();
    flash_load<D, F::ROWS>(shared.q, (const bf16 *)a.q + block.head * D, a.q_stride, first, queries,
                           a.has_vectors);
    copy_async_commit();
    attention_load_rules<F::ROWS, F::WARPS>(shared.rule, shared.bounds, a.query_rule,
                                            a.query_rule_stride, first, queries);
    flash_state<D> w = {};
#pragma unroll
    for (int t = 0; t < F::STACKS; t++) {
        w.largest[t][0] = w.largest[t][1] = -INFINITY;
    }
    uint32_t kept[D / 16][4] = {};
    const int tiles = (keys + ATTENTION_TILE - 1) / ATTENTION_TILE;
    for (int chunk = 0; chunk < tiles; chunk += ATTENTION_CHUNK) {
        if ((shared.bounds[F::WARPS].kinds & QUERY_POINT) != 0) {
            __syncthreads(); /* kinds and buffers of the chunk before are free */
            attention_scan_kinds<F::WARPS>(shared.kinds, a.key_rule, a.key_rule_stride, chunk,
                                           keys);
        }
        __syncthreads();
        flash_run<D>(a, shared, w, kept, chunk == 0, chunk, min(chunk + ATTENTION_CHUNK, tiles),
                     block.head, keys);
    }
    copy_async_wait<0>();
    const int warp = (int)threadIdx.x / 32;
    flash_store<D>(a, w, first + warp * F::STACKS * 16, queries, block.head);
}

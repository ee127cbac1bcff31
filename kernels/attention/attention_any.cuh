/* Attention in float32 without tensor cores: any head size, any strides, q, k and v of float or
 * bf16. One block a tile of 64 queries and head; a thread has 4 queries and, of a tile of 64 keys,
 * 4 scores each. Heads of more than V channels take the scores anew for every V channels of v.
 */
#pragma once

static const int ANY_THREADS = 256, ANY_WARPS = 8, ANY_ROWS = 64;
static const int ANY_DEPTH = 64;            /* channels of q and k in shared memory at a time */
static const int ANY_PITCH = ANY_DEPTH + 4; /* of q, k and weights: 8 rows lie in different banks */
static const int ANY_PART = ANY_ROWS * ANY_PITCH;

struct any_shared {
    float *q, *k;   /* [64][ANY_PITCH] */
    float *v;       /* [ATTENTION_TILE][V], where q and k were */
    float *weights; /* [ANY_ROWS][ANY_PITCH] */
    attention_key_kinds *kinds;
    int (*rule)[3];
    attention_bounds *bounds;
};

static const size_t ANY_SHARED_BYTES =
    3 * ANY_PART * sizeof(float) + ATTENTION_CHUNK * sizeof(attention_key_kinds) +
    ANY_ROWS * 3 * sizeof(int) + (ANY_WARPS + 1) * sizeof(attention_bounds) + 16;

__device__ __forceinline__ any_shared any_carve()
{
    alm_shared_arena arena;
    any_shared s;
    s.q = arena.take<float>(2 * ANY_PART);
    s.k = s.q + ANY_PART;
    s.v = s.q;
    s.weights = arena.take<float>(ANY_PART);
    s.kinds = arena.take<attention_key_kinds>(ATTENTION_CHUNK);
    s.rule = arena.take<int[3]>(ANY_ROWS);
    s.bounds = arena.take<attention_bounds>(ANY_WARPS + 1);
    return s;
}

/* 64 rows of WIDTH floats from rows first ... and columns column ... of a matrix; zeros past
 * row `n_rows` and column `n_columns`. from: row 0, column 0 of the head. */
template <int WIDTH, class T>
__device__ __forceinline__ void any_load(float *to, int pitch, const T *from, int64_t stride,
                                         int first, int n_rows, int column, int n_columns)
{
    constexpr int STEP = ANY_THREADS / WIDTH;
    const int row = (int)threadIdx.x / WIDTH, c = (int)threadIdx.x % WIDTH;
    const int left = column + c < n_columns ? n_rows - first - row : 0;
    from += (first + row) * stride + column + c;
    to += row * pitch + c;
#pragma unroll 8
    for (int r = 0; r < 64; r += STEP) {
        to[r * pitch] = r < left ? to_float(*from) : 0;
        from += STEP * stride;
    }
}

/* The 4 queries of a thread are 4·(thread/16) ...; its keys thread%16 + 16·j; its channels of v
 * 4·(thread%16) + 64·j ... */
template <int V> struct any_state {
    float o[4][V / 16];
    float largest[4], sum[4];
};

/* s = scale·q·k over a tile of keys. Begins with a barrier. */
template <class T>
__device__ __forceinline__ void any_scores(const attention_args &a, const any_shared &shared,
                                           float (&s)[4][4], int head, int first, int queries,
                                           int key, int keys)
{
    const T *q = (const T *)a.q + (int64_t)head * a.head_dim;
    const T *k = (const T *)a.k + (int64_t)(head / a.group) * a.head_dim;
    const float *my_q = shared.q + threadIdx.x / 16 * 4 * ANY_PITCH;
    const float *my_k = shared.k + threadIdx.x % 16 * ANY_PITCH;
    for (int channel = 0; channel < a.head_dim; channel += ANY_DEPTH) {
        __syncthreads();
        any_load<ANY_DEPTH>(shared.q, ANY_PITCH, q, a.q_stride, first, queries, channel,
                            a.head_dim);
        any_load<ANY_DEPTH>(shared.k, ANY_PITCH, k, a.k_stride, key, keys, channel, a.head_dim);
        __syncthreads();
#pragma unroll 1
        for (int c = 0; c < ANY_DEPTH; c += 4) {
            float4 x[4], y[4];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                x[i] = *(const float4 *)(my_q + i * ANY_PITCH + c);
                y[i] = *(const float4 *)(my_k + i * 16 * ANY_PITCH + c);
            }
#pragma unroll
            for (int i = 0; i < 4; i++) {
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    s[i][j] = fmaf(x[i].x, y[j].x, s[i][j]);
                    s[i][j] = fmaf(x[i].y, y[j].y, s[i][j]);
                    s[i][j] = fmaf(x[i].z, y[j].z, s[i][j]);
                    s[i][j] = fmaf(x[i].w, y[j].w, s[i][j]);
                }
            }
        }
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
#pragma unroll
        for (int j = 0; j < 4; j++) {
            s[i][j] = __fmul_rn(s[i][j], a.scale);
        }
    }
}

/* Masks, moves sums to the new largest score and leaves the weights in shared memory. */
template <int V>
__device__ __forceinline__ void any_softmax(any_state<V> &w, float (&s)[4][4],
                                            const any_shared &shared, int first, int keys,
                                            attention_key_kinds kinds)
{
    const int row = (int)threadIdx.x / 16 * 4, key = (int)threadIdx.x % 16;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const uint64_t seen = attention_visible(shared.rule[row + i], first, keys, kinds) >> key;
        float largest = w.largest[i];
#pragma unroll
        for (int j = 0; j < 4; j++) {
            s[i][j] = seen >> (16 * j) & 1 ? s[i][j] : -INFINITY;
            largest = fmaxf(largest, s[i][j]);
        }
#pragma unroll
        for (int d = 8; d > 0; d >>= 1) {
            largest = fmaxf(largest, __shfl_xor_sync(FULL_WARP, largest, d));
        }
        const float base = largest == -INFINITY ? 0 : largest;
        const float factor = expf(w.largest[i] - base);
        w.largest[i] = largest;
        float sum = 0;
#pragma unroll
        for (int j = 0; j < 4; j++) {
            const float p = expf(s[i][j] - base);
            shared.weights[(row + i) * ANY_PITCH + key + 16 * j] = p;
            sum += p;
        }
        w.sum[i] = fmaf(w.sum[i], factor, sum);
#pragma unroll
        for (int c = 0; c < V / 16; c++) {
            w.o[i][c] *= factor;
        }
    }
}

/* o += weights·v over a tile of keys, channels `channel` ... Begins with a barrier. */
template <class T, int V>
__device__ __forceinline__ void any_weigh(const attention_args &a, any_state<V> &w,
                                          const any_shared &shared, int head, int channel, int key,
                                          int keys)
{
    const T *v = (const T *)a.v + (int64_t)(head / a.group) * a.head_dim;
    const float *weights = shared.weights + threadIdx.x / 16 * 4 * ANY_PITCH;
    __syncthreads();
    any_load<V>(shared.v, V, v, a.v_stride, key, keys, channel, a.head_dim);
    __syncthreads();
#pragma unroll 2
    for (int j = 0; j < ATTENTION_TILE; j++) {
        float p[4];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            p[i] = weights[i * ANY_PITCH + j];
        }
#pragma unroll
        for (int c = 0; c < V / 64; c++) {
            const float4 x = *(const float4 *)(shared.v + j * V + c * 64 + threadIdx.x % 16 * 4);
#pragma unroll
            for (int i = 0; i < 4; i++) {
                w.o[i][4 * c] = fmaf(p[i], x.x, w.o[i][4 * c]);
                w.o[i][4 * c + 1] = fmaf(p[i], x.y, w.o[i][4 * c + 1]);
                w.o[i][4 * c + 2] = fmaf(p[i], x.z, w.o[i][4 * c + 2]);
                w.o[i][4 * c + 3] = fmaf(p[i], x.w, w.o[i][4 * c + 3]);
            }
        }
    }
}

/* Divides and writes channels `channel` ... of the thread's rows. */
template <int V>
__device__ __forceinline__ void any_store(const attention_args &a, any_state<V> &w, int head,
                                          int first, int queries, int channel)
{
#pragma unroll
    for (int i = 0; i < 4; i++) {
        float sum = w.sum[i];
#pragma unroll
        for (int d = 8; d > 0; d >>= 1) {
            sum += __shfl_xor_sync(FULL_WARP, sum, d);
        }
        const int row = first + (int)threadIdx.x / 16 * 4 + i;
#pragma unroll
        for (int c = 0; c < V / 16; c++) {
            const int at = channel + c / 4 * 64 + (int)threadIdx.x % 16 * 4 + c % 4;
            if (row < queries && at < a.head_dim) {
                /* + 0: the sign of a zero would tell of tiles that were passed. */
                attention_store(a, row * a.out_stride + (int64_t)head * a.head_dim + at,
                                sum == 0 ? 0.0f : w.o[i][c] / sum + 0.0f);
            }
        }
    }
}

/* One tile of keys. */
template <class T, int V>
__device__ __forceinline__ void
any_tile(const attention_args &a, any_state<V> &w, const any_shared &shared, attention_block block,
         int first, int queries, int channel, int tile, int keys, attention_key_kinds kinds)
{
    const int key = tile * ATTENTION_TILE;
    float s[4][4] = {};
    any_scores<T>(a, shared, s, block.head, first, queries, key, keys);
    any_softmax<V>(w, s, shared, key, keys, kinds);
    any_weigh<T, V>(a, w, shared, block.head, channel, key, keys);
}

/* Grid: attention_block_of; ANY_THREADS threads, ANY_SHARED_BYTES. */
template <class T, int V>
__global__ void __launch_bounds__(ANY_THREADS, 2) attention_any_kernel(attention_args a)
{
    release_dependents();
    wait_for_inputs();
    const attention_block block = attention_block_of(a.heads);
    const int first = block.tile * ANY_ROWS, queries = a.queries.get(), keys = a.keys.get();
    if (first >= queries) {
        return;
    }
    const any_shared shared = any_carve();
    attention_load_rules<ANY_ROWS, ANY_WARPS>(shared.rule, shared.bounds, a.query_rule,
                                              a.query_rule_stride, first, queries);
    const attention_bounds &all = shared.bounds[ANY_WARPS];
    const attention_key_kinds *kinds = (all.kinds & QUERY_POINT) != 0 ? shared.kinds : nullptr;
    const int tiles = (keys + ATTENTION_TILE - 1) / ATTENTION_TILE;
    for (int channel = 0; channel < a.head_dim; channel += V) {
        any_state<V> w = {};
        for (int i = 0; i < 4; i++) {
            w.largest[i] = -INFINITY;
        }
        for (int chunk = 0; chunk < tiles; chunk += ATTENTION_CHUNK) {
            const int end = min(chunk + ATTENTION_CHUNK, tiles);
            __syncthreads(); /* the kinds of the chunk before are free */
            if (kinds) {
                attention_scan_kinds<ANY_WARPS>(shared.kinds, a.key_rule, a.key_rule_stride, chunk,
                                                keys);
            }
            __syncthreads();
            int tile = attention_next_tile(all, chunk, end, keys, kinds, chunk);
            while (tile < end) {
                any_tile<T, V>(a, w, shared, block, first, queries, channel, tile, keys,
                               attention_kinds_of(kinds, tile - chunk));
                tile = attention_next_tile(all, tile + 1, end, keys, kinds, chunk);
            }
        }
        any_store<V>(a, w, block.head, first, queries, channel);
    }
}

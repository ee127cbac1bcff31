/* Attention of a single query, as in the last layer: one block a head, whose warps take 32 keys at
 * a time in turn. Weights stay float32. Which keys a warp takes and the order in which warps are
 * joined depend on nothing but the number of a key.
 */
#pragma once

/* Sizes for heads of D = 16, 32, 64 or 128 channels. */
template <int D> struct single {
    static constexpr int WARPS = 16;
    static constexpr int LANES = D / 8;      /* a key, 8 channels each */
    static constexpr int KEYS = 32 / LANES;  /* that a warp reads at once */
    static constexpr int ROUNDS = 32 / KEYS; /* for 32 keys */
};

/* 8 elements as floats. */
template <class T>
__device__ __forceinline__ void single_load(float (&x)[8], const T *from, bool has_vectors)
{
    T part[8];
    if (has_vectors) {
#pragma unroll
        for (int i = 0; i < (int)sizeof part / 16; i++) {
            const uint4 bits = ((const uint4 *)from)[i];
            memcpy((char *)part + 16 * i, &bits, 16);
        }
    } else {
#pragma unroll
        for (int i = 0; i < 8; i++) {
            part[i] = from[i];
        }
    }
#pragma unroll
    for (int i = 0; i < 8; i++) {
        x[i] = to_float(part[i]);
    }
}

/* Of a lane: its 8 channels over the keys it has seen. */
struct single_state {
    float o[8], largest, sum;
};

/* The 32 keys from `first` on; k, v: this lane's channels of key `first` + its number among KEYS.
 * seen: bit by bit. */
template <class T, int D>
__device__ __forceinline__ void single_run(single_state &w, const float (&q)[8], const T *k,
                                           int64_t k_stride, const T *v, int64_t v_stride,
                                           unsigned seen, float scale, bool has_vectors)
{
    typedef single<D> S;
    const int key = (int)threadIdx.x % 32 / S::LANES;
    float s[S::ROUNDS], largest = w.largest;
#pragma unroll
    for (int r = 0; r < S::ROUNDS; r++) {
        const bool is_seen = seen >> (r * S::KEYS + key) & 1;
        float x[8] = {}, sum = 0;
        if (is_seen) {
            single_load(x, k + r * S::KEYS * k_stride, has_vectors);
        }
#pragma unroll
        for (int i = 0; i < 8; i++) {
            sum = fmaf(q[i], x[i], sum);
        }
#pragma unroll
        for (int d = S::LANES / 2; d > 0; d >>= 1) {
            sum += __shfl_xor_sync(FULL_WARP, sum, d);
        }
        s[r] = is_seen ? __fmul_rn(sum, scale) : -INFINITY;
        largest = fmaxf(largest, s[r]);
    }
    largest = warp_max(largest); /* finite: some key is seen */
    const float factor = expf(w.largest - largest);
    w.largest = largest;
    w.sum *= factor;
#pragma unroll
    for (int i = 0; i < 8; i++) {
        w.o[i] *= factor;
    }
#pragma unroll
    for (int r = 0; r < S::ROUNDS; r++) {
        const float p = expf(s[r] - largest);
        float x[8] = {};
        if (seen >> (r * S::KEYS + key) & 1) {
            single_load(x, v + r * S::KEYS * v_stride, has_vectors);
        }
        w.sum += p;
#pragma unroll
        for (int i = 0; i < 8; i++) {
            w.o[i] = fmaf(p, x[i], w.o[i]);
        }
    }
}

/* Joins the warps of the block and writes the row of one head. */
template <int D>
__device__ __forceinline__ void single_join(const attention_args &a, single_state &w, int head)
{
    typedef single<D> S;
    SHARED(float, o, [S::WARPS][D]);
    SHARED(float, part, [S::WARPS][2]); /* largest, sum */
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    for (int d = 16; d >= S::LANES; d >>= 1) {
        w.sum += __shfl_xor_sync(FULL_WARP, w.sum, d);
        for (int i = 0; i < 8; i++) {
            w.o[i] += __shfl_xor_sync(FULL_WARP, w.o[i], d);
        }
    }
    if (lane < S::LANES) {
        for (int i = 0; i < 8; i++) {
            o[warp][lane * 8 + i] = w.o[i];
        }
    }
    if (lane == 0) {
        part[warp][0] = w.largest;
        part[warp][1] = w.sum;
    }
    __syncthreads();
    if (threadIdx.x < D) {
        float largest = -INFINITY, sum = 0, value = 0;
        for (int i = 0; i < S::WARPS; i++) {
            largest = fmaxf(largest, part[i][0]);
        }
        for (int i = 0; i < S::WARPS; i++) {
            const float factor = part[i][1] == 0 ? 0 : expf(part[i][0] - largest);
            sum = fmaf(part[i][1], factor, sum);
            value = fmaf(o[i][threadIdx.x], factor, value);
        }
        attention_store(a, head * D + (int)threadIdx.x, sum == 0 ? 0 : value / sum);
    }
}

/* Grid: heads; 32·WARPS threads. Does row 0 of the queries. */
template <class T, int D>
__global__ void __launch_bounds__(32 * single<D>::WARPS, 1) attention_row_kernel(attention_args a)
{
    typedef single<D> S;
    release_dependents();
    wait_for_inputs();
    if (a.queries.get() == 0) {
        return;
    }
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    const int head = (int)blockIdx.x, keys = a.keys.get();
    const int channel = lane % S::LANES * 8, kv_channel = head / a.group * D + channel;
    const int rule[3] = {a.query_rule[0], a.query_rule[1], a.query_rule[2]};
    float q[8];
    single_load(q, (const T *)a.q + head * D + channel, a.has_vectors);
    single_state w = {};
    w.largest = -INFINITY;
    for (int first = warp * 32; first < keys; first += S::WARPS * 32) {
        const int key = first + lane;
        bool is_seen = key < keys;
        if (is_seen) {
            const int kind = rule[2] == ALM_ROW_PLAIN ? (int)ALM_ROW_PLAIN
                                                      : a.key_rule[key * a.key_rule_stride + 2];
            is_seen = ((rule[0] <= key && key < rule[1]) || kind != ALM_ROW_PLAIN) &&
                      !(rule[2] == ALM_ROW_INVARIANT && kind == ALM_ROW_EQUIVARIANT);
        }
        const unsigned seen = __ballot_sync(FULL_WARP, is_seen);
        if (seen != 0) {
            const int64_t row = first + lane / S::LANES;
            single_run<T, D>(w, q, (const T *)a.k + row * a.k_stride + kv_channel, a.k_stride,
                             (const T *)a.v + row * a.v_stride + kv_channel, a.v_stride, seen,
                             a.scale, a.has_vectors);
        }
    }
    single_join<D>(a, w, head);
}

/* qkv on the tensor cores of sm_80 and later, in one launch: x and all weights BF16, heads of 16,
 * 32, 64 or 128 channels, any number of them.
 *
 * A block makes a tile of one of q, k and v with the machinery of linear (linear_mma_tile.cuh):
 * whole heads, which come by in shared memory 64 rows at a time as float32. There the bias, the
 * norm of the head and its turn happen, and the result is rounded once. A team of head_dim/8
 * neighbouring lanes has a head of a row, each four channels and their partners, so that the sums,
 * and with them the bits of a row, depend on the head alone and on no tile.
 *
 * States that are not the buffers of the results (tests only: the engine keeps them where they are)
 * are copied first by a launch of their own.
 */
#pragma once

#include "kernels/cuda/vector.cuh"

#include "kernels/linear/linear_mma_tile.cuh"

extern "C" {
#include "kernels/qkv/qkv.h"
}

/* One of q, k and v. Absent views have data NULL. */
struct qkv_part {
    const bf16 *weight; /* [columns, depth] */
    alm_view bias, norm, out;
    int columns, blocks; /* blocks: of tiles side by side */
};

/* A kernel argument by value. */
struct qkv_job {
    const bf16 *x;
    int64_t x_stride;
    alm_row_count rows;
    qkv_part part[3];
    alm_view cosine, sine; /* [rows, head_dim/2] */
    const int32_t *offset; /* of the rows of k and v in theirs; NULL: 0 */
    const int32_t *row;    /* the only one whose q is wanted; NULL: all */
    int32_t *fault;
    int32_t fault_code;
    int room; /* rows of the states */
    int depth, head_dim;
    int row_blocks, column_blocks, stages;
    float eps;
};

/* ---- Device ---- */

/* Channels i ... i + 3 of a head and their partners. */
struct qkv_halves {
    float4 a, b;
};

__device__ __forceinline__ qkv_halves qkv_load(const alm_view &v, int64_t row, int column, int half)
{
    return qkv_halves{load4(v, row, column, 4), load4(v, row, column + half, 4)};
}

__device__ __forceinline__ float4 qkv_plus(const float4 &v, const float4 &w)
{
    return make_float4(__fadd_rn(v.x, w.x), __fadd_rn(v.y, w.y), __fadd_rn(v.z, w.z),
                       __fadd_rn(v.w, w.w));
}

__device__ __forceinline__ float4 qkv_times(const float4 &v, float factor)
{
    return make_float4(__fmul_rn(v.x, factor), __fmul_rn(v.y, factor), __fmul_rn(v.z, factor),
                       __fmul_rn(v.w, factor));
}

__device__ __forceinline__ float4 qkv_times(const float4 &v, const float4 &w)
{
    return make_float4(__fmul_rn(v.x, w.x), __fmul_rn(v.y, w.y), __fmul_rn(v.z, w.z),
                       __fmul_rn(v.w, w.w));
}

/* v·c + p. */
__device__ __forceinline__ float4 qkv_fma(const float4 &v, const float4 &c, const float4 &p)
{
    return make_float4(fmaf(v.x, c.x, p.x), fmaf(v.y, c.y, p.y), fmaf(v.z, c.z, p.z),
                       fmaf(v.w, c.w, p.w));
}

__device__ __forceinline__ float qkv_squares(const qkv_halves &h)
{
    const float a = fmaf(h.a.w, h.a.w, fmaf(h.a.z, h.a.z, fmaf(h.a.y, h.a.y, h.a.x * h.a.x)));
    const float b = fmaf(h.b.w, h.b.w, fmaf(h.b.z, h.b.z, fmaf(h.b.y, h.b.y, h.b.x * h.b.x)));
    return __fadd_rn(a, b);
}

/* Sum over the team, the same in all of its lanes; every lane of the warp calls it. */
__device__ __forceinline__ float qkv_team_sum(float v, int team)
{
    for (int d = team / 2; d > 0; d /= 2) {
        v = __fadd_rn(v, __shfl_xor_sync(FULL_WARP, v, d));
    }
    return v;
}

/* 1/sqrt(mean square + eps) of a head. Squares that left the range of float32 are summed again of
 * smaller numbers. Every lane of the warp calls it. */
__device__ __forceinline__ float qkv_factor(const qkv_halves &h, int head_dim, int team, float eps)
{
    const float SMALL = 0x1p-80f, per_channel = 1.0f / (float)head_dim;
    float scale = 1, square = qkv_team_sum(qkv_squares(h), team);
    if (__any_sync(FULL_WARP, !(square < INFINITY))) {
        const qkv_halves small = {qkv_times(h.a, SMALL), qkv_times(h.b, SMALL)};
        const float again = qkv_team_sum(qkv_squares(small), team);
        if (!(square < INFINITY)) {
            square = again;
            scale = SMALL;
        }
    }
    const float room = __fmul_rn(__fmul_rn(eps, scale), scale);
    return scale / sqrtf(fmaf(square, per_channel, room));
}

/* The epilogue of a tile (linear_mma_block). */
template <class T> struct qkv_mma_store {
    const qkv_job &j;
    const qkv_part &part;
    bool turns;             /* not v */
    int first_row, rows;    /* of x */
    int64_t out_row;        /* where row 0 of x goes; may be negative */
    int first_column, tail; /* tail: columns of the tile */

    __device__ __forceinline__ void operator()(float *staged, int pass) const
    {
        const int LANES = T::BN / 8, STEP = T::THREADS / LANES, BATCH = 4;
        const int half = j.head_dim / 2, team = j.head_dim / 8, lane = (int)threadIdx.x % LANES;
        const int at = lane / team * j.head_dim + 4 * (lane % team);
        const int r0 = (int)threadIdx.x / LANES, warp_r0 = (int)threadIdx.x / 32 * 32 / LANES;
        const int left = rows - first_row - pass * T::PASS;
        const float4 zero = make_float4(0, 0, 0, 0);
        const bool has_column = at < tail;
        qkv_halves bias = {zero, zero}, norm = {zero, zero};
        if (has_column && part.bias.data) {
            bias = qkv_load(part.bias, 0, first_column + at, half);
        }
        if (has_column && part.norm.data) {
            norm = qkv_load(part.norm, 0, at % j.head_dim, half);
        }
        /* The loads of a batch are all on their way before its first sum. Warps stay whole: lanes
         * without a row or a column go along. */
#pragma unroll 1
        for (int r = 0; r + warp_r0 < left && r < T::PASS; r += BATCH * STEP) {
            float4 c[BATCH], s[BATCH];
#pragma unroll
            for (int u = 0; u < BATCH; u++) {
                const int row = r + u * STEP + r0;
                c[u] = s[u] = zero;
                if (turns && row < left) {
                    const int64_t of = first_row + pass * T::PASS + row;
                    c[u] = load4(j.cosine, of, at % j.head_dim, 4);
                    s[u] = load4(j.sine, of, at % j.head_dim, 4);
                }
            }
#pragma unroll
            for (int u = 0; u < BATCH; u++) {
                const int row = r + u * STEP + r0;
                const float *from = staged + row * T::PITCH + at;
                qkv_halves h = {*(const float4 *)from, *(const float4 *)(from + half)};
                h.a = qkv_plus(h.a, bias.a);
                h.b = qkv_plus(h.b, bias.b);
                if (part.norm.data) {
                    const float factor = qkv_factor(h, j.head_dim, team, j.eps);
                    h.a = qkv_times(qkv_times(h.a, factor), norm.a);
                    h.b = qkv_times(qkv_times(h.b, factor), norm.b);
                }
                if (turns) {
                    const float4 a = h.a;
                    h.a = qkv_fma(a, c[u], qkv_times(qkv_times(h.b, s[u]), -1.0f));
                    h.b = qkv_fma(h.b, c[u], qkv_times(a, s[u]));
                }
                if (has_column && row < left) {
                    const int64_t to = out_row + first_row + pass * T::PASS + row;
                    store4(part.out, to, first_column + at, 4, h.a);
                    store4(part.out, to, first_column + at + half, 4, h.b);
                }
            }
        }
    }
};

/* A block of T::THREADS for each tile, one at least: the offset is checked even without rows. */
template <class T, bool ALIGNED>
static __global__ void __launch_bounds__(T::THREADS, T::BLOCKS) qkv_mma_kernel(qkv_job j)
{
    release_dependents();
    wait_for_inputs();
    int row_block, column_block;
    linear_mma_place(j.row_blocks, j.column_blocks, &row_block, &column_block);
    int rows = j.rows.get(), first_row = row_block * T::BM;
    const int offset = j.offset ? *j.offset : 0;
    if (j.offset && (offset < 0 || offset > j.room || rows > j.room - offset)) {
        if (blockIdx.x == 0 && threadIdx.x == 0) {
            report_fault(j.fault, j.fault_code);
        }
        return;
    }
    if (first_row >= rows) {
        return;
    }
    const int q_blocks = j.part[0].blocks, qk_blocks = q_blocks + j.part[1].blocks;
    const int which = column_block < q_blocks ? 0 : column_block < qk_blocks ? 1 : 2;
    const qkv_part &part = j.part[which];
    int out_row = which > 0 ? offset : 0;
    if (which == 0 && j.row) {
        if (row_block > 0) {
            return;
        }
        first_row = min(max(*j.row, 0), rows - 1);
        rows = first_row + 1;
        out_row = -first_row;
    }
    const int c0 = (column_block - (which == 0 ? 0 : which == 1 ? q_blocks : qk_blocks)) * T::BN;
    const int left = part.columns - c0, left1 = left - T::BN / 2;
    const bf16 *w0 = part.weight + (int64_t)c0 * j.depth;
    const linear_mma_operands o = {
        j.x + first_row * j.x_stride,
        w0,
        left1 > 0 ? w0 + (int64_t)(T::BN / 2) * j.depth : w0,
        j.x_stride,
        rows - first_row,
        left,
        left1,
        j.depth,
        j.stages,
    };
    linear_mma_block<T, ALIGNED>(o, qkv_mma_store<T>{j, part, which < 2, first_row, rows, out_row,
                                                     c0, left < T::BN ? left : T::BN});
}

/* from[0] and from[1] [rows, width] to `to`. Grid: alm_row_tiles. */
struct qkv_copies {
    alm_view from[2], to[2];
    alm_row_count rows[2];
};

static __global__ void __launch_bounds__(128) qkv_copy_kernel(qkv_copies c, int width)
{
    release_dependents();
    wait_for_inputs();
    const int64_t row = tile_row();
    const int column = tile_column(), left = width - column;
#pragma unroll
    for (int i = 0; i < 2; i++) {
        if (left > 0 && row < c.rows[i].get()) {
            store4(c.to[i], row, column, left, load4(c.from[i], row, column, left));
        }
    }
}

/* ---- Host ---- */

static inline bool qkv_mma_accepts(const alm_op_args *a)
{
    const int head_dim = ((const alm_qkv_attr *)a->attr)->head_dim;
    const int64_t depth = a->in[0].desc.dim[1];
    for (int i = 0; i < 3; i++) {
        if (a->in[ALM_QKV_WEIGHT + i].desc.dtype != ALM_DTYPE_BF16) {
            return false;
        }
    }
    return a->in[0].desc.dtype == ALM_DTYPE_BF16 && depth % 8 == 0 && depth > 0 &&
           a->in[0].stride % 8 == 0 &&
           (head_dim == 16 || head_dim == 32 || head_dim == 64 || head_dim == 128);
}

/* Rows of the states that lie elsewhere than the results. */
static inline alm_status qkv_copy_states(const alm_exec *x, const alm_op_args *a)
{
    const alm_tensor *keys = &a->in[ALM_QKV_STATE], *values = &a->in[ALM_QKV_STATE + 1];
    if (keys->data == a->out[1].data && values->data == a->out[2].data) {
        return ALM_OK;
    }
    qkv_copies c = {};
    int64_t rows = 0;
    for (int i = 0; i < 2; i++) {
        const alm_tensor *state = &a->in[ALM_QKV_STATE + i];
        c.from[i] = alm_view_of(state);
        c.to[i] = alm_view_of(&a->out[1 + i]);
        c.rows[i] = alm_row_count_of(state);
        rows = state->desc.dim[0] > rows ? state->desc.dim[0] : rows;
    }
    const int width = (int)keys->desc.dim[1];
    const alm_row_tiles tiles = alm_row_tiles_of(rows, width);
    return alm_launch(x, "qkv_states", qkv_copy_kernel, tiles.grid, tiles.block, 0, c, width);
}

static inline qkv_part qkv_part_of(const alm_op_args *a, int i, int tile_columns)
{
    const alm_tensor *weight = &a->in[ALM_QKV_WEIGHT + i];
    qkv_part p = {};
    p.weight = (const bf16 *)weight->data;
    p.bias = alm_view_of_optional(alm_optional(a, ALM_QKV_BIAS + i));
    p.norm = alm_view_of_optional(i < 2 ? alm_optional(a, ALM_QKV_NORM + i) : nullptr);
    p.out = alm_view_of(&a->out[i]);
    p.columns = (int)weight->desc.dim[0];
    p.blocks = (int)alm_blocks(weight->desc.dim[0], tile_columns);
    return p;
}

template <class T, bool ALIGNED>
static alm_status qkv_mma_launch(const alm_exec *x, const alm_op_args *a)
{
    const alm_qkv_attr *attr = (const alm_qkv_attr *)a->attr;
    const alm_tensor *in = &a->in[0], *offset = alm_optional(a, ALM_QKV_OFFSET);
    const alm_tensor *row = alm_optional(a, ALM_QKV_ROW);
    qkv_job j = {};
    if (offset) {
        const int64_t keys = a->in[ALM_QKV_STATE].desc.dim[0];
        const int64_t values = a->in[ALM_QKV_STATE + 1].desc.dim[0];
        j.offset = (const int32_t *)offset->data;
        j.room = (int)(keys < values ? keys : values);
        ALM_TRY(qkv_copy_states(x, a));
    }
    for (int i = 0; i < 3; i++) {
        j.part[i] = qkv_part_of(a, i, T::BN);
        j.column_blocks += j.part[i].blocks;
    }
    j.x = (const bf16 *)in->data;
    j.x_stride = in->stride;
    j.rows = alm_row_count_of(in);
    j.cosine = alm_view_of(&a->in[ALM_QKV_COS]);
    j.sine = alm_view_of(&a->in[ALM_QKV_SIN]);
    j.row = row ? (const int32_t *)row->data : nullptr;
    j.fault = x->fault;
    j.fault_code = x->fault_code;
    j.depth = (int)in->desc.dim[1];
    j.head_dim = attr->head_dim;
    j.row_blocks = in->desc.dim[0] > 0 ? (int)alm_blocks(in->desc.dim[0], T::BM) : 1;
    j.stages = linear_mma_stages(x->device);
    j.eps = (float)attr->eps;
    return alm_launch(x, "qkv_bf16_mma", qkv_mma_kernel<T, ALIGNED>,
                      dim3((unsigned)j.row_blocks * (unsigned)j.column_blocks), dim3(T::THREADS),
                      (size_t)T::shared_bytes(j.stages), j);
}

/* The tiles, as in linear. Their columns hold whole heads. */
static const int QKV_MMA_TILES = 3;
typedef linear_mma_tile<128, 256, 64, 64, 1> qkv_mma_128x256;
typedef linear_mma_tile<128, 128, 64, 64, 2> qkv_mma_128x128;
typedef linear_mma_tile<64, 128, 32, 64, 3> qkv_mma_64x128;
typedef linear_mma_tile<64, 128, 32, 64, 2> qkv_mma_odd;

static const linear_mma_cost qkv_mma_table[QKV_MMA_TILES] = {
    {128, 256, 1.0, 1.0},
    {128, 128, 0.65, 0.97},
    {64, 128, 0.45, 0.85},
};

static inline int qkv_mma_choose(const alm_device *device, const alm_op_args *a)
{
    const int64_t rows = a->in[0].desc.dim[0];
    int best = 0;
    double least = 0;
    for (int t = 0; t < QKV_MMA_TILES; t++) {
        int64_t tiles = 0;
        for (int i = 0; i < 3; i++) {
            tiles += alm_blocks(a->in[ALM_QKV_WEIGHT + i].desc.dim[0], qkv_mma_table[t].wide);
        }
        tiles *= alm_blocks(rows, qkv_mma_table[t].high);
        const double time = linear_mma_time(&qkv_mma_table[t], device, tiles);
        if (t == 0 || time < least) {
            best = t;
            least = time;
        }
    }
    return best;
}

/* With tile 0 ... QKV_MMA_TILES - 1, or -1: the best. Operands at odd addresses (tests only) take
 * the smallest tile and copies that wait. */
static inline alm_status qkv_mma_run(const alm_exec *x, const alm_op_args *a, int tile)
{
    uintptr_t address = (uintptr_t)a->in[0].data;
    for (int i = 0; i < 3; i++) {
        address |= (uintptr_t)a->in[ALM_QKV_WEIGHT + i].data;
    }
    if (address % 16 != 0) {
        return qkv_mma_launch<qkv_mma_odd, false>(x, a);
    }
    switch (tile < 0 ? qkv_mma_choose(x->device, a) : tile) {
    case 0: return qkv_mma_launch<qkv_mma_128x256, true>(x, a);
    case 1: return qkv_mma_launch<qkv_mma_128x128, true>(x, a);
    default: return qkv_mma_launch<qkv_mma_64x128, true>(x, a);
    }
}

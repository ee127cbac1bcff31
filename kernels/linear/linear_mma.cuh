/* linear on the tensor cores of sm_80 and later: x and weight BF16. The tiles are those of
 * linear_mma_tile.cuh; an element has the same bits in all of them. */
#pragma once

#include "kernels/linear/linear_epilogue.cuh"
#include "kernels/linear/linear_mma_tile.cuh"

#include "kernels/cuda/launch.h"

/* A kernel argument by value. SWIGLU: up is there; else NULL. */
struct linear_product {
    const bf16 *x;           /* [rows, depth], x_stride apart */
    const bf16 *weight, *up; /* [columns, depth] */
    int64_t x_stride;
    alm_row_count rows;
    int depth; /* a multiple of 8 */
    int row_blocks, column_blocks, stages;
};

/* ---- Device ---- */

/* The epilogue of linear. */
template <class T> struct linear_mma_store {
    static_assert(T::PITCH == T::BN + LINEAR_STAGED_PAD, "see linear_store_staged");
    const linear_epilogue &e;
    int first_row, rows, column_block;
    __device__ __forceinline__ void operator()(float *staged, int pass) const
    {
        linear_store_staged<T::PASS, T::BN, T::THREADS>(e, staged, first_row + pass * T::PASS, rows,
                                                        column_block);
    }
};

template <class T, bool ALIGNED>
__device__ __forceinline__ void linear_mma_of(const linear_product &p, const linear_epilogue &e)
{
    release_dependents();
    wait_for_inputs();
    int row_block, column_block;
    linear_mma_place(p.row_blocks, p.column_blocks, &row_block, &column_block);
    const int rows = p.rows.get(), first_row = row_block * T::BM;
    if (first_row >= rows) {
        return;
    }
    /* The tile's columns come from two halves: of the weight, or of the weight and of up. */
    const bool gated = p.up != nullptr;
    const int c0 = gated ? column_block * (T::BN / 2) : column_block * T::BN;
    const int c1 = gated ? c0 : c0 + T::BN / 2;
    const int left1 = e.columns - c1;
    const linear_mma_operands o = {
        p.x + first_row * p.x_stride,
        p.weight + (int64_t)c0 * p.depth,
        (gated ? p.up : p.weight) + (left1 > 0 ? (int64_t)c1 * p.depth : 0),
        p.x_stride,
        rows - first_row,
        e.columns - c0,
        left1,
        p.depth,
        p.stages,
    };
    linear_mma_block<T, ALIGNED>(o, linear_mma_store<T>{e, first_row, rows, column_block});
}

/* A block of T::THREADS for each tile. */
template <class T, bool ALIGNED>
static __global__ void __launch_bounds__(T::THREADS, T::BLOCKS)
    linear_mma_kernel(linear_product p, linear_epilogue e)
{
    linear_mma_of<T, ALIGNED>(p, e);
}

/* Two layers of the same sizes. */
struct linear_mma_pair {
    linear_product product[2];
    linear_epilogue epilogue[2];
};

/* The same, blockIdx.y says for which. */
template <class T>
static __global__ void __launch_bounds__(T::THREADS, T::BLOCKS)
    linear_mma_pair_kernel(linear_mma_pair both)
{
    linear_mma_of<T, true>(both.product[blockIdx.y], both.epilogue[blockIdx.y]);
}

/* ---- Host ---- */

static inline bool linear_mma_accepts(const alm_op_args *a)
{
    const alm_tensor *up = alm_optional(a, 4);
    const int64_t depth = a->in[0].desc.dim[1];
    return a->in[0].desc.dtype == ALM_DTYPE_BF16 && a->in[1].desc.dtype == ALM_DTYPE_BF16 &&
           (!up || up->desc.dtype == ALM_DTYPE_BF16) && depth % 8 == 0 && depth > 0 &&
           a->in[0].stride % 8 == 0;
}

template <class T> static linear_product linear_product_of(const alm_exec *x, const alm_op_args *a)
{
    const alm_tensor *in = &a->in[0], *up = alm_optional(a, 4);
    const int64_t columns = a->in[1].desc.dim[0] * (up ? 2 : 1);
    linear_product p = {};
    p.x = (const bf16 *)in->data;
    p.weight = (const bf16 *)a->in[1].data;
    p.up = up ? (const bf16 *)up->data : nullptr;
    p.x_stride = in->stride;
    p.rows = alm_row_count_of(in);
    p.depth = (int)in->desc.dim[1];
    p.row_blocks = (int)alm_blocks(in->desc.dim[0], T::BM);
    p.column_blocks = (int)alm_blocks(columns, T::BN);
    p.stages = linear_mma_stages(x->device);
    return p;
}

template <class T>
static alm_status linear_mma_launch_pair(const alm_exec *x, const alm_op_args *a,
                                         const alm_op_args *b)
{
    const linear_mma_pair both = {{linear_product_of<T>(x, a), linear_product_of<T>(x, b)},
                                  {linear_epilogue_of(a), linear_epilogue_of(b)}};
    const linear_product &p = both.product[0];
    return alm_launch(x, "linear_bf16_mma", linear_mma_pair_kernel<T>,
                      dim3((unsigned)p.row_blocks * (unsigned)p.column_blocks, 2), dim3(T::THREADS),
                      (size_t)T::shared_bytes(p.stages), both);
}

template <class T, bool ALIGNED>
static alm_status linear_mma_launch(const alm_exec *x, const alm_op_args *a)
{
    const linear_product p = linear_product_of<T>(x, a);
    return alm_launch(x, "linear_bf16_mma", linear_mma_kernel<T, ALIGNED>,
                      dim3((unsigned)p.row_blocks * (unsigned)p.column_blocks), dim3(T::THREADS),
                      (size_t)T::shared_bytes(p.stages), p, linear_epilogue_of(a));
}

/* The tiles, largest first, and how the tensor cores of a multiprocessor are used by one block and
 * by as many as fit, against the best. To be kept up with bench_linear_cuda. */
static const int LINEAR_MMA_TILES = 4;
typedef linear_mma_tile<128, 256, 64, 64, 1> linear_mma_128x256;
typedef linear_mma_tile<128, 128, 64, 64, 2> linear_mma_128x128;
typedef linear_mma_tile<128, 64, 64, 32, 3> linear_mma_128x64;
typedef linear_mma_tile<64, 64, 32, 32, 4> linear_mma_64x64;

static const linear_mma_cost linear_mma_table[LINEAR_MMA_TILES] = {
    {128, 256, 1.0, 1.0},
    {128, 128, 0.65, 0.97},
    {128, 64, 0.45, 0.85},
    {64, 64, 0.3, 0.75},
};

/* layers: that run in one launch. */
static inline int linear_mma_choose(const alm_device *device, int64_t rows, int64_t columns,
                                    int layers)
{
    int best = 0;
    double least = 0;
    for (int t = 0; t < LINEAR_MMA_TILES; t++) {
        const int64_t high = linear_mma_table[t].high, wide = linear_mma_table[t].wide;
        const double time =
            linear_mma_time(&linear_mma_table[t], device,
                            layers * ((rows + high - 1) / high) * ((columns + wide - 1) / wide));
        if (t == 0 || time < least) {
            best = t;
            least = time;
        }
    }
    return best;
}

static inline int64_t linear_mma_columns(const alm_op_args *a)
{
    return a->in[1].desc.dim[0] * (alm_optional(a, 4) ? 2 : 1);
}

static inline bool linear_mma_is_aligned(const alm_op_args *a)
{
    const alm_tensor *up = alm_optional(a, 4);
    return ((uintptr_t)a->in[0].data | (uintptr_t)a->in[1].data | (up ? (uintptr_t)up->data : 0)) %
               16 ==
           0;
}

/* With tile 0 ... LINEAR_MMA_TILES - 1, or -1: the best. Operands at odd addresses (tests only: the
 * engine aligns all) take the smallest tile and copies that wait. */
static inline alm_status linear_mma_run(const alm_exec *x, const alm_op_args *a, int tile)
{
    if (!linear_mma_is_aligned(a)) {
        return linear_mma_launch<linear_mma_64x64, false>(x, a);
    }
    if (tile < 0) {
        tile = linear_mma_choose(x->device, a->in[0].desc.dim[0], linear_mma_columns(a), 1);
    }
    switch (tile) {
    case 0: return linear_mma_launch<linear_mma_128x256, true>(x, a);
    case 1: return linear_mma_launch<linear_mma_128x128, true>(x, a);
    case 2: return linear_mma_launch<linear_mma_128x64, true>(x, a);
    default: return linear_mma_launch<linear_mma_64x64, true>(x, a);
    }
}

/* Two layers in one launch, with one of two tiles. */
static inline alm_status linear_mma_run_pair(const alm_exec *x, const alm_op_args *a,
                                             const alm_op_args *b)
{
    if (!linear_mma_is_aligned(a) || !linear_mma_is_aligned(b)) {
        ALM_TRY(linear_mma_run(x, a, -1));
        return linear_mma_run(x, b, -1);
    }
    const int64_t rows = a->in[0].desc.dim[0];
    return linear_mma_choose(x->device, rows, linear_mma_columns(a), 2) <= 1
               ? linear_mma_launch_pair<linear_mma_128x128>(x, a, b)
               : linear_mma_launch_pair<linear_mma_64x64>(x, a, b);
}

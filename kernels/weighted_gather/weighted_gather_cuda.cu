/* weighted_gather: one thread sums four columns of a row, term by term. An index outside of the
 * table is reported and reads the nearest row. */
#include "kernels/cuda/vector.cuh"

#include "kernels/cuda/table.h"

/* index, weight: [rows, terms], rows index_stride and weight_stride apart; table: [T, width]; out:
 * [rows, width]. Grid and block: alm_row_tiles. */
static __global__ void __launch_bounds__(128)
    weighted_gather_kernel(const int32_t *index, int64_t index_stride, const float *weight,
                           int64_t weight_stride, int terms, alm_view table,
                           alm_row_count table_rows, alm_view out, alm_row_count rows, int width,
                           int32_t *fault, int32_t fault_code)
{
    release_dependents();
    wait_for_inputs();
    const int64_t row = tile_row();
    const int column = tile_column(), left = width - column;
    if (row >= rows.get() || left <= 0) {
        return;
    }
    const int have = table_rows.get();
    float4 sum = make_float4(0, 0, 0, 0);
#pragma unroll 4
    for (int j = 0; j < terms; j++) {
        int i = index[row * index_stride + j];
        const float w = weight[row * weight_stride + j];
        if (i < 0 || i >= have) {
            if (column == 0) {
                report_fault(fault, fault_code);
            }
            if (have == 0) {
                continue;
            }
            i = i < 0 ? 0 : have - 1;
        }
        const float4 v = load4(table, i, column, left);
        sum.x = fmaf(w, v.x, sum.x);
        sum.y = fmaf(w, v.y, sum.y);
        sum.z = fmaf(w, v.z, sum.z);
        sum.w = fmaf(w, v.w, sum.w);
    }
    store4(out, row, column, left, sum);
}

static alm_status run(const alm_exec *x, const alm_op_args *args)
{
    const alm_tensor *index = &args->in[0], *weight = &args->in[1], *table = &args->in[2];
    const int width = (int)table->desc.dim[1];
    const alm_row_tiles tiles = alm_row_tiles_of(index->desc.dim[0], width);
    return alm_launch(x, "weighted_gather", weighted_gather_kernel, tiles.grid, tiles.block, 0,
                      (const int32_t *)index->data, index->stride, (const float *)weight->data,
                      weight->stride, (int)index->desc.dim[1], alm_view_of(table),
                      alm_row_count_of(table), alm_view_of(&args->out[0]), alm_row_count_of(index),
                      width, x->fault, x->fault_code);
}

extern "C" const alm_kernel alm_weighted_gather_cuda_kernels[] = {
    {.name = "weighted_gather_f32_cuda", .backend = ALM_BACKEND_CUDA, .min_arch = 80, .run = run},
    {.name = nullptr},
};

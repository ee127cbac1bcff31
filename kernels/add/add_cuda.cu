/* add: one thread adds four columns of a row. */
#include "kernels/cuda/vector.cuh"

#include "kernels/cuda/table.h"

/* a, b, out: [rows, width] of float. Grid and block: alm_row_tiles. out may be a. */
static __global__ void __launch_bounds__(128)
    add_kernel(alm_view a, alm_view b, alm_view out, alm_row_count rows, int width)
{
    release_dependents();
    wait_for_inputs();
    const int64_t row = tile_row();
    const int column = tile_column(), left = width - column;
    if (row < rows.get() && left > 0) {
        const float4 p = load4(a, row, column, left), q = load4(b, row, column, left);
        store4(out, row, column, left, make_float4(p.x + q.x, p.y + q.y, p.z + q.z, p.w + q.w));
    }
}

static alm_status run(const alm_exec *x, const alm_op_args *args)
{
    const alm_tensor *a = &args->in[0];
    const int width = (int)a->desc.dim[1];
    const alm_row_tiles tiles = alm_row_tiles_of(a->desc.dim[0], width);
    return alm_launch(x, "add", add_kernel, tiles.grid, tiles.block, 0, alm_view_of(a),
                      alm_view_of(&args->in[1]), alm_view_of(&args->out[0]), alm_row_count_of(a),
                      width);
}

extern "C" const alm_kernel alm_add_cuda_kernels[] = {
    {.name = "add_f32_cuda", .backend = ALM_BACKEND_CUDA, .min_arch = 80, .run = run},
    {.name = nullptr},
};

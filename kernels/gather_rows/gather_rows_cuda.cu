/* gather_rows: one thread copies four columns of a row, of either type into either. */
#include "kernels/cuda/vector.cuh"

#include "kernels/cuda/table.h"

struct gather_side {
    alm_view x; /* [N, width] */
    alm_row_count rows, wanted;
    const int32_t *index; /* [P] */
    int64_t index_stride;
    alm_view out; /* [P, width] */
};

struct gather_sides {
    gather_side of[2];
};

/* Grid and block: alm_row_tiles of the output, z: side. */
static __global__ void __launch_bounds__(128) gather_rows_kernel(gather_sides sides, int width)
{
    release_dependents();
    wait_for_inputs();
    const gather_side s = blockIdx.z == 0 ? sides.of[0] : sides.of[1];
    const int64_t row = tile_row();
    const int column = tile_column(), left = width - column, rows = s.rows.get();
    if (row < s.wanted.get() && left > 0) {
        const int from = min(max(s.index[row * s.index_stride], 0), rows - 1);
        const float4 v = rows > 0 ? load4(s.x, from, column, left) : make_float4(0, 0, 0, 0);
        store4(s.out, row, column, left, v);
    }
}

static gather_side side_of(const alm_op_args *a)
{
    const alm_tensor *x = &a->in[0], *index = &a->in[1];
    return gather_side{alm_view_of(x),          alm_row_count_of(x),
                       alm_row_count_of(index), (const int32_t *)index->data,
                       index->stride,           alm_view_of(&a->out[0])};
}

static alm_status launch(const alm_exec *x, const alm_op_args *a, const alm_op_args *b)
{
    const int64_t width = alm_desc_row(&a->in[0].desc);
    alm_row_tiles tiles = alm_row_tiles_of(a->in[1].desc.dim[0], width);
    const gather_sides sides = {{side_of(a), side_of(b ? b : a)}};
    tiles.grid.z = b ? 2 : 1;
    return alm_launch(x, "gather_rows", gather_rows_kernel, tiles.grid, tiles.block, 0, sides,
                      (int)width);
}

static alm_status run(const alm_exec *x, const alm_op_args *a)
{
    return launch(x, a, nullptr);
}

extern "C" const alm_kernel alm_gather_rows_cuda_kernels[] = {
    {.name = "gather_rows_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .run = run,
     .run_pair = launch},
    {.name = nullptr},
};

/* scale: one thread multiplies four columns of a row with the gate. */
#include "kernels/cuda/vector.cuh"

#include "kernels/cuda/table.h"

extern "C" {
#include "kernels/scale/scale.h"
}

/* x, out: [rows, width] of float; gate: [G]. out may be x. */
struct scale_side {
    alm_view x, gate, out;
    alm_row_count rows;
};

struct scale_sides {
    scale_side of[2];
};

/* Grid and block: alm_row_tiles, z: side. */
static __global__ void __launch_bounds__(128) scale_kernel(scale_sides sides, int index, int width)
{
    release_dependents();
    wait_for_inputs();
    const scale_side &s = sides.of[blockIdx.z];
    const int64_t row = tile_row();
    const int column = tile_column(), left = width - column;
    if (row < s.rows.get() && left > 0) {
        const float g = load1(s.gate, 0, index);
        const float4 v = load4(s.x, row, column, left);
        store4(s.out, row, column, left, make_float4(v.x * g, v.y * g, v.z * g, v.w * g));
    }
}

static scale_side side_of(const alm_op_args *a)
{
    return scale_side{alm_view_of(&a->in[0]), alm_view_of(&a->in[1]), alm_view_of(&a->out[0]),
                      alm_row_count_of(&a->in[0])};
}

static alm_status launch(const alm_exec *x, const alm_op_args *a, const alm_op_args *b)
{
    const int width = (int)a->in[0].desc.dim[1];
    const scale_sides sides = {{side_of(a), side_of(b ? b : a)}};
    alm_row_tiles tiles = alm_row_tiles_of(a->in[0].desc.dim[0], width);
    tiles.grid.z = b ? 2 : 1;
    return alm_launch(x, "scale", scale_kernel, tiles.grid, tiles.block, 0, sides,
                      ((const alm_scale_attr *)a->attr)->index, width);
}

static alm_status run(const alm_exec *x, const alm_op_args *a)
{
    return launch(x, a, nullptr);
}

extern "C" const alm_kernel alm_scale_cuda_kernels[] = {
    {.name = "scale_f32_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .run = run,
     .run_pair = launch},
    {.name = nullptr},
};

/* film: one thread four columns of a row, in double as the reference does: the same bits. */
#include "kernels/cuda/vector.cuh"

#include "kernels/cuda/table.h"

__device__ __forceinline__ float film_one(float h, float type, float position, float gamma,
                                          float beta)
{
    const double sum = __dadd_rn(__dadd_rn((double)h, (double)type), (double)position);
    return (float)__dadd_rn(__dmul_rn(sum, __dadd_rn(1.0, (double)gamma)), (double)beta);
}

/* h, position, out: [rows, width]; type: [4, width]; film: [2, width], γ and β. Grid and block:
 * alm_row_tiles. out may be h. */
static __global__ void __launch_bounds__(128)
    film_kernel(alm_view h, alm_view position, alm_view type, alm_view film, alm_view out,
                alm_row_count rows, int64_t branch_rows, int width)
{
    release_dependents();
    wait_for_inputs();
    const int64_t row = tile_row();
    const int column = tile_column(), left = width - column;
    if (row < rows.get() && left > 0) {
        const float4 x = load4(h, row, column, left), p = load4(position, row, column, left);
        const float4 t = load4(type, row / branch_rows, column, left);
        const float4 g = load4(film, 0, column, left), b = load4(film, 1, column, left);
        store4(out, row, column, left,
               make_float4(film_one(x.x, t.x, p.x, g.x, b.x), film_one(x.y, t.y, p.y, g.y, b.y),
                           film_one(x.z, t.z, p.z, g.z, b.z), film_one(x.w, t.w, p.w, g.w, b.w)));
    }
}

static alm_status run(const alm_exec *x, const alm_op_args *a)
{
    const alm_tensor *h = &a->in[0];
    const int64_t rows = h->desc.dim[0];
    const int width = (int)h->desc.dim[1];
    const alm_row_tiles tiles = alm_row_tiles_of(rows, width);
    alm_view film = alm_view_of(&a->in[3]);
    film.stride = width;
    film.aligned = film.aligned && width % 4 == 0;
    return alm_launch(x, "film", film_kernel, tiles.grid, tiles.block, 0, alm_view_of(h),
                      alm_view_of(&a->in[1]), alm_view_of(&a->in[2]), film, alm_view_of(&a->out[0]),
                      alm_row_count_of(h), rows / 4, width);
}

extern "C" const alm_kernel alm_film_cuda_kernels[] = {
    {.name = "film_f32_cuda", .backend = ALM_BACKEND_CUDA, .min_arch = 80, .run = run},
    {.name = nullptr},
};

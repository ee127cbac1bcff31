/* place_rows: one thread writes four columns of a row, from `rows` where the new rows lie and from
 * x elsewhere; in place only the new rows are visited. An offset that does not leave room for the
 * rows in use is reported, and then no row is replaced. */
#include "kernels/cuda/vector.cuh"

#include "kernels/cuda/table.h"

/* x, out: [room, width]; rows: [N, width]; offset: one number. Block row b stands for row b of out,
 * in place for row offset + b. Grid and block: alm_row_tiles. */
static __global__ void __launch_bounds__(128)
    place_rows_kernel(alm_view x, alm_row_count x_rows, alm_view rows, alm_row_count new_rows,
                      const int32_t *offset, alm_view out, bool in_place, int width, int32_t *fault,
                      int32_t fault_code)
{
    release_dependents();
    wait_for_inputs();
    const int column = tile_column(), left = width - column;
    const int room = x_rows.capacity, first = *offset;
    int n = new_rows.get();
    if (first < 0 || first > room || n > room - first) {
        n = 0;
        if (blockIdx.x == 0 && blockIdx.y == 0 && threadIdx.x == 0 && threadIdx.y == 0) {
            report_fault(fault, fault_code);
        }
    }
    const int64_t row = tile_row() + (in_place ? first : 0);
    if (left <= 0) {
        return;
    }
    if (row >= first && row < (int64_t)first + n) {
        store4(out, row, column, left, load4(rows, row - first, column, left));
    } else if (!in_place && row < x_rows.get()) {
        store4(out, row, column, left, load4(x, row, column, left));
    }
}

static alm_status run(const alm_exec *x, const alm_op_args *args)
{
    const alm_tensor *in = &args->in[0], *rows = &args->in[1], *out = &args->out[0];
    const bool in_place = in->data == out->data;
    const int64_t most = in_place ? rows->desc.dim[0] : in->desc.dim[0];
    const int width = (int)in->desc.dim[1];
    /* One block at least: the offset is checked even where there is nothing to write. */
    const alm_row_tiles tiles = alm_row_tiles_of(most > 0 ? most : 1, width > 0 ? width : 1);
    return alm_launch(x, "place_rows", place_rows_kernel, tiles.grid, tiles.block, 0,
                      alm_view_of(in), alm_row_count_of(in), alm_view_of(rows),
                      alm_row_count_of(rows), (const int32_t *)args->in[2].data, alm_view_of(out),
                      in_place, width, x->fault, x->fault_code);
}

extern "C" const alm_kernel alm_place_rows_cuda_kernels[] = {
    {.name = "place_rows_cuda", .backend = ALM_BACKEND_CUDA, .min_arch = 80, .run = run},
    {.name = nullptr},
};

/* token_embed: one thread copies four columns of a row from the source that the row names. A row
 * that its source does not have is reported and reads the nearest one. */
#include "kernels/cuda/vector.cuh"

#include "kernels/cuda/table.h"

extern "C" {
#include "kernels/token_embed/token_embed.h"
}

struct sources {
    alm_view view[3]; /* by alm_token_kind: table [V, D], image [I, D], point [Q, D] */
    alm_row_count rows[3];
};

/* source: [rows, 2], rows source_stride apart; out: [rows, width]. Grid and block: alm_row_tiles.
 */
static __global__ void __launch_bounds__(128)
    token_embed_kernel(const int32_t *source, int64_t source_stride, sources from, alm_view out,
                       alm_row_count rows, int width, int32_t *fault, int32_t fault_code)
{
    release_dependents();
    wait_for_inputs();
    const int64_t row = tile_row();
    const int column = tile_column(), left = width - column;
    if (row >= rows.get() || left <= 0) {
        return;
    }
    const int kind = source[row * source_stride], want = source[row * source_stride + 1];
    /* Named one by one: an array of parameters that is indexed at run time is copied to the stack.
     */
    const bool is_image = kind == ALM_TOKEN_IMAGE, is_point = kind == ALM_TOKEN_POINT;
    const alm_view view = is_image ? from.view[1] : is_point ? from.view[2] : from.view[0];
    const alm_row_count count = is_image ? from.rows[1] : is_point ? from.rows[2] : from.rows[0];
    const int have = count.get();
    const bool good = kind >= ALM_TOKEN_TEXT && kind <= ALM_TOKEN_POINT && want >= 0 && want < have;
    if (!good && column == 0) {
        report_fault(fault, fault_code);
    }
    float4 value = make_float4(0, 0, 0, 0);
    if (have > 0) {
        value = load4(view, want < 0 ? 0 : (want < have ? want : have - 1), column, left);
    }
    store4(out, row, column, left, value);
}

static alm_status run(const alm_exec *x, const alm_op_args *args)
{
    const alm_tensor *source = &args->in[0];
    sources from;
    for (int i = 0; i < 3; i++) {
        const alm_tensor *t = alm_optional(args, 1 + i);
        from.view[i] = alm_view_of_optional(t);
        from.rows[i] = t ? alm_row_count_of(t) : alm_row_count{nullptr, 0, 0};
    }
    const int width = (int)args->in[1].desc.dim[1];
    const alm_row_tiles tiles = alm_row_tiles_of(source->desc.dim[0], width);
    return alm_launch(x, "token_embed", token_embed_kernel, tiles.grid, tiles.block, 0,
                      (const int32_t *)source->data, source->stride, from,
                      alm_view_of(&args->out[0]), alm_row_count_of(source), width, x->fault,
                      x->fault_code);
}

extern "C" const alm_kernel alm_token_embed_cuda_kernels[] = {
    {.name = "token_embed_cuda", .backend = ALM_BACKEND_CUDA, .min_arch = 80, .run = run},
    {.name = nullptr},
};

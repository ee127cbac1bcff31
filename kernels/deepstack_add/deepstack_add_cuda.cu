/* deepstack_add: one thread adds four columns of a row's features; in place it leaves the other
 * rows alone. A row that its source does not have is reported and gets no features. */
#include "kernels/cuda/vector.cuh"

#include "kernels/cuda/table.h"

extern "C" {
#include "kernels/deepstack_add/deepstack_add.h"
#include "kernels/token_embed/token_embed.h"
}

/* h, out: [rows, width]; source: [rows, 2], rows source_stride apart; image: [I, width], point:
 * [Q, width], data NULL when absent. Grid and block: alm_row_tiles. */
static __global__ void __launch_bounds__(128)
    deepstack_add_kernel(alm_view h, const int32_t *source, int64_t source_stride, alm_view image,
                         alm_row_count image_rows, alm_view point, alm_row_count point_rows,
                         alm_view out, alm_row_count rows, int width, int32_t *fault,
                         int32_t fault_code)
{
    release_dependents();
    wait_for_inputs();
    const int64_t row = tile_row();
    const int column = tile_column(), left = width - column;
    if (row >= rows.get() || left <= 0) {
        return;
    }
    const int kind = source[row * source_stride], want = source[row * source_stride + 1];
    const bool is_point = kind == ALM_TOKEN_POINT;
    /* Field by field: a parameter that is chosen whole is copied to the stack. */
    const alm_view from = {is_point ? point.data : image.data,
                           is_point ? point.stride : image.stride, false,
                           is_point ? point.aligned : image.aligned};
    bool adds = (is_point || kind == ALM_TOKEN_IMAGE) && from.data;
    const int have = is_point ? point_rows.get() : image_rows.get();
    if (adds && (want < 0 || want >= have)) {
        adds = false;
        if (column == 0) {
            report_fault(fault, fault_code);
        }
    }
    if (!adds && out.data == h.data) {
        return;
    }
    float4 v = load4(h, row, column, left);
    if (adds) {
        const float4 f = load4(from, want, column, left);
        v = make_float4(v.x + f.x, v.y + f.y, v.z + f.z, v.w + f.w);
    }
    store4(out, row, column, left, v);
}

static alm_status run(const alm_exec *x, const alm_op_args *args)
{
    const alm_tensor *h = &args->in[0], *source = &args->in[1];
    const alm_tensor *image = alm_optional(args, 2), *point = alm_optional(args, 3);
    const alm_row_count none = {nullptr, 0, 0};
    const int width = (int)h->desc.dim[1];
    const alm_row_tiles tiles = alm_row_tiles_of(h->desc.dim[0], width);
    return alm_launch(x, "deepstack_add", deepstack_add_kernel, tiles.grid, tiles.block, 0,
                      alm_view_of(h), (const int32_t *)source->data, source->stride,
                      alm_view_of_optional(image), image ? alm_row_count_of(image) : none,
                      alm_view_of_optional(point), point ? alm_row_count_of(point) : none,
                      alm_view_of(&args->out[0]), alm_row_count_of(h), width, x->fault,
                      x->fault_code);
}

extern "C" const alm_kernel alm_deepstack_add_cuda_kernels[] = {
    {.name = "deepstack_add_f32_cuda", .backend = ALM_BACKEND_CUDA, .min_arch = 80, .run = run},
    {.name = nullptr},
};

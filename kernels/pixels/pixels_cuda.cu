/* pixels: one thread turns eight bytes of a row into numbers. Products and quotient are rounded to
 * float32 one by one, as the contract says. */
#include "kernels/cuda/vector.cuh"

#include "kernels/cuda/table.h"

extern "C" {
#include "kernels/pixels/pixels.h"
}

enum { BYTES = 8 };

/* 255·mean and 255·std of the channels. */
struct scaling {
    float shift[3], divisor[3];
};

__device__ __forceinline__ float normalised(unsigned byte, float shift, float divisor)
{
    return __fdiv_rn(__fsub_rn((float)byte, shift), divisor);
}

/* bytes: [rows, width], rows byte_stride apart; out: [rows, width]. A channel has `channel`
 * columns. vectors: eight bytes lie in one channel and may be read at once. */
static __global__ void __launch_bounds__(128)
    pixels_kernel(const uint8_t *bytes, int64_t byte_stride, scaling s, alm_view out,
                  alm_row_count rows, int width, int channel, bool vectors)
{
    release_dependents();
    wait_for_inputs();
    const int64_t row = tile_row();
    const int column = BYTES * (int)(blockIdx.y * blockDim.x + threadIdx.x), left = width - column;
    if (row >= rows.get() || left <= 0) {
        return;
    }
    const uint8_t *p = bytes + row * byte_stride + column;
    if (vectors) {
        const uint2 bits = *(const uint2 *)p;
        const int c = column / channel;
        const float shift = c == 0 ? s.shift[0] : c == 1 ? s.shift[1] : s.shift[2];
        const float divisor = c == 0 ? s.divisor[0] : c == 1 ? s.divisor[1] : s.divisor[2];
        const float4 lo = make_float4(normalised(bits.x & 255, shift, divisor),
                                      normalised(bits.x >> 8 & 255, shift, divisor),
                                      normalised(bits.x >> 16 & 255, shift, divisor),
                                      normalised(bits.x >> 24, shift, divisor));
        const float4 hi = make_float4(normalised(bits.y & 255, shift, divisor),
                                      normalised(bits.y >> 8 & 255, shift, divisor),
                                      normalised(bits.y >> 16 & 255, shift, divisor),
                                      normalised(bits.y >> 24, shift, divisor));
        store4(out, row, column, 4, lo);
        store4(out, row, column + 4, 4, hi);
        return;
    }
    for (int i = 0; i < BYTES && i < left; i++) {
        const int c = (column + i) / channel;
        const float shift = c == 0 ? s.shift[0] : c == 1 ? s.shift[1] : s.shift[2];
        const float divisor = c == 0 ? s.divisor[0] : c == 1 ? s.divisor[1] : s.divisor[2];
        store1(out, row, column + i, normalised(p[i], shift, divisor));
    }
}

static alm_status run(const alm_exec *x, const alm_op_args *args)
{
    const alm_pixels_attr *attr = (const alm_pixels_attr *)args->attr;
    const alm_tensor *in = &args->in[0];
    const int width = (int)in->desc.dim[1], channel = width / 3;
    scaling s;
    for (int c = 0; c < 3; c++) {
        s.shift[c] = 255.0f * attr->mean[c];
        s.divisor[c] = 255.0f * attr->std[c];
    }
    const bool vectors =
        channel % BYTES == 0 && in->stride % BYTES == 0 && (uintptr_t)in->data % BYTES == 0;
    const alm_row_tiles tiles = alm_row_tiles_of(in->desc.dim[0], (width + 1) / 2);
    return alm_launch(x, "pixels", pixels_kernel, tiles.grid, tiles.block, 0,
                      (const uint8_t *)in->data, in->stride, s, alm_view_of(&args->out[0]),
                      alm_row_count_of(in), width, channel, vectors);
}

extern "C" const alm_kernel alm_pixels_cuda_kernels[] = {
    {.name = "pixels_cuda", .backend = ALM_BACKEND_CUDA, .min_arch = 80, .run = run},
    {.name = nullptr},
};

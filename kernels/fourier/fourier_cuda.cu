/* fourier: one thread a sine and a cosine, in double. */
#include "kernels/cuda/vector.cuh"

#include "kernels/cuda/table.h"

/* Angles 128·blockIdx.y ... + 128 of the 3·bands of row blockIdx.x. x: [N, 3]; frequency: [bands];
 * out: [N, 6·bands] */
static __global__ void __launch_bounds__(128)
    fourier_kernel(const float *x, int64_t x_stride, const float *frequency, alm_view out,
                   alm_row_count rows, int bands)
{
    release_dependents();
    wait_for_inputs();
    const int64_t row = blockIdx.x;
    if (row >= rows.get()) {
        return;
    }
    for (int i = (int)(blockIdx.y * 128 + threadIdx.x); i < 3 * bands; i += (int)gridDim.y * 128) {
        const int axis = i / bands, b = i % bands, at = 2 * axis * bands + b;
        double sine, cosine;
        sincos((double)x[row * x_stride + axis] * (double)frequency[b], &sine, &cosine);
        store1(out, row, at, (float)sine);
        store1(out, row, at + bands, (float)cosine);
    }
}

static alm_status run(const alm_exec *x, const alm_op_args *a)
{
    const alm_tensor *in = &a->in[0];
    const int bands = (int)a->in[1].desc.dim[0];
    const unsigned columns = alm_blocks(3 * (int64_t)bands, 128);
    const dim3 grid((unsigned)in->desc.dim[0], columns < 1024 ? columns : 1024);
    return alm_launch(x, "fourier", fourier_kernel, grid, dim3(128), 0, (const float *)in->data,
                      in->stride, (const float *)a->in[1].data, alm_view_of(&a->out[0]),
                      alm_row_count_of(in), bands);
}

extern "C" const alm_kernel alm_fourier_cuda_kernels[] = {
    {.name = "fourier_cuda", .backend = ALM_BACKEND_CUDA, .min_arch = 80, .run = run},
    {.name = nullptr},
};

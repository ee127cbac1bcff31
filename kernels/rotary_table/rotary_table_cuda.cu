/* rotary_table: one thread an angle, in double and rounded once. An axis that positions do not have
 * is reported and reads the nearest one. */
#include "kernels/cuda/device.cuh"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/table.h"

/* position: [rows, axes]; frequency, axis: [width]; cosine, sine: [rows, width]. One block: 32
 * columns of four rows. */
static __global__ void __launch_bounds__(128)
    rotary_table_kernel(const int32_t *position, int64_t position_stride, int axes,
                        const double *frequency, const int32_t *axis, float *cosine,
                        int64_t cosine_stride, float *sine, int64_t sine_stride, alm_row_count rows,
                        int width, int32_t *fault, int32_t fault_code)
{
    release_dependents();
    wait_for_inputs();
    const int64_t row = (int64_t)blockIdx.x * 4 + threadIdx.y;
    const int f = (int)(blockIdx.y * 32 + threadIdx.x);
    if (f >= width) {
        return;
    }
    int a = axis[f];
    if (a < 0 || a >= axes) {
        report_fault(fault, fault_code);
        a = a < 0 ? 0 : axes - 1;
    }
    if (row >= rows.get() || axes < 1) {
        return;
    }
    const double angle = __dmul_rn((double)position[row * position_stride + a], frequency[f]);
    double s, c;
    sincos(angle, &s, &c);
    cosine[row * cosine_stride + f] = (float)c;
    sine[row * sine_stride + f] = (float)s;
}

static alm_status run(const alm_exec *x, const alm_op_args *args)
{
    const alm_tensor *position = &args->in[0];
    const int width = (int)args->in[1].desc.dim[0];
    const dim3 grid(alm_blocks(position->desc.dim[0], 4), alm_blocks(width, 32));
    return alm_launch(x, "rotary_table", rotary_table_kernel, grid, dim3(32, 4), 0,
                      (const int32_t *)position->data, position->stride, (int)position->desc.dim[1],
                      (const double *)args->in[1].data, (const int32_t *)args->in[2].data,
                      (float *)args->out[0].data, args->out[0].stride, (float *)args->out[1].data,
                      args->out[1].stride, alm_row_count_of(position), width, x->fault,
                      x->fault_code);
}

extern "C" const alm_kernel alm_rotary_table_cuda_kernels[] = {
    {.name = "rotary_table_f32_cuda", .backend = ALM_BACKEND_CUDA, .min_arch = 80, .run = run},
    {.name = nullptr},
};

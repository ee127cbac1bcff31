/* fourier as specified; also the kernel that runs: a few thousand sines. */
#include "kernels/fourier/fourier.h"

#include <math.h>

static void one_row(void *context, int64_t row, int thread)
{
    (void)thread;
    const alm_op_args *a = context;
    const int64_t bands = a->in[1].desc.dim[0];
    const float *x = alm_row(const float, &a->in[0], row), *frequency = a->in[1].data;
    float *out = alm_row(float, &a->out[0], row);
    for (int axis = 0; axis < 3; axis++) {
        for (int64_t b = 0; b < bands; b++) {
            const double angle = (double)x[axis] * (double)frequency[b];
            out[(2 * axis) * bands + b] = (float)sin(angle);
            out[(2 * axis + 1) * bands + b] = (float)cos(angle);
        }
    }
}

alm_status alm_fourier_f32_ref(const alm_exec *exec, const alm_op_args *a)
{
    alm_parallel_for(exec->pool, alm_rows(&a->in[0]), one_row, (void *)a);
    return ALM_OK;
}

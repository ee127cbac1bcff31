/* fourier as specified; also the kernel that runs: a few thousand sines. */
#include "kernels/fourier/fourier.h"

#include <math.h>

#include "kernels/core/numeric.h"

static void one_row(void *context, int64_t row, int thread)
{
    (void)thread;
    const alm_op_args *a = context;
    const int64_t bands = a->in[1].desc.dim[0];
    const float *x = alm_row(const float, &a->in[0], row), *frequency = a->in[1].data;
    const bool out_bf16 = a->out[0].desc.dtype == ALM_DTYPE_BF16;
    const int64_t to = row * a->out[0].stride;
    void *out = a->out[0].data;
    for (int axis = 0; axis < 3; axis++) {
        for (int64_t b = 0; b < bands; b++) {
            const double angle = (double)x[axis] * (double)frequency[b];
            const int64_t sine = to + 2 * axis * bands + b;
            alm_value_store(out_bf16, out, sine, (float)sin(angle));
            alm_value_store(out_bf16, out, sine + bands, (float)cos(angle));
        }
    }
}

alm_status alm_fourier_f32_ref(const alm_exec *exec, const alm_op_args *a)
{
    alm_parallel_for(exec->pool, alm_rows(&a->in[0]), one_row, (void *)a);
    return ALM_OK;
}

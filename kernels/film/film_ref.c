/* film as specified; also the kernel that runs: three operations a number. */
#include "kernels/film/film.h"

#include "kernels/core/numeric.h"

static void one_row(void *context, int64_t row, int thread)
{
    (void)thread;
    const alm_op_args *a = context;
    const int64_t width = a->in[0].desc.dim[1], branch = row / (a->in[0].desc.dim[0] / 4);
    const float *h = alm_row(const float, &a->in[0], row);
    const float *position = alm_row(const float, &a->in[1], row);
    const float *film = a->in[3].data;
    const bool bf16 = a->in[2].desc.dtype == ALM_DTYPE_BF16;
    float *out = alm_row(float, &a->out[0], row);
    for (int64_t c = 0; c < width; c++) {
        const double type = (double)alm_weight_at(bf16, a->in[2].data, branch * width + c);
        const double sum = (double)h[c] + type + (double)position[c];
        out[c] = (float)(sum * (1.0 + (double)film[c]) + (double)film[width + c]);
    }
}

alm_status alm_film_f32_ref(const alm_exec *exec, const alm_op_args *a)
{
    alm_parallel_for(exec->pool, alm_rows(&a->in[0]), one_row, (void *)a);
    return ALM_OK;
}

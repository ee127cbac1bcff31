/* branch_tokens as specified; also the kernel that runs: the work is a copy and nine
 * multiplications a vector. */
#include "kernels/branch_tokens/branch_tokens.h"

#include <string.h>

/* One patch [F, 3] as it is and turned. */
static void one_patch(const alm_op_args *a, int64_t cloud, int64_t p)
{
    const alm_tensor *patch = &a->in[2 * cloud], *frame = &a->in[2 * cloud + 1];
    const int64_t patches = patch->desc.dim[0], features = patch->desc.dim[1];
    const float *x = alm_row(const float, patch, p);
    float *plain = alm_row(float, &a->out[0], 2 * cloud * patches + p);
    float *turned = alm_row(float, &a->out[0], (2 * cloud + 1) * patches + p);
    double z[3][3];
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            z[i][j] = (double)alm_row(const float, frame, i)[j];
        }
    }
    memcpy(plain, x, (size_t)(3 * features) * sizeof *x);
    for (int64_t f = 0; f < features; f++) {
        const double v[3] = {(double)x[3 * f], (double)x[3 * f + 1], (double)x[3 * f + 2]};
        for (int j = 0; j < 3; j++) {
            turned[3 * f + j] = (float)(v[0] * z[0][j] + v[1] * z[1][j] + v[2] * z[2][j]);
        }
    }
}

static void task(void *context, int64_t index, int thread)
{
    (void)thread;
    const alm_op_args *a = context;
    const int64_t patches = a->in[0].desc.dim[0];
    one_patch(a, index / patches, index % patches);
}

alm_status alm_branch_tokens_f32_ref(const alm_exec *exec, const alm_op_args *a)
{
    alm_parallel_for(exec->pool, 2 * a->in[0].desc.dim[0], task, (void *)a);
    return ALM_OK;
}

/* vn_frame as specified; also the kernel that runs: the work is 6C multiplications. */
#include "kernels/vn_frame/vn_frame.h"

#include <math.h>

#include "kernels/core/numeric.h"

static void make_unit(double v[3])
{
    const double length = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]) + 1e-6;
    for (int i = 0; i < 3; i++) {
        v[i] /= length;
    }
}

alm_status alm_vn_frame_f32_ref(const alm_exec *exec, const alm_op_args *a)
{
    (void)exec;
    const float *x = a->in[0].data; /* [C, 3] */
    const int64_t channels = a->in[0].desc.dim[1];
    const bool bf16 = a->in[1].desc.dtype == ALM_DTYPE_BF16;
    double u[3][3] = {{0}};
    for (int v = 0; v < 2; v++) {
        for (int64_t c = 0; c < channels; c++) {
            const double w = (double)alm_weight_at(bf16, a->in[1].data, v * channels + c);
            for (int i = 0; i < 3; i++) {
                u[v][i] += w * (double)x[c * 3 + i];
            }
        }
    }
    make_unit(u[0]);
    const double along = u[0][0] * u[1][0] + u[0][1] * u[1][1] + u[0][2] * u[1][2];
    for (int i = 0; i < 3; i++) {
        u[1][i] -= along * u[0][i];
    }
    make_unit(u[1]);
    for (int i = 0; i < 3; i++) {
        const int j = (i + 1) % 3, k = (i + 2) % 3;
        u[2][i] = u[0][j] * u[1][k] - u[0][k] * u[1][j];
    }
    for (int i = 0; i < 3; i++) {
        for (int v = 0; v < 3; v++) {
            alm_row(float, &a->out[0], i)[v] = (float)u[v][i];
        }
    }
    return ALM_OK;
}

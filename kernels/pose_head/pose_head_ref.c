/* The specification of `pose_head`: everything in double. Never optimised. */
#include "kernels/pose_head/pose_head.h"

#include <math.h>

#include "kernels/core/numeric.h"

/* (x − mean(x))/√(var(x) + eps)·weight + bias. x, out: [n]; norm: the two inputs, [n] each. */
static void layer_norm(const double *x, int64_t n, const alm_tensor *norm, double *out)
{
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < n; i++) {
        mean += x[i];
    }
    mean /= (double)n;
    for (int64_t i = 0; i < n; i++) {
        variance += (x[i] - mean) * (x[i] - mean);
    }
    const double factor = 1 / sqrt(variance / (double)n + ALM_POSE_HEAD_EPS);
    const bool bf16_weight = norm[0].desc.dtype == ALM_DTYPE_BF16;
    const bool bf16_bias = norm[1].desc.dtype == ALM_DTYPE_BF16;
    for (int64_t i = 0; i < n; i++) {
        out[i] = (x[i] - mean) * factor * (double)alm_weight_at(bf16_weight, norm[0].data, i) +
                 (double)alm_weight_at(bf16_bias, norm[1].data, i);
    }
}

/* Σ_k x[k]·weight[m, k] + bias[m]; linear: the two inputs. */
static double dense(const double *x, const alm_tensor *linear, int64_t m)
{
    const int64_t n = linear[0].desc.dim[1];
    const bool bf16 = linear[0].desc.dtype == ALM_DTYPE_BF16;
    double sum = 0;
    for (int64_t k = 0; k < n; k++) {
        sum += x[k] * (double)alm_weight_at(bf16, linear[0].data, m * n + k);
    }
    return sum + (double)alm_weight_at(linear[1].desc.dtype == ALM_DTYPE_BF16, linear[1].data, m);
}

size_t alm_pose_head_workspace_ref(const alm_op_args *a, const alm_device *device)
{
    (void)device;
    return 2 * (size_t)alm_pose_head_width(a) * sizeof(double);
}

alm_status alm_pose_head_f32_ref(const alm_exec *exec, const alm_op_args *a)
{
    (void)exec;
    if (alm_rows(&a->in[0]) == 0) {
        return ALM_OK;
    }
    const int64_t d = a->in[0].desc.dim[1];
    const int last = a->n_in - 4;
    double *h = a->workspace;                    /* [D], then [H] */
    double *normed = h + alm_pose_head_width(a); /* likewise */
    for (int64_t i = 0; i < d; i++) {
        h[i] = (double)((const float *)a->in[0].data)[i];
    }
    for (int layer = 1; layer < last; layer += 4) {
        const alm_tensor *linear = &a->in[layer + 2];
        layer_norm(h, linear->desc.dim[1], &a->in[layer], normed);
        for (int64_t m = 0; m < linear->desc.dim[0]; m++) {
            const double v = dense(normed, linear, m);
            const double positive = v < 0 ? 0 : v;
            h[m] = layer == 1 ? positive : h[m] + positive;
        }
    }
    layer_norm(h, a->in[last + 2].desc.dim[1], &a->in[last], normed);
    for (int64_t m = 0; m < a->in[last + 2].desc.dim[0]; m++) {
        ((float *)a->out[0].data)[m] = (float)dense(normed, &a->in[last + 2], m);
    }
    return ALM_OK;
}

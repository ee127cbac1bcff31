/* vn_linear as specified, and the layer that edge_conv's reference shares. */
#include "kernels/vn_linear/vn_linear.h"

#include <math.h>

#include "kernels/core/numeric.h"

/* v = row `row` of the weight [*, in] · x [in, 3] */
static void project(const alm_tensor *weight, int64_t row, const double *x, double v[3])
{
    const bool bf16 = weight->desc.dtype == ALM_DTYPE_BF16;
    const int64_t in = weight->desc.dim[1];
    v[0] = v[1] = v[2] = 0.0;
    for (int64_t c = 0; c < in; c++) {
        const double w = (double)alm_weight_at(bf16, weight->data, row * in + c);
        for (int i = 0; i < 3; i++) {
            v[i] += w * x[3 * c + i];
        }
    }
}

void alm_vn_layer_ref(const alm_vn_layer *layer, const double *x, double *y)
{
    const int64_t out = layer->feat->desc.dim[0];
    const bool bf16 = layer->norm->desc.dtype == ALM_DTYPE_BF16;
    double squares = 0.0;
    for (int64_t c = 0; c < out; c++) {
        project(layer->feat, c, x, y + 3 * c);
        for (int i = 0; i < 3; i++) {
            squares += y[3 * c + i] * y[3 * c + i];
        }
    }
    const double scale = 1.0 / sqrt(squares / (double)(3 * out) + ALM_VN_EPS);
    for (int64_t c = 0; c < out; c++) {
        double p[3], d[3], s = 0.0, dd = 0.0;
        project(layer->dir, layer->dir->desc.dim[0] == 1 ? 0 : c, x, d);
        for (int i = 0; i < 3; i++) {
            p[i] = y[3 * c + i] * scale * (double)alm_weight_at(bf16, layer->norm->data, c);
            s += p[i] * d[i];
            dd += d[i] * d[i];
        }
        for (int i = 0; i < 3; i++) {
            const double bent = s >= 0.0 ? p[i] : p[i] - s / (dd + ALM_VN_EPS) * d[i];
            y[3 * c + i] = ALM_VN_SLOPE * p[i] + (1.0 - ALM_VN_SLOPE) * bent;
        }
    }
}

/* x [Cin, 3] and y [Cout, 3] of one row */
size_t alm_vn_linear_workspace_ref(const alm_op_args *a, const alm_device *device)
{
    (void)device;
    const alm_desc *feat = &a->in[0].desc;
    return (size_t)(3 * (feat->dim[0] + feat->dim[1])) * sizeof(double);
}

alm_status alm_vn_linear_f32_ref(const alm_exec *exec, const alm_op_args *a)
{
    (void)exec;
    const alm_vn_layer layer = alm_vn_layer_at(a, 0);
    const int64_t out = a->in[0].desc.dim[0], in = a->in[0].desc.dim[1];
    double *x = a->workspace, *y = x + 3 * in;
    for (int64_t row = 0; row < alm_rows(&a->in[3]); row++) {
        int64_t at = 0;
        for (int i = 3; i < a->n_in; i++) {
            const float *part = alm_row(const float, &a->in[i], row);
            for (int64_t c = 0; c < 3 * a->in[i].desc.dim[1]; c++) {
                x[at++] = (double)part[c];
            }
        }
        alm_vn_layer_ref(&layer, x, y);
        for (int64_t c = 0; c < 3 * out; c++) {
            alm_row(float, &a->out[0], row)[c] = (float)y[c];
        }
    }
    return ALM_OK;
}

/* Contract of qkv: refuses weights that do not fit the rows or each other, heads that do not divide
 * them, half of a group of optional inputs. */
#include "kernels/qkv/qkv.h"

#include <math.h>
#include <stdio.h>

static const char *const part[] = {"q", "k", "v"};

/* Whether all of in[first ... first + n) are there; refuses some of them. */
static alm_status check_group(const alm_op_args *a, int first, int n, const char *what, bool *out)
{
    int present = 0;
    for (int i = first; i < first + n; i++) {
        present += alm_optional(a, i) != NULL;
    }
    if (present != 0 && present != n) {
        return alm_fail(ALM_STATUS_INTERNAL, "qkv: %d of %d inputs for %s", present, n, what);
    }
    *out = present == n;
    return ALM_OK;
}

static alm_status check_layers(const alm_op_args *a, int64_t head_dim)
{
    bool biased;
    char what[16];
    const int64_t k = a->in[0].desc.dim[1];
    ALM_TRY(check_group(a, ALM_QKV_BIAS, 3, "biases", &biased));
    for (int i = 0; i < 3; i++) {
        const alm_tensor *w = &a->in[ALM_QKV_WEIGHT + i];
        snprintf(what, sizeof what, "w%s", part[i]);
        ALM_TRY(alm_check_weight("qkv", what, w));
        ALM_TRY(alm_check_shape("qkv", what, w, ALM_SHAPE(-1, k)));
        if (w->desc.dim[0] % head_dim != 0 ||
            (i == 2 && w->desc.dim[0] != a->in[ALM_QKV_WEIGHT + 1].desc.dim[0])) {
            return alm_fail(ALM_STATUS_MODEL, "qkv: %s has %lld rows for heads of %lld", what,
                            (long long)w->desc.dim[0], (long long)head_dim);
        }
        if (biased) {
            snprintf(what, sizeof what, "b%s", part[i]);
            ALM_TRY(alm_check_weight("qkv", what, &a->in[ALM_QKV_BIAS + i]));
            ALM_TRY(
                alm_check_shape("qkv", what, &a->in[ALM_QKV_BIAS + i], ALM_SHAPE(w->desc.dim[0])));
        }
    }
    return ALM_OK;
}

static alm_status check_states(const alm_op_args *a)
{
    bool placed;
    ALM_TRY(check_group(a, ALM_QKV_STATE, 3, "keys, values and offset", &placed));
    for (int i = 0; placed && i < 2; i++) {
        const alm_tensor *state = &a->in[ALM_QKV_STATE + i];
        const char *what = i ? "values" : "keys";
        ALM_TRY(alm_check_operand("qkv", what, state));
        ALM_TRY(alm_check_packed("qkv", what, state));
        ALM_TRY(alm_check_shape("qkv", what, state,
                                ALM_SHAPE(-1, a->in[ALM_QKV_WEIGHT + 1].desc.dim[0])));
        if (state->desc.dim[0] < a->in[0].desc.dim[0]) {
            return alm_fail(ALM_STATUS_MODEL, "qkv: %lld rows, %s has %lld",
                            (long long)a->in[0].desc.dim[0], what, (long long)state->desc.dim[0]);
        }
    }
    if (placed) {
        ALM_TRY(alm_check_dtype("qkv", "offset", &a->in[ALM_QKV_OFFSET], ALM_DTYPE_I32));
        ALM_TRY(alm_check_shape("qkv", "offset", &a->in[ALM_QKV_OFFSET], ALM_SHAPE(1)));
    }
    return ALM_OK;
}

static alm_status check(const alm_op_args *a)
{
    const alm_qkv_attr *attr = a->attr;
    const alm_tensor *x = &a->in[0];
    bool normed;
    ALM_TRY(alm_check_operand("qkv", "x", x));
    ALM_TRY(alm_check_shape("qkv", "x", x, ALM_SHAPE(-1, -1)));
    if (attr->head_dim < 2 || attr->head_dim % 2 != 0) {
        return alm_fail(ALM_STATUS_MODEL, "qkv: heads of %d", attr->head_dim);
    }
    ALM_TRY(check_layers(a, attr->head_dim));
    for (int i = ALM_QKV_COS; i <= ALM_QKV_SIN; i++) {
        const char *what = i == ALM_QKV_COS ? "cos" : "sin";
        ALM_TRY(alm_check_dtype("qkv", what, &a->in[i], ALM_DTYPE_F32));
        ALM_TRY(
            alm_check_shape("qkv", what, &a->in[i], ALM_SHAPE(x->desc.dim[0], attr->head_dim / 2)));
    }
    ALM_TRY(check_group(a, ALM_QKV_NORM, 2, "norms", &normed));
    for (int i = 0; normed && i < 2; i++) {
        const char *what = i ? "k_norm" : "q_norm";
        ALM_TRY(alm_check_weight("qkv", what, &a->in[ALM_QKV_NORM + i]));
        ALM_TRY(alm_check_shape("qkv", what, &a->in[ALM_QKV_NORM + i], ALM_SHAPE(attr->head_dim)));
    }
    if (normed && (!isfinite(attr->eps) || !(attr->eps > 0))) {
        return alm_fail(ALM_STATUS_MODEL, "qkv: eps is %g, expected more than 0", attr->eps);
    }
    if (alm_optional(a, ALM_QKV_ROW)) {
        ALM_TRY(alm_check_dtype("qkv", "row", &a->in[ALM_QKV_ROW], ALM_DTYPE_I32));
        ALM_TRY(alm_check_shape("qkv", "row", &a->in[ALM_QKV_ROW], ALM_SHAPE(1)));
    }
    return check_states(a);
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    const int64_t n = a->in[0].desc.dim[0];
    for (int i = 0; i < 3; i++) {
        const int64_t rows = i == 0 && alm_optional(a, ALM_QKV_ROW) ? 1 : n;
        out[i] = alm_desc_2(ALM_DTYPE_F32, rows, a->in[ALM_QKV_WEIGHT + i].desc.dim[0]);
        const alm_tensor *state = i ? alm_optional(a, ALM_QKV_STATE + i - 1) : NULL;
        out[i] = state ? state->desc : out[i];
    }
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "qkv_f32_ref", .workspace = alm_qkv_workspace_ref, .run = alm_qkv_f32_ref},
    {.name = NULL},
};

const alm_op_def alm_op_qkv = {
    .name = "qkv",
    .in_min = ALM_QKV_SIN + 1,
    .in_max = ALM_QKV_INPUTS,
    .out_count = 3,
    .count_from = 0,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
    .bf16_in = 1 << ALM_QKV_X,
    .bf16_out = true,
    .bf16_weights = 7 << ALM_QKV_WEIGHT,
};

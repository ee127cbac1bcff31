/* Attention as it is written, in double: scores are computed twice, so that nothing of the size of
 * the keys is stored. */
#include <math.h>

#include "kernels/attention/attention.h"
#include "kernels/core/numeric.h"

typedef struct row {
    const alm_op_args *a;
    bool is_bf16;    /* q, k and v */
    int64_t q;       /* first element of the query's head */
    int64_t kv_head; /* first channel of the key head */
    int64_t keys;
    const int32_t *rule; /* of the query */
} row;

static bool is_visible(const row *r, int64_t j)
{
    const int32_t kind = r->rule[2], key_kind = alm_row(const int32_t, &r->a->in[4], j)[2];
    const bool in_range = r->rule[0] <= j && j < r->rule[1];
    const bool both_points = kind != ALM_ROW_PLAIN && key_kind != ALM_ROW_PLAIN;
    return (in_range || both_points) &&
           !(kind == ALM_ROW_INVARIANT && key_kind == ALM_ROW_EQUIVARIANT);
}

static double score(const row *r, int64_t j)
{
    const alm_attention_attr *attr = r->a->attr;
    const alm_tensor *k = &r->a->in[1];
    double sum = 0;
    for (int64_t c = 0; c < attr->head_dim; c++) {
        sum += (double)alm_weight_at(r->is_bf16, r->a->in[0].data, r->q + c) *
               (double)alm_weight_at(r->is_bf16, k->data, j * k->stride + r->kv_head + c);
    }
    return sum * (double)attr->scale;
}

/* The channels of a row are summed this many at a time. */
enum { CHANNELS = 32 };

/* Writes head_dim elements from element `first_out` of the result on. */
static void attend(const row *r, int64_t first_out)
{
    const alm_tensor *v = &r->a->in[2], *out = &r->a->out[0];
    const bool out_bf16 = out->desc.dtype == ALM_DTYPE_BF16;
    const alm_attention_attr *attr = r->a->attr;
    double largest = -INFINITY;
    for (int64_t j = 0; j < r->keys; j++) {
        const double s = is_visible(r, j) ? score(r, j) : -INFINITY;
        largest = s > largest ? s : largest;
    }
    for (int64_t first = 0; first < attr->head_dim; first += CHANNELS) {
        const int64_t left = attr->head_dim - first, n = left < CHANNELS ? left : CHANNELS;
        double total = 0, sum[CHANNELS] = {0};
        for (int64_t j = 0; j < r->keys; j++) {
            if (!is_visible(r, j)) {
                continue;
            }
            const double weight = exp(score(r, j) - largest);
            const int64_t at = j * v->stride + r->kv_head + first;
            total += weight;
            for (int64_t c = 0; c < n; c++) {
                sum[c] += weight * (double)alm_weight_at(r->is_bf16, v->data, at + c);
            }
        }
        for (int64_t c = 0; c < n; c++) {
            alm_value_store(out_bf16, out->data, first_out + first + c,
                            total > 0 ? (float)(sum[c] / total) : 0);
        }
    }
}

static void run_row(void *context, int64_t index, int thread)
{
    (void)thread;
    const alm_op_args *a = context;
    const alm_attention_attr *attr = a->attr;
    const int64_t d = attr->head_dim, group = attr->heads / attr->kv_heads;
    for (int64_t h = 0; h < attr->heads; h++) {
        const row r = {.a = a,
                       .is_bf16 = a->in[0].desc.dtype == ALM_DTYPE_BF16,
                       .q = index * a->in[0].stride + h * d,
                       .kv_head = h / group * d,
                       .keys = alm_rows(&a->in[1]),
                       .rule = alm_row(const int32_t, &a->in[3], index)};
        attend(&r, index * a->out[0].stride + h * d);
    }
}

alm_status alm_attention_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    alm_parallel_for(x->pool, alm_rows(&a->in[0]), run_row, (void *)a);
    return ALM_OK;
}

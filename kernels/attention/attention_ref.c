/* Attention as it is written, in double: scores are computed twice, so that nothing of the size of
 * the keys is stored. */
#include <math.h>

#include "kernels/attention/attention.h"

typedef struct row {
    const alm_op_args *a;
    const float *q;  /* [head_dim] */
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
    const float *k = alm_row(const float, &r->a->in[1], j) + r->kv_head;
    double sum = 0;
    for (int64_t c = 0; c < attr->head_dim; c++) {
        sum += (double)r->q[c] * (double)k[c];
    }
    return sum * (double)attr->scale;
}

/* The channels of a row are summed this many at a time. */
enum { CHANNELS = 32 };

static void attend(const row *r, float *out)
{
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
            const float *v = alm_row(const float, &r->a->in[2], j) + r->kv_head + first;
            total += weight;
            for (int64_t c = 0; c < n; c++) {
                sum[c] += weight * (double)v[c];
            }
        }
        for (int64_t c = 0; c < n; c++) {
            out[first + c] = total > 0 ? (float)(sum[c] / total) : 0;
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
                       .q = alm_row(const float, &a->in[0], index) + h * d,
                       .kv_head = h / group * d,
                       .keys = alm_rows(&a->in[1]),
                       .rule = alm_row(const int32_t, &a->in[3], index)};
        attend(&r, alm_row(float, &a->out[0], index) + h * d);
    }
}

alm_status alm_attention_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    alm_parallel_for(x->pool, alm_rows(&a->in[0]), run_row, (void *)a);
    return ALM_OK;
}

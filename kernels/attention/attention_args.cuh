/* What the attention kernels of a GPU are launched with, and how the host makes it. Owns no memory;
 * refuses nothing: check() and accepts() have done it.
 */
#pragma once

#include "kernels/cuda/launch.h"

/* q, out: [queries, heads·head_dim], k, v: [keys, heads/group·head_dim], of the type that the
 * kernel is for, rows `..._stride` elements apart; query_rule, key_rule: [queries, 3], [keys, 3].
 */
struct attention_args {
    const void *q, *k, *v;
    void *out;
    const int32_t *query_rule, *key_rule;
    int64_t q_stride, k_stride, v_stride, out_stride, query_rule_stride, key_rule_stride;
    alm_row_count queries, keys;
    int heads, group, head_dim; /* `group` query heads share a key head */
    float scale;
    bool has_vectors; /* rows of q, k and v begin at multiples of 16 bytes */
    bool out_bf16;    /* else float */
    bool out_pairs;   /* rows of out begin at multiples of two elements */
};

/* Whether all rows of a tensor begin at multiples of `bytes`, given its head sizes do. */
static inline bool attention_rows_at(const alm_tensor *t, int bytes)
{
    const int64_t stride = t->stride * (int64_t)alm_dtype_size(t->desc.dtype);
    return (uintptr_t)t->data % (unsigned)bytes == 0 && stride % bytes == 0;
}

static inline attention_args attention_args_of(const alm_op_args *a)
{
    const alm_attention_attr *attr = (const alm_attention_attr *)a->attr;
    const alm_tensor *q = &a->in[0], *k = &a->in[1], *v = &a->in[2], *out = &a->out[0];
    attention_args args = {};
    args.q = q->data;
    args.k = k->data;
    args.v = v->data;
    args.out = out->data;
    args.query_rule = (const int32_t *)a->in[3].data;
    args.key_rule = (const int32_t *)a->in[4].data;
    args.q_stride = q->stride;
    args.k_stride = k->stride;
    args.v_stride = v->stride;
    args.out_stride = out->stride;
    args.query_rule_stride = a->in[3].stride;
    args.key_rule_stride = a->in[4].stride;
    args.queries = alm_row_count_of(q);
    args.keys = alm_row_count_of(k);
    args.heads = attr->heads;
    args.group = attr->heads / attr->kv_heads;
    args.head_dim = attr->head_dim;
    args.scale = attr->scale;
    args.has_vectors =
        attention_rows_at(q, 16) && attention_rows_at(k, 16) && attention_rows_at(v, 16);
    args.out_bf16 = out->desc.dtype == ALM_DTYPE_BF16;
    args.out_pairs = attention_rows_at(out, 2 * (int)alm_dtype_size(out->desc.dtype));
    return args;
}

/* The tile of queries and the head of a block, for grids of tiles·heads blocks: the last tiles,
 * which see most where a mask is causal, are launched first. */
struct attention_block {
    int tile, head;
};

__device__ __forceinline__ attention_block attention_block_of(int heads)
{
    const int block = (int)blockIdx.x, tiles = (int)gridDim.x / heads;
    return attention_block{tiles - 1 - block / heads, block % heads};
}

/* Element i of out. */
__device__ __forceinline__ void attention_store(const attention_args &a, int64_t i, float value)
{
    if (a.out_bf16) {
        ((bf16 *)a.out)[i] = from_float<bf16>(value);
    } else {
        ((float *)a.out)[i] = value;
    }
}

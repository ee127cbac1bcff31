/* Softmax attention with grouped heads and a mask given as three integers a row; the mask is never
 * built.
 *
 * in 0   q           F32 or BF16 [N, heads·head_dim], rows may lie further apart
 * in 1   k           [M, kv_heads·head_dim], likewise; of the type of q
 * in 2   v           [M, kv_heads·head_dim], likewise; of the type of q
 * in 3   query_rule  I32 [N, 3]: begin, end, kind of each query
 * in 4   key_rule    I32 [M, 3]: of each key; only its kind is read
 * out 0              F32 or BF16 [N, heads·head_dim]: softmax over the visible keys of scale·q·k,
 *                    times v; zeros when no key is visible
 *
 * Scores, softmax and sums are float32 (at least), a BF16 result is rounded once at the end. A
 * kernel for BF16 operands may round the unnormalised weights to BF16 before the product with v
 * (not for their sum): the bound of the tests covers it, the reference does not do it.
 *
 * Query i sees key j when (begin_i <= j < end_i, or both are points) and not (i is an invariant and
 * j an equivariant point). Image segments have their bounds as begin and end and kind text; the
 * language model has begin 0 and end i+1; the bridge begin 0 and end 4P. kv head h serves the query
 * heads h·r ... h·r + r - 1 with r = heads/kv_heads. A row gives the same bits whatever the other
 * rows and the thread count are.
 */
#ifndef ALM_KERNELS_ATTENTION_H
#define ALM_KERNELS_ATTENTION_H

#include "kernels/core/op.h"

typedef enum alm_row_kind {
    ALM_ROW_PLAIN = 0,
    ALM_ROW_EQUIVARIANT = 1,
    ALM_ROW_INVARIANT = 2
} alm_row_kind;

typedef struct alm_attention_attr {
    int heads;
    int kv_heads; /* divides heads */
    int head_dim;
    float scale;
} alm_attention_attr;

alm_status alm_attention_f32_ref(const alm_exec *x, const alm_op_args *a);
alm_status alm_attention_f32_avx2(const alm_exec *x, const alm_op_args *a);
alm_status alm_attention_f32_avx512(const alm_exec *x, const alm_op_args *a);
size_t alm_attention_workspace_avx2(const alm_op_args *a, const alm_device *device);
size_t alm_attention_workspace_avx512(const alm_op_args *a, const alm_device *device);

#endif

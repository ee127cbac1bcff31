/* A linear layer with its epilogue.
 *
 * in 0   x         F32 or BF16 [N, K]; rows may lie further apart than K
 * in 1   weight    weight [M, ...], the dimensions behind the first multiply to K (a patch
 *                  embedding has five)
 * in 2   bias      weight [M], optional
 * in 3   residual  F32 [N, M], optional
 * in 4   up        weight [M, K], present with ALM_EPILOGUE_SWIGLU only
 * out 0            F32 or BF16 [N, M]: epilogue(x·weightᵀ + bias) + residual; SWIGLU:
 *                  silu(x·weightᵀ)·(x·upᵀ), without bias. Sums, epilogue and residual are float32
 *                  (at least), a BF16 result is rounded once at the end. May take the buffer of the
 *                  residual when it is F32.
 *
 * An element is one chain of float32 operations over k in an order that depends on neither N nor
 * the thread count, so that a row gives the same bits in any batch.
 */
#ifndef ALM_KERNELS_LINEAR_H
#define ALM_KERNELS_LINEAR_H

#include "kernels/core/op.h"

typedef enum alm_epilogue {
    ALM_EPILOGUE_NONE,
    ALM_EPILOGUE_RELU,
    ALM_EPILOGUE_SILU,
    ALM_EPILOGUE_GELU_ERF,  /* 0.5·v·(1 + erf(v/√2)) */
    ALM_EPILOGUE_GELU_TANH, /* 0.5·v·(1 + tanh(√(2/π)·(v + 0.044715·v³))) */
    ALM_EPILOGUE_SWIGLU
} alm_epilogue;

typedef struct alm_linear_attr {
    alm_epilogue epilogue;
} alm_linear_attr;

/* Double accumulation in the order of k. */
alm_status alm_linear_f32_ref(const alm_exec *x, const alm_op_args *a);

/* float32 whatever the types of x and out are, one chain of fused multiply-adds over k = 0 ... K−1
 * an element; both give the same bits. */
alm_status alm_linear_f32_avx512(const alm_exec *x, const alm_op_args *a);
size_t alm_linear_workspace_avx512(const alm_op_args *a, const alm_device *device);
alm_status alm_linear_f32_avx2(const alm_exec *x, const alm_op_args *a);
size_t alm_linear_workspace_avx2(const alm_op_args *a, const alm_device *device);

#endif

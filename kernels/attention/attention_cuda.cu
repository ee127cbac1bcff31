/* attention on GPUs from sm_80 on: a kernel for a single query, one for bf16 operands on tensor
 * cores, and one in float32 that takes all that check() passes. The first two read 16 bytes at a
 * time where all rows begin at multiples of 16 bytes, else element by element; the arithmetic is
 * the same.
 */
#include "kernels/cuda/device.cuh"

extern "C" {
#include "kernels/attention/attention.h"
}

#include "kernels/cuda/launch.h"
#include "kernels/cuda/table.h"

#include "kernels/attention/attention_args.cuh"
#include "kernels/attention/attention_mask.cuh"
#include "kernels/attention/attention_any.cuh"
#include "kernels/attention/attention_bf16.cuh"
#include "kernels/attention/attention_row.cuh"
#include "kernels/attention/attention_sm90.h"

static const alm_attention_attr *attr_of(const alm_op_args *a)
{
    return (const alm_attention_attr *)a->attr;
}

/* ---- A single query ---- */

static bool has_head_dim(const alm_op_args *a)
{
    const int d = attr_of(a)->head_dim;
    return d == 16 || d == 32 || d == 64 || d == 128;
}

/* Bases are powers of two: scale·log2(e) neither overflows nor vanishes. */
static bool has_usual_scale(const alm_op_args *a)
{
    const float scale = attr_of(a)->scale;
    return scale > 1e-30f && scale < 1e30f;
}

static bool is_row(const alm_op_args *a, alm_dtype dtype)
{
    return a->in[0].desc.dtype == dtype && a->in[0].desc.dim[0] == 1 && has_head_dim(a);
}

static bool accepts_row_f32(const alm_op_args *a)
{
    return is_row(a, ALM_DTYPE_F32);
}

static bool accepts_row_bf16(const alm_op_args *a)
{
    return is_row(a, ALM_DTYPE_BF16);
}

template <class T, int D> static alm_status launch_row(const alm_exec *x, const alm_op_args *a)
{
    return alm_launch(x, "attention_row", attention_row_kernel<T, D>,
                      dim3((unsigned)attr_of(a)->heads), dim3(32 * single<D>::WARPS), 0,
                      attention_args_of(a));
}

template <class T> static alm_status run_row(const alm_exec *x, const alm_op_args *a)
{
    switch (attr_of(a)->head_dim) {
    case 16: return launch_row<T, 16>(x, a);
    case 32: return launch_row<T, 32>(x, a);
    case 64: return launch_row<T, 64>(x, a);
    default: return launch_row<T, 128>(x, a);
    }
}

/* ---- bf16 on tensor cores ---- */

static bool accepts_bf16(const alm_op_args *a)
{
    return a->in[0].desc.dtype == ALM_DTYPE_BF16 && has_head_dim(a) && has_usual_scale(a);
}

static dim3 grid_of(const alm_op_args *a, int rows)
{
    return dim3(alm_blocks(a->in[0].desc.dim[0], rows) * (unsigned)attr_of(a)->heads);
}

template <int D> static alm_status launch_bf16(const alm_exec *x, const alm_op_args *a)
{
    return alm_launch(x, "attention_bf16", attention_bf16_kernel<D>, grid_of(a, flash<D>::ROWS),
                      dim3(flash<D>::THREADS), flash<D>::SHARED_BYTES, attention_args_of(a));
}

static alm_status run_bf16(const alm_exec *x, const alm_op_args *a)
{
    switch (attr_of(a)->head_dim) {
    case 16: return launch_bf16<16>(x, a);
    case 32: return launch_bf16<32>(x, a);
    case 64: return launch_bf16<64>(x, a);
    default: return launch_bf16<128>(x, a);
    }
}

extern "C" alm_status alm_attention_mma_run(const alm_exec *x, const alm_op_args *a)
{
    return run_bf16(x, a);
}

/* ---- Anything ---- */

template <class T, int V> static alm_status launch_any(const alm_exec *x, const alm_op_args *a)
{
    return alm_launch(x, "attention_f32", attention_any_kernel<T, V>, grid_of(a, ANY_ROWS),
                      dim3(ANY_THREADS), ANY_SHARED_BYTES, attention_args_of(a));
}

static alm_status run_any(const alm_exec *x, const alm_op_args *a)
{
    const bool is_bf16 = a->in[0].desc.dtype == ALM_DTYPE_BF16;
    if (attr_of(a)->head_dim <= 64) {
        return is_bf16 ? launch_any<bf16, 64>(x, a) : launch_any<float, 64>(x, a);
    }
    return is_bf16 ? launch_any<bf16, 128>(x, a) : launch_any<float, 128>(x, a);
}

extern "C" const alm_kernel alm_attention_cuda_kernels[] = {
    {.name = "attention_row_bf16_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .accepts = accepts_row_bf16,
     .run = run_row<bf16>},
    {.name = "attention_row_f32_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .accepts = accepts_row_f32,
     .run = run_row<float>},
    {.name = "attention_bf16_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .accepts = accepts_bf16,
     .run = run_bf16},
    {.name = "attention_f32_cuda", .backend = ALM_BACKEND_CUDA, .min_arch = 80, .run = run_any},
#ifdef ALM_HAS_SM90
    {.name = "attention_bf16_sm90",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 90,
     .max_arch = 90,
     .accepts = alm_attention_sm90_accepts,
     .run = alm_attention_sm90_run,
     .is_trial = true},
#endif
    {.name = nullptr},
};

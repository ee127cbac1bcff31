/* qkv on a GPU: in one launch where the tensor-core kernels take the shapes, else by the CUDA
 * kernels of gather_rows, linear, rotary and place_rows. */
#include "kernels/cuda/device.cuh"

#include "kernels/core/env.h"
#include "kernels/cuda/table.h"

#include "kernels/qkv/qkv_mma.cuh"

static const alm_kernel *best(const alm_op_def *op, const alm_op_args *a, const alm_device *device)
{
    return alm_op_kernel(op, a, device, alm_env_get("ASSEMLM_KERNEL"));
}

static alm_status run_composed(const alm_exec *x, const alm_op_args *a)
{
    return alm_qkv_compose(x, a, best);
}

static size_t composed_workspace(const alm_op_args *a, const alm_device *device)
{
    return alm_qkv_compose_workspace(a, device, best);
}

template <int TILE> static alm_status run_mma(const alm_exec *x, const alm_op_args *a)
{
    return qkv_mma_run(x, a, TILE);
}

/* Behind the general kernel: for comparison, only ASSEMLM_KERNEL, tests and benches take them. */
extern "C" const alm_kernel alm_qkv_cuda_kernels[] = {
    {.name = "qkv_bf16_mma",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .accepts = qkv_mma_accepts,
     .run = run_mma<-1>},
    {.name = "qkv_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .workspace = composed_workspace,
     .run = run_composed,
     .launches = ALM_QKV_COMPOSE_LAUNCHES},
    {.name = "qkv_bf16_mma_128x256",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .accepts = qkv_mma_accepts,
     .run = run_mma<0>},
    {.name = "qkv_bf16_mma_128x128",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .accepts = qkv_mma_accepts,
     .run = run_mma<1>},
    {.name = "qkv_bf16_mma_64x128",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .accepts = qkv_mma_accepts,
     .run = run_mma<2>},
    {.name = nullptr},
};

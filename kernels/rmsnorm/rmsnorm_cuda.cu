/* rmsnorm: the body is row_norm.cuh, without a mean and a bias. */
#include "kernels/cuda/row_norm.cuh"

#include "kernels/cuda/table.h"

extern "C" {
#include "kernels/rmsnorm/rmsnorm.h"
}

static alm_norm_row row_of(const alm_op_args *args)
{
    const alm_tensor *in = &args->in[0];
    return alm_norm_row{alm_view_of(in),
                        alm_view_of(&args->in[1]),
                        alm_view_of_optional(nullptr),
                        alm_view_of(&args->out[0]),
                        alm_row_count_of(in),
                        (int)in->desc.dim[1],
                        (float)((const alm_rmsnorm_attr *)args->attr)->eps};
}

static alm_status run(const alm_exec *x, const alm_op_args *args)
{
    return alm_norm_run<false>(x, "rmsnorm", row_of(args), nullptr);
}

static alm_status run_pair(const alm_exec *x, const alm_op_args *a, const alm_op_args *b)
{
    const alm_norm_row other = row_of(b);
    return alm_norm_run<false>(x, "rmsnorm", row_of(a), &other);
}

extern "C" const alm_kernel alm_rmsnorm_cuda_kernels[] = {
    {.name = "rmsnorm_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .run = run,
     .run_pair = run_pair},
    {.name = nullptr},
};

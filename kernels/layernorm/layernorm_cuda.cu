/* layernorm: the body is row_norm.cuh, with a mean and a bias. */
#include "kernels/cuda/row_norm.cuh"

#include "kernels/cuda/table.h"

extern "C" {
#include "kernels/layernorm/layernorm.h"
}

static alm_norm_row row_of(const alm_op_args *args)
{
    const alm_tensor *in = &args->in[0];
    return alm_norm_row{alm_view_of(in),
                        alm_view_of(&args->in[1]),
                        alm_view_of(&args->in[2]),
                        alm_view_of(&args->out[0]),
                        alm_row_count_of(in),
                        (int)in->desc.dim[1],
                        (float)((const alm_layernorm_attr *)args->attr)->eps};
}

static alm_status run(const alm_exec *x, const alm_op_args *args)
{
    return alm_norm_run<true>(x, "layernorm", row_of(args), nullptr);
}

static alm_status run_pair(const alm_exec *x, const alm_op_args *a, const alm_op_args *b)
{
    const alm_norm_row other = row_of(b);
    return alm_norm_run<true>(x, "layernorm", row_of(a), &other);
}

extern "C" const alm_kernel alm_layernorm_cuda_kernels[] = {
    {.name = "layernorm_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .run = run,
     .run_pair = run_pair},
    {.name = nullptr},
};

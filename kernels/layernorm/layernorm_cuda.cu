/* layernorm: the body is row_norm.cuh, with a mean and a bias. cuDNN's is for comparison. */
#include "kernels/cuda/row_norm.cuh"

#include "kernels/cuda/cudnn.h"
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

#ifndef ALM_CUDA_SHIM

static bool accepts_cudnn(const alm_op_args *args)
{
    return args->in[0].desc.dim[0] > 0 && args->in[0].desc.dim[1] % 8 == 0 &&
           args->in[1].desc.dtype == args->in[2].desc.dtype && alm_is_packed(&args->out[0]);
}

static size_t workspace_cudnn(const alm_op_args *args, const alm_device *device)
{
    (void)args, (void)device;
    return ALM_CUDNN_SCRATCH;
}

static alm_status run_cudnn(const alm_exec *x, const alm_op_args *args)
{
    alm_cudnn_graph graph = {};
    float eps = (float)((const alm_layernorm_attr *)args->attr)->eps;
    void *const pointers[ALM_CUDNN_POINTERS] = {args->in[0].data, args->in[1].data,
                                                args->in[2].data, args->out[0].data, &eps};
    graph.kind = ALM_CUDNN_LAYERNORM;
    graph.rows = args->in[0].desc.dim[0];
    graph.columns = args->in[0].desc.dim[1];
    graph.weight_dtype = args->in[1].desc.dtype;
    graph.out_dtype = args->out[0].desc.dtype;
    return alm_cudnn_run(x, &graph, pointers, args->workspace);
}

#endif

extern "C" const alm_kernel alm_layernorm_cuda_kernels[] = {
    {.name = "layernorm_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .run = run,
     .run_pair = run_pair},
#ifndef ALM_CUDA_SHIM
    {.name = "layernorm_cudnn",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .accepts = accepts_cudnn,
     .workspace = workspace_cudnn,
     .run = run_cudnn,
     .is_foreign = true},
#endif
    {.name = nullptr},
};

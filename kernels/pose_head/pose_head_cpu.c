/* The pose head on the CPU: the kernels of `layernorm` and `linear` one after another, float32
 * between them. Its time is the reading of the weights (84 MB in bf16), which `linear` does; the
 * norms of a few thousand numbers take the reference, whose sums are double.
 */
#include "kernels/core/memory.h"
#include "kernels/layernorm/layernorm.h"
#include "kernels/linear/linear.h"
#include "kernels/pose_head/pose_head.h"

typedef alm_status run_fn(const alm_exec *x, const alm_op_args *a);

/* Bytes of a vector between two kernels, rounded up so that what follows is aligned. */
static size_t vector_bytes(const alm_op_args *a)
{
    const size_t bytes = (size_t)alm_pose_head_width(a) * sizeof(float);
    return (bytes + ALM_ALIGNMENT - 1) / ALM_ALIGNMENT * ALM_ALIGNMENT;
}

static alm_tensor vector(void *data, int64_t n)
{
    return (alm_tensor){.data = data, .stride = n, .desc = alm_desc_2(ALM_DTYPE_F32, 1, n)};
}

/* epilogue(layernorm(x)·weightᵀ + bias) + residual, with the four inputs of the layer. normed: room
 * for a row as long as x. */
static alm_status run_layer(const alm_exec *exec, run_fn *linear, const alm_tensor *layer,
                            const alm_tensor *x, const alm_tensor *residual, alm_epilogue epilogue,
                            float *normed, void *workspace, const alm_tensor *out)
{
    const alm_tensor middle = vector(normed, x->desc.dim[1]);
    const alm_layernorm_attr norm_attr = {.eps = ALM_POSE_HEAD_EPS};
    const alm_tensor norm_in[] = {*x, layer[0], layer[1]};
    ALM_TRY(alm_layernorm_f32_ref(
        exec,
        &(alm_op_args){.in = norm_in, .n_in = 3, .out = &middle, .n_out = 1, .attr = &norm_attr}));
    const alm_linear_attr linear_attr = {.epilogue = epilogue};
    const alm_tensor linear_in[] = {middle, layer[2], layer[3],
                                    residual ? *residual : (alm_tensor){0}};
    return linear(exec, &(alm_op_args){.in = linear_in,
                                       .n_in = 4,
                                       .out = out,
                                       .n_out = 1,
                                       .attr = &linear_attr,
                                       .workspace = workspace});
}

static alm_status run(const alm_exec *exec, const alm_op_args *a, run_fn *linear)
{
    if (alm_rows(&a->in[0]) == 0) {
        return ALM_OK;
    }
    char *h_data = a->workspace;
    float *normed = (float *)(h_data + vector_bytes(a));
    void *rest = h_data + 2 * vector_bytes(a);
    const alm_tensor h = vector(h_data, a->in[3].desc.dim[0]);
    const int last = a->n_in - 4;
    for (int i = 1; i < last; i += 4) {
        const bool first = i == 1;
        ALM_TRY(run_layer(exec, linear, &a->in[i], first ? &a->in[0] : &h, first ? NULL : &h,
                          ALM_EPILOGUE_RELU, normed, rest, &h));
    }
    return run_layer(exec, linear, &a->in[last], &h, NULL, ALM_EPILOGUE_NONE, normed, rest,
                     &a->out[0]);
}

/* h, normed, and what the layer that wants most wants. */
static size_t workspace(const alm_op_args *a, const alm_device *device,
                        size_t (*linear)(const alm_op_args *a, const alm_device *device))
{
    size_t most = 0;
    for (int i = 1; i < a->n_in; i += 4) {
        const alm_linear_attr attr = {.epilogue = ALM_EPILOGUE_NONE};
        const alm_tensor in[] = {vector(NULL, a->in[i + 2].desc.dim[1]), a->in[i + 2]};
        const size_t bytes = linear(&(alm_op_args){.in = in, .n_in = 2, .attr = &attr}, device);
        most = bytes > most ? bytes : most;
    }
    return 2 * vector_bytes(a) + most;
}

size_t alm_pose_head_workspace_avx512(const alm_op_args *a, const alm_device *device)
{
    return workspace(a, device, alm_linear_workspace_avx512);
}

alm_status alm_pose_head_f32_avx512(const alm_exec *x, const alm_op_args *a)
{
    return run(x, a, alm_linear_f32_avx512);
}

size_t alm_pose_head_workspace_avx2(const alm_op_args *a, const alm_device *device)
{
    return workspace(a, device, alm_linear_workspace_avx2);
}

alm_status alm_pose_head_f32_avx2(const alm_exec *x, const alm_op_args *a)
{
    return run(x, a, alm_linear_f32_avx2);
}

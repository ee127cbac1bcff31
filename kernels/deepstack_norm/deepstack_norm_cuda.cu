/* deepstack_norm: a row is read, gets its features, is written and normed without leaving the
 * registers of its threads; the norm is that of row_norm.cuh, bit for bit. Rows that are wider than
 * registers allow: the CUDA kernels of the two operations. */
#include "kernels/cuda/row_norm.cuh"

#include "kernels/cuda/table.h"

extern "C" {
#include "kernels/deepstack_norm/deepstack_norm.h"
#include "kernels/token_embed/token_embed.h"
}

struct deepstack_norm_job {
    alm_norm_row norm; /* x: h */
    alm_view sum, image, point;
    alm_row_count image_rows, point_rows;
    const int32_t *source;
    int64_t source_stride;
    int32_t *fault;
    int32_t fault_code;
    int unused; /* no gap: kernels would be passed what lies in it */
};

static const int WARPS = 4;

/* A block of 32·WARPS threads a row, GROUPS groups of four columns a thread. */
template <int GROUPS>
static __global__ void __launch_bounds__(32 * WARPS) deepstack_norm_kernel(deepstack_norm_job j)
{
    release_dependents();
    wait_for_inputs();
    const alm_norm_row &a = j.norm;
    const int64_t row = blockIdx.x;
    if (row >= a.rows.get()) {
        return;
    }
    const int kind = j.source[row * j.source_stride];
    const int want = j.source[row * j.source_stride + 1];
    const bool is_point = kind == ALM_TOKEN_POINT;
    /* Field by field: a parameter that is chosen whole is copied to the stack. */
    const alm_view from = {is_point ? j.point.data : j.image.data,
                           is_point ? j.point.stride : j.image.stride, false,
                           is_point ? j.point.aligned : j.image.aligned};
    bool adds = (is_point || kind == ALM_TOKEN_IMAGE) && from.data;
    if (adds && (want < 0 || want >= (is_point ? j.point_rows : j.image_rows).get())) {
        adds = false;
        if (threadIdx.x == 0) {
            report_fault(j.fault, j.fault_code);
        }
    }
    float4 v[GROUPS];
#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
        const int column = 4 * ((int)threadIdx.x + g * 32 * WARPS), left = a.width - column;
        v[g] = load4(a.x, row, column, left);
        if (adds && left > 0) {
            const float4 f = load4(from, want, column, left);
            v[g] = make_float4(v[g].x + f.x, v[g].y + f.y, v[g].z + f.z, v[g].w + f.w);
        }
        if (left > 0) {
            store4(j.sum, row, column, left, v[g]);
        }
    }
    norm_registers<false, WARPS, GROUPS>(a, row, (int)threadIdx.x, v);
}

static bool accepts(const alm_op_args *a)
{
    return a->in[0].desc.dim[1] <= 4096;
}

static alm_status run(const alm_exec *x, const alm_op_args *args)
{
    const alm_tensor *h = &args->in[0], *source = &args->in[1];
    const alm_tensor *image = alm_optional(args, 3), *point = alm_optional(args, 4);
    deepstack_norm_job j = {};
    j.norm.x = alm_view_of(h);
    j.norm.weight = alm_view_of(&args->in[2]);
    j.norm.out = alm_view_of(&args->out[0]);
    j.norm.rows = alm_row_count_of(h);
    j.norm.width = (int)h->desc.dim[1];
    j.norm.eps = (float)((const alm_rmsnorm_attr *)args->attr)->eps;
    j.sum = alm_view_of(&args->out[1]);
    j.image = alm_view_of_optional(image);
    j.point = alm_view_of_optional(point);
    if (image) {
        j.image_rows = alm_row_count_of(image);
    }
    if (point) {
        j.point_rows = alm_row_count_of(point);
    }
    j.source = (const int32_t *)source->data;
    j.source_stride = source->stride;
    j.fault = x->fault;
    j.fault_code = x->fault_code;
    const dim3 grid((unsigned)h->desc.dim[0]), block(32 * WARPS);
    return j.norm.width <= 2048
               ? alm_launch(x, "deepstack_norm", deepstack_norm_kernel<4>, grid, block, 0, j)
               : alm_launch(x, "deepstack_norm", deepstack_norm_kernel<8>, grid, block, 0, j);
}

static alm_status run_step(const alm_exec *x, const alm_op_def *op, const alm_op_args *a)
{
    const alm_kernel *kernel = alm_op_kernel(op, a, x->device, nullptr);
    return kernel ? kernel->run(x, a)
                  : alm_fail(ALM_STATUS_DEVICE, "deepstack_norm: no kernel for its %s", op->name);
}

/* Neither of their kernels has a workspace. */
static alm_status run_both(const alm_exec *x, const alm_op_args *args)
{
    alm_deepstack_norm_steps s;
    alm_deepstack_norm_split(args, &s);
    ALM_TRY(run_step(x, &alm_op_deepstack_add, &s.sum));
    return run_step(x, &alm_op_rmsnorm, &s.norm);
}

extern "C" const alm_kernel alm_deepstack_norm_cuda_kernels[] = {
    {.name = "deepstack_norm_rows_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .accepts = accepts,
     .run = run},
    {.name = "deepstack_norm_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .run = run_both,
     .launches = 2},
    {.name = nullptr},
};

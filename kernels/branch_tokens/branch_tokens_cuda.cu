/* branch_tokens: one thread copies a vector and turns it, in double as the reference does: the
 * same bits. */
#include "kernels/cuda/device.cuh"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/table.h"

struct branch_cloud {
    const float *patch, *frame; /* [P, F, 3], [3, 3] */
    int64_t patch_stride, frame_stride;
};

/* Features 128·blockIdx.y ... + 128 of patch blockIdx.x % patches of cloud blockIdx.x / patches.
 * out: [4P, 3F] */
static __global__ void __launch_bounds__(128)
    branch_tokens_kernel(branch_cloud fixed, branch_cloud moving, float *out, int64_t out_stride,
                         int64_t patches, int features)
{
    release_dependents();
    wait_for_inputs();
    const int64_t cloud = blockIdx.x / patches, p = blockIdx.x % patches;
    const branch_cloud s = cloud == 0 ? fixed : moving;
    float *plain = out + (2 * cloud * patches + p) * out_stride, *turned;
    turned = plain + patches * out_stride;
    for (int64_t f = (int64_t)blockIdx.y * 128 + threadIdx.x; f < features;
         f += (int64_t)gridDim.y * 128) {
        const float *x = s.patch + p * s.patch_stride + 3 * f;
        const float v[3] = {x[0], x[1], x[2]};
        for (int j = 0; j < 3; j++) {
            double sum = __dmul_rn((double)v[0], (double)s.frame[j]);
            sum = __dadd_rn(sum, __dmul_rn((double)v[1], (double)s.frame[s.frame_stride + j]));
            sum = __dadd_rn(sum, __dmul_rn((double)v[2], (double)s.frame[2 * s.frame_stride + j]));
            plain[3 * f + j] = v[j];
            turned[3 * f + j] = (float)sum;
        }
    }
}

static alm_status run(const alm_exec *x, const alm_op_args *a)
{
    const int64_t patches = a->in[0].desc.dim[0], features = a->in[0].desc.dim[1];
    const unsigned columns = alm_blocks(features, 128);
    branch_cloud cloud[2];
    for (int i = 0; i < 2; i++) {
        const alm_tensor *patch = &a->in[2 * i], *frame = &a->in[2 * i + 1];
        cloud[i] = branch_cloud{(const float *)patch->data, (const float *)frame->data,
                                patch->stride, frame->stride};
    }
    const dim3 grid((unsigned)(2 * patches), columns < 1024 ? columns : 1024);
    return alm_launch(x, "branch_tokens", branch_tokens_kernel, grid, dim3(128), 0, cloud[0],
                      cloud[1], (float *)a->out[0].data, a->out[0].stride, patches, (int)features);
}

extern "C" const alm_kernel alm_branch_tokens_cuda_kernels[] = {
    {.name = "branch_tokens_f32_cuda", .backend = ALM_BACKEND_CUDA, .min_arch = 80, .run = run},
    {.name = nullptr},
};

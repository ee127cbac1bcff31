/* vn_frame: a warp makes the two vectors in double, one lane the frame. */
#include "kernels/vn_linear/vn_cuda.cuh"

#include "kernels/cuda/table.h"

extern "C" {
#include "kernels/vn_frame/vn_frame.h"
}

struct frame_side {
    const float *x;   /* [channels, 3] */
    vn_weight weight; /* [2, channels] */
    float *out;       /* [3, 3] */
    int64_t out_stride;
};

struct frame_sides {
    frame_side of[2];
};

__device__ __forceinline__ void make_unit(double (&v)[3])
{
    const double length = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]) + 1e-6;
    for (int i = 0; i < 3; i++) {
        v[i] /= length;
    }
}

/* One warp a cloud, side blockIdx.x. */
static __global__ void __launch_bounds__(32) vn_frame_kernel(frame_sides sides, int channels)
{
    release_dependents();
    wait_for_inputs();
    const frame_side s = blockIdx.x == 0 ? sides.of[0] : sides.of[1];
    double u[3] = {0, 0, 0}, v[3] = {0, 0, 0};
    for (int c = (int)threadIdx.x; c < channels; c += 32) {
        const double a = (double)s.weight.at(c), b = (double)s.weight.at(channels + (int64_t)c);
        for (int i = 0; i < 3; i++) {
            u[i] = fma(a, (double)s.x[3 * (int64_t)c + i], u[i]);
            v[i] = fma(b, (double)s.x[3 * (int64_t)c + i], v[i]);
        }
    }
    for (int i = 0; i < 3; i++) {
        u[i] = warp_sum(u[i]);
        v[i] = warp_sum(v[i]);
    }
    make_unit(u);
    const double along = u[0] * v[0] + u[1] * v[1] + u[2] * v[2];
    for (int i = 0; i < 3; i++) {
        v[i] -= along * u[i];
    }
    make_unit(v);
    if (threadIdx.x < 3) {
        const int i = (int)threadIdx.x;
        /* Rounded apart: the product of parallel vectors is 0. */
        const double w[3] = {__dsub_rn(__dmul_rn(u[1], v[2]), __dmul_rn(u[2], v[1])),
                             __dsub_rn(__dmul_rn(u[2], v[0]), __dmul_rn(u[0], v[2])),
                             __dsub_rn(__dmul_rn(u[0], v[1]), __dmul_rn(u[1], v[0]))};
        float *out = s.out + i * s.out_stride;
        out[0] = (float)(i == 0 ? u[0] : i == 1 ? u[1] : u[2]);
        out[1] = (float)(i == 0 ? v[0] : i == 1 ? v[1] : v[2]);
        out[2] = (float)(i == 0 ? w[0] : i == 1 ? w[1] : w[2]);
    }
}

static frame_side side_of(const alm_op_args *a)
{
    return frame_side{(const float *)a->in[0].data, vn_weight_of(&a->in[1]),
                      (float *)a->out[0].data, a->out[0].stride};
}

static alm_status launch(const alm_exec *x, const alm_op_args *a, const alm_op_args *b)
{
    const frame_sides sides = {{side_of(a), side_of(b ? b : a)}};
    return alm_launch(x, "vn_frame", vn_frame_kernel, dim3(b ? 2 : 1), dim3(32), 0, sides,
                      (int)a->in[0].desc.dim[1]);
}

static alm_status run(const alm_exec *x, const alm_op_args *a)
{
    return launch(x, a, nullptr);
}

extern "C" const alm_kernel alm_vn_frame_cuda_kernels[] = {
    {.name = "vn_frame_f32_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .run = run,
     .run_pair = launch},
    {.name = nullptr},
};

/* point_scene: one block. In double, every sum in the order of the reference and nothing fused, so
 * that the centres have the reference's bits: their cells (point_positions) must not differ. What
 * is added in order is added by one thread a number, all of them at once.
 */
#include "kernels/cuda/device.cuh"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/table.h"

extern "C" {
#include "kernels/point_scene/point_scene.h"
}

enum {
    THREADS = 256,
    SETS = 4 /* turned pair; raw pair; raw fixed; raw moving */
};

struct scene_cloud {
    const float *centers, *frame; /* [P, 3], [3, 3] */
    int64_t center_stride, frame_stride;
};

struct scene_out {
    float *centers, *scale; /* [4P, 3], [4] */
    int64_t stride;
};

/* Raw or turned points, fixed ones first. */
struct scene_set {
    const double *points; /* [n, 3] */
    int n;
};

__device__ __forceinline__ double distance_of(const double *a, const double *b)
{
    const double x = __dsub_rn(a[0], b[0]), y = __dsub_rn(a[1], b[1]), z = __dsub_rn(a[2], b[2]);
    return sqrt(__dadd_rn(__dadd_rn(__dmul_rn(x, x), __dmul_rn(y, y)), __dmul_rn(z, z)));
}

/* points: [2][2P][3], the turned ones first: in shared memory or in the workspace. */
__device__ __forceinline__ void load_points(const scene_cloud &fixed, const scene_cloud &moving,
                                            int patches, double *points)
{
    double *turned = points, *raw = points + 6 * (int64_t)patches;
    for (int i = (int)threadIdx.x; i < 2 * patches; i += THREADS) {
        const scene_cloud s = i < patches ? fixed : moving;
        const float *c = s.centers + (i < patches ? i : i - patches) * s.center_stride;
        const double v[3] = {(double)c[0], (double)c[1], (double)c[2]};
        for (int j = 0; j < 3; j++) {
            double sum = 0;
            for (int k = 0; k < 3; k++) {
                sum = __dadd_rn(sum, __dmul_rn(v[k], (double)s.frame[k * s.frame_stride + j]));
            }
            turned[3 * (int64_t)i + j] = sum;
            raw[3 * (int64_t)i + j] = v[j];
        }
    }
}

/* Coordinate c of the mean, taken about the first point. */
__device__ __forceinline__ double mean_of(const scene_set &set, int c)
{
    const double first = set.points[c];
    double sum = 0;
#pragma unroll 8
    for (int i = 0; i < set.n; i++) {
        sum = __dadd_rn(sum, __dsub_rn(set.points[3 * (int64_t)i + c], first));
    }
    return __dadd_rn(first, sum / (double)set.n);
}

__device__ __forceinline__ double warp_largest(double v)
{
    for (int d = 16; d > 0; d >>= 1) {
        v = fmax(v, __shfl_xor_sync(FULL_WARP, v, d));
    }
    return v;
}

/* IN_SHARED: the points lie in dynamic shared memory, else in the workspace. */
template <bool IN_SHARED>
static __global__ void __launch_bounds__(THREADS, 1)
    point_scene_kernel(scene_cloud fixed, scene_cloud moving, scene_out out, double *workspace,
                       int patches, double reference, double clip)
{
    SHARED(double, mean, [SETS][3]);
    SHARED(double, radius, [SETS]);
    double *points = workspace;
    if constexpr (IN_SHARED) {
        alm_shared_arena arena;
        points = arena.take<double>(12 * patches);
    }
    release_dependents();
    wait_for_inputs();
    load_points(fixed, moving, patches, points);
    __syncthreads();
    const double *turned = points, *raw = points + 6 * (int64_t)patches;
    const double *raw_moving = raw + 3 * (int64_t)patches;
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    /* A warp a set, a lane a coordinate of the mean; then all lanes the radius. */
    if (warp < SETS) {
        const scene_set set = {warp == 0   ? turned
                               : warp == 3 ? raw_moving
                                           : raw,
                               warp < 2 ? 2 * patches : patches};
        if (lane < 3) {
            mean[warp][lane] = mean_of(set, lane);
        }
        __syncwarp();
        double largest = 1e-6;
        for (int i = lane; i < set.n; i += 32) {
            largest = fmax(largest, distance_of(set.points + 3 * (int64_t)i, mean[warp]));
        }
        largest = warp_largest(largest);
        if (lane == 0) {
            radius[warp] = largest;
        }
    }
    __syncthreads();
    for (int64_t i = threadIdx.x; i < 12 * (int64_t)patches; i += THREADS) {
        const int64_t pair = i / (6 * (int64_t)patches), at = i % (6 * (int64_t)patches);
        const int64_t point = at / 3, c = at % 3; /* of the turned or of the raw pair */
        const int64_t branch = (pair == 0 ? 1 : 0) + (point < patches ? 0 : 2);
        const int64_t row = branch * patches + (point < patches ? point : point - patches);
        out.centers[row * out.stride + c] =
            (float)(__dsub_rn(points[i], mean[pair][c]) / radius[pair]);
    }
    if (threadIdx.x < 4) {
        const double size[4] = {radius[2], radius[3], fmax(distance_of(mean[2], mean[3]), 1e-6),
                                radius[1]};
        const double s = threadIdx.x == 0   ? size[0]
                         : threadIdx.x == 1 ? size[1]
                         : threadIdx.x == 2 ? size[2]
                                            : size[3];
        out.scale[threadIdx.x] = (float)fmin(fmax(log(s / reference), -clip), clip);
    }
}

static size_t bytes_of(const alm_op_args *a)
{
    return (size_t)a->in[0].desc.dim[0] * 12 * sizeof(double);
}

static bool in_shared(const alm_op_args *a)
{
    return bytes_of(a) <= 40 * 1024;
}

static size_t workspace(const alm_op_args *a, const alm_device *device)
{
    (void)device;
    return in_shared(a) ? 0 : bytes_of(a);
}

static alm_status run(const alm_exec *x, const alm_op_args *a)
{
    const alm_point_scene_attr *attr = (const alm_point_scene_attr *)a->attr;
    scene_cloud cloud[2];
    for (int i = 0; i < 2; i++) {
        const alm_tensor *centers = &a->in[2 * i], *frame = &a->in[2 * i + 1];
        cloud[i] = scene_cloud{(const float *)centers->data, (const float *)frame->data,
                               centers->stride, frame->stride};
    }
    const scene_out out = {(float *)a->out[0].data, (float *)a->out[1].data, a->out[0].stride};
    return alm_launch(
        x, "point_scene", in_shared(a) ? point_scene_kernel<true> : point_scene_kernel<false>,
        dim3(1), dim3(THREADS), in_shared(a) ? bytes_of(a) : 0, cloud[0], cloud[1], out,
        (double *)a->workspace, (int)a->in[0].desc.dim[0], attr->reference, attr->clip);
}

extern "C" const alm_kernel alm_point_scene_cuda_kernels[] = {
    {.name = "point_scene_f32_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .workspace = workspace,
     .run = run},
    {.name = nullptr},
};

/* mean_rows: a block takes 32 columns; each of its 16 warps adds every 16th row in double, and the
 * sums of the warps are added in their order. */
#include "kernels/cuda/device.cuh"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/table.h"

enum { WARPS = 16 };

struct mean_side {
    const float *x; /* [N, size] */
    int64_t stride;
    alm_row_count rows;
    float *out; /* [size] */
};

struct mean_sides {
    mean_side of[2];
};

/* Columns 32·blockIdx.x ... + 32 of side blockIdx.y. */
static __global__ void __launch_bounds__(32 * WARPS)
    mean_rows_kernel(mean_sides sides, int64_t size)
{
    SHARED(double, sums, [WARPS][32]);
    release_dependents();
    wait_for_inputs();
    const mean_side s = blockIdx.y == 0 ? sides.of[0] : sides.of[1];
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32, rows = s.rows.get();
    const int64_t column = (int64_t)blockIdx.x * 32 + lane;
    double sum = 0;
    if (column < size) {
        const float *at = s.x + column;
#pragma unroll 16
        for (int i = warp; i < rows; i += WARPS) {
            sum += (double)at[i * s.stride];
        }
    }
    sums[warp][lane] = sum;
    __syncthreads();
    if (warp == 0 && column < size) {
        for (int w = 1; w < WARPS; w++) {
            sum += sums[w][lane];
        }
        s.out[column] = rows > 0 ? (float)(sum / (double)rows) : 0.0f;
    }
}

static mean_side side_of(const alm_op_args *a)
{
    const alm_tensor *x = &a->in[0];
    return mean_side{(const float *)x->data, x->stride, alm_row_count_of(x),
                     (float *)a->out[0].data};
}

static alm_status launch(const alm_exec *x, const alm_op_args *a, const alm_op_args *b)
{
    const int64_t size = alm_desc_row(&a->in[0].desc);
    const mean_sides sides = {{side_of(a), side_of(b ? b : a)}};
    return alm_launch(x, "mean_rows", mean_rows_kernel, dim3(alm_blocks(size, 32), b ? 2 : 1),
                      dim3(32 * WARPS), 0, sides, size);
}

static alm_status run(const alm_exec *x, const alm_op_args *a)
{
    return launch(x, a, nullptr);
}

extern "C" const alm_kernel alm_mean_rows_cuda_kernels[] = {
    {.name = "mean_rows_f32_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .run = run,
     .run_pair = launch},
    {.name = nullptr},
};

/* group_mean: a thread adds one column of a group in double, in the order of the index. */
#include "kernels/cuda/device.cuh"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/table.h"

struct group_side {
    const float *x; /* [N, size] */
    int64_t stride;
    alm_row_count rows, groups;
    const int32_t *index; /* [P, k] */
    int64_t index_stride;
    float *out; /* [P, size] */
    int64_t out_stride;
};

struct group_sides {
    group_side of[2];
    int32_t *fault;
    int32_t fault_code, k;
};

/* Columns 256·blockIdx.y ... + 256 of group blockIdx.x of side blockIdx.z. */
static __global__ void __launch_bounds__(256) group_mean_kernel(group_sides sides, int64_t size)
{
    release_dependents();
    wait_for_inputs();
    const group_side s = blockIdx.z == 0 ? sides.of[0] : sides.of[1];
    const int rows = s.rows.get(), group = (int)blockIdx.x, k = sides.k;
    const int32_t *members = s.index + group * s.index_stride;
    if (group >= s.groups.get()) {
        return;
    }
    for (int64_t c = (int64_t)blockIdx.y * 256 + threadIdx.x; c < size;
         c += (int64_t)gridDim.y * 256) {
        double sum = 0;
#pragma unroll 4
        for (int t = 0; t < k; t++) {
            int row = members[t];
            if (row < 0 || row >= rows) {
                report_fault(sides.fault, sides.fault_code);
                row = row < 0 ? 0 : rows - 1;
            }
            sum += row < 0 || row >= rows ? 0.0 : (double)s.x[row * s.stride + c];
        }
        /* With a power of two the product is the quotient. */
        const double mean = (k & (k - 1)) == 0 ? sum * (1.0 / (double)k) : sum / (double)k;
        s.out[group * s.out_stride + c] = (float)mean;
    }
}

static group_side side_of(const alm_op_args *a)
{
    const alm_tensor *x = &a->in[0], *index = &a->in[1], *out = &a->out[0];
    return group_side{
        (const float *)x->data,       x->stride,     alm_row_count_of(x), alm_row_count_of(index),
        (const int32_t *)index->data, index->stride, (float *)out->data,  out->stride};
}

static alm_status launch(const alm_exec *x, const alm_op_args *a, const alm_op_args *b)
{
    const int64_t size = alm_desc_row(&a->in[0].desc), groups = a->in[1].desc.dim[0];
    const unsigned columns = alm_blocks(size, 256);
    const group_sides sides = {
        {side_of(a), side_of(b ? b : a)}, x->fault, x->fault_code, (int)a->in[1].desc.dim[1]};
    const dim3 grid((unsigned)groups, columns < 1024 ? columns : 1024, b ? 2 : 1);
    return alm_launch(x, "group_mean", group_mean_kernel, grid, dim3(256), 0, sides, size);
}

static alm_status run(const alm_exec *x, const alm_op_args *a)
{
    return launch(x, a, nullptr);
}

extern "C" const alm_kernel alm_group_mean_cuda_kernels[] = {
    {.name = "group_mean_f32_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .run = run,
     .run_pair = launch},
    {.name = nullptr},
};

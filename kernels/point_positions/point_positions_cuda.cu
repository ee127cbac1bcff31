/* point_positions: one block walks twice over the tokens, THREADS at a time.
 *
 * A run's first token gets (largest id before it) + 1, so that a run raises the largest id by 1 +
 * the largest step from its first token. The first walk finds where each token's run starts and
 * that step; the second adds up what the runs raise, from the largest id of the points on, and
 * writes the ids.
 */
#include "kernels/cuda/device.cuh"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/table.h"

extern "C" {
#include "kernels/point_positions/point_positions.h"
#include "kernels/token_embed/token_embed.h"
}

enum { THREADS = 512, WARPS = THREADS / 32 };

struct position_args {
    const float *centers; /* [Q, 3] */
    int64_t center_stride;
    alm_row_count center_rows, tokens;
    const int32_t *text, *source; /* [N, 3], [N, 2] */
    int64_t text_stride, source_stride;
    int32_t *out; /* [N, 3] */
    int64_t out_stride;
    int32_t *start, *step; /* [N]: first token of the run; of first tokens the largest step */
    int32_t *fault;
    int32_t fault_code, grid;
};

struct int_sum {
    static __device__ __forceinline__ int of(int a, int b)
    {
        return a + b;
    }
};
struct int_max {
    static __device__ __forceinline__ int of(int a, int b)
    {
        return max(a, b);
    }
};

/* Inclusive scan over the block, continued from `carry` (of all threads the same), which becomes
 * what the next part continues from. All threads call it; it ends with a barrier. */
template <class OP> __device__ __forceinline__ int block_scan(int v, int &carry)
{
    SHARED(int, last, [WARPS]);
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    for (int d = 1; d < 32; d *= 2) {
        const int other = __shfl_up_sync(FULL_WARP, v, (unsigned)d);
        v = lane >= d ? OP::of(other, v) : v;
    }
    if (lane == 31) {
        last[warp] = v;
    }
    __syncthreads();
    int before = carry;
    for (int w = 0; w < warp; w++) {
        before = OP::of(before, last[w]);
    }
    for (int w = 0; w < WARPS; w++) {
        carry = OP::of(carry, last[w]);
    }
    __syncthreads();
    return OP::of(before, v);
}

__device__ __forceinline__ bool is_point(const position_args &a, int token)
{
    return a.source[token * a.source_stride] == ALM_TOKEN_POINT;
}

/* Cell of a coordinate in [-1, 1]; halves to even. NaN gives 0. */
__device__ __forceinline__ int cell_of(float c, int grid)
{
    const double unit = __dmul_rn(__dadd_rn((double)c, 1.0), 0.5);
    const double cell = rint(__dmul_rn(unit, (double)(grid - 1)));
    return cell > 0.0 ? (int)fmin(cell, (double)(grid - 1)) : 0;
}

/* Writes the ids of the points; returns the largest, base at least. */
__device__ __forceinline__ int place_points(const position_args &a, int first, int tokens, int base)
{
    const int centers = a.center_rows.get();
    int largest = base;
    for (int i = first + (int)threadIdx.x; i < tokens; i += THREADS) {
        if (!is_point(a, i)) {
            continue;
        }
        int row = a.source[i * a.source_stride + 1];
        if (row < 0 || row >= centers) {
            report_fault(a.fault, a.fault_code);
            row = row < 0 ? 0 : centers - 1;
        }
        for (int axis = 0; axis < 3; axis++) {
            const float c = centers > 0 ? a.centers[max(row, 0) * a.center_stride + axis] : 0.0f;
            const int id = base + cell_of(c, a.grid);
            a.out[i * a.out_stride + axis] = id;
            largest = max(largest, id);
        }
    }
    return largest;
}

static __global__ void __launch_bounds__(THREADS, 1) point_positions_kernel(position_args a)
{
    SHARED(int, least, [WARPS]);
    release_dependents();
    wait_for_inputs();
    const int n = a.tokens.get(), lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    /* The first point. */
    int first = n;
    for (int i = (int)threadIdx.x; i < n; i += THREADS) {
        first = is_point(a, i) ? min(first, i) : first;
    }
    first = __reduce_min_sync(FULL_WARP, first);
    if (lane == 0) {
        least[warp] = first;
    }
    __syncthreads();
    for (int w = 0; w < WARPS; w++) {
        first = min(first, least[w]);
    }
    for (int i = (int)threadIdx.x; i < first; i += THREADS) {
        for (int axis = 0; axis < 3; axis++) {
            a.out[i * a.out_stride + axis] = a.text[i * a.text_stride + axis];
        }
    }
    if (first == n) {
        return;
    }
    const int base = a.text[first * a.text_stride];
    int largest = base;
    (void)block_scan<int_max>(place_points(a, first, n, base), largest);
    /* Runs and their steps. */
    int carry = -1;
    for (int part = first; part < n; part += THREADS) {
        const int i = part + (int)threadIdx.x;
        const bool text = i < n && !is_point(a, i), starts = text && is_point(a, i - 1);
        const int start = block_scan<int_max>(starts ? i : -1, carry);
        if (text) {
            a.start[i] = start;
        }
        if (starts) {
            a.step[i] = 0;
        }
    }
    __syncthreads();
    for (int i = first + (int)threadIdx.x; i < n; i += THREADS) {
        if (!is_point(a, i)) {
            const int start = a.start[i];
            int step = 0;
            for (int axis = 0; axis < 3; axis++) {
                step = max(step,
                           a.text[i * a.text_stride + axis] - a.text[start * a.text_stride + axis]);
            }
            if (step > 0) {
                atomicMax(&a.step[start], step);
            }
        }
    }
    __syncthreads();
    carry = largest;
    for (int part = first; part < n; part += THREADS) {
        const int i = part + (int)threadIdx.x;
        const bool text = i < n && !is_point(a, i);
        const int start = text ? a.start[i] : 0, step = text ? a.step[start] : 0;
        const int after = block_scan<int_sum>(text && start == i ? 1 + step : 0, carry);
        for (int axis = 0; text && axis < 3; axis++) {
            a.out[i * a.out_stride + axis] = a.text[i * a.text_stride + axis] -
                                             a.text[start * a.text_stride + axis] + after - step;
        }
    }
}

static size_t workspace(const alm_op_args *a, const alm_device *device)
{
    (void)device;
    return (size_t)a->in[1].desc.dim[0] * 2 * sizeof(int32_t);
}

static alm_status run(const alm_exec *x, const alm_op_args *args)
{
    const alm_tensor *centers = &args->in[0], *text = &args->in[1], *source = &args->in[2];
    const alm_tensor *out = &args->out[0];
    const position_args a = {(const float *)centers->data,
                             centers->stride,
                             alm_row_count_of(centers),
                             alm_row_count_of(text),
                             (const int32_t *)text->data,
                             (const int32_t *)source->data,
                             text->stride,
                             source->stride,
                             (int32_t *)out->data,
                             out->stride,
                             (int32_t *)args->workspace,
                             (int32_t *)args->workspace + text->desc.dim[0],
                             x->fault,
                             x->fault_code,
                             ((const alm_point_positions_attr *)args->attr)->grid};
    return alm_launch(x, "point_positions", point_positions_kernel, dim3(1), dim3(THREADS), 0, a);
}

extern "C" const alm_kernel alm_point_positions_cuda_kernels[] = {
    {.name = "point_positions_i32_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .workspace = workspace,
     .run = run},
    {.name = nullptr},
};

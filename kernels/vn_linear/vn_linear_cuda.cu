/* vn_linear. A shared direction (the wide layer over all points) goes a block 16 points and all
 * channels; everything else in two launches: a warp a dot product, then a block a point.
 *
 * Directions are made in double: one that nearly vanishes is bent along with all its relative error
 * (vn_simd.inc.h). With a shared direction that is one row of many. The other rows are then float32
 * with fused multiply-adds: what is off in p stays as small, because the bend takes the part of p
 * along the direction off, whatever p is.
 */
#include "kernels/vn_linear/vn_cuda.cuh"

#include "kernels/cuda/table.h"

enum {
    THREADS = 256,
    SHARED_POINTS = 16,     /* of a block */
    SHARED_OUT = 512,       /* channels at most: two a thread */
    SHARED_LEAST = 64,      /* fewer are not worth it, and the error bound is narrower */
    SHARED_MOST = 96 * 1024 /* bytes: every device has them */
};

/* Channels of the inputs one after another. */
struct vn_part {
    const float *data; /* [N, channels, 3] */
    int64_t stride, channels;
};

struct vn_side {
    vn_part part[ALM_VN_MAX_X];
    vn_layer layer;
    alm_row_count rows;
    float *out; /* [N, out, 3] */
    int64_t out_stride;
    double *product; /* [N, out + dirs, 3]: feat and dir · x */
    int64_t parts;
};

struct vn_sides {
    vn_side of[2];
};

/* ---- A shared direction ---- */

/* Bytes of shared memory: weights, x, direction, partial sums. */
static size_t shared_bytes(int64_t weights, size_t size, int64_t in)
{
    const size_t points = SHARED_POINTS;
    return (((size_t)weights * size + 15) & ~(size_t)15) +
           sizeof(float) * (3 * points * (size_t)in + 4 * points + points * THREADS / 32);
}

/* The weights as they lie in memory. */
template <class W> __device__ __forceinline__ void stage_weights(const W *from, int n, W *to)
{
    const int step = 16 / (int)sizeof(W);
    const int vectors = (uintptr_t)from % 16 == 0 ? n / step : 0;
    for (int i = (int)threadIdx.x; i < vectors; i += THREADS) {
        copy_async16(to + i * step, from + i * step);
    }
    for (int i = vectors * step + (int)threadIdx.x; i < n; i += THREADS) {
        to[i] = from[i];
    }
    copy_async_commit();
}

/* Points [row0, ... + SHARED_POINTS) into x [in][points][3]; past `rows` the last one again. */
__device__ __forceinline__ void stage_points(const vn_side &s, int row0, int rows, float *x)
{
    int first = 0;
    for (int q = 0; q < (int)s.parts; q++) {
        const vn_part part = s.part[q];
        const int width = 3 * (int)part.channels;
#pragma unroll 4
        for (int i = (int)threadIdx.x; i < SHARED_POINTS * width; i += THREADS) {
            const int p = i / width, c = i % width;
            x[(first + c / 3) * 3 * SHARED_POINTS + 3 * p + c % 3] =
                part.data[min(row0 + p, rows - 1) * part.stride + c];
        }
        first += (int)part.channels;
    }
}

/* direction [points] = dir·x, 1/(|dir·x|² + eps). A warp makes 6 of the 48 numbers. */
__device__ __forceinline__ void make_direction(const vn_weight &dir, int in, const float *x,
                                               double *sum, float4 *direction)
{
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    double v[6] = {0, 0, 0, 0, 0, 0};
    for (int c = lane; c < in; c += 32) {
        const double w = (double)dir.at(c);
        for (int i = 0; i < 6; i++) {
            v[i] = fma(w, (double)x[c * 3 * SHARED_POINTS + 6 * warp + i], v[i]);
        }
    }
    for (int i = 0; i < 6; i++) {
        v[i] = warp_sum(v[i]);
        if (lane == 0) {
            sum[6 * warp + i] = v[i];
        }
    }
    __syncwarp();
    if (lane < 2) {
        const double *d = sum + 6 * warp + 3 * lane;
        const double dd = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + ALM_VN_EPS;
        direction[2 * warp + lane] =
            make_float4((float)d[0], (float)d[1], (float)d[2], (float)(1.0 / dd));
    }
}

/* p += feat·x: two channels of 16 points. */
template <class W>
__device__ __forceinline__ void multiply(const W *a, const W *b, const float *x, int in,
                                         float (&p)[2][3 * SHARED_POINTS])
{
#pragma unroll 3
    for (int c = 0; c < in; c++) {
        const float u = to_float(a[c]), v = to_float(b[c]);
        const float4 *at = (const float4 *)(x + c * 3 * SHARED_POINTS);
#pragma unroll
        for (int q = 0; q < 3 * SHARED_POINTS / 4; q++) {
            const float4 f = at[q];
            p[0][4 * q] = fmaf(u, f.x, p[0][4 * q]);
            p[0][4 * q + 1] = fmaf(u, f.y, p[0][4 * q + 1]);
            p[0][4 * q + 2] = fmaf(u, f.z, p[0][4 * q + 2]);
            p[0][4 * q + 3] = fmaf(u, f.w, p[0][4 * q + 3]);
            p[1][4 * q] = fmaf(v, f.x, p[1][4 * q]);
            p[1][4 * q + 1] = fmaf(v, f.y, p[1][4 * q + 1]);
            p[1][4 * q + 2] = fmaf(v, f.z, p[1][4 * q + 2]);
            p[1][4 * q + 3] = fmaf(v, f.w, p[1][4 * q + 3]);
        }
    }
}

/* One channel of one point, scaled and bent. */
__device__ __forceinline__ void bend_and_store(const float *p, float gain, float4 d, float *out)
{
    const float x = p[0] * gain, y = p[1] * gain, z = p[2] * gain;
    const float along = x * d.x + y * d.y + z * d.z;
    const float factor = (float)(1.0 - ALM_VN_SLOPE) * fminf(along, 0.0f) * d.w;
    out[0] = x - factor * d.x;
    out[1] = y - factor * d.y;
    out[2] = z - factor * d.z;
}

/* 16 points from 16·blockIdx.x of side blockIdx.y on, all channels: thread t has t and t + 256. */
template <class W> static __global__ void __launch_bounds__(THREADS, 1) vn_shared(vn_sides sides)
{
    SHARED(double, direction_sum, [3 * SHARED_POINTS]);
    const bool other = blockIdx.y != 0;
    const vn_layer l = other ? sides.of[1].layer : sides.of[0].layer;
    alm_shared_arena arena;
    W *weight = arena.take<W>(l.out * l.in);
    float *x = arena.take<float>(3 * SHARED_POINTS * l.in);
    float4 *direction = arena.take<float4>(SHARED_POINTS);
    float *squares = arena.take<float>(SHARED_POINTS * THREADS / 32); /* [warps][points] */
    release_dependents();
    /* Weights are not made by kernels before this one. */
    stage_weights((const W *)l.feat.data, l.out * l.in, weight);
    const int a = (int)threadIdx.x, b = a + THREADS;
    const float norm_a = a < l.out ? l.norm.at(a) : 0, norm_b = b < l.out ? l.norm.at(b) : 0;
    wait_for_inputs();
    const vn_side &s = other ? sides.of[1] : sides.of[0];
    const int rows = s.rows.get(), row0 = (int)blockIdx.x * SHARED_POINTS;
    if (row0 >= rows) {
        copy_async_wait<0>();
        return;
    }
    stage_points(s, row0, rows, x);
    copy_async_wait<0>();
    __syncthreads();
    make_direction(l.dir, l.in, x, direction_sum, direction);
    float p[2][3 * SHARED_POINTS] = {};
    multiply(weight + min(a, l.out - 1) * l.in, weight + min(b, l.out - 1) * l.in, x, l.in, p);
    const float use_a = a < l.out ? 1.0f : 0.0f, use_b = b < l.out ? 1.0f : 0.0f;
    const int lane = a % 32, warp = a / 32;
#pragma unroll
    for (int q = 0; q < SHARED_POINTS; q++) {
        const float mine = use_a * (p[0][3 * q] * p[0][3 * q] + p[0][3 * q + 1] * p[0][3 * q + 1] +
                                    p[0][3 * q + 2] * p[0][3 * q + 2]) +
                           use_b * (p[1][3 * q] * p[1][3 * q] + p[1][3 * q + 1] * p[1][3 * q + 1] +
                                    p[1][3 * q + 2] * p[1][3 * q + 2]);
        const float sum = warp_sum(mine);
        if (lane == 0) {
            squares[warp * SHARED_POINTS + q] = sum;
        }
    }
    __syncthreads();
#pragma unroll
    for (int q = 0; q < SHARED_POINTS; q++) {
        float sum = 0;
        for (int w = 0; w < THREADS / 32; w++) {
            sum += squares[w * SHARED_POINTS + q];
        }
        const float scale = 1.0f / sqrtf(sum / (float)(3 * l.out) + (float)ALM_VN_EPS);
        float *out = s.out + (row0 + q) * s.out_stride;
        if (row0 + q < rows && a < l.out) {
            bend_and_store(p[0] + 3 * q, scale * norm_a, direction[q], out + 3 * a);
        }
        if (row0 + q < rows && b < l.out) {
            bend_and_store(p[1] + 3 * q, scale * norm_b, direction[q], out + 3 * b);
        }
    }
}

/* ---- Everything ---- */

/* sum += weight·x over every 32nd channel from `lane` on. Unrolled, so that loads are under way
 * together. */
template <class W>
__device__ __forceinline__ void add_products(const W *weight, const float *x, int lane,
                                             int channels, double (&sum)[3])
{
#pragma unroll 8
    for (int c = lane; c < channels; c += 32) {
        const double v = (double)to_float(weight[c]);
        for (int i = 0; i < 3; i++) {
            sum[i] = fma(v, (double)x[3 * c + i], sum[i]);
        }
    }
}

/* Warp w of the grid (side blockIdx.y) makes row w % (out + dirs) of feat and dir for point
 * w / (out + dirs). */
static __global__ void __launch_bounds__(128) vn_products(vn_sides sides)
{
    const bool other = blockIdx.y != 0;
    const vn_layer l = other ? sides.of[1].layer : sides.of[0].layer;
    const int lane = (int)threadIdx.x % 32, rows = l.out + l.dirs;
    const int64_t w = (int64_t)blockIdx.x * 4 + (int)threadIdx.x / 32;
    const int64_t point = w / rows, r = w % rows;
    const vn_weight weight = r < l.out ? l.feat : l.dir;
    int64_t at = (r < l.out ? r : r - l.out) * l.in;
    double sum[3] = {0, 0, 0};
    release_dependents();
    wait_for_inputs();
    const vn_side &s = other ? sides.of[1] : sides.of[0];
    if (point >= s.rows.get()) {
        return; /* the whole warp */
    }
    for (int q = 0; q < (int)s.parts; q++) {
        const vn_part part = s.part[q];
        const float *x = part.data + point * part.stride;
        const int channels = (int)part.channels;
        if (weight.is_bf16) {
            add_products((const bf16 *)weight.data + at, x, lane, channels, sum);
        } else {
            add_products((const float *)weight.data + at, x, lane, channels, sum);
        }
        at += channels;
    }
    for (int i = 0; i < 3; i++) {
        sum[i] = warp_sum(sum[i]);
    }
    if (lane < 3) {
        s.product[3 * w + lane] = lane == 0 ? sum[0] : lane == 1 ? sum[1] : sum[2];
    }
}

/* Scales and bends point blockIdx.x of side blockIdx.y. */
static __global__ void __launch_bounds__(THREADS) vn_finish(vn_sides sides)
{
    release_dependents();
    wait_for_inputs();
    const bool other = blockIdx.y != 0;
    const vn_side &s = other ? sides.of[1] : sides.of[0];
    const vn_layer l = other ? sides.of[1].layer : sides.of[0].layer;
    const int64_t row = blockIdx.x;
    if (row >= s.rows.get()) {
        return;
    }
    const double *p = s.product + 3 * row * (l.out + l.dirs), *d = p + 3 * (int64_t)l.out;
    double squares = 0;
    for (int64_t c = threadIdx.x; c < 3 * (int64_t)l.out; c += THREADS) {
        squares += p[c] * p[c];
    }
    const double scale = vn_scale(block_sum<THREADS>(squares), l.out);
    for (int64_t c = threadIdx.x; c < l.out; c += THREADS) {
        const int64_t from = l.dirs == 1 ? 0 : 3 * c;
        double v[3] = {p[3 * c], p[3 * c + 1], p[3 * c + 2]};
        const double u[3] = {d[from], d[from + 1], d[from + 2]};
        vn_bend(v, u, (double)l.norm.at(c));
        for (int i = 0; i < 3; i++) {
            s.out[row * s.out_stride + 3 * c + i] = (float)(v[i] * scale);
        }
    }
}

/* ---- Host ---- */

/* What vn_shared takes: nothing that depends on the number of points, so that their bits do not
 * either. */
static bool accepts_shared(const alm_op_args *a)
{
    const alm_desc *feat = &a->in[0].desc;
    const int64_t out = feat->dim[0], in = feat->dim[1];
    return a->in[2].desc.dim[0] == 1 && out >= SHARED_LEAST && out <= SHARED_OUT && in >= 1 &&
           in <= out && shared_bytes(out * in, alm_dtype_size(feat->dtype), in) <= SHARED_MOST;
}

static int64_t products_of(const alm_op_args *a)
{
    return a->in[3].desc.dim[0] * (a->in[0].desc.dim[0] + a->in[2].desc.dim[0]);
}

static size_t workspace(const alm_op_args *a, const alm_device *device)
{
    (void)device;
    return (size_t)products_of(a) * 3 * sizeof(double);
}

static vn_side side_of(const alm_op_args *a)
{
    vn_side s = {};
    for (int i = 3; i < a->n_in; i++) {
        const alm_tensor *x = &a->in[i];
        s.part[i - 3] = vn_part{(const float *)x->data, x->stride, x->desc.dim[1]};
    }
    s.layer = vn_layer_at(a, 0);
    s.rows = alm_row_count_of(&a->in[3]);
    s.out = (float *)a->out[0].data;
    s.out_stride = a->out[0].stride;
    s.product = (double *)a->workspace;
    s.parts = a->n_in - 3;
    return s;
}

static alm_status launch_shared(const alm_exec *x, const alm_op_args *a, const alm_op_args *b)
{
    const alm_desc *feat = &a->in[0].desc;
    const bool is_bf16 = feat->dtype == ALM_DTYPE_BF16;
    const size_t bytes =
        shared_bytes(feat->dim[0] * feat->dim[1], alm_dtype_size(feat->dtype), feat->dim[1]);
    const vn_sides sides = {{side_of(a), side_of(b ? b : a)}};
    return alm_launch(x, "vn_linear", is_bf16 ? vn_shared<bf16> : vn_shared<float>,
                      dim3(alm_blocks(a->in[3].desc.dim[0], SHARED_POINTS), b ? 2 : 1),
                      dim3(THREADS), bytes, sides);
}

static alm_status run_shared(const alm_exec *x, const alm_op_args *a)
{
    return launch_shared(x, a, nullptr);
}

static alm_status launch(const alm_exec *x, const alm_op_args *a, const alm_op_args *b)
{
    const vn_sides sides = {{side_of(a), side_of(b ? b : a)}};
    const unsigned count = b ? 2 : 1;
    ALM_TRY(alm_launch(x, "vn_linear: products", vn_products,
                       dim3(alm_blocks(products_of(a), 4), count), dim3(128), 0, sides));
    return alm_launch(x, "vn_linear: finish", vn_finish,
                      dim3((unsigned)a->in[3].desc.dim[0], count), dim3(THREADS), 0, sides);
}

static alm_status run(const alm_exec *x, const alm_op_args *a)
{
    return launch(x, a, nullptr);
}

extern "C" const alm_kernel alm_vn_linear_cuda_kernels[] = {
    {.name = "vn_linear_f32_shared_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .accepts = accepts_shared,
     .run = run_shared,
     .run_pair = launch_shared},
    {.name = "vn_linear_f32_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .workspace = workspace,
     .run = run,
     .run_pair = launch,
     .launches = 2},
    {.name = nullptr},
};

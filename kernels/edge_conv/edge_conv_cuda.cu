/* edge_conv: nothing of the size of the edges leaves a block. In double, as on the CPU: a direction
 * that nearly vanishes is bent along with all its relative error (vn_simd.inc.h).
 *
 * The first layer is split: with its weight [Wd, Wp] on [x_j - x_i, x_i] it is Wd·x_j +
 * (Wp - Wd)·x_i, of which the second part is made once a point. The scale of the norm is positive
 * and known at the end only: channels are bent before they are scaled.
 *
 * edge_conv_edges is for the widths of the model: a thread an edge, the field of its channels in
 * registers. edge_conv_points takes everything: a block a point, one edge after the other.
 */
#include "kernels/vn_linear/vn_cuda.cuh"

#include "kernels/cuda/table.h"

extern "C" {
#include "kernels/edge_conv/edge_conv.h"
}

enum {
    POINT_THREADS = 64,
    POINT_BLOCKS = 528, /* of edge_conv_points, which walk over the points */
    WIDTH = 21          /* channels of the model */
};

struct edge_side {
    const float *x; /* [N, C, 3] */
    int64_t x_stride;
    alm_row_count points;
    const int32_t *index; /* [N, k] */
    int64_t index_stride;
    float *out; /* [N, C2 or C1, 3] */
    int64_t out_stride;
    double *scratch; /* edge_conv_points: [blocks][scratch_of()] */
};

struct edge_sides {
    edge_side of[2];
    vn_layer first[2], second[2]; /* second: out 0 with one layer */
    int32_t *fault;
    int32_t fault_code, k;
};

/* A neighbour that does not exist is a fault, and the nearest one that does is taken. */
__device__ __forceinline__ int checked(const edge_sides &sides, int j, int points)
{
    if (j < 0 || j >= points) {
        report_fault(sides.fault, sides.fault_code);
        return j < 0 ? 0 : points - 1;
    }
    return j;
}

/* ---- The widths of the model ---- */

/* load_weights() for weights of two types. The loop is unrolled, so that all loads are under way
 * at once. */
template <int OUT, int IN, int THREADS, class F, class D>
__device__ __forceinline__ void load_weights_of(const vn_layer &l, int first, bool less, bool norm,
                                                double2 *to)
{
    const F *feat = (const F *)l.feat.data + first;
    const D *dir = (const D *)l.dir.data + first;
#pragma unroll
    for (int q = 0; q < (OUT * IN + THREADS - 1) / THREADS; q++) {
        const int i = (int)threadIdx.x + q * THREADS, r = i / IN, c = i % IN;
        if (i < OUT * IN) {
            const int f = r * l.in + c, d = l.dirs == 1 ? c : f;
            double2 w = make_double2((double)to_float(feat[f]), (double)to_float(dir[d]));
            if (less) {
                w.x -= (double)to_float(feat[f - IN]);
                w.y -= (double)to_float(dir[d - IN]);
            }
            to[r * (IN + 1) + c] = w;
            if (c == 0 && norm) {
                to[r * (IN + 1) + IN] = make_double2((double)l.norm.at(r), 0);
            }
        }
    }
}

/* Rows of feat and of dir side by side, so that one access reads both: [OUT][IN + 1] from columns
 * first ... first + IN of the weights, minus the columns before them where `less` is set. Behind
 * each row its norm, where `norm` is set. */
template <int OUT, int IN, int THREADS>
__device__ __forceinline__ void load_weights(const vn_layer &l, int first, bool less, bool norm,
                                             double2 *to)
{
    if (l.feat.is_bf16 && l.dir.is_bf16) {
        load_weights_of<OUT, IN, THREADS, bf16, bf16>(l, first, less, norm, to);
    } else if (l.feat.is_bf16) {
        load_weights_of<OUT, IN, THREADS, bf16, float>(l, first, less, norm, to);
    } else if (l.dir.is_bf16) {
        load_weights_of<OUT, IN, THREADS, float, bf16>(l, first, less, norm, to);
    } else {
        load_weights_of<OUT, IN, THREADS, float, float>(l, first, less, norm, to);
    }
}

/* p and d += one row of feat and of dir · x. w: [IN]; x: [IN][3] */
template <int IN>
__device__ __forceinline__ void add_product(const double2 *w, const double (&x)[3 * IN],
                                            double (&p)[3], double (&d)[3])
{
#pragma unroll
    for (int c = 0; c < IN; c++) {
        const double2 v = w[c];
#pragma unroll
        for (int i = 0; i < 3; i++) {
            p[i] = fma(v.x, x[3 * c + i], p[i]);
            d[i] = fma(v.y, x[3 * c + i], d[i]);
        }
    }
}

/* All of a layer for the edge of this thread: x -> field [OUT][3], PITCH apart, not scaled; returns
 * its scale. weight: as load_weights() makes it, with norm; here: [OUT][6], what p and d start from
 * where START is set, else 0.
 *
 * Every register is in use: the pointers walk, since an index beside them would be one too many
 * (sm_100, sm_120), and whether there is a start is known to the compiler. */
template <int IN, int OUT, int PITCH, bool START>
__device__ __forceinline__ double one_layer(const double2 *weight, const double *here,
                                            const double (&x)[3 * IN], double *field)
{
    double squares = 0;
#pragma unroll 1
    for (int r = 0; r < OUT; r++) {
        double p[3] = {0, 0, 0}, d[3] = {0, 0, 0};
        if constexpr (START) {
#pragma unroll
            for (int i = 0; i < 3; i++) {
                p[i] = here[i];
                d[i] = here[3 + i];
            }
            here += 6;
        }
        add_product<IN>(weight, x, p, d);
        squares += p[0] * p[0] + p[1] * p[1] + p[2] * p[2];
        vn_bend(p, d, weight[IN].x);
#pragma unroll
        for (int i = 0; i < 3; i++) {
            field[i * PITCH] = p[i];
        }
        weight += IN + 1;
        field += 3 * PITCH;
    }
    return vn_scale(squares, OUT);
}

/* Shared memory of edge_conv_edges; the same calls count its bytes. */
template <int C, int C1, int C2, int THREADS> struct edge_parts {
    enum {
        PITCH = THREADS + 1,
        POINTS = THREADS / 2, /* at most: an edge alone goes to edge_conv_points */
        LAST = C2 ? C2 : C1
    };
    static size_t bytes(int points)
    {
        return 16 * (2 * C1 * (C + 1) + C2 * (C1 + 1)) +
               8 * (3 * C1 * PITCH + 6 * C1 * points + THREADS + 2) +
               4 * (3 * C * points + THREADS + 8);
    }
};

/* sides.k edges of each of THREADS/k points from blockIdx.x·(THREADS/k) of side blockIdx.y on. C2 =
 * 0: one layer. */
template <int C, int C1, int C2, int THREADS>
static __global__ void __launch_bounds__(THREADS, 2) edge_conv_edges(edge_sides sides)
{
    typedef edge_parts<C, C1, C2, THREADS> parts;
    enum { PITCH = parts::PITCH, LAST = parts::LAST };
    const int k = sides.k, block_points = THREADS / k;
    alm_shared_arena arena;
    double2 *there = arena.take<double2>(C1 * (C + 1)); /* Wd, norm */
    double2 *own = arena.take<double2>(C1 * (C + 1));   /* Wp - Wd */
    double2 *next = arena.take<double2>(C2 * (C1 + 1));
    double *scale = arena.take<double>(THREADS);
    int *neighbour = arena.take<int>(THREADS);
    int *sizes = arena.take<int>(2); /* k and block_points, while the layers need all registers */
    double *field = arena.take<double>(3 * C1 * PITCH); /* [3·C1][PITCH], first the neighbours */
    double *here = arena.take<double>(6 * C1 * block_points);
    float *center = arena.take<float>(3 * C * block_points);
    float *near = (float *)field; /* [3·C][PITCH] */
    release_dependents();
    const bool other = blockIdx.y != 0;
    const vn_layer first = other ? sides.first[1] : sides.first[0];
    const vn_layer second = other ? sides.second[1] : sides.second[0];
    /* Weights are not made by kernels before this one. */
    load_weights<C1, C, THREADS>(first, 0, false, true, there);
    load_weights<C1, C, THREADS>(first, C, true, false, own);
    if (C2) {
        load_weights<C2, C1, THREADS>(second, 0, false, true, next);
    }
    wait_for_inputs();
    const edge_side s = other ? sides.of[1] : sides.of[0];
    const int n = s.points.get(), row0 = (int)blockIdx.x * block_points;
    if (row0 >= n) {
        return;
    }
    const int e = (int)threadIdx.x, point = min(e / k, block_points - 1);
    if (e == 0) {
        sizes[0] = k;
        sizes[1] = block_points;
    }
    {
        /* Threads that are over repeat the last edge. */
        const int row = min(row0 + point, n - 1), t = min(e - point * k, k - 1);
        neighbour[e] = checked(sides, s.index[row * s.index_stride + t], n);
    }
    for (int i = e; i < 3 * C * block_points; i += THREADS) {
        const int row = min(row0 + i / (3 * C), n - 1);
        center[i] = s.x[row * s.x_stride + i % (3 * C)];
    }
    __syncthreads();
#pragma unroll 21 /* in as few round trips to memory as possible */
    for (int q = 0; q < 3 * C; q++) {
        const int i = e + q * THREADS, edge = i / (3 * C), c = i % (3 * C);
        near[c * PITCH + edge] = s.x[neighbour[edge] * s.x_stride + c];
    }
    for (int i = e; i < 2 * C1 * block_points; i += THREADS) {
        const int p = i / (2 * C1), r = i % (2 * C1) / 2, is_dir = i % 2;
        double sum[3] = {0, 0, 0};
#pragma unroll
        for (int c = 0; c < C; c++) {
            const double2 w = own[r * (C + 1) + c];
            for (int j = 0; j < 3; j++) {
                sum[j] = fma(is_dir ? w.y : w.x, (double)center[p * 3 * C + 3 * c + j], sum[j]);
            }
        }
        for (int j = 0; j < 3; j++) {
            here[p * 6 * C1 + 6 * r + 3 * is_dir + j] = sum[j];
        }
    }
    __syncthreads();
    double x[3 * C];
#pragma unroll
    for (int c = 0; c < 3 * C; c++) {
        x[c] = (double)near[c * PITCH + e];
    }
    __syncthreads(); /* the field takes the place of the neighbours */
    double gain = one_layer<C, C1, PITCH, true>(there, here + point * 6 * C1, x, field + e);
    if constexpr (C2 > 0) {
        double y[3 * C1];
#pragma unroll
        for (int c = 0; c < 3 * C1; c++) {
            y[c] = field[c * PITCH + e] * gain;
        }
        gain = one_layer<C1, C2, PITCH, false>(next, nullptr, y, field + e);
    }
    scale[threadIdx.x] = gain;
    __syncthreads();
    const edge_side to = blockIdx.y != 0 ? sides.of[1] : sides.of[0];
    const int neighbours = sizes[0], points = sizes[1];
    for (int i = (int)threadIdx.x; i < 3 * LAST * points; i += THREADS) {
        const int p = i / (3 * LAST), c = i % (3 * LAST);
        double sum = 0;
        for (int t = p * neighbours; t < (p + 1) * neighbours; t++) {
            sum = fma(field[c * PITCH + t], scale[t], sum);
        }
        const int row = (int)blockIdx.x * points + p;
        if (row < to.points.get()) {
            to.out[row * to.out_stride + c] = (float)(sum / (double)neighbours);
        }
    }
}

/* ---- Everything ---- */

/* Doubles of scratch of a block: y1 [C1, 3], d1 [C1, 3], y2 [C2, 3], d2 [C2, 3], sum [C2 or C1, 3]
 */
static __host__ __device__ __forceinline__ int64_t scratch_of(int first, int second)
{
    return 3 * (2 * (int64_t)first + 2 * (int64_t)second + (second ? second : first));
}

/* Number c of the edge's field [2C, 3] or of a field in scratch. */
struct edge_field {
    const float *there, *here; /* [C, 3] of the two points, or NULL: */
    const double *field;
    int channels; /* C */
    __device__ __forceinline__ double at(int c, int i) const
    {
        if (field) {
            return field[3 * c + i];
        }
        return c < channels ? (double)there[3 * c + i] - (double)here[3 * c + i]
                            : (double)here[3 * (c - channels) + i];
    }
};

/* A layer by the whole block: x -> y [out, 3], scaled. d: [out, 3] of scratch. */
__device__ void block_layer(const vn_layer &l, const edge_field &x, double *y, double *d)
{
    double squares = 0;
    for (int r = (int)threadIdx.x; r < l.out + l.dirs; r += POINT_THREADS) {
        const bool is_dir = r >= l.out;
        const int row = is_dir ? r - l.out : r;
        double sum[3] = {0, 0, 0};
        for (int c = 0; c < l.in; c++) {
            const int64_t at = (int64_t)row * l.in + c;
            const double w = (double)(is_dir ? l.dir.at(at) : l.feat.at(at));
            for (int i = 0; i < 3; i++) {
                sum[i] = fma(w, x.at(c, i), sum[i]);
            }
        }
        for (int i = 0; i < 3; i++) {
            (is_dir ? d : y)[3 * row + i] = sum[i];
            squares += is_dir ? 0 : sum[i] * sum[i];
        }
    }
    const double scale = vn_scale(block_sum<POINT_THREADS>(squares), l.out);
    for (int c = (int)threadIdx.x; c < l.out; c += POINT_THREADS) {
        const int from = l.dirs == 1 ? 0 : 3 * c;
        double p[3] = {y[3 * c], y[3 * c + 1], y[3 * c + 2]};
        const double u[3] = {d[from], d[from + 1], d[from + 2]};
        vn_bend(p, u, (double)l.norm.at(c));
        for (int i = 0; i < 3; i++) {
            y[3 * c + i] = p[i] * scale;
        }
    }
    __syncthreads();
}

/* Points blockIdx.x, blockIdx.x + gridDim.x ... of side blockIdx.y. */
static __global__ void __launch_bounds__(POINT_THREADS, 1) edge_conv_points(edge_sides sides)
{
    release_dependents();
    wait_for_inputs();
    const bool other = blockIdx.y != 0;
    const edge_side s = other ? sides.of[1] : sides.of[0];
    const vn_layer first = other ? sides.first[1] : sides.first[0];
    const vn_layer second = other ? sides.second[1] : sides.second[0];
    const int n = s.points.get(), last = 3 * (second.out ? second.out : first.out);
    double *y1 = s.scratch + blockIdx.x * scratch_of(first.out, second.out);
    double *d1 = y1 + 3 * first.out, *y2 = d1 + 3 * first.out, *d2 = y2 + 3 * second.out;
    double *sum = d2 + 3 * second.out;
    for (int row = (int)blockIdx.x; row < n; row += (int)gridDim.x) {
        const float *here = s.x + row * s.x_stride;
        for (int c = (int)threadIdx.x; c < last; c += POINT_THREADS) {
            sum[c] = 0;
        }
        for (int t = 0; t < sides.k; t++) {
            const int j = checked(sides, s.index[row * s.index_stride + t], n);
            const edge_field edge = {s.x + j * s.x_stride, here, nullptr, first.in / 2};
            block_layer(first, edge, y1, d1);
            if (second.out) {
                const edge_field middle = {nullptr, nullptr, y1, 0};
                block_layer(second, middle, y2, d2);
            }
            for (int c = (int)threadIdx.x; c < last; c += POINT_THREADS) {
                sum[c] += second.out ? y2[c] : y1[c];
            }
            __syncthreads();
        }
        for (int c = (int)threadIdx.x; c < last; c += POINT_THREADS) {
            s.out[row * s.out_stride + c] = (float)(sum[c] / (double)sides.k);
        }
    }
}

/* ---- Host ---- */

static unsigned point_blocks(const alm_op_args *a)
{
    const int64_t points = a->in[0].desc.dim[0];
    return (unsigned)(points < POINT_BLOCKS ? points : (int64_t)POINT_BLOCKS);
}

static vn_layer second_of(const alm_op_args *a)
{
    return alm_optional(a, 5) ? vn_layer_at(a, 5) : vn_layer{};
}

static edge_side side_of(const alm_op_args *a)
{
    const alm_tensor *x = &a->in[0], *index = &a->in[1], *out = &a->out[0];
    return edge_side{(const float *)x->data,
                     x->stride,
                     alm_row_count_of(x),
                     (const int32_t *)index->data,
                     index->stride,
                     (float *)out->data,
                     out->stride,
                     (double *)a->workspace};
}

typedef alm_status edges_fn(const alm_exec *x, const edge_sides &sides, int64_t points,
                            unsigned count);

template <int C, int C1, int C2, int THREADS>
static alm_status launch_edges(const alm_exec *x, const edge_sides &sides, int64_t points,
                               unsigned count)
{
    const int block_points = THREADS / sides.k;
    return alm_launch(x, "edge_conv", edge_conv_edges<C, C1, C2, THREADS>,
                      dim3(alm_blocks(points, block_points), count), dim3(THREADS),
                      edge_parts<C, C1, C2, THREADS>::bytes(block_points), sides);
}

/* The kernel for the widths, or NULL. Blocks of 96 threads where 160 ask for too much memory. */
static edges_fn *edges_of(const alm_op_args *a, const alm_device *device)
{
    const int64_t channels = a->in[0].desc.dim[1], first = a->in[2].desc.dim[0];
    const int64_t second = alm_optional(a, 5) ? a->in[5].desc.dim[0] : 0;
    const int64_t k = a->in[1].desc.dim[1];
    const bool roomy = device->shared_bytes >= 120 * 1024;
    if (k < 4 || k > 80 || first != WIDTH || (second != 0 && second != WIDTH)) {
        return nullptr;
    }
    if (channels == 1 && second) {
        return roomy ? launch_edges<1, WIDTH, WIDTH, 160> : launch_edges<1, WIDTH, WIDTH, 96>;
    }
    if (channels == WIDTH && second) {
        return roomy ? launch_edges<WIDTH, WIDTH, WIDTH, 160>
                     : launch_edges<WIDTH, WIDTH, WIDTH, 96>;
    }
    if (channels == WIDTH) {
        return roomy ? launch_edges<WIDTH, WIDTH, 0, 160> : launch_edges<WIDTH, WIDTH, 0, 96>;
    }
    return nullptr;
}

static size_t workspace(const alm_op_args *a, const alm_device *device)
{
    if (edges_of(a, device)) {
        return 0;
    }
    const int second = alm_optional(a, 5) ? (int)a->in[5].desc.dim[0] : 0;
    return point_blocks(a) * (size_t)scratch_of((int)a->in[2].desc.dim[0], second) * sizeof(double);
}

static alm_status launch(const alm_exec *x, const alm_op_args *a, const alm_op_args *b)
{
    const alm_op_args *c = b ? b : a;
    const edge_sides sides = {{side_of(a), side_of(c)},
                              {vn_layer_at(a, 2), vn_layer_at(c, 2)},
                              {second_of(a), second_of(c)},
                              x->fault,
                              x->fault_code,
                              (int)a->in[1].desc.dim[1]};
    const unsigned count = b ? 2 : 1;
    edges_fn *edges = edges_of(a, x->device);
    if (edges) {
        return edges(x, sides, a->in[0].desc.dim[0], count);
    }
    return alm_launch(x, "edge_conv", edge_conv_points, dim3(point_blocks(a), count),
                      dim3(POINT_THREADS), 0, sides);
}

static alm_status run(const alm_exec *x, const alm_op_args *a)
{
    return launch(x, a, nullptr);
}

extern "C" const alm_kernel alm_edge_conv_cuda_kernels[] = {
    {.name = "edge_conv_f32_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .workspace = workspace,
     .run = run,
     .run_pair = launch},
    {.name = nullptr},
};

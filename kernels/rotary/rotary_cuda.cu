/* rotary: a team of 1 ... 32 threads turns a head of a row, four channels and their partners a
 * thread at a time, after the RMS normalisation of the head where there is one. Columns behind the
 * heads are copied by further threads, and not at all in place.
 *
 * The head size alone decides who sums what. Channels stay in registers between the passes up to
 * heads of 256; of larger heads the rest is read again (every thread reads what it writes).
 */
#include "kernels/cuda/vector.cuh"

#include "kernels/cuda/table.h"

extern "C" {
#include "kernels/rotary/rotary.h"
}

struct rotary_job {
    alm_view x, out;           /* [rows, width] from column 0 */
    alm_view x_rest, out_rest; /* from the first column behind the heads */
    alm_view cosine, sine;     /* [rows, head_dim/2] */
    alm_view norm;             /* [head_dim]; data NULL: none */
    alm_row_count rows;
    int heads, head_dim, team; /* team: threads a head, a power of two */
    int rest;                  /* columns to copy */
    float eps;
};

/* Added to the exponent before squares that left the range of float32 are summed again. */
#define SQUARE_SCALE 0x1p-80f

struct halves {
    float4 a, b; /* channels i ... i + 3 and their partners */
};

/* column: of channel i; left: channels of the half from i on. */
__device__ __forceinline__ halves load_halves(const alm_view &v, int64_t row, int column, int half,
                                              int left)
{
    return halves{load4(v, row, column, left), load4(v, row, column + half, left)};
}

__device__ __forceinline__ float square_sum(const halves &h, float scale)
{
    const float4 a = make_float4(h.a.x * scale, h.a.y * scale, h.a.z * scale, h.a.w * scale);
    const float4 b = make_float4(h.b.x * scale, h.b.y * scale, h.b.z * scale, h.b.w * scale);
    const float p = fmaf(a.x, a.x, a.y * a.y) + fmaf(a.z, a.z, a.w * a.w);
    const float q = fmaf(b.x, b.x, b.y * b.y) + fmaf(b.z, b.z, b.w * b.w);
    return p + q;
}

/* Sum over the team, the same in all of its threads; every thread of the warp calls it. */
__device__ __forceinline__ float team_sum(float v, int team)
{
    for (int d = team / 2; d > 0; d /= 2) {
        v += __shfl_xor_sync(FULL_WARP, v, d);
    }
    return v;
}

/* The head's squares by this thread: `first` are its first channels. */
__device__ __forceinline__ float own_squares(const rotary_job &j, const halves &first, int64_t row,
                                             int head, int lane, float scale)
{
    const int half = j.head_dim / 2;
    float sum = square_sum(first, scale);
    for (int i = 4 * (lane + j.team); i < half; i += 4 * j.team) {
        sum += square_sum(load_halves(j.x, row, head * j.head_dim + i, half, half - i), scale);
    }
    return sum;
}

__device__ __forceinline__ float4 scaled(const float4 &v, float factor, const float4 &w)
{
    return make_float4(v.x * factor * w.x, v.y * factor * w.y, v.z * factor * w.z,
                       v.w * factor * w.w);
}

/* v·c + sign·w·s. */
__device__ __forceinline__ float4 turned(const float4 &v, const float4 &c, const float4 &w,
                                         const float4 &s, float sign)
{
    return make_float4(fmaf(v.x, c.x, sign * w.x * s.x), fmaf(v.y, c.y, sign * w.y * s.y),
                       fmaf(v.z, c.z, sign * w.z * s.z), fmaf(v.w, c.w, sign * w.w * s.w));
}

/* Threads of a row, blockIdx.x: heads·team for the heads, then one for each four columns of the
 * rest; blockIdx.y says which part of them. */
static __global__ void __launch_bounds__(256) rotary_kernel(rotary_job j)
{
    release_dependents();
    wait_for_inputs();
    const int64_t row = blockIdx.x;
    if (row >= j.rows.get()) {
        return; /* the whole block */
    }
    const int piece = (int)(blockIdx.y * blockDim.x + threadIdx.x);
    const int lane = piece & (j.team - 1), head = piece / j.team, half = j.head_dim / 2;
    const bool turns = head < j.heads && 4 * lane < half;
    halves h = {make_float4(0, 0, 0, 0), make_float4(0, 0, 0, 0)};
    if (turns) {
        h = load_halves(j.x, row, head * j.head_dim + 4 * lane, half, half - 4 * lane);
    }
    float factor = 1;
    if (j.norm.data) {
        float scale = 1;
        float square = team_sum(turns ? own_squares(j, h, row, head, lane, scale) : 0.0f, j.team);
        if (__any_sync(FULL_WARP, !(square < INFINITY))) {
            /* Teams of the warp whose squares fit keep theirs. */
            const float small =
                team_sum(turns ? own_squares(j, h, row, head, lane, SQUARE_SCALE) : 0.0f, j.team);
            if (!(square < INFINITY)) {
                square = small;
                scale = SQUARE_SCALE;
            }
        }
        factor = scale / sqrtf(square / (float)j.head_dim + j.eps * scale * scale);
    }
    for (int i = 4 * lane; turns && i < half; i += 4 * j.team) {
        const int column = head * j.head_dim + i, left = half - i;
        if (i != 4 * lane) {
            h = load_halves(j.x, row, column, half, left);
        }
        if (j.norm.data) {
            const halves w = load_halves(j.norm, 0, i, half, left);
            h.a = scaled(h.a, factor, w.a);
            h.b = scaled(h.b, factor, w.b);
        }
        const float4 c = load4(j.cosine, row, i, left), s = load4(j.sine, row, i, left);
        store4(j.out, row, column, left, turned(h.a, c, h.b, s, -1));
        store4(j.out, row, column + half, left, turned(h.b, c, h.a, s, 1));
    }
    const int column = 4 * (piece - j.heads * j.team), left = j.rest - column;
    if (column >= 0 && left > 0) {
        store4(j.out_rest, row, column, left, load4(j.x_rest, row, column, left));
    }
}

static alm_status run(const alm_exec *x, const alm_op_args *args)
{
    const alm_rotary_attr *attr = (const alm_rotary_attr *)args->attr;
    const alm_tensor *in = &args->in[0], *out = &args->out[0];
    const int half = attr->head_dim / 2, turned_width = attr->heads * attr->head_dim;
    rotary_job j = {};
    j.x = alm_view_of(in);
    j.out = alm_view_of(out);
    j.x_rest = alm_view_from(in, turned_width);
    j.out_rest = alm_view_from(out, turned_width);
    j.cosine = alm_view_of(&args->in[1]);
    j.sine = alm_view_of(&args->in[2]);
    j.norm = alm_view_of_optional(alm_optional(args, 3));
    if (half % 4 != 0) {
        /* The partners do not start where a group of four may. */
        j.x.aligned = j.out.aligned = j.norm.aligned = false;
    }
    j.rows = alm_row_count_of(in);
    j.heads = attr->heads;
    j.head_dim = attr->head_dim;
    for (j.team = 1; j.team < 32 && 4 * j.team < half;) {
        j.team *= 2;
    }
    j.rest = in->data == out->data ? 0 : (int)in->desc.dim[1] - turned_width;
    j.eps = (float)attr->eps;
    const int pieces = attr->heads * j.team + (j.rest + 3) / 4;
    const unsigned threads = pieces >= 256 ? 256 : (unsigned)((pieces + 31) / 32 * 32);
    const dim3 grid((unsigned)in->desc.dim[0], alm_blocks(pieces, threads));
    return alm_launch(x, "rotary", rotary_kernel, grid, dim3(threads), 0, j);
}

extern "C" const alm_kernel alm_rotary_cuda_kernels[] = {
    {.name = "rotary_cuda", .backend = ALM_BACKEND_CUDA, .min_arch = 80, .run = run},
    {.name = nullptr},
};

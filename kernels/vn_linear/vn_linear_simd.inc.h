/* vn_linear, written once for AVX-512 and AVX2: lanes are points, a task is one vector of them.
 * The weights are widened at the start; they are small beside the points.
 */
#include "kernels/vn_linear/vn_simd.inc.h"

/* What all tasks share. */
typedef struct job {
    const alm_op_args *a;
    int64_t in, out, dirs; /* channels; rows of dir */
    double *weight;        /* feat [out, in], dir [dirs, in], behind each other */
    double *norm;          /* [out] */
    double *scratch;       /* [threads]: x [in][3][W], p [out][3][W], d [dirs][3][W] */
} job;

static int64_t scratch_size(int64_t in, int64_t out, int64_t dirs)
{
    return (in + out + dirs) * 3 * W;
}

size_t ALM_SIMD_NAME(alm_vn_linear_workspace)(const alm_op_args *a, const alm_device *device)
{
    const int64_t out = a->in[0].desc.dim[0], in = a->in[0].desc.dim[1];
    const int64_t dirs = a->in[2].desc.dim[0];
    return (size_t)(device->threads * scratch_size(in, out, dirs) + (out + dirs) * in + out) *
           sizeof(double);
}

/* Row `row` of all parts into lane `lane` of x [in][3][W]. */
static void load_lane(const job *j, int64_t row, int lane, double *x)
{
    for (int i = 3; i < j->a->n_in; i++) {
        const int64_t n = 3 * j->a->in[i].desc.dim[1];
        vn_load_lane(alm_row(const float, &j->a->in[i], row), n, lane, x);
        x += n * W;
    }
}

/* Points [block·W, ... + W). */
static void one_block(void *context, int64_t block, int thread)
{
    const job *j = context;
    const int64_t rows = alm_rows(&j->a->in[3]), first = block * W;
    double *x = j->scratch + thread * scratch_size(j->in, j->out, j->dirs);
    double *p = x + j->in * 3 * W, *d = p + j->out * 3 * W;
    for (int lane = 0; lane < W; lane++) {
        load_lane(j, first + lane < rows ? first + lane : rows - 1, lane, x);
    }
    vn_product(j->weight, j->out, j->in, x, p);
    vn_product(j->weight + j->out * j->in, j->dirs, j->in, x, d);
    vn_bend(p, d, j->dirs == 1, j->norm, vn_scale(p, j->out), j->out, false, p);
    for (int lane = 0; lane < W && first + lane < rows; lane++) {
        float *out = alm_row(float, &j->a->out[0], first + lane);
        for (int64_t c = 0; c < 3 * j->out; c++) {
            out[c] = (float)p[c * W + lane];
        }
    }
}

alm_status ALM_SIMD_NAME(alm_vn_linear_f32)(const alm_exec *exec, const alm_op_args *a)
{
    job j = {.a = a,
             .in = a->in[0].desc.dim[1],
             .out = a->in[0].desc.dim[0],
             .dirs = a->in[2].desc.dim[0]};
    j.weight = a->workspace;
    j.norm = j.weight + (j.out + j.dirs) * j.in;
    j.scratch = j.norm + j.out;
    vn_widen(&a->in[0], j.out * j.in, j.weight);
    vn_widen(&a->in[2], j.dirs * j.in, j.weight + j.out * j.in);
    vn_widen(&a->in[1], j.out, j.norm);
    alm_parallel_for(exec->pool, (alm_rows(&a->in[3]) + W - 1) / W, one_block, &j);
    return ALM_OK;
}

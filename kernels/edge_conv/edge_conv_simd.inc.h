/* edge_conv, written once for AVX-512 and AVX2. Lanes are W points; the loop over their neighbours
 * is outside, so that the mean is a sum of vectors in the order of the index.
 *
 * The first layer is split: with its weight [Wd, Wp] on [x_j - x_i, x_i] it is Wd·x_j +
 * (Wp - Wd)·x_i, two products a point that are made once:
 *   there [N][R][3]          Wd·x of every point, read by the gathers,
 *   here  [blocks][R][3][W]  (Wp - Wd)·x of the points of a block,
 * R = the rows of feat1 and of dir1. An edge is then one addition a number. The second layer runs
 * on the W edges at once.
 */
#include "kernels/edge_conv/edge_conv.h"
#include "kernels/knn/knn.h"
#include "kernels/vn_linear/vn_simd.inc.h"

/* One layer with its weights widened. */
typedef struct layer {
    int64_t out, dirs; /* rows of feat and of dir */
    double *weight;    /* [out + dirs, in] */
    double *norm;      /* [out] */
} layer;

/* What all tasks share. */
typedef struct job {
    const alm_op_args *a;
    int64_t channels, rows, k;
    layer first, second; /* second.out = 0: there is one layer only. first.weight: Wd */
    double *own;         /* Wp - Wd: [R, channels] */
    double *there, *here;
    double *scratch;      /* [threads][scratch_size] */
    int64_t scratch_size; /* x, first, second, sum */
} job;

static int64_t blocks_of(int64_t points)
{
    return (points + W - 1) / W;
}

/* Fills in the sizes and cuts the workspace (NULL: sizes only); returns its doubles. */
static int64_t carve(const alm_op_args *a, double *workspace, int threads, job *j)
{
    const int64_t points = a->in[0].desc.dim[0];
    *j = (job){.a = a,
               .channels = a->in[0].desc.dim[1],
               .rows = alm_rows(&a->in[0]),
               .k = a->in[1].desc.dim[1]};
    j->first = (layer){.out = a->in[2].desc.dim[0], .dirs = a->in[4].desc.dim[0]};
    if (alm_optional(a, 5)) {
        j->second = (layer){.out = a->in[5].desc.dim[0], .dirs = a->in[7].desc.dim[0]};
    }
    const int64_t r1 = j->first.out + j->first.dirs, r2 = j->second.out + j->second.dirs;
    const int64_t last = r2 ? j->second.out : j->first.out;
    const int64_t size[] = {r1 * j->channels,
                            r1 * j->channels,
                            r2 * j->first.out,
                            j->first.out,
                            j->second.out,
                            points * r1 * 3,
                            blocks_of(points) * r1 * 3 * W};
    double **const part[] = {&j->first.weight, &j->own,   &j->second.weight, &j->first.norm,
                             &j->second.norm,  &j->there, &j->here};
    int64_t at = 0;
    for (int i = 0; i < (int)(sizeof size / sizeof size[0]); i++) {
        *part[i] = workspace ? workspace + at : NULL;
        at += (size[i] + W - 1) / W * W;
    }
    j->scratch = workspace ? workspace + at : NULL;
    j->scratch_size = (j->channels + r1 + r2 + last) * 3 * W;
    return at + threads * j->scratch_size;
}

size_t ALM_SIMD_NAME(alm_edge_conv_workspace)(const alm_op_args *a, const alm_device *device)
{
    job j;
    return (size_t)carve(a, NULL, device->threads, &j) * sizeof(double);
}

/* Offsets of gathers are 32 bits wide. */
bool ALM_SIMD_NAME(alm_edge_conv_accepts)(const alm_op_args *a)
{
    const int64_t row = 3 * (a->in[2].desc.dim[0] + a->in[4].desc.dim[0]);
    return row <= INT32_MAX / (a->in[0].desc.dim[0] + 1);
}

/* Rows of a weight [rows, 2·channels] apart: the left half, and the right half minus the left. */
static void split(const alm_tensor *weight, int64_t channels, double *left, double *rest)
{
    const bool bf16 = weight->desc.dtype == ALM_DTYPE_BF16;
    for (int64_t r = 0; r < weight->desc.dim[0]; r++) {
        for (int64_t c = 0; c < channels; c++) {
            const int64_t at = r * 2 * channels + c;
            const double of_difference = (double)alm_weight_at(bf16, weight->data, at);
            left[r * channels + c] = of_difference;
            rest[r * channels + c] =
                (double)alm_weight_at(bf16, weight->data, at + channels) - of_difference;
        }
    }
}

/* Row of the point in lane `lane` of a block; lanes that are over repeat the last point. */
static int64_t point_at(const job *j, int64_t block, int lane)
{
    return block * W + lane < j->rows ? block * W + lane : j->rows - 1;
}

/* The two products of the points of a block. */
static void project(void *context, int64_t block, int thread)
{
    const job *j = context;
    const int64_t rows = j->first.out + j->first.dirs, size = 3 * j->channels;
    double *x = j->scratch + thread * j->scratch_size, *y = x + size * W;
    for (int lane = 0; lane < W; lane++) {
        vn_load_lane(alm_row(const float, &j->a->in[0], point_at(j, block, lane)), size, lane, x);
    }
    vn_product(j->own, rows, j->channels, x, j->here + block * rows * 3 * W);
    vn_product(j->first.weight, rows, j->channels, x, y);
    for (int lane = 0; lane < W && block * W + lane < j->rows; lane++) {
        double *to = j->there + (block * W + lane) * rows * 3;
        for (int64_t c = 0; c < rows * 3; c++) {
            to[c] = y[c * W + lane];
        }
    }
}

/* Edge convolution of the points of a block. */
static void convolve(void *context, int64_t block, int thread)
{
    const job *j = context;
    const layer *first = &j->first, *second = &j->second;
    const int64_t n1 = 3 * (first->out + first->dirs), n2 = 3 * (second->out + second->dirs);
    const int64_t last = 3 * (second->out ? second->out : first->out);
    const double *here = j->here + block * n1 * W;
    double *y1 = j->scratch + thread * j->scratch_size, *y2 = y1 + n1 * W, *sum = y2 + n2 * W;
    for (int64_t c = 0; c < last * W; c++) {
        sum[c] = 0.0;
    }
    for (int64_t t = 0; t < j->k; t++) {
        int32_t offset[W];
        for (int lane = 0; lane < W; lane++) {
            const int64_t row = point_at(j, block, lane);
            offset[lane] = alm_row(const int32_t, &j->a->in[1], row)[t] * (int32_t)n1;
        }
        for (int64_t c = 0; c < n1; c++) {
            vn_store(y1 + c * W, vn_gather(j->there + c, offset) + vn_load(here + c * W));
        }
        const double *d1 = y1 + 3 * first->out * W, *d2 = y2 + 3 * second->out * W;
        const vn_vd scale = vn_scale(y1, first->out);
        if (!second->out) {
            vn_bend(y1, d1, first->dirs == 1, first->norm, scale, first->out, true, sum);
            continue;
        }
        vn_bend(y1, d1, first->dirs == 1, first->norm, scale, first->out, false, y1);
        vn_product(second->weight, second->out + second->dirs, first->out, y1, y2);
        vn_bend(y2, d2, second->dirs == 1, second->norm, vn_scale(y2, second->out), second->out,
                true, sum);
    }
    for (int lane = 0; lane < W && block * W + lane < j->rows; lane++) {
        float *out = alm_row(float, &j->a->out[0], point_at(j, block, lane));
        for (int64_t c = 0; c < last; c++) {
            out[c] = (float)(sum[c * W + lane] / (double)j->k);
        }
    }
}

alm_status ALM_SIMD_NAME(alm_edge_conv_f32)(const alm_exec *exec, const alm_op_args *a)
{
    job j;
    const int64_t points = alm_rows(&a->in[0]);
    ALM_TRY(alm_knn_index_check("edge_conv", &a->in[1], points, points));
    carve(a, a->workspace, alm_pool_threads(exec->pool), &j);
    split(&a->in[2], j.channels, j.first.weight, j.own);
    split(&a->in[4], j.channels, j.first.weight + j.first.out * j.channels,
          j.own + j.first.out * j.channels);
    vn_widen(&a->in[3], j.first.out, j.first.norm);
    if (j.second.out) {
        vn_widen(&a->in[5], j.second.out * j.first.out, j.second.weight);
        vn_widen(&a->in[7], j.second.dirs * j.first.out,
                 j.second.weight + j.second.out * j.first.out);
        vn_widen(&a->in[6], j.second.out, j.second.norm);
    }
    const int64_t blocks = blocks_of(j.rows);
    alm_parallel_for(exec->pool, blocks, project, &j);
    alm_parallel_for(exec->pool, blocks, convolve, &j);
    return ALM_OK;
}

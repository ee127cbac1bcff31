#include "runtime/eval/chamfer.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/core/op.h"
#include "runtime/eval/chamfer_vector.h"

enum {
    POINTS = ALM_CHAMFER_POINTS,
    BLOCK = ALM_CHAMFER_BLOCK,
    BLOCKS = ALM_CHAMFER_BLOCKS,
    BINS = 64, /* of a counting sort */
    FAN = 4
};

/* ---- Order ---- */

/* x, y, z and, as bits, the number of the point. */
typedef __m128 record;

static int point_of(record r)
{
    return _mm_cvtsi128_si32(_mm_castps_si128(_mm_shuffle_ps(r, r, 3)));
}

/* Brings from[0 ... n) into `to`, in the order of the points along the axis on which they are
 * spread most, to 1/BINS of their spread. */
static void sort_roughly(const record *from, int n, record *to)
{
    record least = from[0], most = from[0];
    for (int i = 1; i < n; i++) {
        least = _mm_min_ps(from[i], least);
        most = _mm_max_ps(from[i], most);
    }
    const record spread = most - least;
    int axis = spread[1] > spread[0] ? 1 : 0;
    axis = spread[2] > spread[axis] ? 2 : axis;
    /* No spread, or one that overflows: any order will do. */
    const float low = least[axis], width = spread[axis];
    const float scale = width > 0 && isfinite(width) ? (float)BINS / width : 0;

    uint8_t bin[POINTS];
    uint16_t start[BINS + 1] = {0}, odd[BINS] = {0}; /* two counts: fewer waits for a store */
    for (int i = 0; i < n; i++) {
        /* max(NaN, 0) is 0; NaN is 0·inf, when scale has overflowed. */
        const float v = (((const float *)&from[i])[axis] - low) * scale;
        const __m128 positive = _mm_max_ss(_mm_set_ss(v), _mm_setzero_ps());
        bin[i] = (uint8_t)_mm_cvttss_si32(_mm_min_ss(positive, _mm_set_ss(BINS - 1)));
        (i % 2 ? odd : start + 1)[bin[i]]++;
    }
    for (int b = 0; b < BINS; b++) {
        start[b + 1] = (uint16_t)(start[b + 1] + start[b] + odd[b]);
    }
    for (int i = 0; i < n; i++) {
        to[start[bin[i]]++] = from[i];
    }
}

typedef struct range {
    int at, count;
    bool in_second; /* of the two buffers */
} range;

void alm_chamfer_sort(const float *xyz, int n, alm_chamfer_order *out)
{
    record buffer[2][POINTS];
    for (int i = 0; i < n; i++) {
        buffer[0][i] = _mm_setr_ps(xyz[3 * i], xyz[3 * i + 1], xyz[3 * i + 2],
                                   _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(i))));
    }
    out->count = n;
    /* Ranges of points are sorted and cut into FAN parts of whole blocks, small ones in halves,
     * until each is one block. */
    range open[BLOCKS];
    int opened = 1;
    open[0] = (range){.count = n};
    while (opened > 0) {
        const range r = open[--opened];
        record *from = &buffer[r.in_second][r.at];
        if (r.count <= BLOCK) {
            for (int i = 0; i < r.count; i++) {
                out->index[r.at + i] = (uint16_t)point_of(from[i]);
            }
            continue;
        }
        sort_roughly(from, r.count, &buffer[!r.in_second][r.at]);
        const int blocks = (r.count + BLOCK - 1) / BLOCK;
        const int fan = blocks >= 4 * FAN ? FAN : 2;
        for (int i = 0; i < fan; i++) {
            const int begin = blocks * i / fan * BLOCK, end = blocks * (i + 1) / fan * BLOCK;
            open[opened++] = (range){.at = r.at + begin,
                                     .count = (end < r.count ? end : r.count) - begin,
                                     .in_second = !r.in_second};
        }
    }
}

/* ---- Clouds ---- */

static void make_boxes(alm_chamfer_cloud *cloud)
{
    for (int c = 0; c < 3; c++) {
        for (int b = 0; b < cloud->blocks; b++) {
            const float *x = cloud->x[c] + b * BLOCK;
            __m128 low = _mm_loadu_ps(x), high = low;
            for (int i = 4; i < BLOCK; i += 4) {
                low = _mm_min_ps(low, _mm_loadu_ps(x + i));
                high = _mm_max_ps(high, _mm_loadu_ps(x + i));
            }
            cloud->low[c][b] = _mm_cvtss_f32(almi_fold_min(low));
            cloud->high[c][b] = _mm_cvtss_f32(almi_fold_max(high));
        }
        for (int b = cloud->blocks; b < (cloud->blocks + BLOCK - 1) / BLOCK * BLOCK; b++) {
            cloud->low[c][b] = cloud->high[c][b] = INFINITY;
        }
    }
}

void alm_chamfer_load(const float *xyz, const alm_chamfer_order *order, alm_chamfer_cloud *out)
{
    const int n = order->count;
    out->count = n;
    out->blocks = (n + BLOCK - 1) / BLOCK;
    for (int i = 0; i < out->blocks * BLOCK; i++) {
        const float *p = xyz + 3 * order->index[i < n ? i : n - 1];
        for (int c = 0; c < 3; c++) {
            out->x[c][i] = p[c];
        }
    }
    make_boxes(out);
}

void alm_chamfer_move(const alm_chamfer_cloud *in, const float r[9], const float t[3],
                      alm_chamfer_cloud *out)
{
    out->count = in->count;
    out->blocks = in->blocks;
    for (int b = 0; b < in->blocks; b++) {
        const float *x = in->x[0] + b * BLOCK, *y = in->x[1] + b * BLOCK, *z = in->x[2] + b * BLOCK;
        for (int c = 0; c < 3; c++) {
            float *to = out->x[c] + b * BLOCK;
            for (int i = 0; i < BLOCK; i++) {
                to[i] = r[c] * x[i] + r[3 + c] * y[i] + r[6 + c] * z[i] + t[c];
            }
        }
    }
    make_boxes(out);
}

/* ---- Distances ---- */

void alm_chamfer_nearest(const alm_chamfer_cloud *from, const alm_chamfer_cloud *to, float *least,
                         int32_t *nearest)
{
    const int arch = alm_cpu_arch();
    alm_chamfer_nearest_fn *run = arch >= ALM_CPU_AVX512 ? alm_chamfer_nearest_avx512
                                  : arch >= ALM_CPU_AVX2 ? alm_chamfer_nearest_avx2
                                                         : alm_chamfer_nearest_sse2;
    run(from, to, least, nearest);
}

/* Four sums, so that one need not wait for the other: those of plain_mean. */
static double mean_of(const float *x, int n)
{
    double sum[4] = {0};
    int i = 0;
    for (; i + 4 <= n; i += 4) {
        for (int k = 0; k < 4; k++) {
            sum[k] += (double)x[i + k];
        }
    }
    for (; i < n; i++) {
        sum[i % 4] += (double)x[i];
    }
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) / n;
}

/* Mean of the minima, summed by point, so that it does not depend on the order; out: [n] or NULL.
 */
static double mean_by_point(const float *least, const alm_chamfer_order *order, float *out)
{
    float by_point[POINTS];
    const int n = order->count;
    for (int i = 0; i < n; i++) {
        by_point[order->index[i]] = least[i];
    }
    if (out) {
        memcpy(out, by_point, (size_t)n * sizeof *out);
    }
    return mean_of(by_point, n);
}

float alm_chamfer(const float *a, int n, const float *b, int m, float *a_to_b, float *b_to_a)
{
    alm_chamfer_order order_a, order_b;
    alm_chamfer_cloud cloud_a, cloud_b;
    float least[POINTS];
    alm_chamfer_sort(a, n, &order_a);
    alm_chamfer_sort(b, m, &order_b);
    alm_chamfer_load(a, &order_a, &cloud_a);
    alm_chamfer_load(b, &order_b, &cloud_b);
    for (int i = 0; i < POINTS; i++) {
        least[i] = INFINITY;
    }
    alm_chamfer_nearest(&cloud_a, &cloud_b, least, NULL);
    const double forth = mean_by_point(least, &order_a, a_to_b);
    for (int i = 0; i < POINTS; i++) {
        least[i] = INFINITY;
    }
    alm_chamfer_nearest(&cloud_b, &cloud_a, least, NULL);
    return (float)(0.5 * (forth + mean_by_point(least, &order_b, b_to_a)));
}

float alm_chamfer_pair(const alm_chamfer_cloud *a, const alm_chamfer_cloud *b,
                       const alm_chamfer_order *order)
{
    float forth[POINTS], back[POINTS];
    for (int i = 0; i < a->blocks * BLOCK; i++) {
        const float dx = a->x[0][i] - b->x[0][i], dy = a->x[1][i] - b->x[1][i];
        const float dz = a->x[2][i] - b->x[2][i];
        forth[i] = back[i] = dx * dx + dy * dy + dz * dz;
    }
    alm_chamfer_nearest(a, b, forth, NULL);
    alm_chamfer_nearest(b, a, back, NULL);
    return (float)(0.5 * (mean_by_point(forth, order, NULL) + mean_by_point(back, order, NULL)));
}

static double plain_mean(const float *a, int n, const float *b, int m, float *out)
{
    double sum[4] = {0};
    for (int i = 0; i < n; i++) {
        float least = INFINITY;
        for (int j = 0; j < m; j++) {
            const float dx = a[3 * i] - b[3 * j], dy = a[3 * i + 1] - b[3 * j + 1];
            const float dz = a[3 * i + 2] - b[3 * j + 2];
            const float d = dx * dx + dy * dy + dz * dz;
            least = d < least ? d : least;
        }
        sum[i % 4] += (double)least;
        if (out) {
            out[i] = least;
        }
    }
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) / n;
}

float alm_chamfer_plain(const float *a, int n, const float *b, int m, float *a_to_b, float *b_to_a)
{
    const double forth = plain_mean(a, n, b, m, a_to_b);
    return (float)(0.5 * (forth + plain_mean(b, m, a, n, b_to_a)));
}

/* How well a turned cloud fits itself: intake of a cloud, its spacing, a distance field for the
 * search, residuals and the fit of an axis. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/eval/random.h"
#include "runtime/eval/symmetry_parts.h"

enum {
    POINTS = ALMI_SYMMETRY_POINTS,
    BLOCK = ALM_CHAMFER_BLOCK,
    GRID = ALMI_SYMMETRY_GRID,
    PROBES = ALMI_SYMMETRY_PROBES,
    FEWEST = 50,
    TAIL_PART = 25, /* the worst 1/25 */
    FIT_STEPS = 10
};

static const double tail_allowance = 0.15;

/* ---- Intake ---- */

static int by_coordinates(const void *a, const void *b)
{
    const float *p = a, *q = b;
    for (int c = 0; c < 3; c++) {
        if (p[c] != q[c]) {
            return p[c] < q[c] ? -1 : 1;
        }
    }
    return 0;
}

/* Different points, at most POINTS. out: [POINTS, 3]. Returns their number. Repeated points (of a
 * cloud that was resampled) would make the spacing look smaller than it is. */
static int take_points(const float *xyz, int64_t n, float *out)
{
    int count = 0;
    if (n <= POINTS) {
        memcpy(out, xyz, (size_t)n * 3 * sizeof *out);
        count = (int)n;
    } else { /* each of n with equal chance (Knuth's selection sampling) */
        alm_mt19937 generator;
        alm_mt19937_seed(&generator, 1);
        for (int64_t i = 0; i < n && count < POINTS; i++) {
            const double u = (double)alm_mt19937_next(&generator) * 0x1p-32;
            if (u * (double)(n - i) < POINTS - count) {
                memcpy(out + 3 * count++, xyz + 3 * i, 3 * sizeof *out);
            }
        }
    }
    qsort(out, (size_t)count, 3 * sizeof *out, by_coordinates);
    int kept = 1;
    for (int i = 1; i < count; i++) {
        if (by_coordinates(out + 3 * i, out + 3 * (kept - 1)) != 0) {
            memmove(out + 3 * kept++, out + 3 * i, 3 * sizeof *out);
        }
    }
    return kept;
}

/* The axes of the moments of inertia: eigenvalues and eigenvectors, by Jacobi's rotations. */
static void find_axes(const double inertia[9], double moment[3], double axis[3][3])
{
    double a[9], v[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    memcpy(a, inertia, sizeof a);
    for (int sweep = 0; sweep < 30; sweep++) {
        const int p = sweep % 3 == 2, q = sweep % 3 == 0 ? 1 : 2;
        const double off = a[3 * p + q];
        if (off == 0) {
            continue;
        }
        const double slope = (a[4 * q] - a[4 * p]) / (2 * off);
        const double t = (slope < 0 ? -1 : 1) / (fabs(slope) + sqrt(slope * slope + 1));
        const double c = 1 / sqrt(t * t + 1), s = t * c;
        for (int i = 0; i < 3; i++) { /* columns p and q of a and v */
            double x = a[3 * i + p], y = a[3 * i + q];
            a[3 * i + p] = c * x - s * y;
            a[3 * i + q] = s * x + c * y;
            x = v[3 * i + p];
            y = v[3 * i + q];
            v[3 * i + p] = c * x - s * y;
            v[3 * i + q] = s * x + c * y;
        }
        for (int i = 0; i < 3; i++) { /* rows */
            const double x = a[3 * p + i], y = a[3 * q + i];
            a[3 * p + i] = c * x - s * y;
            a[3 * q + i] = s * x + c * y;
        }
    }
    for (int k = 0; k < 3; k++) {
        moment[k] = a[4 * k];
        for (int i = 0; i < 3; i++) {
            axis[k][i] = v[3 * i + k];
        }
    }
}

/* Centres and scales the points in place. False when they have no size. */
static bool normalise_points(float *xyz, almi_cloud *cloud)
{
    const int n = cloud->n;
    double square = 0;
    memset(cloud->mean, 0, sizeof cloud->mean);
    for (int i = 0; i < 3 * n; i++) {
        cloud->mean[i % 3] += (double)xyz[i] / n;
    }
    for (int i = 0; i < 3 * n; i++) {
        const double d = (double)xyz[i] - cloud->mean[i % 3];
        square += d * d / n;
    }
    cloud->scale = sqrt(square);
    if (!(cloud->scale > 1e-30)) {
        return false;
    }
    memset(cloud->inertia, 0, sizeof cloud->inertia);
    double farthest = 0;
    for (int i = 0; i < n; i++) {
        double x[3], length = 0;
        for (int c = 0; c < 3; c++) {
            x[c] = ((double)xyz[3 * i + c] - cloud->mean[c]) / cloud->scale;
            xyz[3 * i + c] = (float)x[c];
            length += x[c] * x[c];
        }
        farthest = fmax(farthest, length);
        for (int c = 0; c < 9; c++) {
            cloud->inertia[c] += x[c / 3] * x[c % 3] / n;
        }
    }
    cloud->reach = (float)(1.02 * sqrt(farthest));
    find_axes(cloud->inertia, cloud->moment, cloud->moment_axis);
    return true;
}

/* ---- Spacing ---- */

/* Brings the `wanted` largest of n numbers to the front (C. A. R. Hoare, "Algorithm 65: Find"). */
static void select_largest(float *x, int n, int wanted)
{
    int low = 0, high = n - 1;
    while (low < high) {
        const float pivot = x[(low + high) / 2];
        int i = low, j = high;
        while (i <= j) {
            while (x[i] > pivot) {
                i++;
            }
            while (x[j] < pivot) {
                j--;
            }
            if (i <= j) {
                const float v = x[i];
                x[i++] = x[j];
                x[j--] = v;
            }
        }
        if (wanted <= j) {
            high = j;
        } else if (wanted >= i) {
            low = i;
        } else {
            return;
        }
    }
}

/* Mean of n squares, and of the largest of them. Changes their order. */
static void mean_and_tail(float *square, int n, double *mean, double *tail)
{
    const int worst = (n + TAIL_PART - 1) / TAIL_PART;
    *mean = *tail = 0;
    for (int i = 0; i < n; i++) {
        *mean += (double)square[i];
    }
    select_largest(square, n, worst);
    for (int i = 0; i < worst; i++) {
        *tail += (double)square[i];
    }
    *mean /= n;
    *tail /= worst;
}

/* Squared distance of every point to its nearest other one: a block is searched in the cloud
 * without that block, its own points are compared one by one. */
static void measure_spacing(almi_cloud *cloud)
{
    alm_chamfer_cloud *one = &cloud->turned, *all = &cloud->points;
    const int n = cloud->n;
    for (int b = 0; b < all->blocks; b++) {
        const int at = b * BLOCK;
        float box[3][2], least[BLOCK];
        one->count = BLOCK;
        one->blocks = 1;
        for (int c = 0; c < 3; c++) {
            memcpy(one->x[c], all->x[c] + at, BLOCK * sizeof(float));
            one->low[c][0] = box[c][0] = all->low[c][b];
            one->high[c][0] = box[c][1] = all->high[c][b];
            all->low[c][b] = all->high[c][b] = INFINITY; /* never the next to be visited */
        }
        for (int i = 0; i < BLOCK; i++) {
            least[i] = FLT_MAX / 4;
            for (int j = 0; j < BLOCK && at + j < n; j++) {
                const float x = one->x[0][i] - one->x[0][j], y = one->x[1][i] - one->x[1][j];
                const float z = one->x[2][i] - one->x[2][j], d = x * x + y * y + z * z;
                least[i] = j != i && at + i < n && d < least[i] ? d : least[i];
            }
        }
        alm_chamfer_nearest(one, all, least, NULL);
        memcpy(cloud->least + at, least, sizeof least);
        for (int c = 0; c < 3; c++) {
            all->low[c][b] = box[c][0];
            all->high[c][b] = box[c][1];
        }
    }
    mean_and_tail(cloud->least, n, &cloud->spacing, &cloud->tail);
}

/* A quarter of the blocks, for the first steps of a fit. */
static void take_some_blocks(almi_cloud *cloud)
{
    const alm_chamfer_cloud *all = &cloud->points;
    alm_chamfer_cloud *some = &cloud->some;
    const int stride = all->blocks >= 16 ? 4 : 1;
    some->blocks = 0;
    for (int b = stride / 2; b < all->blocks; b += stride) {
        for (int c = 0; c < 3; c++) {
            memcpy(some->x[c] + some->blocks * BLOCK, all->x[c] + b * BLOCK, BLOCK * sizeof(float));
        }
        some->blocks++;
    }
    some->count = some->blocks * BLOCK;
}

/* ---- Field ---- */

static float middle(const almi_cloud *cloud, int cell)
{
    return cloud->reach * ((2 * (float)cell + 1) / GRID - 1);
}

/* Squared distances of the middles of all cells, a slice of cells at a time; blocks of queries are
 * 4 x 4 cells. */
static void make_field(almi_cloud *cloud)
{
    enum { SLICE = GRID * GRID };
    alm_chamfer_cloud *cells = &cloud->turned;
    cells->count = SLICE;
    cells->blocks = SLICE / BLOCK;
    for (int z = 0; z < GRID; z++) {
        for (int i = 0; i < SLICE; i++) {
            const int b = i / BLOCK, x = b % (GRID / 4) * 4 + i % 4;
            const int y = b / (GRID / 4) * 4 + i % BLOCK / 4;
            cells->x[0][i] = middle(cloud, x);
            cells->x[1][i] = middle(cloud, y);
            cells->x[2][i] = middle(cloud, z);
            cloud->least[i] = FLT_MAX / 4;
        }
        for (int b = 0; b < cells->blocks; b++) {
            for (int c = 0; c < 3; c++) {
                cells->low[c][b] = cells->x[c][b * BLOCK];
                cells->high[c][b] = cells->x[c][b * BLOCK + BLOCK - 1];
            }
        }
        alm_chamfer_nearest(cells, &cloud->points, cloud->least, NULL);
        for (int i = 0; i < SLICE; i++) {
            const int b = i / BLOCK, x = b % (GRID / 4) * 4 + i % 4;
            const int y = b / (GRID / 4) * 4 + i % BLOCK / 4;
            cloud->field[(z * GRID + y) * GRID + x] = cloud->least[i];
        }
    }
}

/* S·x + t of a turn: the matrix and the shift. */
static void affine_of(const almi_turn *turn, double m[9], double t[3])
{
    almi_quaternion_matrix(turn->q, m);
    for (int i = 0; i < 3; i++) {
        t[i] = turn->centre[i];
        for (int j = 0; j < 3; j++) {
            t[i] -= m[3 * i + j] * turn->centre[j];
        }
    }
}

double almi_coarse_score(const almi_cloud *cloud, const almi_turn *turn, double limit)
{
    double m[9], t[3], sum = 0;
    float r[9], s[3];
    const float cells = GRID / (2 * cloud->reach);
    affine_of(turn, m, t);
    for (int i = 0; i < 9; i++) {
        r[i] = (float)m[i] * cells;
    }
    for (int i = 0; i < 3; i++) {
        s[i] = ((float)t[i] + cloud->reach) * cells;
    }
    for (int i = 0; i < PROBES && sum <= limit * PROBES; i++) {
        const float *p = cloud->probe[i];
        int at[3];
        for (int c = 0; c < 3; c++) {
            at[c] = (int)(r[3 * c] * p[0] + r[3 * c + 1] * p[1] + r[3 * c + 2] * p[2] + s[c]);
            at[c] = at[c] < 0 ? 0 : at[c] >= GRID ? GRID - 1 : at[c];
        }
        sum += (double)cloud->field[(at[2] * GRID + at[1]) * GRID + at[0]];
    }
    return sum / PROBES;
}

bool almi_cloud_make(const float *xyz, int64_t n, almi_cloud *cloud)
{
    float points[POINTS * 3];
    cloud->n = take_points(xyz, n, points);
    if (cloud->n < FEWEST || !normalise_points(points, cloud)) {
        return false;
    }
    alm_chamfer_sort(points, cloud->n, &cloud->order);
    alm_chamfer_load(points, &cloud->order, &cloud->points);
    measure_spacing(cloud);
    take_some_blocks(cloud);
    make_field(cloud);
    for (int i = 0; i < PROBES; i++) {
        for (int c = 0; c < 3; c++) {
            /* From all over the cloud, neighbours far apart in the list. */
            const int place = i * 37 % PROBES * cloud->n / PROBES;
            cloud->probe[i][c] = cloud->points.x[c][place];
        }
    }
    const almi_turn identity = {.q = {1}};
    cloud->coarse = almi_coarse_score(cloud, &identity, INFINITY) + cloud->spacing;
    return cloud->spacing > 0;
}

/* ---- Residuals ---- */

/* Distances of the turned points of `from` into cloud->least, by place; with `want_nearest` the
 * places of these in cloud->nearest. `known`: what is there already, of a turn like this one,
 * bounds them. */
static void turn_and_search(almi_cloud *cloud, const alm_chamfer_cloud *from, const almi_turn *turn,
                            bool want_nearest, bool known)
{
    double m[9], t[3];
    float r[9], s[3];
    affine_of(turn, m, t);
    for (int i = 0; i < 3; i++) {
        s[i] = (float)t[i];
        for (int j = 0; j < 3; j++) {
            r[3 * j + i] = (float)m[3 * i + j]; /* alm_chamfer_move takes the transpose */
        }
    }
    alm_chamfer_move(from, r, s, &cloud->turned);
    for (int i = 0; i < from->blocks * BLOCK; i++) {
        float d = INFINITY;
        if (known) {
            const int k = cloud->nearest[i];
            const float x = cloud->turned.x[0][i] - cloud->points.x[0][k];
            const float y = cloud->turned.x[1][i] - cloud->points.x[1][k];
            const float z = cloud->turned.x[2][i] - cloud->points.x[2][k];
            d = x * x + y * y + z * z;
        }
        cloud->least[i] = d;
    }
    alm_chamfer_nearest(&cloud->turned, &cloud->points, cloud->least,
                        want_nearest ? cloud->nearest : NULL);
}

/* Mean of cloud->least[0 ... n). */
static double mean_least(const almi_cloud *cloud, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += (double)cloud->least[i];
    }
    return sum / n;
}

double almi_turn_residual(almi_cloud *cloud, const almi_turn *turn, double limit)
{
    double mean, tail;
    turn_and_search(cloud, &cloud->some, turn, false, false);
    /* Of 256 points the rms is off by some 6%. */
    const double rough = sqrt(mean_least(cloud, cloud->some.count) / cloud->spacing);
    if (rough > 1.25 * limit) {
        return rough;
    }
    turn_and_search(cloud, &cloud->points, turn, false, false);
    mean_and_tail(cloud->least, cloud->n, &mean, &tail);
    return fmax(sqrt(mean / cloud->spacing), sqrt(tail / cloud->tail) - tail_allowance);
}

/* ---- Fit ---- */

/* The unit quaternion that maximises qᵀ·N·q, N symmetric [4, 4]: the eigenvector of the largest
 * eigenvalue, by squaring the shifted matrix. */
static void largest_eigenvector(double n[16], double q[4])
{
    double shift = 0;
    for (int i = 0; i < 16; i++) {
        shift += fabs(n[i]);
    }
    for (int i = 0; i < 4; i++) {
        n[5 * i] += shift; /* now positive definite */
    }
    for (int step = 0; step < 24; step++) {
        double square[16], size = 0;
        for (int i = 0; i < 16; i++) {
            square[i] = 0;
            for (int k = 0; k < 4; k++) {
                square[i] += n[i / 4 * 4 + k] * n[4 * k + i % 4];
            }
            size = fmax(size, fabs(square[i]));
        }
        for (int i = 0; i < 16; i++) {
            n[i] = square[i] / size;
        }
    }
    int column = 0;
    for (int i = 1; i < 4; i++) {
        column = n[5 * i] > n[5 * column] ? i : column;
    }
    double length = 0;
    for (int i = 0; i < 4; i++) {
        q[i] = n[4 * i + column];
        length += q[i] * q[i];
    }
    for (int i = 0; i < 4; i++) {
        q[i] /= sqrt(length);
    }
}

/* The rigid motion x -> R·x + t that brings the points best to those that are nearest to their
 * turned copies (B. K. P. Horn, "Closed-form solution of absolute orientation using unit
 * quaternions", JOSA A 1987). Pairs farther apart than `limit`, squared, are left out. False: too
 * few pairs. */
static bool best_motion(const almi_cloud *cloud, const alm_chamfer_cloud *from, double limit,
                        double q[4], double t[3])
{
    double a[3] = {0}, b[3] = {0}, s[9] = {0};
    int pairs = 0;
    for (int i = 0; i < from->count; i++) {
        if ((double)cloud->least[i] > limit) {
            continue;
        }
        double x[3], y[3];
        for (int c = 0; c < 3; c++) {
            x[c] = (double)from->x[c][i];
            y[c] = (double)cloud->points.x[c][cloud->nearest[i]];
            a[c] += x[c];
            b[c] += y[c];
        }
        for (int c = 0; c < 9; c++) {
            s[c] += x[c / 3] * y[c % 3];
        }
        pairs++;
    }
    if (pairs < FEWEST / 4) {
        return false;
    }
    for (int c = 0; c < 9; c++) {
        s[c] -= a[c / 3] * b[c % 3] / pairs;
    }
    double n[16] = {s[0] + s[4] + s[8], s[5] - s[7], s[6] - s[2], s[1] - s[3], 0,
                    s[0] - s[4] - s[8], s[1] + s[3], s[6] + s[2], 0,           0,
                    s[4] - s[0] - s[8], s[5] + s[7], 0,           0,           0,
                    s[8] - s[0] - s[4]};
    for (int i = 0; i < 16; i++) {
        n[i] = i / 4 > i % 4 ? n[i % 4 * 4 + i / 4] : n[i];
    }
    largest_eigenvector(n, q);
    double m[9];
    almi_quaternion_matrix(q, m);
    for (int i = 0; i < 3; i++) {
        t[i] = (b[i] - m[3 * i] * a[0] - m[3 * i + 1] * a[1] - m[3 * i + 2] * a[2]) / pairs;
    }
    return true;
}

/* The axis of q, and the point of it nearest to the origin that a turn by `angle` about it with
 * the shift t leaves where it is. Returns how far the axis has moved. */
static double take_axis(const double q[4], const double t[3], double angle, double axis[3],
                        double centre[3])
{
    const double length = sqrt(q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    double along = 0, side = 0, moved = 0, next[3], sine, cosine;
    if (!(length > 1e-9)) {
        return 0;
    }
    for (int i = 0; i < 3; i++) {
        side += q[1 + i] * axis[i];
    }
    for (int i = 0; i < 3; i++) {
        next[i] = (side < 0 ? -1 : 1) * q[1 + i] / length;
        moved += (next[i] - axis[i]) * (next[i] - axis[i]);
        along += t[i] * next[i];
    }
    almi_sine_cosine(angle / 2, &sine, &cosine);
    for (int i = 0; i < 3; i++) {
        const int j = (i + 1) % 3, k = (i + 2) % 3;
        centre[i] =
            0.5 * (t[i] - along * next[i] + (next[j] * t[k] - next[k] * t[j]) * cosine / sine);
    }
    memcpy(axis, next, sizeof next);
    return sqrt(moved);
}

/* Steps of fitting the points of `from`; returns the rms distance before the last one over the
 * spacing. */
static double fit_points(almi_cloud *cloud, const alm_chamfer_cloud *from, int steps, double limit,
                         double angle, double axis[3], double centre[3])
{
    double now = INFINITY;
    for (int step = 0; step < steps; step++) {
        const almi_turn turn = almi_turn_about(axis, angle, centre);
        const double before = now;
        double q[4], t[3];
        turn_and_search(cloud, from, &turn, true, step > 0);
        const double mean = mean_least(cloud, from->count);
        now = sqrt(mean / cloud->spacing);
        if ((now > (step < 2 ? 3 : 1.5) * limit && now > 0.9 * before) ||
            !best_motion(cloud, from, 9 * mean, q, t) ||
            take_axis(q, t, angle, axis, centre) < 5e-4) {
            break; /* it does not come near, or has come to rest */
        }
    }
    return now;
}

double almi_turn_fit(almi_cloud *cloud, double axis[3], double centre[3], double angle,
                     double limit)
{
    const double rough = fit_points(cloud, &cloud->some, 8, limit, angle, axis, centre);
    if (rough > 1.4 * limit) {
        return rough;
    }
    fit_points(cloud, &cloud->points, 6, limit, angle, axis, centre);
    const almi_turn turn = almi_turn_about(axis, angle, centre);
    return almi_turn_residual(cloud, &turn, limit);
}

void almi_turn_refine(almi_cloud *cloud, double axis[3], double centre[3], double angle,
                      double limit)
{
    fit_points(cloud, &cloud->points, 4, limit, angle, axis, centre);
}

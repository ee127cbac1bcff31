/* The search for a part's symmetries.
 *
 * 1. The axes of inertia, and where moments are equal directions all over half a sphere, are tried
 *    as axes of 7, 5, 3 and 2 fold (any order up to 12 but 11 has one of these as a factor) with a
 *    coarse score; turns that would change the moments of inertia are left out.
 * 2. The best of each, one a neighbourhood, are improved on the coarse score, then fitted to the
 *    cloud, and accepted or not by their residual.
 * 3. An accepted axis is tried with turns of no order: if all are accepted it is continuous, else
 *    it gets the highest order that fits about as well as the best one.
 * 4. Accepted rotations are closed under products; the products must be accepted too. What is in
 *    the group already is not tried again; axes that only the products have get their orders last.
 */
#include "runtime/eval/symmetry.h"

#include <math.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/metrics.h"
#include "runtime/eval/symmetry_parts.h"

enum { DIRECTIONS = 600, CANDIDATES = 8, PRIMES = 4, LARGEST_ORDER = 12, GATE = 6, TRIED = 64 };

static const int primes[PRIMES] = {7, 5, 3, 2};
static const double pi = ALMI_PI;
static const double inertia_change = 0.2;                /* of a trace of 1 */
static const double equal_moments = 0.15;                /* they are known to some 0.03 */
static const double apart = 0.98;                        /* cosine between candidates: 11 degrees */
static const double same_axis = 0.995;                   /* 6 degrees */
static const double along_it = 0.985, across_it = 0.174; /* cosines of 10 and 80 degrees */

typedef struct candidate {
    double axis[3], score;
} candidate;

/* An axis that was fitted or found in the group, and whether its order is known. */
typedef struct tried_axis {
    double axis[3];
    int fold;
} tried_axis;

typedef struct search {
    almi_cloud *cloud;
    double tolerance;
    bool axial, flip, all;
    int balls; /* how many more oblique axes are tried beside a continuous one */
    double axis[3];
    double centre[3], weight[9], pull[3]; /* weight·centre = pull: of all accepted axes */
    double residual;
    almi_group group;
    tried_axis tried[TRIED];
    int tries;
} search;

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static bool normalise(double v[3])
{
    const double length = sqrt(dot(v, v));
    for (int i = 0; i < 3; i++) {
        v[i] /= length;
    }
    return length > 1e-9;
}

/* ---- Candidates ---- */

/* |S·C·Sᵀ − C| of the moments C. */
static double change_of_inertia(const almi_cloud *cloud, const almi_turn *turn)
{
    double m[9], left[9], change = 0;
    almi_quaternion_matrix(turn->q, m);
    for (int i = 0; i < 9; i++) {
        left[i] = 0;
        for (int k = 0; k < 3; k++) {
            left[i] += m[i / 3 * 3 + k] * cloud->inertia[3 * k + i % 3];
        }
    }
    for (int i = 0; i < 9; i++) {
        double v = -cloud->inertia[i];
        for (int k = 0; k < 3; k++) {
            v += left[i / 3 * 3 + k] * m[i % 3 * 3 + k];
        }
        change += v * v;
    }
    return sqrt(change);
}

static double score_axis(const almi_cloud *cloud, const double axis[3], int fold, double limit)
{
    static const double centre[3] = {0, 0, 0};
    const almi_turn turn = almi_turn_about(axis, 2 * pi / fold, centre);
    return change_of_inertia(cloud, &turn) > inertia_change
               ? (double)INFINITY
               : almi_coarse_score(cloud, &turn, limit);
}

/* Keeps the best candidates, one a neighbourhood, ascending. */
static void keep(candidate *list, int *count, const candidate *c)
{
    int at = 0;
    while (at < *count && list[at].score <= c->score) {
        if (fabs(dot(list[at].axis, c->axis)) > apart) {
            return; /* there is a better one beside it */
        }
        at++;
    }
    int kept = at; /* worse neighbours go */
    for (int i = at; i < *count; i++) {
        if (!(fabs(dot(list[i].axis, c->axis)) > apart)) {
            list[kept++] = list[i];
        }
    }
    *count = kept < CANDIDATES ? kept : CANDIDATES - 1;
    if (at >= CANDIDATES) {
        *count = CANDIDATES;
        return;
    }
    memmove(list + at + 1, list + at, (size_t)(*count - at) * sizeof *list);
    list[at] = *c;
    (*count)++;
}

/* Two unit vectors across the axis and each other. */
static void directions_across(const double axis[3], double u[3], double v[3])
{
    int least = fabs(axis[1]) < fabs(axis[0]) ? 1 : 0;
    least = fabs(axis[2]) < fabs(axis[least]) ? 2 : least;
    for (int i = 0; i < 3; i++) {
        u[i] = (i == least) - axis[least] * axis[i];
    }
    normalise(u);
    for (int i = 0; i < 3; i++) {
        const int j = (i + 1) % 3, k = (i + 2) % 3;
        v[i] = axis[j] * u[k] - axis[k] * u[j];
    }
}

/* Steps to the best of eight neighbouring directions while that helps. */
static void climb(const almi_cloud *cloud, int fold, candidate *c)
{
    c->score = score_axis(cloud, c->axis, fold, (double)INFINITY);
    static const double step_u[8] = {1, 0.7, 0, -0.7, -1, -0.7, 0, 0.7};
    for (double step = 0.05; step > 0.01; step /= 2) {
        for (int round = 0; round < 4; round++) {
            double u[3], v[3];
            directions_across(c->axis, u, v);
            candidate best = *c;
            for (int k = 0; k < 8; k++) {
                candidate next;
                for (int i = 0; i < 3; i++) {
                    next.axis[i] =
                        c->axis[i] + step * (step_u[k] * u[i] + step_u[(k + 6) % 8] * v[i]);
                }
                normalise(next.axis);
                next.score = score_axis(cloud, next.axis, fold, best.score);
                best = next.score < best.score ? next : best;
            }
            if (!(best.score < c->score)) {
                break;
            }
            *c = best;
        }
    }
}

/* Directions evenly over half a sphere (a Fibonacci lattice). */
static void direction(int i, double axis[3])
{
    const double z = (i + 0.5) / DIRECTIONS, r = sqrt(1 - z * z);
    double sine, cosine;
    almi_sine_cosine(i * pi * (3 - sqrt(5)), &sine, &cosine);
    axis[0] = r * cosine;
    axis[1] = r * sine;
    axis[2] = z;
}

/* Whether axes of this fold may lie elsewhere than along the axes of inertia: half turns across two
 * equal moments, others only when all three are equal. */
static bool may_be_anywhere(const almi_cloud *cloud, int fold)
{
    double nearest = (double)INFINITY, farthest = 0;
    for (int i = 0; i < 3; i++) {
        const double gap = fabs(cloud->moment[i] - cloud->moment[(i + 1) % 3]);
        nearest = fmin(nearest, gap);
        farthest = fmax(farthest, gap);
    }
    return (fold == 2 ? nearest : farthest) < equal_moments;
}

static int find_candidates(const almi_cloud *cloud, int fold, candidate *list)
{
    const double gate = 2 * GATE * cloud->coarse;
    const int directions = may_be_anywhere(cloud, fold) ? DIRECTIONS : 0;
    int count = 0;
    for (int i = 0; i < directions + 3; i++) {
        candidate c;
        if (i < 3) {
            memcpy(c.axis, cloud->moment_axis[i], sizeof c.axis);
        } else {
            direction(i - 3, c.axis);
        }
        c.score = score_axis(cloud, c.axis, fold, gate);
        if (c.score <= gate) {
            keep(list, &count, &c);
        }
    }
    return count;
}

/* ---- Acceptance ---- */

/* The residual of a rotation about the centre; infinite when the coarse score rules it out. */
static double residual_of(const search *s, const double q[4], const double centre[3])
{
    almi_turn turn;
    memcpy(turn.q, q, sizeof turn.q);
    memcpy(turn.centre, centre, sizeof turn.centre);
    const double gate = GATE * s->cloud->coarse;
    return almi_coarse_score(s->cloud, &turn, gate) > gate
               ? (double)INFINITY
               : almi_turn_residual(s->cloud, &turn, s->tolerance);
}

/* What the mean of n residuals may be: the tolerance for one, and less for more, whose noise
 * cancels: a hexagon turned by anything else is nearly as good as a circle, but every time. */
static double mean_limit(const search *s, int n)
{
    return 1 + (s->tolerance - 1) * (0.5 + 0.5 / sqrt(n));
}

/* The common centre: the point nearest to all accepted axes. */
static void add_axis_to_centre(search *s, const double axis[3], const double centre[3])
{
    for (int i = 0; i < 9; i++) {
        const double w = (i % 4 == 0 ? 1 : 0) - axis[i / 3] * axis[i % 3];
        s->weight[i] += w;
        s->pull[i / 3] += w * centre[i % 3];
    }
    /* A little weight on the mean, for what one axis leaves open. */
    double a[9];
    memcpy(a, s->weight, sizeof a);
    a[0] += 1e-3;
    a[4] += 1e-3;
    a[8] += 1e-3;
    const double det = a[0] * (a[4] * a[8] - a[5] * a[7]) - a[1] * (a[3] * a[8] - a[5] * a[6]) +
                       a[2] * (a[3] * a[7] - a[4] * a[6]);
    for (int c = 0; c < 3; c++) { /* Cramer */
        double b[9];
        memcpy(b, a, sizeof b);
        for (int i = 0; i < 3; i++) {
            b[3 * i + c] = s->pull[i];
        }
        s->centre[c] = (b[0] * (b[4] * b[8] - b[5] * b[7]) - b[1] * (b[3] * b[8] - b[5] * b[6]) +
                        b[2] * (b[3] * b[7] - b[4] * b[6])) /
                       det;
    }
}

/* Whether turns of no order are accepted. */
static bool is_continuous(search *s, const double axis[3], const double centre[3])
{
    /* No two of them, nor one and a half turn, are near a multiple of a turn of low order. */
    static const double degrees[] = {77, 161, 37, 101, 131, 16};
    double worst = 0, sum = 0;
    for (int i = 0; i < 6; i++) {
        const almi_turn turn = almi_turn_about(axis, degrees[i] * pi / 180, centre);
        const double residual = residual_of(s, turn.q, centre);
        if (!(residual <= s->tolerance)) {
            return false;
        }
        worst = fmax(worst, residual);
        sum += residual;
    }
    if (!(sum / 6 <= mean_limit(s, 6))) {
        return false;
    }
    s->residual = fmax(s->residual, worst);
    return true;
}

/* Mean residual of the first three powers of a turn of this order (fewer for 2 and 3), infinite
 * when one is not accepted. */
static double residual_of_order(search *s, const double axis[3], const double centre[3], int order)
{
    double sum = 0;
    int powers = 0;
    for (int k = 1; k <= order / 2 && powers < 3; k++, powers++) {
        const almi_turn turn = almi_turn_about(axis, 2 * pi * k / order, centre);
        const double residual = residual_of(s, turn.q, centre);
        if (!(residual <= s->tolerance)) {
            return (double)INFINITY;
        }
        sum += residual;
    }
    sum /= powers;
    return sum <= mean_limit(s, powers) ? sum : (double)INFINITY;
}

/* Fills the residuals of all orders; returns the one that fits best, 0 when none is accepted. */
static int measure_orders(search *s, const double axis[3], const double centre[3],
                          double residual[LARGEST_ORDER + 1])
{
    int best = 0;
    residual[0] = (double)INFINITY;
    for (int order = 2; order <= LARGEST_ORDER; order++) {
        residual[order] = residual_of_order(s, axis, centre, order);
        best = residual[order] < residual[best] ? order : best;
    }
    return best;
}

/* Adds the turn when it and all that follows from it is accepted. */
static bool extend(search *s, const almi_turn *turn, const double axis[3])
{
    search next = *s;
    double worst = 0, sum = 0;
    int tests = 0;
    /* Of up to 58 products one may be unlucky. */
    const double limit = s->tolerance + 0.3 * (s->tolerance - 1);
    if (!almi_group_extend(&next.group, turn->q)) {
        return false;
    }
    add_axis_to_centre(&next, axis, turn->centre);
    for (int i = s->group.count; i < next.group.count; i++) {
        const double *q = next.group.q[i], inverse[4] = {q[0], -q[1], -q[2], -q[3]};
        const int other = almi_group_find(&next.group, inverse);
        if (other >= 0 && other < i) {
            continue;
        }
        const double residual = residual_of(&next, q, next.centre);
        worst = fmax(worst, residual);
        sum += residual;
        tests++;
        if (!(residual <= limit)) {
            return false;
        }
    }
    if (!(sum <= tests * mean_limit(s, tests))) {
        return false;
    }
    next.residual = fmax(s->residual, worst);
    *s = next;
    return true;
}

/* Fits the axis again with several of its turns and takes the mean: each sees other points. */
static void refine_axis(search *s, double axis[3], double centre[3], int order)
{
    double sum[3] = {0}, middle[3] = {0};
    int fits = 0;
    for (int k = order / 2; k > 0 && fits < 3; k--, fits++) {
        double a[3], c[3];
        memcpy(a, axis, sizeof a);
        memcpy(c, centre, sizeof c);
        almi_turn_refine(s->cloud, a, c, 2 * pi * k / order, s->tolerance);
        for (int i = 0; i < 3; i++) {
            sum[i] += a[i];
            middle[i] += c[i];
        }
    }
    if (fits > 0 && normalise(sum)) {
        for (int i = 0; i < 3; i++) {
            axis[i] = sum[i];
            centre[i] = middle[i] / fits;
        }
    }
}

/* Whether an axis near this one was tried for this fold; remembers it otherwise. When the list is
 * full, everything counts as tried. */
static bool was_tried(search *s, const double axis[3], int fold)
{
    for (int i = 0; i < s->tries; i++) {
        if (s->tried[i].fold == fold && fabs(dot(s->tried[i].axis, axis)) > same_axis) {
            return true;
        }
    }
    if (s->tries == TRIED) {
        return true;
    }
    memcpy(s->tried[s->tries].axis, axis, sizeof s->tried[0].axis);
    s->tried[s->tries++].fold = fold;
    return false;
}

/* An axis of which a turn was accepted: continuous, or of its highest order. */
static void take_accepted_axis(search *s, double axis[3], double centre[3])
{
    if (is_continuous(s, axis, centre)) {
        refine_axis(s, axis, centre, LARGEST_ORDER);
        s->axial = true;
        memcpy(s->axis, axis, sizeof axis[0] * 3);
        add_axis_to_centre(s, axis, centre);
        return;
    }
    /* The highest order that fits about as well as the best one: a hexagon has nearly a seven-fold
     * axis. */
    double residual[LARGEST_ORDER + 1];
    int best = measure_orders(s, axis, centre, residual);
    if (best > 2) {
        refine_axis(s, axis, centre, best);
        best = measure_orders(s, axis, centre, residual);
    }
    for (int order = LARGEST_ORDER; order > 1 && best > 0; order--) {
        if (residual[order] <= residual[best] + 0.5 * (s->tolerance - 1)) {
            const almi_turn turn = almi_turn_about(axis, 2 * pi / order, centre);
            if (almi_group_find(&s->group, turn.q) >= 0 || extend(s, &turn, axis)) {
                return;
            }
        }
    }
}

/* Tries the candidate as an axis of its own. */
static void try_axis(search *s, candidate *c, int fold)
{
    double axis[3], centre[3] = {0, 0, 0};
    almi_turn turn = almi_turn_about(c->axis, 2 * pi / fold, centre);
    if (almi_group_find(&s->group, turn.q) >= 0) {
        return;
    }
    climb(s->cloud, fold, c);
    if (was_tried(s, c->axis, fold)) {
        return;
    }
    memcpy(axis, c->axis, sizeof axis);
    if (!(almi_turn_fit(s->cloud, axis, centre, 2 * pi / fold, s->tolerance) <= s->tolerance)) {
        return;
    }
    turn = almi_turn_about(axis, 2 * pi / fold, centre);
    if (almi_group_find(&s->group, turn.q) < 0) { /* the fit may have led to a known one */
        was_tried(s, axis, fold);
        take_accepted_axis(s, axis, centre);
    }
}

/* Products have axes of their own, of which only the order is known that the product shows: two
 * half turns across each other make a third one, whose axis may be four-fold. */
static void raise_orders(search *s)
{
    for (int i = 1; i < s->group.count && !s->axial; i++) {
        const double *q = s->group.q[i];
        double axis[3] = {q[1], q[2], q[3]}, centre[3];
        for (int p = 0; p < PRIMES; p++) {
            double sine, cosine;
            almi_sine_cosine(pi / primes[p], &sine, &cosine);
            if (fabs(fabs(q[0]) - cosine) < 0.02 && normalise(axis) &&
                !was_tried(s, axis, primes[p])) {
                memcpy(centre, s->centre, sizeof centre);
                const int before = s->group.count;
                almi_turn_refine(s->cloud, axis, centre, 2 * pi / primes[p], s->tolerance);
                take_accepted_axis(s, axis, centre);
                i = s->group.count > before ? 0 : i; /* new products: from the first again */
                break;
            }
        }
    }
}

/* With a continuous axis known: a half turn across it, or another continuous one, which makes it a
 * ball. */
static void try_beside_axis(search *s, candidate *c, int fold)
{
    double axis[3], centre[3];
    double along = dot(c->axis, s->axis);
    const bool across = fold == 2 && fabs(along) < across_it;
    if (fabs(along) > along_it || (across ? s->flip : s->balls == 0)) {
        return;
    }
    s->balls -= across ? 0 : 1;
    climb(s->cloud, fold, c);
    along = dot(c->axis, s->axis);
    memcpy(axis, c->axis, sizeof axis);
    memcpy(centre, s->centre, sizeof centre);
    for (int i = 0; i < 3 && across; i++) {
        axis[i] -= along * s->axis[i];
    }
    normalise(axis);
    const double residual = almi_turn_fit(s->cloud, axis, centre, 2 * pi / fold, s->tolerance);
    if (!(residual <= s->tolerance) || fabs(dot(axis, s->axis)) > along_it) {
        return; /* or the fit has led to the known axis */
    }
    if (across) {
        s->flip = true;
        s->residual = fmax(s->residual, residual);
        add_axis_to_centre(s, axis, centre);
    } else {
        s->all = is_continuous(s, axis, centre);
    }
}

static void find_all(search *s)
{
    for (int p = 0; p < PRIMES; p++) {
        candidate list[CANDIDATES];
        const int count = find_candidates(s->cloud, primes[p], list);
        for (int i = 0; i < count && !s->all; i++) {
            if (s->axial) {
                try_beside_axis(s, &list[i], primes[p]);
            } else {
                try_axis(s, &list[i], primes[p]);
            }
        }
    }
    raise_orders(s);
}

/* ---- Public ---- */

static void only_identity(alm_symmetry *out)
{
    memset(out, 0, sizeof *out);
    out->count = 1;
    out->rotation[0][0] = out->rotation[0][4] = out->rotation[0][8] = 1;
}

static void store(const search *s, alm_symmetry *out)
{
    only_identity(out);
    out->kind = s->all                ? ALM_SYMMETRY_ALL
                : s->axial && s->flip ? ALM_SYMMETRY_AXIAL_FLIP
                : s->axial            ? ALM_SYMMETRY_AXIAL
                                      : ALM_SYMMETRY_FINITE;
    out->count = out->kind == ALM_SYMMETRY_FINITE ? s->group.count : 0;
    for (int i = 1; i < out->count; i++) {
        double m[9];
        almi_quaternion_matrix(s->group.q[i], m);
        for (int k = 0; k < 9; k++) {
            out->rotation[i][k] = (float)m[k];
        }
    }
    for (int i = 0; i < 3; i++) {
        out->axis[i] = (float)s->axis[i];
        out->centre[i] = (float)(s->cloud->mean[i] + s->cloud->scale * s->centre[i]);
    }
    out->spacing = (float)(s->cloud->scale * sqrt(s->cloud->spacing));
    out->residual = (float)s->residual;
}

alm_status alm_symmetry_find(const float *xyz, int64_t n, double tolerance, alm_symmetry *out)
{
    if (n < 1) {
        return alm_fail(ALM_STATUS_SAMPLE, "symmetry: %lld points, expected at least 1",
                        (long long)n);
    }
    if (!(tolerance >= 0) || !isfinite(tolerance)) {
        return alm_fail(ALM_STATUS_SAMPLE, "symmetry: tolerance %g, expected 0 or more", tolerance);
    }
    for (int64_t i = 0; i < 3 * n; i++) {
        if (!(fabsf(xyz[i]) <= 1e15f)) {
            return alm_fail(ALM_STATUS_SAMPLE,
                            "symmetry: coordinate %lld of point %lld is %g, expected at most 1e15",
                            (long long)(i % 3), (long long)(i / 3), (double)xyz[i]);
        }
    }
    search s = {.tolerance = tolerance > 0 ? tolerance : ALM_SYMMETRY_TOLERANCE,
                .balls = 3,
                .group = {.count = 1, .q = {{1}}}};
    ALM_TRY(alm_alloc(1, sizeof *s.cloud, "the search for symmetries", &s.cloud));
    if (almi_cloud_make(xyz, n, s.cloud)) {
        find_all(&s);
        store(&s, out);
    } else {
        only_identity(out);
    }
    alm_free(s.cloud);
    return ALM_OK;
}

/* The largest trace of E·S over all S of a continuous kind. */
static double largest_trace(const alm_symmetry *symmetry, const double e[9])
{
    double trace = 0, square = 0, axial = 0, sine = 0;
    const double a[3] = {(double)symmetry->axis[0], (double)symmetry->axis[1],
                         (double)symmetry->axis[2]};
    for (int i = 0; i < 9; i++) {
        trace += i % 4 == 0 ? e[i] : 0;
        square += e[i] * e[i];
        axial += a[i / 3] * e[i] * a[i % 3];
    }
    if (symmetry->kind == ALM_SYMMETRY_ALL) {
        return square; /* the sum of the singular values: they are 0 or 1 */
    }
    /* S = cos φ·1 + (1 − cos φ)·a·aᵀ + sin φ·[a]: a sine curve and a constant. */
    for (int i = 0; i < 3; i++) {
        const int j = (i + 1) % 3, k = (i + 2) % 3;
        sine += a[i] * (e[3 * j + k] - e[3 * k + j]);
    }
    double best = axial + sqrt((trace - axial) * (trace - axial) + sine * sine);
    if (symmetry->kind == ALM_SYMMETRY_AXIAL_FLIP) {
        /* S = 2·p·pᵀ − 1, p across a: twice the larger eigenvalue of E's symmetric part there. Its
         * trace there is trace − axial; the other invariant is the norm of what is left of it. */
        double inner = 0;
        for (int i = 0; i < 9; i++) {
            double across = (e[i] + e[i % 3 * 3 + i / 3]) / 2; /* (1 − aaᵀ)·E·(1 − aaᵀ), by entry */
            double ea = 0, ae = 0;
            for (int k = 0; k < 3; k++) {
                ea += (e[i / 3 * 3 + k] + e[3 * k + i / 3]) / 2 * a[k];
                ae += (e[i % 3 * 3 + k] + e[3 * k + i % 3]) / 2 * a[k];
            }
            across += a[i / 3] * a[i % 3] * axial - ea * a[i % 3] - a[i / 3] * ae;
            inner += across * across;
        }
        const double half = (trace - axial) / 2;
        const double radius = sqrt(fmax(0, inner / 2 - half * half));
        best = fmax(best, 2 * (half + radius) - trace);
    }
    return best;
}

float alm_symmetric_error(const alm_symmetry *symmetry, const float true_r[9],
                          const float pred_r[9])
{
    const float plain = alm_rotation_error(true_r, pred_r);
    double e[9], best = -1; /* E = predᵀ·true */
    for (int i = 0; i < 9; i++) {
        e[i] = 0;
        for (int k = 0; k < 3; k++) {
            e[i] += (double)pred_r[3 * k + i / 3] * (double)true_r[3 * k + i % 3];
        }
    }
    if (symmetry->kind != ALM_SYMMETRY_FINITE) {
        best = largest_trace(symmetry, e);
    }
    for (int i = 1; i < symmetry->count; i++) {
        double trace = 0;
        for (int k = 0; k < 9; k++) {
            trace += e[k] * (double)symmetry->rotation[i][k % 3 * 3 + k / 3];
        }
        best = fmax(best, trace);
    }
    return fminf(plain, alm_rotation_degrees((float)best));
}

/* Symmetries are found on parts whose symmetries are known, and the error uses them rightly. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/eval/draw.h"
#include "runtime/eval/metrics.h"
#include "runtime/eval/random.h"
#include "runtime/eval/symmetry.h"
#include "tests/eval/parts.h"
#include "tests/shim/alm_test.h"

enum { MOST = 1024, SEEDS = 8 };

static const double degree = 3.14159265358979323846 / 180;

static const char *const kind_names[] = {"finite", "axial", "axial with flip", "all"};

/* Part `part`, turned by a random rotation r, of size 0.3, shifted. */
static void sample(int part, uint32_t seed, int n, double r[9], float *xyz)
{
    const double shift[3] = {1, -2, 0.5};
    test_rotation(seed * 7919u + (uint32_t)part, r);
    test_part_sample(part, seed * 104729u + (uint32_t)part * 31u + 1, n, r, 0.3, shift, xyz);
}

static void multiply(const float a[9], const float b[9], float out[9])
{
    for (int i = 0; i < 9; i++) {
        double sum = 0;
        for (int k = 0; k < 3; k++) {
            sum += (double)a[i / 3 * 3 + k] * (double)b[3 * k + i % 3];
        }
        out[i] = (float)sum;
    }
}

static void about(const float axis[3], double angle, float m[9])
{
    const double s = sin(angle), c = cos(angle);
    const double x = (double)axis[0], y = (double)axis[1], z = (double)axis[2];
    const double cross[9] = {0, -z, y, z, 0, -x, -y, x, 0}, a[3] = {x, y, z};
    for (int i = 0; i < 9; i++) {
        m[i] = (float)((i % 4 == 0) * c + s * cross[i] + (1 - c) * a[i / 3] * a[i % 3]);
    }
}

/* A half turn about the axis at `angle` across `axis`. */
static void flip_about(const float axis[3], double angle, float m[9])
{
    const float x[3] = {1, 0, 0}, y[3] = {0, 1, 0}, *start = fabsf(axis[0]) < 0.8f ? x : y;
    float across[3], turned[3], turn[9];
    double length = 0;
    for (int i = 0; i < 3; i++) {
        const int j = (i + 1) % 3, k = (i + 2) % 3;
        across[i] = axis[j] * start[k] - axis[k] * start[j];
        length += (double)across[i] * (double)across[i];
    }
    about(axis, angle, turn);
    for (int i = 0; i < 3; i++) {
        turned[i] = 0;
        for (int k = 0; k < 3; k++) {
            turned[i] += turn[3 * i + k] * across[k] / (float)sqrt(length);
        }
    }
    about(turned, 180 * degree, m);
}

static void random_rotation(float m[9])
{
    double r[9];
    test_rotation((uint32_t)alm_test_random(), r);
    for (int i = 0; i < 9; i++) {
        m[i] = (float)r[i];
    }
}

/* The identity first, orthonormal, closed, no element twice. */
static void check_group(const char *name, const alm_symmetry *s)
{
    const float identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    ALM_CHECK(memcmp(s->rotation[0], identity, sizeof identity) == 0);
    for (int i = 0; i < s->count; i++) {
        int equal = 0;
        for (int j = 0; j < s->count; j++) {
            float product[9];
            double nearest = 1e9, d = 0;
            multiply(s->rotation[i], s->rotation[j], product);
            for (int k = 0; k < s->count; k++) {
                d = 0;
                for (int c = 0; c < 9; c++) {
                    d = fmax(d, fabs((double)(product[c] - s->rotation[k][c])));
                }
                nearest = fmin(nearest, d);
            }
            /* Three float32 roundings of products of numbers up to 1. */
            if (!(nearest <= 5e-7)) {
                ALM_FAIL("%s: rotation %d times %d is %g away from the group", name, i, j, nearest);
            }
            d = 0;
            for (int c = 0; c < 9; c++) {
                d = fmax(d, fabs((double)(s->rotation[i][c] - s->rotation[j][c])));
            }
            equal += d < 0.1;
        }
        ALM_CHECK_INT(equal, 1);
    }
}

/* Poses that differ from the truth by a symmetry have no error, in either form. */
static void check_invariance(const alm_symmetry *s)
{
    float truth[9], turn[9], pred[9];
    random_rotation(truth);
    for (int i = 0; i < 12 + s->count; i++) {
        const double angle = 2 * 180 * degree * (double)alm_test_uniform();
        switch (s->kind) {
        case ALM_SYMMETRY_FINITE: memcpy(turn, s->rotation[i % s->count], sizeof turn); break;
        case ALM_SYMMETRY_AXIAL: about(s->axis, angle, turn); break;
        case ALM_SYMMETRY_AXIAL_FLIP:
            if (i % 2) {
                flip_about(s->axis, angle, turn);
            } else {
                about(s->axis, angle, turn);
            }
            break;
        case ALM_SYMMETRY_ALL: random_rotation(turn); break;
        }
        multiply(truth, turn, pred);
        /* The lower bound of GD, where float32 traces leave a few 1e-7 of the cosine. */
        ALM_CHECK_NEAR(cos((double)alm_symmetric_error(s, truth, pred) * degree), 1, 1.6e-6);
    }
}

/* Degrees between the axis that the part has and the one that was found. */
static double axis_error(const test_part *part, const alm_symmetry *s, const double r[9])
{
    double axis[3], best = 90;
    for (int i = 0; i < 3; i++) {
        axis[i] =
            r[3 * i] * part->axis[0] + r[3 * i + 1] * part->axis[1] + r[3 * i + 2] * part->axis[2];
    }
    if (s->kind == ALM_SYMMETRY_AXIAL || s->kind == ALM_SYMMETRY_AXIAL_FLIP) {
        double d = 0;
        for (int i = 0; i < 3; i++) {
            d += axis[i] * (double)s->axis[i];
        }
        return acos(fmin(1, fabs(d))) / degree;
    }
    for (int k = 1; k < s->count; k++) { /* the rotation that moves it least, as a tilt */
        const float *m = s->rotation[k];
        double moved = 0, trace = 0;
        for (int i = 0; i < 3; i++) {
            double v = -axis[i];
            for (int j = 0; j < 3; j++) {
                v += (double)m[3 * i + j] * axis[j];
            }
            moved += v * v;
            trace += (double)m[4 * i];
        }
        best = fmin(best, sqrt(moved / fmax(1e-9, 3 - trace)) / degree);
    }
    return best;
}

/* Of all parts, sizes and seeds 99% must be right: kind and number exactly, the axis to 3 degrees
 * (worst seen over 8,800: 1.8). */
ALM_TEST(symmetry, known_parts)
{
    static float xyz[MOST * 3];
    static char list[2000];
    int wrong = 0, all = 0;
    list[0] = '\0';
    for (int part = 0; part < test_part_count; part++) {
        const test_part *p = &test_parts[part];
        for (uint32_t seed = 0; seed < 2 * SEEDS; seed++) {
            alm_symmetry s;
            double r[9];
            const int n = seed % 2 ? 1024 : 1000;
            sample(part, seed / 2, n, r, xyz);
            ALM_REQUIRE_OK(alm_symmetry_find(xyz, n, 0, &s));
            all++;
            if (s.kind != p->kind || s.count != p->count) {
                wrong++;
                const size_t used = strlen(list);
                snprintf(list + used, sizeof list - used, "\n  %s, %d points, seed %u: %s %d",
                         p->name, n, seed / 2, kind_names[s.kind], s.count);
                continue;
            }
            if (s.count) {
                check_group(p->name, &s);
            }
            check_invariance(&s);
            if (p->axis[0] + p->axis[1] + p->axis[2] > 0 && s.count != 1 &&
                s.kind != ALM_SYMMETRY_ALL) {
                const double off = axis_error(p, &s, r);
                if (!(off <= 3)) {
                    ALM_FAIL("%s, seed %u: the axis is off by %.2f degrees", p->name, seed, off);
                }
            }
        }
    }
    printf("symmetry: %d of %d wrong%s\n", wrong, all, list);
    ALM_CHECK(wrong * 100 <= all);
}

static alm_symmetry named(const char *name, uint32_t seed, double r[9], float *xyz)
{
    alm_symmetry s = {0};
    for (int part = 0; part < test_part_count; part++) {
        if (strcmp(test_parts[part].name, name) == 0) {
            sample(part, seed, 1000, r, xyz);
            if (alm_symmetry_find(xyz, 1000, 0, &s) != ALM_OK || s.kind != test_parts[part].kind ||
                s.count != test_parts[part].count) {
                ALM_FAIL("%s: not found", name);
            }
        }
    }
    return s;
}

/* With draws and scores of the benchmark: a pose that turns a symmetric part onto itself has a
 * large GD, a small CD and no symmetric error; the side on which S stands is right. */
ALM_TEST(symmetry, of_a_score)
{
    static alm_draw draw;
    static float xyz[MOST * 3];
    const char *const names[] = {"box", "pentagon", "tetrahedron"};
    for (int k = 0; k < 3; k++) {
        double unused[9];
        const alm_symmetry s = named(names[k], 5, unused, xyz);
        ALM_REQUIRE_OK(alm_draw_sample(11, xyz, 1000, xyz, 1000, &draw));
        int other_side = 0;
        for (int i = 1; i < s.count; i++) {
            float turned[9], pose[9];
            alm_eval_row row = {0};
            for (int side = 0; side < 2; side++) {
                multiply(side ? s.rotation[i] : draw.rotation, side ? draw.rotation : s.rotation[i],
                         turned);
                memcpy(pose, draw.pose, 3 * sizeof *pose);
                for (int c = 0; c < 3; c++) {
                    pose[3 + c] = turned[3 * c];
                    pose[6 + c] = turned[3 * c + 1];
                }
                alm_score(&draw, pose, &row);
                const double error = (double)alm_symmetric_error(&s, row.true_r, row.pred_r);
                if (side) {
                    other_side += error > 5;
                    continue;
                }
                ALM_CHECK(row.valid && row.metric[ALM_METRIC_GD] > 60);
                ALM_CHECK_NEAR(error, 0.0816, 0.03);
                /* Two samples of one surface: ½·2·spacing². 1,024 draws leave 64% of the points, so
                 * that over 0.64; as much again for a centre that is the mean of the draws. */
                const double spacing = (double)s.spacing;
                ALM_CHECK((double)row.metric[ALM_METRIC_CD] < 3.2 * spacing * spacing);
            }
        }
        ALM_CHECK(other_side > 0);
    }
}

/* The closed forms of the continuous kinds against a search over their rotations. */
ALM_TEST(symmetry, continuous_kinds)
{
    for (int round = 0; round < 40; round++) {
        alm_symmetry s = {.kind = round % 2 ? ALM_SYMMETRY_AXIAL : ALM_SYMMETRY_AXIAL_FLIP};
        float truth[9], pred[9], turn[9], turned[9];
        random_rotation(turn);
        for (int i = 0; i < 3; i++) {
            s.axis[i] = turn[3 * i];
        }
        random_rotation(truth);
        random_rotation(pred);
        double best = 180;
        for (int i = 0; i < 7200; i++) {
            about(s.axis, 0.05 * i * degree, turn);
            multiply(truth, turn, turned);
            best = fmin(best, (double)alm_rotation_error(turned, pred));
            if (s.kind == ALM_SYMMETRY_AXIAL_FLIP) {
                flip_about(s.axis, 0.05 * i * degree, turn);
                multiply(truth, turn, turned);
                best = fmin(best, (double)alm_rotation_error(turned, pred));
            }
        }
        /* A step of 0.05 degrees misses the best by 0.025 at most. */
        ALM_CHECK_NEAR(alm_symmetric_error(&s, truth, pred), best, 0.03);
    }
}

ALM_TEST(symmetry, never_above_GD)
{
    static float xyz[MOST * 3];
    double unused[9];
    const float zero[9] = {0};
    const char *const names[] = {"L-bracket", "box", "cube", "cone", "cylinder", "sphere"};
    for (int k = 0; k < 6; k++) {
        const alm_symmetry s = named(names[k], 1, unused, xyz);
        for (int i = 0; i < 100; i++) {
            float a[9], b[9];
            random_rotation(a);
            random_rotation(b);
            const float error = alm_symmetric_error(&s, a, b), plain = alm_rotation_error(a, b);
            ALM_CHECK(error >= 0.0815f && error <= plain);
            ALM_CHECK(s.count != 1 || error == plain);
            ALM_CHECK(s.kind != ALM_SYMMETRY_ALL || error < 0.2f);
            ALM_CHECK_NEAR(alm_symmetric_error(&s, a, zero), 120, 1e-4);
        }
    }
}

/* ---- Odd clouds ---- */

static alm_symmetry find(const float *xyz, int64_t n)
{
    alm_symmetry s = {.count = -1};
    if (alm_symmetry_find(xyz, n, 0, &s) != ALM_OK) {
        ALM_FAIL("%s", alm_error_message());
    }
    return s;
}

/* Nothing is claimed of a cloud that shows nothing. */
ALM_TEST(symmetry, clouds_without_shape)
{
    static float xyz[MOST * 3];
    ALM_CHECK_INT(find(xyz, 1).count, 1);
    ALM_CHECK_INT(find(xyz, MOST).count, 1); /* all at one place */
    for (int i = 0; i < MOST * 3; i++) {
        xyz[i] = alm_test_uniform();
    }
    ALM_CHECK_INT(find(xyz, 49).count, 1); /* too few */
    for (int i = 0; i < MOST; i++) {       /* 40 different points */
        memcpy(xyz + 3 * i, xyz + 3 * (i % 40), 3 * sizeof *xyz);
    }
    ALM_CHECK_INT(find(xyz, MOST).count, 1);
}

/* Any answer, but at once and finite: lines, planes, lattices, sizes at the ends. */
ALM_TEST(symmetry, odd_clouds)
{
    static float xyz[MOST * 3];
    const float sizes[] = {1e-30f, 1e-6f, 1, 1e15f};
    for (int kind = 0; kind < 6; kind++) {
        for (int k = 0; k < 4; k++) {
            for (int i = 0; i < MOST; i++) {
                float p[3] = {alm_test_uniform(), alm_test_uniform(), alm_test_uniform()};
                switch (kind) {
                case 0: p[1] = p[2] = 0; break;
                case 1: p[2] = 0.5f; break;
                case 2: p[0] = (float)(i % 32) / 32, p[1] = (float)i / MOST, p[2] = 0; break;
                case 3: p[0] = i ? p[0] * 1e-6f : 1; break; /* one far away */
                case 4: p[0] = p[1] = p[2] = (float)i / MOST; break;
                default: break;
                }
                for (int c = 0; c < 3; c++) {
                    xyz[3 * i + c] = p[c] * sizes[k];
                }
            }
            const alm_symmetry s = find(xyz, MOST);
            ALM_CHECK(s.count >= 0 && s.count <= ALM_SYMMETRY_ROTATIONS);
            ALM_CHECK((s.count == 0) == (s.kind != ALM_SYMMETRY_FINITE));
            if (s.count) {
                check_group("odd", &s);
            }
            check_invariance(&s);
        }
    }
}

/* Repeated points count once; of many points some are taken; the same answer every time. */
ALM_TEST(symmetry, resampled_and_large_clouds)
{
    enum { LARGE = 50000 };
    static float xyz[LARGE * 3], again[MOST * 3];
    double r[9];
    for (int part = 0; part < test_part_count; part++) {
        const char *name = test_parts[part].name;
        if (strcmp(name, "box") != 0 && strcmp(name, "cylinder") != 0 && strcmp(name, "mug") != 0) {
            continue;
        }
        sample(part, 3, LARGE, r, xyz);
        const alm_symmetry large = find(xyz, LARGE);
        ALM_CHECK(large.kind == test_parts[part].kind && large.count == test_parts[part].count);
        alm_mt19937 g;
        alm_mt19937_seed(&g, 1);
        for (int i = 0; i < MOST; i++) { /* 1,024 draws of 1,000 points */
            memcpy(again + 3 * i, xyz + 3 * (alm_mt19937_next(&g) % 1000), 3 * sizeof *again);
        }
        const alm_symmetry drawn = find(again, MOST), same = find(again, MOST);
        ALM_CHECK(drawn.kind == test_parts[part].kind && drawn.count == test_parts[part].count);
        ALM_CHECK(memcmp(&drawn, &same, sizeof same) == 0);
    }
}

ALM_TEST(symmetry, tolerance)
{
    static float xyz[MOST * 3];
    double r[9];
    alm_symmetry s = named("box", 2, r, xyz);
    ALM_CHECK(s.residual > 0.8f && s.residual <= 1.2f);
    ALM_REQUIRE_OK(alm_symmetry_find(xyz, 1000, 0.5, &s)); /* nothing fits so well */
    ALM_CHECK_INT(s.count, 1);
    named("mug", 2, r, xyz);
    ALM_REQUIRE_OK(alm_symmetry_find(xyz, 1000, 1000, &s)); /* everything does */
    ALM_CHECK(s.count != 1);
}

ALM_TEST(symmetry, refuses)
{
    float xyz[6] = {0};
    alm_symmetry s = {.count = -7};
    ALM_CHECK_STATUS(alm_symmetry_find(xyz, 0, 0, &s), ALM_STATUS_SAMPLE);
    ALM_CHECK_STATUS(alm_symmetry_find(xyz, 2, -1, &s), ALM_STATUS_SAMPLE);
    ALM_CHECK_STATUS(alm_symmetry_find(xyz, 2, (double)NAN, &s), ALM_STATUS_SAMPLE);
    const float bad[3] = {NAN, INFINITY, 2e15f};
    for (int i = 0; i < 3; i++) {
        xyz[4] = bad[i];
        ALM_CHECK_STATUS(alm_symmetry_find(xyz, 2, 0, &s), ALM_STATUS_SAMPLE);
        ALM_CHECK_TEXT(alm_error_message(), "coordinate 1 of point 1");
    }
    ALM_CHECK_INT(s.count, -7);
}

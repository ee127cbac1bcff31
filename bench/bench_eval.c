/* Nearest distances and scores of AssemBench, on one core:  bench_eval [repetitions]
 *
 * Clouds are 1,024 points of the surface of a box with a peg; poses of four kinds. Each line gives
 * the time of a call, the plain double loop beside it, and whether the results have equal bits.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/core/op.h"
#include "runtime/eval/chamfer.h"
#include "runtime/eval/draw.h"
#include "runtime/eval/metrics.h"
#include "runtime/eval/symmetry.h"

enum { POINTS = ALM_DRAW_POINTS, SAMPLES = 64 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t state = 88172645463325252u;

static float uniform(void) /* [-1, 1) */
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (float)((double)(state >> 11) * 0x1p-52 - 1);
}

/* Two thirds of the points on a box of 1.0 x 0.6 x 0.3, the others on a peg upon it. */
static void part(float *xyz, int n)
{
    for (int i = 0; i < n; i++, xyz += 3) {
        if (i % 3) {
            const float half[3] = {0.5f, 0.3f, 0.15f};
            const int face = (int)(1.5f * (uniform() + 1)) % 3;
            for (int c = 0; c < 3; c++) {
                xyz[c] = half[c] * uniform();
            }
            xyz[face] = uniform() < 0 ? -half[face] : half[face];
        } else {
            const float angle = 3.14159265f * uniform();
            xyz[0] = 0.2f + 0.1f * cosf(angle);
            xyz[1] = 0.1f * sinf(angle);
            xyz[2] = 0.35f + 0.2f * uniform();
        }
    }
}

typedef enum kind { IDENTICAL, NEAR, MODERATE, ANY, KINDS } kind;
static const char *const kind_names[KINDS] = {"identical", "near (4 mm, 3 deg)",
                                              "moderate (5 cm, 25 deg)", "random"};

static void make_pose(const alm_draw *draw, kind k, float pose[9])
{
    static const float shift[KINDS] = {0, 0.004f, 0.05f, 0.3f}, turn[KINDS] = {0, 0.04f, 0.3f, 0};
    for (int i = 0; i < 3; i++) {
        pose[i] = draw->pose[i] + shift[k] * uniform();
    }
    for (int i = 3; i < 9; i++) {
        pose[i] = k == ANY ? uniform() : draw->pose[i] + turn[k] * uniform();
    }
}

static void place(const alm_draw *draw, const float pose[9], float *out)
{
    float r[9];
    alm_rotation_from_6d(pose + 3, r);
    for (int i = 0; i < POINTS; i++) {
        const float *p = draw->randomised + 3 * i;
        for (int c = 0; c < 3; c++) {
            out[3 * i + c] = r[c] * p[0] + r[3 + c] * p[1] + r[6 + c] * p[2] + pose[c];
        }
    }
}

static alm_draw draws[SAMPLES];
static float poses[KINDS][SAMPLES][9];

static void bench_kind(kind k, int repetitions)
{
    static float a[POINTS * 3], b[POINTS * 3];
    static alm_chamfer_order order;
    static alm_chamfer_cloud ca, cb;
    double plain = 1e9, general = 1e9, pair = 1e9, score = 1e9;
    float check = 0, cd = 0;
    int differ = 0;
    alm_eval_row row = {0};
    for (int r = 0; r < repetitions; r++) {
        double t_plain = 0, t_general = 0, t_pair = 0;
        for (int s = 0; s < SAMPLES; s++) {
            place(&draws[s], draws[s].pose, a);
            place(&draws[s], poses[k][s], b);
            double t = now();
            if (r == 0) {
                check = alm_chamfer_plain(a, POINTS, b, POINTS, NULL, NULL);
                t_plain += now() - t;
            }
            t = now();
            cd = alm_chamfer(a, POINTS, b, POINTS, NULL, NULL);
            t_general += now() - t;
            differ += r == 0 && cd != check;
            alm_chamfer_sort(draws[s].randomised, POINTS, &order);
            alm_chamfer_load(a, &order, &ca);
            t = now();
            alm_chamfer_load(b, &order, &cb);
            cd = alm_chamfer_pair(&ca, &cb, &order);
            t_pair += now() - t;
            differ += r == 0 && cd != check;
        }
        const double t = now();
        for (int s = 0; s < SAMPLES; s++) {
            alm_score(&draws[s], poses[k][s], &row);
        }
        score = fmin(score, now() - t);
        plain = r == 0 ? t_plain : plain;
        general = fmin(general, t_general);
        pair = fmin(pair, t_pair);
    }
    const double us = 1e6 / SAMPLES;
    printf("%-24s plain %7.1f us  alm_chamfer %6.1f us  pair %6.1f us  alm_score %6.1f us  %s\n",
           kind_names[k], plain * us, general * us, pair * us, score * us,
           differ ? "DIFFERENT" : "equal");
}

/* The search for symmetries, of the part and of a plain box. */
static void bench_symmetry(int repetitions)
{
    static float xyz[1000 * 3];
    for (int box = 0; box < 2; box++) {
        double total = 0, worst = 0;
        alm_symmetry s = {0};
        for (int r = 0; r < repetitions; r++) {
            part(xyz, 1000);
            for (int i = 0; i < 1000 && box; i++) { /* the peg's points onto a face */
                xyz[3 * i + 2] = fabsf(xyz[3 * i + 2]) > 0.15f ? 0.15f : xyz[3 * i + 2];
            }
            const double t = now();
            if (alm_symmetry_find(xyz, 1000, 0, &s) != ALM_OK) {
                fprintf(stderr, "bench_eval: %s\n", alm_error_message());
                return;
            }
            total += now() - t;
            worst = fmax(worst, now() - t);
        }
        printf("alm_symmetry_find, %s: mean %.1f ms, worst %.1f ms\n",
               box ? "box, a disc denser" : "box with a peg", total / repetitions * 1e3,
               worst * 1e3);
    }
}

int main(int count, char **arguments)
{
    const int repetitions = count > 1 ? atoi(arguments[1]) : 20;
    static float moving[1000 * 3], fixed[1000 * 3];
    printf("instruction set %d, %d samples of 1,000 points, best of %d\n", alm_cpu_arch(), SAMPLES,
           repetitions);
    double draw = 1e9, sort = 1e9;
    for (int r = 0; r < repetitions; r++) {
        double t_draw = 0, t_sort = 0;
        for (int s = 0; s < SAMPLES; s++) {
            static alm_chamfer_order order;
            part(moving, 1000);
            part(fixed, 1000);
            double t = now();
            if (alm_draw_sample((uint32_t)s, moving, 1000, fixed, 1000, &draws[s]) != ALM_OK) {
                fprintf(stderr, "bench_eval: %s\n", alm_error_message());
                return 1;
            }
            t_draw += now() - t;
            t = now();
            alm_chamfer_sort(draws[s].randomised, POINTS, &order);
            t_sort += now() - t;
        }
        draw = fmin(draw, t_draw);
        sort = fmin(sort, t_sort);
    }
    printf("alm_draw_sample %.1f us, alm_chamfer_sort %.1f us\n", draw * 1e6 / SAMPLES,
           sort * 1e6 / SAMPLES);
    for (int k = 0; k < KINDS; k++) {
        for (int s = 0; s < SAMPLES; s++) {
            make_pose(&draws[s], (kind)k, poses[k][s]);
        }
        bench_kind((kind)k, repetitions);
    }
    bench_symmetry(repetitions);
    return 0;
}

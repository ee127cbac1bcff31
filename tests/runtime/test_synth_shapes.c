/* Shapes of the synthetic assemblies: outlines, closed meshes, clouds on surfaces, parts that mate.
 * Distances and insides are found here by other means than in the library: by the nearest point of
 * every triangle, and by the winding number.
 */
#include <stdlib.h>

#include "kernels/core/memory.h"
#include "runtime/output/synth_families.h"
#include "tests/shim/alm_test.h"

enum { FAMILIES = 13, POINTS = 300 };

/* Assemblies of one seed that each test looks at: every family several times. */
static const uint64_t seeds[] = {0, 1, 7, 20260101};

/* ---- Numbers and outlines -------------------------------------------------------------------- */

ALM_TEST(synth_shapes, turns_are_sines_and_cosines)
{
    double c, s;
    for (int i = -500; i < 500; i++) {
        const double turns = i / 97.0;
        alm_turn(turns, &c, &s);
        /* Rounding of 2·pi·turns alone is 2^-53·33. */
        ALM_CHECK_NEAR(c, cos(6.283185307179586477 * turns), 5e-15);
        ALM_CHECK_NEAR(s, sin(6.283185307179586477 * turns), 5e-15);
        ALM_CHECK_NEAR(c * c + s * s, 1, 5e-16);
    }
    alm_turn(0.75, &c, &s);
    ALM_CHECK(c == 0 && s == -1);
}

/* The first numbers of splitmix64 from the state 1234567, as its authors' programs print them. */
ALM_TEST(synth_shapes, numbers_are_splitmix)
{
    alm_random r = {1234567};
    ALM_CHECK(alm_random_next(&r) == UINT64_C(6457827717110365317));
    ALM_CHECK(alm_random_next(&r) == UINT64_C(3203168211198807973));
    ALM_CHECK(alm_random_next(&r) == UINT64_C(9817491932198370423));
}

static double triangle_area(const alm_outline *o, const int t[3])
{
    const double *a = o->at[t[0]], *b = o->at[t[1]], *c = o->at[t[2]];
    return ((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])) / 2;
}

static void expect_covered(const alm_outline *o, double area)
{
    int t[ALM_OUTLINE_TRIANGLES][3];
    const int n = alm_outline_triangulate(o, t);
    double sum = 0;
    ALM_CHECK_INT(n, o->points + 2 * (o->loops - 2));
    ALM_CHECK_NEAR(alm_outline_area(o), area, 1e-12);
    for (int i = 0; i < n; i++) {
        ALM_CHECK(triangle_area(o, t[i]) > 0);
        sum += triangle_area(o, t[i]);
    }
    ALM_CHECK_NEAR(sum, area, 1e-12);
}

ALM_TEST(synth_shapes, triangles_cover_an_outline_once)
{
    alm_outline plain = {0}, holes = {0}, full = {0};
    alm_outline_rectangle(&plain, 0, 0, 3, 2);
    expect_covered(&plain, 6);
    const double notch[8][2] = {{0, 0}, {0, 4}, {1, 4}, {1, 1}, {3, 1}, {3, 4}, {4, 4}, {4, 0}};
    alm_outline_polygon(&holes, notch, 8); /* clockwise: turned around */
    alm_outline_rectangle(&holes, 0.2, 0.2, 0.8, 0.8);
    alm_outline_rectangle(&holes, 1.2, 0.2, 1.8, 0.8); /* in line with the first */
    alm_outline_rectangle(&holes, 3.2, 3.2, 3.8, 3.8);
    expect_covered(&holes, 10 - 3 * 0.36);
    alm_outline_rectangle(&full, 0, 0, 4, 4);
    for (int i = 0; i < 9; i++) {
        alm_outline_circle(&full, 0.7 + 1.3 * (i % 3), 0.7 + 1.3 * (i / 3), 0.6, 4, 0);
    }
    expect_covered(&full, 16 - 9 * 0.72); /* a square of half diagonal h has the area 2·h² */
}

ALM_TEST(synth_shapes, outlines_that_cannot_be_are_refused)
{
    int t[ALM_OUTLINE_TRIANGLES][3];
    alm_outline none = {0}, large = {0}, loops = {0};
    ALM_CHECK_INT(alm_outline_triangulate(&none, t), -1);
    alm_outline_circle(&large, 0, 0, 1, 65, 0);
    ALM_CHECK_INT(alm_outline_triangulate(&large, t), -1);
    for (int i = 0; i <= ALM_OUTLINE_LOOPS; i++) {
        alm_outline_rectangle(&loops, 0, 0, 1, 1);
    }
    ALM_CHECK(loops.broken);
    alm_mesh mesh = {0};
    const double flat[2][2] = {{0, 0}, {1, 1}};
    alm_mesh_lathe(&mesh, 0, 2, (const double[3]){0, 0, 0}, flat, 2, 8);
    ALM_CHECK_INT(mesh.status, ALM_STATUS_INTERNAL);
    alm_mesh_free(&mesh);
}

/* ---- Solids ---------------------------------------------------------------------------------- */

static void subtract(const double *a, const double *b, double *out)
{
    for (int i = 0; i < 3; i++) {
        out[i] = a[i] - b[i];
    }
}

static double dot(const double *a, const double *b)
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* Six times the volume of the tetrahedron with its tip at the origin. */
static double determinant(const double *a, const double *b, const double *c)
{
    return a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) +
           a[2] * (b[0] * c[1] - b[1] * c[0]);
}

static double volume_of(const alm_mesh *m, const alm_solid *s)
{
    double sum = 0;
    for (size_t i = 0; i < s->triangles; i++) {
        const int *t = m->triangle[s->first_triangle + i];
        sum += determinant(m->vertex[t[0]], m->vertex[t[1]], m->vertex[t[2]]) / 6;
    }
    return sum;
}

ALM_TEST(synth_shapes, solids_have_the_volume_of_their_kind)
{
    static const double one[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, zero[3] = {0, 0, 0};
    const double pi = 3.14159265358979323846, area = 16 * sin(2 * pi / 32);
    alm_outline o = {0};
    alm_outline_circle(&o, 0, 0, 1, 32, 0);
    alm_outline_rectangle(&o, -0.5, -0.5, 0.5, 0.5);
    const double tube[4][2] = {{1, 0}, {2, 0}, {2, 3}, {1, 3}};
    const double cone[3][2] = {{0, 3}, {2, 0}, {0, 0}}; /* from above: turned around */
    for (int axis = 0; axis < 3; axis++) {
        alm_mesh m = {0};
        alm_mesh_extrude(&m, 0, axis, (const double[3]){5, 6, 7}, &o, -1, 2);
        alm_mesh_taper(&m, 0, axis, zero, &o, 0, 3, 0.5, (const double[2]){1, 0});
        alm_mesh_lathe(&m, 0, axis, zero, tube, 4, 32);
        alm_mesh_lathe(&m, 0, axis, zero, cone, 3, 32);
        alm_mesh_box(&m, 0, (const double[3]){1, 2, 3}, (const double[3]){2, 4, 6});
        alm_mesh_place(&m, one, zero, 2);
        ALM_REQUIRE_OK(m.status);
        ALM_REQUIRE(m.solids == 5);
        ALM_CHECK_NEAR(volume_of(&m, &m.solid[0]), 8 * 3 * (area - 1), 1e-9);
        /* A frustum: h·(A + a + sqrt(A·a)) / 3. */
        ALM_CHECK_NEAR(volume_of(&m, &m.solid[1]), 8 * (area - 1) * 1.75, 1e-9);
        ALM_CHECK_NEAR(volume_of(&m, &m.solid[2]), 8 * 3 * 3 * area, 1e-9);
        ALM_CHECK_NEAR(volume_of(&m, &m.solid[3]), 8 * 4 * area, 1e-9);
        ALM_CHECK_NEAR(volume_of(&m, &m.solid[4]), 8 * 6, 1e-9);
        ALM_CHECK_NEAR(m.solid[0].low[axis], 2 * (5 + axis - 1), 1e-12);
        ALM_CHECK_NEAR(m.solid[0].high[axis], 2 * (5 + axis + 2), 1e-12);
        alm_mesh_free(&m);
    }
}

static int compare_edges(const void *a, const void *b)
{
    const int *p = a, *q = b;
    return p[0] != q[0] ? (p[0] > q[0]) - (p[0] < q[0]) : (p[1] > q[1]) - (p[1] < q[1]);
}

/* Every directed edge is there once, and so is its reverse. */
static bool is_closed(const alm_mesh *m, const alm_solid *s)
{
    int(*edge)[2] = malloc(3 * s->triangles * sizeof *edge);
    bool closed = edge && s->triangles >= 4;
    for (size_t i = 0; closed && i < s->triangles; i++) {
        const int *t = m->triangle[s->first_triangle + i];
        for (int k = 0; k < 3; k++) {
            edge[3 * i + (size_t)k][0] = t[k];
            edge[3 * i + (size_t)k][1] = t[(k + 1) % 3];
            closed = closed && (size_t)t[k] >= s->first_vertex &&
                     (size_t)t[k] < s->first_vertex + s->vertices;
        }
    }
    if (closed) {
        qsort(edge, 3 * s->triangles, sizeof *edge, compare_edges);
    }
    for (size_t i = 0; closed && i < 3 * s->triangles; i++) {
        const int back[2] = {edge[i][1], edge[i][0]};
        closed = (i == 0 || compare_edges(edge[i], edge[i - 1]) != 0) &&
                 bsearch(back, edge, 3 * s->triangles, sizeof *edge, compare_edges);
    }
    free(edge);
    return closed;
}

static void expect_centred(const alm_synth_assembly *a)
{
    double longest = 0;
    for (int k = 0; k < 3; k++) {
        double low = INFINITY, high = -INFINITY;
        for (size_t i = 0; i < a->mesh.vertices; i++) {
            low = fmin(low, a->mesh.vertex[i][k]);
            high = fmax(high, a->mesh.vertex[i][k]);
        }
        ALM_CHECK_NEAR(low + high, 0, 1e-12);
        longest = fmax(longest, high - low);
    }
    ALM_CHECK(longest >= 0.35 - 1e-12 && longest <= 1 + 1e-12);
}

ALM_TEST(synth_shapes, every_solid_of_every_family_is_closed)
{
    for (uint64_t i = 0; i < 60 * FAMILIES; i++) {
        alm_synth_assembly a = {0};
        ALM_REQUIRE_OK(alm_synth_assembly_make(3, i, &a));
        int solids[ALM_SYNTH_STEPS + 1] = {0};
        expect_centred(&a);
        for (size_t k = 0; k < a.mesh.solids; k++) {
            const alm_solid *s = &a.mesh.solid[k];
            if (!is_closed(&a.mesh, s) || !(volume_of(&a.mesh, s) > 1e-9)) {
                ALM_FAIL("assembly %d, %s, solid %zu: closed %d, volume %g", (int)i,
                         a.family->category, k, is_closed(&a.mesh, s), volume_of(&a.mesh, s));
            }
            ALM_REQUIRE(s->step >= 0 && s->step <= a.steps);
            solids[s->step]++;
        }
        for (int step = 0; step <= a.steps; step++) {
            ALM_CHECK(solids[step] > 0);
        }
        alm_mesh_free(&a.mesh);
    }
}

/* ---- Distances and insides ------------------------------------------------------------------- */

/* Squared distance of a point from a triangle: to the plane when the foot lies inside, else to the
 * nearest side. */
static double square_to_triangle(const double *p, const double *const c[3])
{
    double side[2][3], from[3], n[3], best = INFINITY;
    subtract(c[1], c[0], side[0]);
    subtract(c[2], c[0], side[1]);
    subtract(p, c[0], from);
    for (int a = 0; a < 3; a++) {
        n[a] = side[0][(a + 1) % 3] * side[1][(a + 2) % 3] -
               side[0][(a + 2) % 3] * side[1][(a + 1) % 3];
    }
    const double aa = dot(side[0], side[0]), ab = dot(side[0], side[1]), bb = dot(side[1], side[1]);
    const double pa = dot(from, side[0]), pb = dot(from, side[1]), d = aa * bb - ab * ab;
    const double u = (bb * pa - ab * pb) / d, v = (aa * pb - ab * pa) / d;
    if (u >= 0 && v >= 0 && u + v <= 1) {
        return dot(from, n) * dot(from, n) / dot(n, n);
    }
    for (int k = 0; k < 3; k++) {
        double along[3], rest[3];
        subtract(c[(k + 1) % 3], c[k], along);
        subtract(p, c[k], rest);
        const double t = fmin(fmax(dot(rest, along) / dot(along, along), 0), 1);
        for (int a = 0; a < 3; a++) {
            rest[a] -= t * along[a];
        }
        best = fmin(best, dot(rest, rest));
    }
    return best;
}

static double distance_to(const alm_mesh *m, const alm_solid *s, const double *p)
{
    double best = INFINITY;
    for (size_t i = 0; i < s->triangles; i++) {
        const int *t = m->triangle[s->first_triangle + i];
        const double *const c[3] = {m->vertex[t[0]], m->vertex[t[1]], m->vertex[t[2]]};
        best = fmin(best, square_to_triangle(p, c));
    }
    return sqrt(best);
}

/* 1 inside, 0 outside (van Oosterom and Strackee's solid angles). */
static double winding(const alm_mesh *m, const alm_solid *s, const double *p)
{
    double sum = 0;
    for (size_t i = 0; i < s->triangles; i++) {
        const int *t = m->triangle[s->first_triangle + i];
        double a[3], b[3], c[3];
        subtract(m->vertex[t[0]], p, a);
        subtract(m->vertex[t[1]], p, b);
        subtract(m->vertex[t[2]], p, c);
        const double x = sqrt(dot(a, a)), y = sqrt(dot(b, b)), z = sqrt(dot(c, c));
        sum +=
            atan2(determinant(a, b, c), x * y * z + dot(a, b) * z + dot(b, c) * x + dot(c, a) * y);
    }
    return sum / 6.283185307179586477;
}

/* How deep the point lies in the solid; 0 outside. */
static double depth_in(const alm_mesh *m, const alm_solid *s, const double *p)
{
    for (int a = 0; a < 3; a++) {
        if (!(p[a] > s->low[a] && p[a] < s->high[a])) {
            return 0;
        }
    }
    return winding(m, s, p) > 0.5 ? distance_to(m, s, p) : 0;
}

ALM_TEST(synth_shapes, inside_agrees_with_the_winding_number)
{
    int inside = 0;
    for (uint64_t i = 0; i < FAMILIES; i++) {
        alm_synth_assembly a = {0};
        ALM_REQUIRE_OK(alm_synth_assembly_make(11, i, &a));
        for (size_t k = 0; k < a.mesh.solids; k++) {
            const alm_solid *s = &a.mesh.solid[k];
            for (int n = 0; n < 40; n++) {
                double p[3];
                for (int d = 0; d < 3; d++) {
                    p[d] = s->low[d] +
                           (s->high[d] - s->low[d]) * (0.5 + 0.55 * (double)alm_test_uniform());
                }
                const bool want = winding(&a.mesh, s, p) > 0.5;
                inside += want;
                if (alm_mesh_inside(&a.mesh, s, p) != want && distance_to(&a.mesh, s, p) > 1e-9) {
                    ALM_FAIL("%s, solid %zu: inside is not %d", a.family->category, k, want);
                }
            }
        }
        alm_mesh_free(&a.mesh);
    }
    ALM_CHECK(inside > 200);
}

/* ---- Clouds and mating ----------------------------------------------------------------------- */

/* No nearer than this to anything in the solid. */
static double distance_to_bounds(const alm_solid *s, const double *p)
{
    double square = 0;
    for (int a = 0; a < 3; a++) {
        const double out = fmax(fmax(s->low[a] - p[a], p[a] - s->high[a]), 0);
        square += out * out;
    }
    return sqrt(square);
}

/* Makes *distance the distance to the solids of the steps where that is smaller. Returns the
 * greatest depth in one of them. */
static double measure(const alm_mesh *m, int first, int last, const double *p, double *distance)
{
    double depth = 0;
    for (size_t i = 0; i < m->solids; i++) {
        const alm_solid *s = &m->solid[i];
        if (s->step >= first && s->step <= last) {
            if (distance_to_bounds(s, p) < *distance) {
                *distance = fmin(*distance, distance_to(m, s, p));
            }
            depth = fmax(depth, depth_in(m, s, p));
        }
    }
    return depth;
}

static void widen(const float *point, double *out)
{
    for (int a = 0; a < 3; a++) {
        out[a] = (double)point[a];
    }
}

/* Points of the steps lie on their surface, and on what is outside. float32 of values below 1 is
 * off by 6e-8 at most, in each of three coordinates. */
static void expect_on_surface(const alm_synth_assembly *a, int first, int last, const float *cloud)
{
    for (int i = 0; i < POINTS; i++) {
        double p[3], distance = INFINITY;
        widen(cloud + 3 * i, p);
        const double depth = measure(&a->mesh, first, last, p, &distance);
        if (!(distance <= 1.1e-7) || !(depth <= 1.1e-6)) {
            ALM_FAIL("%s %d, parts %d to %d: a point is %g off the surface and %g inside",
                     a->family->category, (int)a->number, first, last, distance, depth);
            return;
        }
    }
}

/* The points of a cloud and the corners of the parts it is of are in none of the solids of the
 * steps. *least: the smallest distance of either. */
static void expect_outside(const alm_synth_assembly *a, const int of[2], const float *cloud,
                           int first, int last, double *least)
{
    double deepest = 0;
    for (int i = 0; i < POINTS; i++) {
        double p[3];
        widen(cloud + 3 * i, p);
        deepest = fmax(deepest, measure(&a->mesh, first, last, p, least));
    }
    for (size_t i = 0; i < a->mesh.solids; i++) {
        const alm_solid *s = &a->mesh.solid[i];
        for (size_t v = 0; s->step >= of[0] && s->step <= of[1] && v < s->vertices; v++) {
            const double *p = a->mesh.vertex[s->first_vertex + v];
            deepest = fmax(deepest, measure(&a->mesh, first, last, p, least));
        }
    }
    if (!(deepest <= 1.1e-7)) {
        ALM_FAIL("%s %d: parts %d to %d lie %g deep in the parts %d to %d", a->family->category,
                 (int)a->number, of[0], of[1], deepest, first, last);
    }
}

static void check_step(const alm_synth_assembly *a, int step)
{
    float moving[3 * POINTS], fixed[3 * POINTS];
    alm_random r = alm_random_of(a->seed, a->number, 1), r2 = alm_random_of(a->seed, a->number, 2);
    ALM_REQUIRE_OK(alm_mesh_sample(&a->mesh, step, step, &r, POINTS, moving));
    ALM_REQUIRE_OK(alm_mesh_sample(&a->mesh, 0, step - 1, &r2, POINTS, fixed));
    expect_on_surface(a, step, step, moving);
    expect_on_surface(a, 0, step - 1, fixed);
    const int part[2] = {step, step}, before[2] = {0, step - 1};
    double least = INFINITY;
    expect_outside(a, part, moving, 0, step - 1, &least);
    expect_outside(a, before, fixed, step, step, &least);
    /* It rests on something: a corner of one lies on a face of the other, but for rounding. */
    if (!(least <= 1e-9)) {
        ALM_FAIL("%s %d, step %d: the part is %g away, the gap is %g", a->family->category,
                 (int)a->number, step, least, a->gap);
    }
}

ALM_TEST(synth_shapes, parts_mate_and_do_not_overlap)
{
    for (size_t k = 0; k < sizeof seeds / sizeof seeds[0]; k++) {
        for (uint64_t i = 0; i < 2 * FAMILIES; i++) {
            alm_synth_assembly a = {0};
            ALM_REQUIRE_OK(alm_synth_assembly_make(seeds[k], i, &a));
            for (int step = 1; step <= a.steps && !alm_test_failed(); step++) {
                check_step(&a, step);
            }
            alm_mesh_free(&a.mesh);
        }
    }
}

/* Two boxes that touch: the faces between them have no points, the others as many as their area
 * asks for. */
ALM_TEST(synth_shapes, clouds_are_even_and_leave_out_what_is_inside)
{
    enum { MANY = 20000 };
    static const double one[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, zero[3] = {0, 0, 0};
    static float cloud[3 * MANY];
    alm_mesh m = {0};
    alm_random r = {5};
    int inner = 0, end = 0;
    alm_mesh_box(&m, 0, (const double[3]){0, 0, 0}, (const double[3]){0.1, 0.2, 0.3});
    alm_mesh_box(&m, 0, (const double[3]){0.1, 0, 0}, (const double[3]){0.4, 0.2, 0.3});
    alm_mesh_place(&m, one, zero, 1);
    ALM_REQUIRE_OK(m.status);
    ALM_REQUIRE_OK(alm_mesh_sample(&m, 0, 0, &r, MANY, cloud));
    for (int i = 0; i < MANY; i++) {
        const double x = (double)cloud[3 * i], y = (double)cloud[3 * i + 1],
                     z = (double)cloud[3 * i + 2];
        inner += fabs(x - 0.1) < 1e-7 && y > 1e-6 && y < 0.2 - 1e-6 && z > 1e-6 && z < 0.3 - 1e-6;
        end += x < 1e-7;
    }
    /* The end is 0.06 of 0.52; four standard deviations. */
    const double p = 0.06 / 0.52;
    ALM_CHECK_INT(inner, 0);
    ALM_CHECK_NEAR(end, MANY * p, 4 * sqrt(MANY * p * (1 - p)));
    ALM_CHECK_STATUS(alm_mesh_sample(&m, 1, 1, &r, 10, cloud), ALM_STATUS_INTERNAL);
    alm_mesh_free(&m);
}

/* ---- Families -------------------------------------------------------------------------------- */

ALM_TEST(synth_shapes, families_take_turns)
{
    ALM_REQUIRE(alm_synth_family_count() == FAMILIES);
    for (int i = 0; i < FAMILIES; i++) {
        const alm_synth_family *f = alm_synth_family_at(i);
        ALM_CHECK(f->category[0] >= 'A' && f->category[0] <= 'Z');
        ALM_CHECK(f->least_steps >= 1 && f->most_steps <= ALM_SYNTH_STEPS &&
                  f->least_steps <= f->most_steps);
        for (int k = 0; k < i; k++) {
            ALM_CHECK(strcmp(f->category, alm_synth_family_at(k)->category) != 0);
        }
    }
    int several = 0;
    for (uint64_t block = 0; block < 20; block++) {
        int seen[FAMILIES] = {0};
        for (uint64_t i = block * FAMILIES; i < (block + 1) * FAMILIES; i++) {
            alm_synth_assembly a = {.family = alm_synth_family_of(9, i),
                                    .steps = alm_synth_steps_of(9, i)};
            for (int k = 0; k < FAMILIES; k++) {
                seen[k] += alm_synth_family_at(k) == a.family;
            }
            ALM_CHECK(a.steps >= a.family->least_steps && a.steps <= a.family->most_steps);
            several += a.steps > 1;
            for (int step = 1; step <= a.steps; step++) {
                ALM_REQUIRE(alm_synth_instruction(&a, step) != NULL);
            }
        }
        for (int k = 0; k < FAMILIES; k++) {
            ALM_CHECK_INT(seen[k], 1);
        }
    }
    ALM_CHECK(several > 20 * FAMILIES / 2);
}

/* Solids by extruding and turning (synth_mesh.h). */
#include "runtime/output/synth_mesh.h"

#include <limits.h>
#include <string.h>

#include "kernels/core/memory.h"

void alm_mesh_free(alm_mesh *m)
{
    alm_free(m->vertex);
    alm_free(m->triangle);
    alm_free(m->solid);
    *m = (alm_mesh){0};
}

/* ---- Growing --------------------------------------------------------------------------------- */

static alm_status begin_solid(alm_mesh *m, int step, size_t vertices, size_t triangles)
{
    if (m->vertices + vertices > INT_MAX || m->triangles + triangles > INT_MAX) {
        return alm_fail(ALM_STATUS_INTERNAL, "a synthetic mesh of %zu vertices", m->vertices);
    }
    ALM_TRY(alm_reserve(m->vertices + vertices, sizeof *m->vertex, "a mesh", &m->vertex,
                        &m->vertex_room));
    ALM_TRY(alm_reserve(m->triangles + triangles, sizeof *m->triangle, "a mesh", &m->triangle,
                        &m->triangle_room));
    ALM_TRY(alm_reserve(m->solids + 1, sizeof *m->solid, "solids of a mesh", &m->solid,
                        &m->solid_room));
    m->solid[m->solids++] =
        (alm_solid){.step = step, .first_vertex = m->vertices, .first_triangle = m->triangles};
    return ALM_OK;
}

/* Room was made by begin_solid. */
static void add_vertex(alm_mesh *m, int axis, const double at[3], double u, double v, double w)
{
    double *x = m->vertex[m->vertices++];
    x[axis] = at[axis] + w;
    x[(axis + 1) % 3] = at[(axis + 1) % 3] + u;
    x[(axis + 2) % 3] = at[(axis + 2) % 3] + v;
    m->solid[m->solids - 1].vertices++;
}

static void add_triangle(alm_mesh *m, size_t a, size_t b, size_t c)
{
    int *t = m->triangle[m->triangles++];
    t[0] = (int)a;
    t[1] = (int)b;
    t[2] = (int)c;
    m->solid[m->solids - 1].triangles++;
}

/* ---- Extrusions ------------------------------------------------------------------------------ */

static void extrude(alm_mesh *m, int axis, const double at[3], const alm_outline *o,
                    const int (*cap)[3], int caps, const double w[2], double scale,
                    const double shift[2])
{
    const size_t bottom = m->vertices, top = bottom + (size_t)o->points;
    for (int i = 0; i < o->points; i++) {
        add_vertex(m, axis, at, o->at[i][0], o->at[i][1], w[0]);
    }
    for (int i = 0; i < o->points; i++) {
        add_vertex(m, axis, at, o->at[i][0] * scale + shift[0], o->at[i][1] * scale + shift[1],
                   w[1]);
    }
    for (int i = 0; i < caps; i++) {
        const size_t a = (size_t)cap[i][0], b = (size_t)cap[i][1], c = (size_t)cap[i][2];
        add_triangle(m, bottom + a, bottom + c, bottom + b);
        add_triangle(m, top + a, top + b, top + c);
    }
    for (int l = 0; l < o->loops; l++) {
        for (int i = o->first[l]; i < o->first[l + 1]; i++) {
            const size_t a = (size_t)i;
            const size_t b = (size_t)(i + 1 < o->first[l + 1] ? i + 1 : o->first[l]);
            add_triangle(m, bottom + a, bottom + b, top + b);
            add_triangle(m, bottom + a, top + b, top + a);
        }
    }
}

void alm_mesh_taper(alm_mesh *m, int step, int axis, const double at[3], const alm_outline *o,
                    double w0, double w1, double scale, const double shift[2])
{
    if (m->status != ALM_OK) {
        return;
    }
    int cap[ALM_OUTLINE_TRIANGLES][3];
    const int caps = alm_outline_triangulate(o, cap);
    if (caps < 1 || !(w1 > w0) || !(scale > 0)) {
        m->status = alm_fail(ALM_STATUS_INTERNAL,
                             "an outline of %d loops and %d points cannot be extruded by %g",
                             o->loops, o->points, w1 - w0);
        return;
    }
    m->status = begin_solid(m, step, 2 * (size_t)o->points, 2 * (size_t)(caps + o->points));
    if (m->status == ALM_OK) {
        extrude(m, axis, at, o, (const int(*)[3])cap, caps, (const double[2]){w0, w1}, scale,
                shift);
    }
}

void alm_mesh_extrude(alm_mesh *m, int step, int axis, const double at[3], const alm_outline *o,
                      double w0, double w1)
{
    alm_mesh_taper(m, step, axis, at, o, w0, w1, 1, (const double[2]){0, 0});
}

void alm_mesh_box(alm_mesh *m, int step, const double low[3], const double high[3])
{
    alm_outline o = {0};
    alm_outline_rectangle(&o, low[0], low[1], high[0], high[1]);
    alm_mesh_extrude(m, step, 2, (const double[3]){0, 0, 0}, &o, low[2], high[2]);
}

/* ---- Turned solids --------------------------------------------------------------------------- */

/* The strip between two rings of vertices (a ring of one is a pole). */
static void turn_strip(alm_mesh *m, const size_t ring[2], const bool pole[2], size_t n)
{
    for (size_t k = 0; k < n; k++) {
        const size_t next = (k + 1) % n;
        if (pole[0] && !pole[1]) {
            add_triangle(m, ring[0], ring[1] + next, ring[1] + k);
        } else if (!pole[0] && pole[1]) {
            add_triangle(m, ring[0] + k, ring[0] + next, ring[1]);
        } else if (!pole[0]) {
            add_triangle(m, ring[0] + k, ring[0] + next, ring[1] + next);
            add_triangle(m, ring[0] + k, ring[1] + next, ring[1] + k);
        }
    }
}

static double profile_area(const double (*p)[2], int count)
{
    double twice = 0;
    for (int i = 0; i < count; i++) {
        const double *a = p[i], *b = p[(i + 1) % count];
        twice += a[0] * b[1] - a[1] * b[0];
    }
    return twice / 2;
}

void alm_mesh_lathe(alm_mesh *m, int step, int axis, const double at[3], const double (*profile)[2],
                    int count, int segments)
{
    enum { MOST = 32 };
    size_t ring[MOST];
    const double area = profile_area(profile, count);
    const bool forward = area > 0;
    if (m->status != ALM_OK) {
        return;
    }
    if (count < 3 || count > MOST || segments < 3 || area == 0) {
        m->status = alm_fail(ALM_STATUS_INTERNAL, "a profile of %d points cannot be turned", count);
        return;
    }
    const size_t most = (size_t)count * (size_t)segments;
    m->status = begin_solid(m, step, most, 2 * most);
    if (m->status != ALM_OK) {
        return;
    }
    for (int i = 0; i < count; i++) {
        const double *p = profile[forward ? i : count - 1 - i];
        const int pieces = p[0] > 0 ? segments : 1;
        ring[i] = m->vertices;
        for (int k = 0; k < pieces; k++) {
            double c, s;
            alm_turn((double)k / segments, &c, &s);
            add_vertex(m, axis, at, p[0] * c, p[0] * s, p[1]);
        }
    }
    for (int i = 0; i < count; i++) {
        const int j = (i + 1) % count;
        const double *p = profile[forward ? i : count - 1 - i];
        const double *q = profile[forward ? j : count - 1 - j];
        turn_strip(m, (const size_t[2]){ring[i], ring[j]},
                   (const bool[2]){!(p[0] > 0), !(q[0] > 0)}, (size_t)segments);
    }
}

/* ---- Placing --------------------------------------------------------------------------------- */

void alm_mesh_place(alm_mesh *m, const double rotation[9], const double centre[3], double scale)
{
    for (size_t s = 0; s < m->solids; s++) {
        alm_solid *solid = &m->solid[s];
        for (int a = 0; a < 3; a++) {
            solid->low[a] = INFINITY;
            solid->high[a] = -INFINITY;
        }
        for (size_t i = 0; i < solid->vertices; i++) {
            double *x = m->vertex[solid->first_vertex + i];
            const double p[3] = {x[0] - centre[0], x[1] - centre[1], x[2] - centre[2]};
            for (int a = 0; a < 3; a++) {
                const double *row = rotation + 3 * a;
                x[a] = scale * (row[0] * p[0] + row[1] * p[1] + row[2] * p[2]);
                solid->low[a] = x[a] < solid->low[a] ? x[a] : solid->low[a];
                solid->high[a] = x[a] > solid->high[a] ? x[a] : solid->high[a];
            }
        }
    }
}

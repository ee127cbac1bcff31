/* Projects, lights and fills triangles (synth_raster.h). */
#include "runtime/output/synth_raster.h"

#include <string.h>

#include "kernels/core/memory.h"

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* ---- Camera ---------------------------------------------------------------------------------- */

/* x, y in a picture of side 1; 1 / depth. */
static void project(const alm_camera *c, const double p[3], double out[3])
{
    out[2] = 1 / (c->distance - dot(c->back, p));
    out[0] = c->x + c->scale * dot(c->right, p) * out[2];
    out[1] = c->y - c->scale * dot(c->up, p) * out[2];
}

void alm_camera_aim(const alm_mesh *m, double azimuth, double elevation, double margin,
                    alm_camera *out)
{
    double ca, sa, ce, se, low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    alm_turn(azimuth, &ca, &sa);
    alm_turn(elevation, &ce, &se);
    alm_camera c = {.right = {-sa, ca, 0},
                    .up = {-ca * se, -sa * se, ce},
                    .back = {ca * ce, sa * ce, se},
                    .distance = 4,
                    .scale = 1};
    for (size_t i = 0; i < m->vertices; i++) {
        double p[3];
        project(&c, m->vertex[i], p);
        for (int a = 0; a < 2; a++) {
            low[a] = p[a] < low[a] ? p[a] : low[a];
            high[a] = p[a] > high[a] ? p[a] : high[a];
        }
    }
    const double wide = high[0] - low[0], tall = high[1] - low[1];
    c.scale = (1 - 2 * margin) / (wide > tall ? wide : tall);
    c.x = 0.5 - c.scale * (low[0] + high[0]) / 2;
    c.y = 0.5 - c.scale * (low[1] + high[1]) / 2;
    *out = c;
}

/* ---- Faces ----------------------------------------------------------------------------------- */

alm_status alm_raster_create(int most, alm_raster *out)
{
    alm_raster r = {.size = most};
    const size_t pixels = (size_t)most * (size_t)most;
    alm_status status = alm_alloc(pixels, sizeof *r.nearness, "a page", &r.nearness);
    if (status == ALM_OK) {
        status = alm_alloc(pixels, sizeof *r.face, "a page", &r.face);
    }
    if (status != ALM_OK) {
        alm_raster_free(&r);
        return status;
    }
    *out = r;
    return ALM_OK;
}

void alm_raster_free(alm_raster *r)
{
    if (r) {
        alm_free(r->nearness);
        alm_free(r->face);
        alm_free(r->faces);
        alm_free(r->normal);
        alm_free(r->seen);
        alm_free(r->first);
        alm_free(r->around);
        *r = (alm_raster){0};
    }
}

static alm_status make_room(alm_raster *r, const alm_mesh *m)
{
    ALM_TRY(alm_reserve(m->triangles, sizeof *r->faces, "faces", &r->faces, &r->face_room));
    ALM_TRY(alm_reserve(m->triangles, sizeof *r->normal, "faces", &r->normal, &r->normal_room));
    ALM_TRY(alm_reserve(m->vertices, sizeof *r->seen, "faces", &r->seen, &r->seen_room));
    ALM_TRY(alm_reserve(m->vertices + 2, sizeof *r->first, "faces", &r->first, &r->first_room));
    return alm_reserve(3 * m->triangles, sizeof *r->around, "faces", &r->around, &r->around_room);
}

/* normal: of every triangle, twice its area long. */
static void find_normals(alm_raster *r, const alm_mesh *m)
{
    for (size_t i = 0; i < m->triangles; i++) {
        const int *t = m->triangle[i];
        const double *p = m->vertex[t[0]], *q = m->vertex[t[1]], *s = m->vertex[t[2]];
        const double a[3] = {q[0] - p[0], q[1] - p[1], q[2] - p[2]};
        const double b[3] = {s[0] - p[0], s[1] - p[1], s[2] - p[2]};
        r->normal[i][0] = a[1] * b[2] - a[2] * b[1];
        r->normal[i][1] = a[2] * b[0] - a[0] * b[2];
        r->normal[i][2] = a[0] * b[1] - a[1] * b[0];
    }
}

/* first, around: the triangles of vertex v are around[first[v] ... first[v+1] − 1]. */
static void find_neighbours(alm_raster *r, const alm_mesh *m)
{
    memset(r->first, 0, (m->vertices + 2) * sizeof *r->first);
    for (size_t i = 0; i < m->triangles; i++) {
        for (int k = 0; k < 3; k++) {
            r->first[m->triangle[i][k] + 2]++;
        }
    }
    for (size_t v = 2; v < m->vertices + 2; v++) {
        r->first[v] += r->first[v - 1];
    }
    for (size_t i = 0; i < m->triangles; i++) {
        for (int k = 0; k < 3; k++) {
            r->around[r->first[m->triangle[i][k] + 1]++] = (int)i;
        }
    }
}

/* The mean normal of the faces at the vertex that are within 32 degrees of this one. */
static void smooth_normal(const alm_raster *r, int vertex, const double own[3], double length,
                          double out[3])
{
    double sum[3] = {0, 0, 0};
    for (int k = r->first[vertex]; k < r->first[vertex + 1]; k++) {
        const double *n = r->normal[r->around[k]];
        if (dot(n, own) > 0.85 * length * sqrt(dot(n, n))) {
            for (int a = 0; a < 3; a++) {
                sum[a] += n[a];
            }
        }
    }
    const double size = sqrt(dot(sum, sum));
    for (int a = 0; a < 3; a++) {
        out[a] = size > 0 ? sum[a] / size : 0;
    }
}

/* The plane through three values at the corners. */
static void fit_plane(const double corner[3][2], const double value[3], double out[3])
{
    const double x1 = corner[1][0] - corner[0][0], y1 = corner[1][1] - corner[0][1];
    const double x2 = corner[2][0] - corner[0][0], y2 = corner[2][1] - corner[0][1];
    const double d1 = value[1] - value[0], d2 = value[2] - value[0], area = x1 * y2 - x2 * y1;
    out[0] = (d1 * y2 - d2 * y1) / area;
    out[1] = (d2 * x1 - d1 * x2) / area;
    out[2] = value[0] - out[0] * corner[0][0] - out[1] * corner[0][1];
}

static void make_face(alm_raster *r, const alm_mesh *m, size_t i, int step, const double lamp[3])
{
    alm_face *f = &r->faces[i];
    const int *t = m->triangle[i];
    const double length = sqrt(dot(r->normal[i], r->normal[i]));
    double nearness[3], light[3];
    for (int k = 0; k < 3; k++) {
        f->corner[k][0] = r->seen[t[k]][0];
        f->corner[k][1] = r->seen[t[k]][1];
        nearness[k] = r->seen[t[k]][2];
    }
    const double(*c)[2] = (const double(*)[2])f->corner;
    /* y runs down, so what runs counter-clockwise in space runs clockwise here. */
    const double area =
        (c[1][0] - c[0][0]) * (c[2][1] - c[0][1]) - (c[2][0] - c[0][0]) * (c[1][1] - c[0][1]);
    f->step = area < -1e-9 && length > 0 ? step : -1;
    if (f->step < 0) {
        return;
    }
    for (int k = 0; k < 3; k++) {
        double n[3];
        smooth_normal(r, t[k], r->normal[i], length, n);
        light[k] = dot(n, lamp);
        f->normal[k] = r->normal[i][k] / length;
    }
    fit_plane(c, nearness, f->nearness);
    fit_plane(c, light, f->light);
}

alm_status alm_raster_aim(alm_raster *r, const alm_mesh *m, const alm_camera *camera, int size)
{
    /* From above, a little from the left, never from behind. */
    static const double from[3] = {-0.4, 0.74, 0.54};
    double lamp[3];
    ALM_TRY(make_room(r, m));
    r->size = size;
    memset(r->nearness, 0, (size_t)size * (size_t)size * sizeof *r->nearness);
    memset(r->face, -1, (size_t)size * (size_t)size * sizeof *r->face);
    for (int a = 0; a < 3; a++) {
        lamp[a] = from[0] * camera->right[a] + from[1] * camera->up[a] + from[2] * camera->back[a];
    }
    for (size_t v = 0; v < m->vertices; v++) {
        project(camera, m->vertex[v], r->seen[v]);
        r->seen[v][0] *= size;
        r->seen[v][1] *= size;
    }
    find_normals(r, m);
    find_neighbours(r, m);
    for (size_t s = 0; s < m->solids; s++) {
        const alm_solid *solid = &m->solid[s];
        for (size_t i = 0; i < solid->triangles; i++) {
            make_face(r, m, solid->first_triangle + i, solid->step, lamp);
        }
    }
    return ALM_OK;
}

/* ---- Filling --------------------------------------------------------------------------------- */

/* Pixel centres on a side belong to both faces: no gaps. */
static const double slack = 1e-7;

/* Cuts [left, right] to what lies on the inner side of the edge from a to b in the row y. */
static void cut_span(const double *a, const double *b, double y, double *left, double *right)
{
    const double dx = b[0] - a[0], dy = b[1] - a[1];
    if (dy == 0) {
        return;
    }
    const double x = a[0] + dx * ((y - a[1]) / dy);
    if (dy < 0) { /* the face runs clockwise on the page: it lies to the left of what goes up */
        *right = x < *right ? x : *right;
    } else {
        *left = x > *left ? x : *left;
    }
}

static int first_centre(double at, int size)
{
    const double x = ceil(at - 0.5 - slack);
    return x < 0 ? 0 : x > size ? size : (int)x;
}

static int last_centre(double at, int size)
{
    const double x = floor(at - 0.5 + slack);
    return x < -1 ? -1 : x > size - 1 ? size - 1 : (int)x;
}

static void fill(alm_raster *r, int index)
{
    const alm_face *f = &r->faces[index];
    const double(*c)[2] = (const double(*)[2])f->corner;
    double low[2] = {c[0][0], c[0][1]}, high[2] = {c[0][0], c[0][1]};
    for (int k = 1; k < 3; k++) {
        for (int a = 0; a < 2; a++) {
            low[a] = c[k][a] < low[a] ? c[k][a] : low[a];
            high[a] = c[k][a] > high[a] ? c[k][a] : high[a];
        }
    }
    const int bottom = last_centre(high[1], r->size);
    for (int row = first_centre(low[1], r->size); row <= bottom; row++) {
        double left = low[0], right = high[0];
        const double y = row + 0.5;
        for (int k = 0; k < 3; k++) {
            cut_span(c[k], c[(k + 1) % 3], y, &left, &right);
        }
        const int last = last_centre(right, r->size);
        float *nearness = r->nearness + (size_t)row * (size_t)r->size;
        int *face = r->face + (size_t)row * (size_t)r->size;
        for (int x = first_centre(left, r->size); x <= last; x++) {
            const float n =
                (float)(f->nearness[0] * (x + 0.5) + f->nearness[1] * y + f->nearness[2]);
            if (n > nearness[x]) {
                nearness[x] = n;
                face[x] = index;
            }
        }
    }
}

void alm_raster_draw(alm_raster *r, const alm_mesh *m, int first, int last)
{
    for (size_t i = 0; i < m->triangles; i++) {
        if (r->faces[i].step >= first && r->faces[i].step <= last && r->faces[i].step >= 0) {
            fill(r, (int)i);
        }
    }
}

/* Points on the surface of parts (synth_mesh.h): triangles by their area, points in them evenly;
 * what lies in another solid of the same parts is drawn again.
 */
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/output/synth_mesh.h"

/* A point is looked at from this far outside, so that faces which touch count as inside. Meshes are
 * between 0.1 and 1 in size. DRAWS: for each point, before it is given up. */
static const double outside = 1e-6;
enum { DRAWS = 1000 };

static void subtract(const double a[3], const double b[3], double out[3])
{
    for (int i = 0; i < 3; i++) {
        out[i] = a[i] - b[i];
    }
}

static void cross(const double a[3], const double b[3], double out[3])
{
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

bool alm_mesh_inside(const alm_mesh *m, const alm_solid *solid, const double point[3])
{
    /* No edge of ours runs in this direction. */
    static const double ray[3] = {0.5257311, 0.3478159, 0.7762849};
    bool inside = false;
    for (int a = 0; a < 3; a++) {
        if (!(point[a] >= solid->low[a] && point[a] <= solid->high[a])) {
            return false;
        }
    }
    for (size_t i = 0; i < solid->triangles; i++) {
        const int *t = m->triangle[solid->first_triangle + i];
        double side[2][3], from[3], p[3], q[3];
        subtract(m->vertex[t[1]], m->vertex[t[0]], side[0]);
        subtract(m->vertex[t[2]], m->vertex[t[0]], side[1]);
        subtract(point, m->vertex[t[0]], from);
        cross(ray, side[1], p);
        const double volume = dot(side[0], p), sign = volume < 0 ? -1 : 1, size = volume * sign;
        const double u = dot(from, p) * sign;
        if (!(u >= 0 && u <= size)) {
            continue;
        }
        cross(from, side[0], q);
        const double v = dot(ray, q) * sign;
        if (v >= 0 && u + v <= size && dot(side[1], q) * sign > 0) {
            inside = !inside;
        }
    }
    return inside;
}

typedef struct surface {
    const alm_mesh *mesh;
    int first, last;
    size_t *triangle; /* [count], those of the parts */
    size_t *solid;    /* [count], theirs */
    double *total;    /* [count], area up to and with this one */
    size_t count;
} surface;

static bool takes_part(const surface *s, const alm_solid *solid)
{
    return solid->step >= s->first && solid->step <= s->last;
}

/* The vector whose length is twice the area. */
static void area_vector(const alm_mesh *m, const int *t, double out[3])
{
    double side[2][3];
    subtract(m->vertex[t[1]], m->vertex[t[0]], side[0]);
    subtract(m->vertex[t[2]], m->vertex[t[0]], side[1]);
    cross(side[0], side[1], out);
}

static void measure(surface *s)
{
    double total = 0;
    for (size_t i = 0; i < s->mesh->solids; i++) {
        const alm_solid *solid = &s->mesh->solid[i];
        for (size_t k = 0; takes_part(s, solid) && k < solid->triangles; k++) {
            double n[3];
            area_vector(s->mesh, s->mesh->triangle[solid->first_triangle + k], n);
            total += sqrt(dot(n, n)) / 2;
            s->triangle[s->count] = solid->first_triangle + k;
            s->solid[s->count] = i;
            s->total[s->count++] = total;
        }
    }
}

/* A point anywhere on the triangles; false when it lies in another solid. */
static bool draw(const surface *s, alm_random *random, double point[3])
{
    const double want = alm_random_uniform(random) * s->total[s->count - 1];
    size_t low = 0, high = s->count - 1;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (s->total[middle] > want) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    const int *t = s->mesh->triangle[s->triangle[low]];
    const double r = sqrt(alm_random_uniform(random)), b = alm_random_uniform(random);
    double n[3], probe[3];
    area_vector(s->mesh, t, n);
    const double length = sqrt(dot(n, n));
    for (int a = 0; a < 3; a++) {
        point[a] = (1 - r) * s->mesh->vertex[t[0]][a] + r * (1 - b) * s->mesh->vertex[t[1]][a] +
                   r * b * s->mesh->vertex[t[2]][a];
        probe[a] = point[a] + outside * (length > 0 ? n[a] / length : 0);
    }
    for (size_t i = 0; i < s->mesh->solids; i++) {
        const alm_solid *solid = &s->mesh->solid[i];
        if (i != s->solid[low] && takes_part(s, solid) && alm_mesh_inside(s->mesh, solid, probe)) {
            return false;
        }
    }
    return true;
}

alm_status alm_mesh_sample(const alm_mesh *mesh, int first, int last, alm_random *random, int count,
                           float *points)
{
    surface s = {.mesh = mesh, .first = first, .last = last};
    alm_status status = alm_alloc(mesh->triangles, sizeof *s.triangle, "a surface", &s.triangle);
    status = status != ALM_OK ? status
                              : alm_alloc(mesh->triangles, sizeof *s.solid, "a surface", &s.solid);
    status = status != ALM_OK ? status
                              : alm_alloc(mesh->triangles, sizeof *s.total, "a surface", &s.total);
    if (status == ALM_OK) {
        measure(&s);
        if (s.count == 0) {
            status = alm_fail(ALM_STATUS_INTERNAL, "the parts %d to %d are empty", first, last);
        }
    }
    for (int i = 0, draws = 0; status == ALM_OK && i < count; draws++) {
        double point[3];
        if (draw(&s, random, point)) {
            for (int a = 0; a < 3; a++) {
                points[3 * i + a] = (float)point[a];
            }
            i++;
        } else if (draws >= DRAWS * count) {
            status = alm_fail(ALM_STATUS_INTERNAL, "the parts %d to %d have hardly a surface",
                              first, last);
        }
    }
    alm_free(s.triangle);
    alm_free(s.solid);
    alm_free(s.total);
    return status;
}

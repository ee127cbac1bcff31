/* Closed triangle meshes of the synthetic assemblies: solids made by extruding an outline or by
 * turning a profile, each of one part (`step`: 0 is the base, then the parts in the order in which
 * they are put on).
 *
 * A part may consist of several solids that touch or overlap; its surface is what lies in none of
 * its other solids. Failures stay in `status` and make what follows do nothing, so that builders
 * check once at the end: ALM_STATUS_MEMORY, and ALM_STATUS_INTERNAL for a shape that cannot be.
 */
#ifndef ALM_RUNTIME_OUTPUT_SYNTH_MESH_H
#define ALM_RUNTIME_OUTPUT_SYNTH_MESH_H

#include <stddef.h>

#include "kernels/core/status.h"
#include "runtime/output/synth_outline.h"
#include "runtime/output/synth_random.h"

typedef struct alm_solid {
    int step;
    size_t first_vertex, first_triangle, vertices, triangles;
    double low[3], high[3]; /* bounds, after alm_mesh_place */
} alm_solid;

/* Zero-initialise. Triangles run counter-clockwise seen from outside; no vertex belongs to two
 * solids. */
typedef struct alm_mesh {
    double (*vertex)[3];
    int (*triangle)[3]; /* indices of vertices */
    alm_solid *solid;
    size_t vertices, triangles, solids;
    size_t vertex_room, triangle_room, solid_room;
    alm_status status;
} alm_mesh;

void alm_mesh_free(alm_mesh *mesh); /* resets it */

/* Axis 0, 1, 2 (x, y, z) is the direction w of an extrusion or a turned solid; u and v are the two
 * axes that follow it in turn: x: (y, z), y: (z, x), z: (x, y). `at` is the origin of u, v, w. */

/* The outline in u and v from w0 to w1. */
void alm_mesh_extrude(alm_mesh *mesh, int step, int axis, const double at[3], const alm_outline *o,
                      double w0, double w1);

/* The same; at w1 the outline is scaled about its origin and shifted: a tapered or leaning leg. */
void alm_mesh_taper(alm_mesh *mesh, int step, int axis, const double at[3], const alm_outline *o,
                    double w0, double w1, double scale, const double shift[2]);

void alm_mesh_box(alm_mesh *mesh, int step, const double low[3], const double high[3]);

/* profile: (radius, w), turned about the axis in `segments` pieces. It is closed, or its first and
 * last radius are 0; no other one is. Either direction. */
void alm_mesh_lathe(alm_mesh *mesh, int step, int axis, const double at[3],
                    const double (*profile)[2], int count, int segments);

/* Turns every vertex x to scale·R·(x − centre) and finds the bounds of the solids. R: rows. */
void alm_mesh_place(alm_mesh *mesh, const double rotation[9], const double centre[3], double scale);

/* Whether the point lies inside the solid: an odd number of its triangles on a ray. Of points on
 * the surface either may be said. */
bool alm_mesh_inside(const alm_mesh *mesh, const alm_solid *solid, const double point[3]);

/* points [count, 3]: seeded area-weighted samples of the surface of the parts `first` to `last`,
 * taken together. Error: ALM_STATUS_INTERNAL when there is hardly a surface; _MEMORY. */
alm_status alm_mesh_sample(const alm_mesh *mesh, int first, int last, alm_random *random, int count,
                           float *points);

#endif

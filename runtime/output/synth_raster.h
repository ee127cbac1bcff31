/* A small rasteriser for the manual pages: triangles of a mesh, seen by a camera, into a square
 * picture of the nearest face at the centre of every pixel.
 *
 * In double, without functions of libm but sqrt, so that pages are the same on every machine.
 */
#ifndef ALM_RUNTIME_OUTPUT_SYNTH_RASTER_H
#define ALM_RUNTIME_OUTPUT_SYNTH_RASTER_H

#include "runtime/output/synth_mesh.h"

/* Looks at the origin. right, up and back (towards the eye) are orthonormal. */
typedef struct alm_camera {
    double right[3], up[3], back[3];
    double distance;    /* of the eye */
    double scale, x, y; /* where a point lands in a picture of side 1: x to the right, y down */
} alm_camera;

/* From the azimuth and elevation in turns; all vertices of the mesh fit into a picture with this
 * margin (side 1). */
void alm_camera_aim(const alm_mesh *mesh, double azimuth, double elevation, double margin,
                    alm_camera *out);

/* A triangle in the picture. Both planes are in pixels: value = p[0]·x + p[1]·y + p[2]. */
typedef struct alm_face {
    int step; /* of its solid; −1: seen from behind */
    double corner[3][2];
    double nearness[3]; /* 1 / depth */
    double light[3];    /* −1 ... 1, the cosine towards the lamp, smooth over round sides */
    double normal[3];
} alm_face;

typedef struct alm_raster {
    int size;
    float *nearness; /* [size, size]; 0: nothing there */
    int *face;       /* [size, size]; −1: nothing there */
    /* Of the mesh that was aimed at last. */
    alm_face *faces;
    double (*normal)[3];
    double (*seen)[3];   /* of every vertex: x, y in pixels, 1 / depth */
    int *first, *around; /* of every vertex: its triangles */
    size_t face_room, normal_room, seen_room, first_room, around_room;
} alm_raster;

/* most: the largest side of a picture. Error: ALM_STATUS_MEMORY. */
alm_status alm_raster_create(int most, alm_raster *out);
void alm_raster_free(alm_raster *raster); /* resets it */

/* Makes the faces of the whole mesh for a picture of `size` (at most that of create), which becomes
 * empty. */
alm_status alm_raster_aim(alm_raster *raster, const alm_mesh *mesh, const alm_camera *camera,
                          int size);

/* Draws the parts `first` to `last` into it. */
void alm_raster_draw(alm_raster *raster, const alm_mesh *mesh, int first, int last);

#endif

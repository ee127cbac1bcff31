/* Flat outlines with holes, and their triangles: what plates, rails, gears and posts are extruded
 * from (synth_mesh.h). An outline that is too large, or whose loops cross, is `broken`.
 */
#ifndef ALM_RUNTIME_OUTPUT_SYNTH_OUTLINE_H
#define ALM_RUNTIME_OUTPUT_SYNTH_OUTLINE_H

#include <stdbool.h>

enum { ALM_OUTLINE_POINTS = 480, ALM_OUTLINE_LOOPS = 16 };
enum { ALM_OUTLINE_TRIANGLES = ALM_OUTLINE_POINTS + 2 * ALM_OUTLINE_LOOPS };

/* The first loop is the rim and runs counter-clockwise, the others are holes and run clockwise, so
 * that the material is on the left. Zero-initialise. */
typedef struct alm_outline {
    int loops, points;
    int first[ALM_OUTLINE_LOOPS + 1]; /* loop l has the points first[l] ... first[l+1] − 1 */
    double at[ALM_OUTLINE_POINTS][2];
    bool broken;
} alm_outline;

/* Each adds one loop, in either direction: the first call makes the rim, later ones holes. */
void alm_outline_polygon(alm_outline *o, const double (*at)[2], int count);
void alm_outline_rectangle(alm_outline *o, double x0, double y0, double x1, double y1);
/* Corners are quarter circles of 6 pieces. */
void alm_outline_rounded(alm_outline *o, double x0, double y0, double x1, double y1, double radius);
/* A regular polygon with its first corner at `phase` turns; with 32 corners, a circle. */
void alm_outline_circle(alm_outline *o, double x, double y, double radius, int corners,
                        double phase);

/* Triangles (counter-clockwise, indices of points) that cover the outline without the holes.
 * Returns their number: points + 2·(loops − 2); −1 when the outline is broken. */
int alm_outline_triangulate(const alm_outline *o, int (*triangle)[3]);

double alm_outline_area(const alm_outline *o);

#endif

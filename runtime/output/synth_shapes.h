/* Short forms for the builders of the families (synth_joints.c, synth_furniture.c). */
#ifndef ALM_RUNTIME_OUTPUT_SYNTH_SHAPES_H
#define ALM_RUNTIME_OUTPUT_SYNTH_SHAPES_H

#include "runtime/output/synth_families.h"

enum { ROUND = 32 }; /* corners of a circle, of holes and of what stands in them alike */

static const double origin[3] = {0, 0, 0};

static inline double between(alm_random *r, double low, double high)
{
    return alm_random_between(r, low, high);
}

/* Small holes have smaller gaps. */
static inline double gap_of(double radius, double gap)
{
    return gap < 0.12 * radius ? gap : 0.12 * radius;
}

static inline void box(alm_mesh *m, int step, double x0, double x1, double y0, double y1, double z0,
                       double z1)
{
    alm_mesh_box(m, step, (const double[3]){x0, y0, z0}, (const double[3]){x1, y1, z1});
}

/* The outline of (x, z) from y0 to y1. */
static inline void along_y(alm_mesh *m, int step, const double (*xz)[2], int count, double y0,
                           double y1)
{
    double zx[32][2];
    alm_outline o = {0};
    for (int i = 0; i < count && i < 32; i++) {
        zx[i][0] = xz[i][1];
        zx[i][1] = xz[i][0];
    }
    alm_outline_polygon(&o, (const double(*)[2])zx, count <= 32 ? count : 0);
    alm_mesh_extrude(m, step, 1, origin, &o, y0, y1);
}

/* A rod about the axis through `at` from w0 to w1, its ends bevelled. */
static inline void rod(alm_mesh *m, int step, int axis, const double at[3], double radius,
                       double w0, double w1, double bevel)
{
    const double p[6][2] = {{0, w0},
                            {radius - bevel, w0},
                            {radius, w0 + bevel},
                            {radius, w1 - bevel},
                            {radius - bevel, w1},
                            {0, w1}};
    alm_mesh_lathe(m, step, axis, at, p, 6, ROUND);
}

/* A ring about the axis: from the radius `inner` to `outer`. */
static inline void ring(alm_mesh *m, int step, int axis, const double at[3], double inner,
                        double outer, double w0, double w1)
{
    const double p[4][2] = {{inner, w0}, {outer, w0}, {outer, w1}, {inner, w1}};
    alm_mesh_lathe(m, step, axis, at, p, 4, ROUND);
}

/* A screw or peg: a shaft from w0 to w1 and a head of `rise` on it. */
static inline void headed(alm_mesh *m, int step, int axis, const double at[3], double shaft,
                          double w0, double w1, double head, double rise)
{
    const double bevel = 0.2 * shaft, rim = 0.2 * rise;
    const double p[8][2] = {
        {0, w0},    {shaft - bevel, w0},     {shaft, w0 + bevel},     {shaft, w1},
        {head, w1}, {head, w1 + rise - rim}, {head - rim, w1 + rise}, {0, w1 + rise}};
    alm_mesh_lathe(m, step, axis, at, p, 8, ROUND);
}

/* The rim of a plate about (0, 0): a rectangle, one with round corners, or a disc. */
static inline void plate_rim(alm_outline *o, int kind, double width, double depth)
{
    const double least = width < depth ? width : depth;
    if (kind == 0) {
        alm_outline_rectangle(o, -width / 2, -depth / 2, width / 2, depth / 2);
    } else if (kind == 1) {
        alm_outline_rounded(o, -width / 2, -depth / 2, width / 2, depth / 2, 0.15 * least);
    } else {
        alm_outline_circle(o, 0, 0, least / 2, 64, 0);
    }
}

#endif

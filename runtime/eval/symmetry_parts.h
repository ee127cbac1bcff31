/* What the files of symmetry.h share. */
#ifndef ALM_RUNTIME_EVAL_SYMMETRY_PARTS_H
#define ALM_RUNTIME_EVAL_SYMMETRY_PARTS_H

#include <stdbool.h>

#include "runtime/eval/chamfer.h"
#include "runtime/eval/symmetry.h"

#define ALMI_PI 3.14159265358979323846

enum {
    ALMI_SYMMETRY_POINTS = 1024,
    ALMI_SYMMETRY_GRID = 24, /* cells of the distance field along an axis */
    ALMI_SYMMETRY_PROBES = 128
};

/* A cloud under examination: centred on its mean, rms radius 1. */
typedef struct almi_cloud {
    int n;
    double mean[3], scale; /* stored = mean + scale·x */
    double inertia[9];     /* mean of x·xᵀ; its trace is 1 */
    double moment[3], moment_axis[3][3];
    alm_chamfer_order order;
    alm_chamfer_cloud points, some, turned; /* some: a quarter of the points, without boxes */
    float least[ALM_CHAMFER_POINTS];
    int32_t nearest[ALM_CHAMFER_POINTS];
    double spacing, tail; /* mean square of l; of its largest TAIL */
    float reach;          /* the field covers [−reach, reach]³ */
    float probe[ALMI_SYMMETRY_PROBES][3];
    float field[ALMI_SYMMETRY_GRID * ALMI_SYMMETRY_GRID *
                ALMI_SYMMETRY_GRID]; /* squared distance
                                      * of a cell's middle */
    double coarse; /* what almi_coarse_score gives for the identity, a spacing included */
} almi_cloud;

/* A rotation as a unit quaternion w, x, y, z, about a point. */
typedef struct almi_turn {
    double q[4], centre[3];
} almi_turn;

/* The same bits on every machine, which the functions of libm do not promise; a few units in the
 * last place. */
void almi_sine_cosine(double angle, double *sine, double *cosine);
almi_turn almi_turn_about(const double axis[3], double angle, const double centre[3]);
void almi_quaternion_product(const double a[4], const double b[4], double out[4]);
void almi_quaternion_matrix(const double q[4], double m[9]); /* rows */

/* Fills *cloud. False: too few different points, or no size: only the identity. */
bool almi_cloud_make(const float *xyz, int64_t n, almi_cloud *cloud);

/* rms(r)/rms(l) of the turned cloud, the larger of that over all points and, less what
 * symmetry.h allows it, over the worst ones: what the tolerance is compared with. An estimate when
 * it is far above `limit`. */
double almi_turn_residual(almi_cloud *cloud, const almi_turn *turn, double limit);
/* Mean square distance of some turned points, from the field; something above `limit` if it is
 * above. */
double almi_coarse_score(const almi_cloud *cloud, const almi_turn *turn, double limit);
/* Moves the axis (a unit vector) and the centre of a turn by `angle` to where the turned cloud fits
 * best; returns its residual. Gives up early when that is far above `limit`. */
double almi_turn_fit(almi_cloud *cloud, double axis[3], double centre[3], double angle,
                     double limit);
/* The last steps of that alone, for an axis that fits already. */
void almi_turn_refine(almi_cloud *cloud, double axis[3], double centre[3], double angle,
                      double limit);

/* Rotations that are (nearly) closed under products; element 0 is the identity. */
typedef struct almi_group {
    int count;
    double q[ALM_SYMMETRY_ROTATIONS][4];
} almi_group;

/* The element within 10 degrees of q; −1: none. */
int almi_group_find(const almi_group *group, const double q[4]);
/* Adds the rotation and all products. False, and *group unchanged, when they do not make a finite
 * group of at most ALM_SYMMETRY_ROTATIONS with well separated elements. */
bool almi_group_extend(almi_group *group, const double q[4]);

#endif

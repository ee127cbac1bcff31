/* Nearest distances between small clouds, and the Chamfer distance of assembench.md 3.
 *
 * The squared distance of two points is ((dx·dx) + dy·dy) + dz·dz in float32, each operation
 * rounded, and a minimum is the smallest of these over all points of the other cloud: the results
 * have the bits of the plain double loop (alm_chamfer_plain).
 *
 * How it is fast. The points of a cloud are brought into blocks of 16 that lie close together, each
 * with its bounding box. A block of queries visits the blocks of the other cloud in the order of
 * the distance between the boxes, and stops when none of its minima can become smaller. The
 * distance to a box is computed with the same operations on the same kind of numbers as that to a
 * point; float32 subtraction, multiplication and addition are monotone, so that it is never
 * greater than the computed distance to any point inside, rounding included, and nothing that is
 * left out could have changed a minimum. (K. Fukunaga, P. Narendra, "A Branch and Bound Algorithm
 * for Computing k-Nearest Neighbors", IEEE Trans. Computers 1975, with boxes and blocks.)
 */
#ifndef ALM_RUNTIME_EVAL_CHAMFER_H
#define ALM_RUNTIME_EVAL_CHAMFER_H

#include <stdint.h>

enum {
    ALM_CHAMFER_POINTS = 2048, /* the largest cloud */
    ALM_CHAMFER_BLOCK = 16,
    ALM_CHAMFER_BLOCKS = ALM_CHAMFER_POINTS / ALM_CHAMFER_BLOCK
};

/* Which points make which block. Depends on one cloud, serves any rigidly moved copy of it (any
 * cloud: only the speed depends on it). */
typedef struct alm_chamfer_order {
    int count;                          /* points */
    uint16_t index[ALM_CHAMFER_POINTS]; /* the point at each place */
} alm_chamfer_order;

/* A cloud in that order; the last block is filled up with its last point. */
typedef struct alm_chamfer_cloud {
    int count, blocks;
    float x[3][ALM_CHAMFER_POINTS];
    float low[3][ALM_CHAMFER_BLOCKS], high[3][ALM_CHAMFER_BLOCKS]; /* the boxes; behind the last
                                                                    * one up to a multiple of 16:
                                                                    * boxes at infinity */
} alm_chamfer_cloud;

/* xyz: [n, 3], finite; 1 <= n <= ALM_CHAMFER_POINTS. */
void alm_chamfer_sort(const float *xyz, int n, alm_chamfer_order *out);
/* out->x[c][place] = the point's coordinate c, with its box. xyz: [order->count, 3], finite. */
void alm_chamfer_load(const float *xyz, const alm_chamfer_order *order, alm_chamfer_cloud *out);

/* *out = the cloud moved: the point p becomes rᵀ·p + t (r: rows), in float32, row by row of rᵀ. */
void alm_chamfer_move(const alm_chamfer_cloud *in, const float r[9], const float t[3],
                      alm_chamfer_cloud *out);

/* least[i]: in: an upper bound that some point of `to` attains, or INFINITY; out: the smallest
 * squared distance of point (place) i of `from` to a point of `to`. [ALM_CHAMFER_POINTS]; written
 * up to the end of the last block. nearest: NULL, or [ALM_CHAMFER_POINTS]: the place of that point,
 * untouched where the bound was not undercut. */
void alm_chamfer_nearest(const alm_chamfer_cloud *from, const alm_chamfer_cloud *to, float *least,
                         int32_t *nearest);

/* ½·(mean_i min_j d² + mean_j min_i d²) of clouds a [n, 3] and b [m, 3]. The means are sums in
 * double that do not depend on how the points are put into blocks. a_to_b [n], b_to_a [m]: the
 * minima, or NULL. */
float alm_chamfer(const float *a, int n, const float *b, int m, float *a_to_b, float *b_to_a);

/* The same for two copies of one cloud that were loaded with the same order: point i of a is known
 * to be as near to b as point i of b is, which bounds the search. */
float alm_chamfer_pair(const alm_chamfer_cloud *a, const alm_chamfer_cloud *b,
                       const alm_chamfer_order *order);

/* The specification: the double loop. Any n, m >= 1. */
float alm_chamfer_plain(const float *a, int n, const float *b, int m, float *a_to_b, float *b_to_a);

/* What alm_chamfer_nearest is made of, for tests: one for each instruction set. */
typedef void alm_chamfer_nearest_fn(const alm_chamfer_cloud *from, const alm_chamfer_cloud *to,
                                    float *least, int32_t *nearest);
alm_chamfer_nearest_fn alm_chamfer_nearest_sse2, alm_chamfer_nearest_avx2,
    alm_chamfer_nearest_avx512;

#endif

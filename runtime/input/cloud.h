/* Point clouds: NPY (f4, f8, either byte order, C or Fortran order), PLY (ascii, both byte orders),
 * XYZ text, to [N,3] float32, checked (assemlm2.md 1).
 *
 * Refused, by name: fewer than ALM_CLOUD_NEIGHBOURS points, more than ALM_CLOUD_LIMIT, not three
 * coordinates, NaN and infinity (with the point's number), magnitudes above ALM_CLOUD_FARTHEST,
 * files that are cut short or lie about their counts, other formats.
 */
#ifndef ALM_RUNTIME_INPUT_CLOUD_H
#define ALM_RUNTIME_INPUT_CLOUD_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/core/status.h"
#include "runtime/input/file.h"

enum { ALM_CLOUD_LIMIT = 50000000 };

/* Largest file: what ALM_CLOUD_LIMIT points take as text, about. */
#define ALM_CLOUD_FILE_BYTES ((size_t)2 << 30)

/* Squares of differences and their sums over 1,024 points must stay finite in float32. */
#define ALM_CLOUD_FARTHEST 1e15f

typedef struct alm_cloud {
    int64_t count;
    float *xyz; /* [count, 3] */
} alm_cloud;

/* name: for messages and, when the content does not tell, for the extension. Errors:
 * ALM_STATUS_SAMPLE, ALM_STATUS_MEMORY. */
alm_status alm_cloud_decode(const void *data, size_t bytes, const char *name, alm_cloud *out);
alm_status alm_cloud_read(const char *path, alm_cloud *out);
void alm_cloud_free(alm_cloud *cloud); /* resets it */

/* The checks alone, for clouds from memory. Points are numbered from 0 in messages. */
alm_status alm_cloud_check(const float *xyz, int64_t count, const char *name);

/* Mean of the points, in double. */
void alm_cloud_mean(const float *xyz, int64_t count, double mean[3]);

/* Brings a cloud to n points, minus `center` (in double, then rounded): index rint(linspace(0,
 * count-1, n)) in float64, halves to even; count = n copies. out: [n, 3]. */
void alm_cloud_resample(const float *xyz, int64_t count, const double center[3], int64_t n,
                        float *out);

#endif

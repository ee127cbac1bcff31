/* What the readers of clouds share. Private to runtime/input/cloud*.c.
 *
 * Each reader gets the whole file in memory and a name for messages, compares counts with the bytes
 * that are there before it allocates, and leaves *out alone unless it succeeds.
 */
#ifndef ALM_RUNTIME_INPUT_CLOUD_PARTS_H
#define ALM_RUNTIME_INPUT_CLOUD_PARTS_H

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "runtime/input/cloud.h"

alm_status almi_npy_decode(const uint8_t *data, size_t bytes, const char *name, alm_cloud *out);
alm_status almi_ply_decode(const uint8_t *data, size_t bytes, const char *name, alm_cloud *out);
alm_status almi_xyz_decode(const uint8_t *data, size_t bytes, const char *name, alm_cloud *out);

/* Refuses a count that a file claims: below ALM_CLOUD_NEIGHBOURS, above ALM_CLOUD_LIMIT. */
alm_status almi_cloud_check_count(uint64_t count, const char *name);

/* The text for a point that is NaN, infinite or too far. */
alm_status almi_cloud_fail_point(const char *name, int64_t index, const double point[3]);

/* point -> out as float32, checked; points count from 0. In double, so that a value that float32
 * cannot hold is told from one that is infinite in the file. */
static inline alm_status almi_cloud_store(const char *name, int64_t index, const double point[3],
                                          float out[3])
{
    for (int c = 0; c < 3; c++) {
        if (!(fabs(point[c]) <= (double)ALM_CLOUD_FARTHEST)) {
            return almi_cloud_fail_point(name, index, point);
        }
        out[c] = (float)point[c];
    }
    return ALM_OK;
}

/* Plain numbers as everybody writes them: [+-] digits [. digits] [e [+-] digits], and nan, inf and
 * infinity in any case (so that the point can be refused by its number). Whatever the locale says,
 * the point is '.'. False: not a number. */
bool almi_number(const char *text, size_t count, double *out);

/* Ends in ", not 1,5" when a decimal comma may be meant: appended to messages about a token. */
const char *almi_number_hint(const char *text, size_t count);

/* 4 or 8 bytes of either order -> the number. */
static inline double almi_float_at(const uint8_t *at, size_t size, bool big_endian)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++) {
        bytes[i] = big_endian ? at[size - 1 - i] : at[i];
    }
    if (size == 4) {
        float value;
        memcpy(&value, bytes, sizeof value);
        return (double)value;
    }
    double value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

#endif

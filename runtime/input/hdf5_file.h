/* The HDF5 calls of the reader: the only files that know the library. They run in the child process
 * (dataset_child.c). Private to runtime/input/.
 *
 * Paths in messages are those inside the file; the parent puts the file's name in front.
 */
#ifndef ALM_RUNTIME_INPUT_HDF5_FILE_H
#define ALM_RUNTIME_INPUT_HDF5_FILE_H

#include "runtime/input/dataset.h"

typedef struct almi_hdf5 almi_hdf5;

/* Sets the library up so that it opens no other file, opens the file, checks splits and objs. Ends
 * with the process. */
alm_status almi_hdf5_open(const char *path, bool lineart_first, size_t memory_bytes,
                          alm_dataset_info *info, almi_hdf5 **out);
/* How many there are under objs: a walk over all of them. */
alm_status almi_hdf5_count_objects(const almi_hdf5 *file, int64_t *out);

/* Names with a NUL behind each. Zero-initialise. */
typedef struct almi_texts {
    char *text;
    size_t bytes, capacity;
    int64_t count;
} almi_texts;

/* Most bytes of all objects' names, and of the names of a split. */
#define ALMI_NAMES_LIMIT ((size_t)1 << 30)

enum { ALMI_KEYS, ALMI_MISSING, ALMI_ABANDONED, ALMI_LISTS };

/* lists: zero; free each text (alm_free) in any case. */
alm_status almi_hdf5_list(almi_hdf5 *file, const char *split, almi_texts lists[ALMI_LISTS]);

/* A block that is kept from one asset to the next. Zero-initialise. */
typedef struct almi_block {
    void *data;
    size_t capacity; /* bytes */
} almi_block;

/* What was read of an asset; valid until the next call. */
typedef struct almi_asset {
    const float *cloud[2]; /* moving, fixed: [points, 3] */
    int64_t points[2];
    const uint8_t *rgb[2]; /* [height, width, 3] */
    int width[2], height[2];
    const char *category;
    size_t category_bytes;
} almi_asset;

alm_status almi_hdf5_asset(almi_hdf5 *file, const char *key, unsigned parts, almi_asset *out);

#endif

/* AssemBench files (HDF5): the samples of their splits, the clouds, pages and category of each
 * (assembench.md 1).
 *
 * The HDF5 library runs in a child process of its own, with a limit on memory, a limit on time and
 * no way to open another file, because a damaged or hostile file may crash it, make it hang or take
 * it over. What the child sends is checked here once more. A child that dies or hangs costs the
 * request that it worked on one error; the next request gets a new child.
 *
 * Refused, by name: files that are cut short or no HDF5, data in or links to other files, filters
 * that are not built in (with the h5repack line), wrong types and shapes, numbers out of range.
 */
#ifndef ALM_RUNTIME_INPUT_DATASET_H
#define ALM_RUNTIME_INPUT_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/core/status.h"
#include "runtime/input/image.h"

/* Most points of a cloud; most names of a split; longest name and category in bytes. Pages have at
 * most ALM_IMAGE_PIXELS. */
enum { ALM_DATASET_POINTS = 10000000, ALM_DATASET_NAMES = 10000000, ALM_DATASET_NAME_BYTES = 4096 };

/* One file with its reader. One thread at a time; any number of them in a process. */
typedef struct alm_dataset alm_dataset;

/* Zero-initialise: what is 0 has its default. */
typedef struct alm_dataset_limits {
    size_t memory_bytes; /* of the child beyond what it has at its start; 1 GiB */
    int seconds;         /* to answer one request for an asset; 60. Opening and listing get four
                            times that. Time that this process is stopped for does not count. */
} alm_dataset_limits;

/* How many there are in the file. */
typedef struct alm_dataset_info {
    int64_t objects;              /* under objs */
    int64_t train, test, abandon; /* names in split/train and so on, as listed */
} alm_dataset_info;

/* Whether lineart pages come first in a dataset or file of this name: "twobytwo" is in its last
 * part, in any case. */
bool alm_dataset_is_lineart(const char *name);

/* Opens the file and checks its splits and objs. limits: NULL for the defaults. Errors:
 * ALM_STATUS_SAMPLE (the file cannot be used; or this build has no HDF5), ALM_STATUS_MEMORY. */
alm_status alm_dataset_open(const char *path, bool lineart_first, const alm_dataset_limits *limits,
                            alm_dataset **out);
/* Ends the child. NULL is accepted. */
void alm_dataset_close(alm_dataset *dataset);

const alm_dataset_info *alm_dataset_about(const alm_dataset *dataset);

/* Texts one behind the other, each with a NUL at its end. */
typedef struct alm_names {
    int64_t count;
    size_t *offset; /* [count], of each text in `text` */
    char *text;     /* UTF-8 */
} alm_names;

static inline const char *alm_names_at(const alm_names *names, int64_t i)
{
    return names->text + names->offset[i];
}

/* A split after skipping: listed = count + missing + abandoned. */
typedef struct alm_dataset_split {
    int64_t count, listed, missing, abandoned;
    alm_names keys; /* of the samples' objects, in file order: the index in here is `idx`. A name
                       that is listed twice is here twice */
    alm_names missing_names, abandoned_names; /* as listed, with "/" */
} alm_dataset_split;

/* split: "train" or "test". Nothing may be in flight. Errors: ALM_STATUS_SAMPLE (the file),
 * ALM_STATUS_MEMORY. */
alm_status alm_dataset_split_read(alm_dataset *dataset, const char *split, alm_dataset_split *out);
void alm_dataset_split_free(alm_dataset_split *split); /* resets it */

/* Parts of an asset that can be asked for; the others are neither read nor checked. */
enum { ALM_ASSET_CLOUDS = 1, ALM_ASSET_PAGES = 2, ALM_ASSET_CATEGORY = 4 };

/* Zero-initialise. What was not asked for is 0 or NULL. */
typedef struct alm_asset {
    float *moving; /* [moving_points, 3], in its assembled place; finite */
    int64_t moving_points;
    float *fixed; /* [fixed_points, 3]; finite */
    int64_t fixed_points;
    alm_image page[2]; /* the base; the base with the part in its place */
    char *category;    /* UTF-8, not empty */
    size_t moving_room, fixed_room, category_room; /* of the blocks above; for reuse */
} alm_asset;

/* Reads one asset. *out: zero, or an asset from before, whose clouds and category are then reused;
 * in any case alm_asset_free it at the end. After an error it holds no part. Errors:
 * ALM_STATUS_SAMPLE: this sample is bad, or cost the child its life, and the file goes on;
 * ALM_STATUS_MEMORY. */
alm_status alm_dataset_read(alm_dataset *dataset, const char *key, unsigned parts, alm_asset *out);

/* The same in two steps, so that the child reads ahead while the caller computes: requests are
 * answered in their order, one receive for each. Error of a request: ALM_STATUS_USAGE when
 * ALM_DATASET_FLIGHT are not received yet, ALM_STATUS_SAMPLE for a key that no object can have
 * (nothing is in flight for it then), ALM_STATUS_MEMORY. */
enum { ALM_DATASET_FLIGHT = 64 };
alm_status alm_dataset_request(alm_dataset *dataset, const char *key, unsigned parts);
alm_status alm_dataset_receive(alm_dataset *dataset, alm_asset *out);
int alm_dataset_in_flight(const alm_dataset *dataset);

void alm_asset_free(alm_asset *asset); /* resets it */

/* Process id of the child, 0 when there is none; and children started so far. For tests. */
int alm_dataset_child_id(const alm_dataset *dataset);
int64_t alm_dataset_children(const alm_dataset *dataset);

#endif

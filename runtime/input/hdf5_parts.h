/* What the files that call HDF5 share. Private to runtime/input/hdf5_*.c. */
#ifndef ALM_RUNTIME_INPUT_HDF5_PARTS_H
#define ALM_RUNTIME_INPUT_HDF5_PARTS_H

#include <hdf5.h>

#include "runtime/input/hdf5_file.h"

struct almi_hdf5 {
    hid_t file, objs, access; /* access: how datasets are opened */
    hid_t split[3];           /* train, test, abandon; the last may be H5I_INVALID_HID */
    bool lineart_first;
    size_t memory_bytes;
    /* The links of objs, in order; made for the first listing. */
    almi_texts objects;
    size_t *object; /* [objects.count], offsets */
    /* Of the asset that was read last. */
    almi_block raw, cloud[2], rgb[2], category;
    int64_t assets;
};

/* Where something stands in the file: group/key/name; key may be NULL. */
typedef struct almi_place {
    const char *group, *key, *name;
} almi_place;

/* ALM_STATUS_SAMPLE, "<place>: <text>". */
alm_status almi_place_fail(const almi_place *place, const char *format, ...) ALM_PRINTF(2, 3);

/* The same for a call of the library that failed: "<place>: <text>: <the library's reason>". */
alm_status almi_hdf5_fail(const almi_place *place, const char *text);

/* Forgets what the library recorded. */
void almi_hdf5_forget(void);

/* The library's reason, without the rest. Empty when it has none. */
void almi_hdf5_reason(char *out, size_t bytes);

/* Opens place->name below `group`. Refused: what is missing, what lies in another file, what is no
 * group or dataset. Close with H5Gclose, H5Dclose. */
alm_status almi_hdf5_group(hid_t group, const almi_place *place, hid_t *out);
alm_status almi_hdf5_dataset(const almi_hdf5 *file, hid_t group, const almi_place *place,
                             hid_t *out);

/* Why H5Dread failed: a filter that is not here has its name and the h5repack line. */
alm_status almi_hdf5_read_failed(hid_t dataset, const almi_place *place);

/* "integers", "strings": for messages. */
const char *almi_hdf5_class_name(H5T_class_t kind);

/* Makes the block at least so large; what it holds is lost. */
alm_status almi_block_reserve(almi_block *block, size_t bytes, const char *what);

/* Appends a name and its NUL. */
alm_status almi_texts_add(almi_texts *texts, const char *text, size_t bytes);

#endif

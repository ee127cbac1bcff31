/* Datasets of numbers: any type of the file to the nearest one of C, and from there to the float32
 * of a cloud or the bytes of a page. Private to runtime/input/hdf5_*.c.
 */
#ifndef ALM_RUNTIME_INPUT_HDF5_NUMBERS_H
#define ALM_RUNTIME_INPUT_HDF5_NUMBERS_H

#include "runtime/input/hdf5_parts.h"

typedef enum almi_number {
    ALMI_U8,
    ALMI_I8,
    ALMI_U16,
    ALMI_I16,
    ALMI_U32,
    ALMI_I32,
    ALMI_U64,
    ALMI_I64,
    ALMI_F32,
    ALMI_F64,
    ALMI_FLONG /* long double: what is wider than float64 */
} almi_number;

enum { ALMI_RANK_MOST = 3 };

typedef struct almi_numbers {
    hid_t dataset;
    almi_number kind;
    bool is_bool; /* h5py's: an enumeration of FALSE and TRUE */
    int rank;
    hsize_t size[ALMI_RANK_MOST];
} almi_numbers;

/* Opens place->name below `group`: numbers with `rank` dimensions, none longer than 2^31. Close
 * with H5Dclose. */
alm_status almi_numbers_open(const almi_hdf5 *file, hid_t group, const almi_place *place, int rank,
                             almi_numbers *out);

/* Bytes of an element in memory. */
size_t almi_number_bytes(almi_number kind);

/* Reads all as stored, `bytes` of them, to a block of that size. */
alm_status almi_numbers_read(const almi_numbers *numbers, const almi_place *place, void *out);

/* count elements, each rounded to the nearest float32. */
void almi_numbers_to_float(almi_number kind, const void *in, size_t count, float *out);

/* count elements, fractions cut off. Returns the index of the first that is not in [0, 255], or
 * count. */
size_t almi_numbers_to_byte(almi_number kind, const void *in, size_t count, uint8_t *out);

/* The element as a double, for messages. */
double almi_number_at(almi_number kind, const void *in, size_t index);

#endif

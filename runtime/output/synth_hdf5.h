/* The HDF5 file of `synth data`: samples, plans and splits in the layout of AssemBench, written one
 * after another through libhdf5.
 *
 * No times are stored and the file's format is that of HDF5 1.8, so that the same calls of the same
 * libhdf5 give the same bytes. The file appears whole or not at all (file_write.h). What libhdf5
 * writes goes through our own file: when a write fails, the reason is kept and libhdf5 is told
 * that all is well, because it cannot close a file that it could not write.
 *
 * One call at a time; from any thread.
 */
#ifndef ALM_RUNTIME_OUTPUT_SYNTH_HDF5_H
#define ALM_RUNTIME_OUTPUT_SYNTH_HDF5_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/core/status.h"

typedef struct alm_synth_hdf5 alm_synth_hdf5;

enum { ALM_SYNTH_NAME = 32 }; /* bytes of a name with its NUL, at most */

typedef enum alm_synth_page {
    ALM_SYNTH_PAGE_BASE_FREESTYLE,
    ALM_SYNTH_PAGE_ASSEMBLE_FREESTYLE,
    ALM_SYNTH_PAGE_BASE_LINEART,
    ALM_SYNTH_PAGE_ASSEMBLE_LINEART,
    ALM_SYNTH_PAGES
} alm_synth_page;

typedef struct alm_synth_record {
    const char *key, *category, *instruction;
    const float *moving, *fixed; /* [points, 3] */
    int moving_points, fixed_points;
    const uint8_t *page[ALM_SYNTH_PAGES]; /* a zlib stream of [side, side, 3]; NULL: left out */
    size_t page_bytes[ALM_SYNTH_PAGES];
    int page_side;
} alm_synth_record;

/* The next name of a split: fills `name`. */
typedef void alm_synth_name_fn(void *context, char name[ALM_SYNTH_NAME]);

/* generator, seed: attributes of the root. Errors: ALM_STATUS_OUTPUT, _MEMORY; ALM_STATUS_USAGE in
 * a build without HDF5. */
alm_status alm_synth_hdf5_begin(const char *path, const char *generator, uint64_t seed,
                                alm_synth_hdf5 **out);

/* objs/<key>/ */
alm_status alm_synth_hdf5_sample(alm_synth_hdf5 *file, const alm_synth_record *record);

/* plans/<name>: the keys of an assembly's steps, in order. */
alm_status alm_synth_hdf5_plan(alm_synth_hdf5 *file, const char *name,
                               const char (*key)[ALM_SYNTH_NAME], int count);

/* split/<name>: `count` names, asked for one by one. */
alm_status alm_synth_hdf5_split(alm_synth_hdf5 *file, const char *name, uint64_t count,
                                alm_synth_name_fn *next, void *context);

/* Gives the file its name; alm_synth_hdf5_end must still follow. */
alm_status alm_synth_hdf5_commit(alm_synth_hdf5 *file);

/* Frees; a file that was not committed is removed. NULL is accepted. */
void alm_synth_hdf5_end(alm_synth_hdf5 *file);

#endif

/* One sample of a synthetic file: which it is, its names and split, its clouds and its pages.
 *
 * A sample is a step of an assembly and depends on the seed, the assembly's number and the step
 * only: not on how many samples there are, nor on the thread that makes it.
 */
#ifndef ALM_RUNTIME_OUTPUT_SYNTH_SAMPLE_H
#define ALM_RUNTIME_OUTPUT_SYNTH_SAMPLE_H

#include "runtime/output/synth_families.h"
#include "runtime/output/synth_hdf5.h"

enum { ALM_SYNTH_MOST_POINTS = 1024 };

/* Pages to make; bits. */
enum { ALM_SYNTH_FREESTYLE = 1, ALM_SYNTH_LINEART = 2 };

/* Sample after sample: the steps of the assemblies in order. Starts as {0}. */
typedef struct alm_synth_cursor {
    uint64_t assembly;
    int step; /* from 0; the sample's step is one more */
} alm_synth_cursor;

void alm_synth_cursor_next(uint64_t seed, alm_synth_cursor *cursor);

/* "Stool_000123", "Stool_000123_2" */
void alm_synth_assembly_name(uint64_t seed, uint64_t assembly, char out[ALM_SYNTH_NAME]);
void alm_synth_sample_name(uint64_t seed, const alm_synth_cursor *at, char out[ALM_SYNTH_NAME]);

/* Of every ten assemblies one is for testing; 1 in 250 is listed as abandoned too. */
bool alm_synth_is_test(uint64_t seed, uint64_t assembly);
bool alm_synth_is_abandoned(uint64_t seed, uint64_t assembly);

/* For one thread: what it needs again and again. */
typedef struct alm_synth_maker alm_synth_maker;

alm_status alm_synth_maker_create(uint64_t seed, int styles, alm_synth_maker **out);
void alm_synth_maker_destroy(alm_synth_maker *maker); /* NULL is accepted */

/* Zero-initialise. */
typedef struct alm_synth_sample {
    alm_synth_cursor at;
    int steps; /* of its assembly */
    char name[ALM_SYNTH_NAME];
    const char *category, *instruction; /* static storage */
    int moving_points, fixed_points;
    float moving[3 * ALM_SYNTH_MOST_POINTS], fixed[3 * ALM_SYNTH_MOST_POINTS];
    uint8_t *page[ALM_SYNTH_PAGES]; /* zlib streams */
    size_t page_bytes[ALM_SYNTH_PAGES], page_room[ALM_SYNTH_PAGES];
} alm_synth_sample;

/* *sample: zero or made before. Errors: ALM_STATUS_MEMORY, ALM_STATUS_INTERNAL. */
alm_status alm_synth_sample_make(alm_synth_maker *maker, const alm_synth_cursor *at,
                                 alm_synth_sample *sample);
void alm_synth_sample_free(alm_synth_sample *sample); /* resets it */

#endif

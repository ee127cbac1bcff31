/* `synth data`: makes samples in batches on several threads and writes them in order.
 *
 * While a batch is made, one task writes the batch before: two batches are in memory, whatever the
 * number of samples. Names are not kept but made again for the splits. Refused: what the options
 * cannot mean (ALM_STATUS_USAGE), an existing file without force and what the system refuses
 * (ALM_STATUS_OUTPUT).
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "kernels/core/memory.h"
#include "kernels/core/parallel.h"
#include "runtime/assemlm.h"
#include "runtime/output/overwrite.h"
#include "runtime/output/synth_pages.h"
#include "runtime/output/synth_sample.h"

enum { PER_THREAD = 8, FAULT_TEXT = 512 };

/* Counts up when a change of ours changes the values of a seed. */
static const char generator[] = "assemlm synth data 1";

/* A task's outcome: texts of errors are kept by thread, so they are copied here. */
typedef struct fault {
    alm_status status;
    char text[FAULT_TEXT];
} fault;

typedef struct slot {
    alm_synth_cursor at;
    alm_synth_sample sample;
    fault fault;
} slot;

typedef struct batch {
    slot *slot; /* [job's room] */
    int count;
} batch;

typedef struct job {
    const alm_synth_data_options *o;
    alm_pool *pool;
    alm_synth_maker **maker; /* [threads] */
    int threads, room;
    batch batch[2];
    batch *making, *writing;
    fault fault; /* of writing */
    alm_synth_hdf5 *file;
    uint64_t written;
} job;

static void note(fault *f, alm_status status)
{
    if (status != ALM_OK) {
        f->status = status;
        snprintf(f->text, sizeof f->text, "%s", alm_error_message());
    }
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* The plan follows its last sample. An assembly that the number of samples cuts off has a shorter
 * one. */
static alm_status write_plan(job *j, const alm_synth_sample *s)
{
    char keys[ALM_SYNTH_STEPS][ALM_SYNTH_NAME] = {{0}}, name[ALM_SYNTH_NAME];
    const int count = s->at.step + 1;
    alm_synth_cursor at = {.assembly = s->at.assembly};
    for (; at.step < count; at.step++) {
        alm_synth_sample_name(j->o->seed, &at, keys[at.step]);
    }
    alm_synth_assembly_name(j->o->seed, s->at.assembly, name);
    return alm_synth_hdf5_plan(j->file, name, (const char(*)[ALM_SYNTH_NAME])keys, count);
}

static alm_status write_sample(job *j, const alm_synth_sample *s)
{
    alm_synth_record r = {.key = s->name,
                          .category = s->category,
                          .instruction = s->instruction,
                          .moving = s->moving,
                          .fixed = s->fixed,
                          .moving_points = s->moving_points,
                          .fixed_points = s->fixed_points,
                          .page_side = ALM_PAGE_SIDE};
    for (int i = 0; i < ALM_SYNTH_PAGES; i++) {
        r.page[i] = s->page_bytes[i] ? s->page[i] : NULL;
        r.page_bytes[i] = s->page_bytes[i];
    }
    ALM_TRY(alm_synth_hdf5_sample(j->file, &r));
    j->written++;
    if (s->at.step + 1 == s->steps || j->written == j->o->samples) {
        return write_plan(j, s);
    }
    return ALM_OK;
}

static void write_batch(job *j)
{
    for (int i = 0; i < j->writing->count && j->fault.status == ALM_OK; i++) {
        const slot *s = &j->writing->slot[i];
        if (s->fault.status != ALM_OK) {
            j->fault = s->fault;
        } else {
            note(&j->fault, write_sample(j, &s->sample));
        }
    }
    j->writing->count = 0;
}

/* Task 0 writes, so that it starts first; the others make a sample each. */
static void run_task(void *context, int64_t index, int thread)
{
    job *j = context;
    if (index == 0) {
        write_batch(j);
        return;
    }
    slot *s = &j->making->slot[index - 1];
    s->fault.status = ALM_OK;
    note(&s->fault, alm_synth_sample_make(j->maker[thread], &s->at, &s->sample));
}

static alm_status write_samples(job *j)
{
    alm_synth_cursor cursor = {0};
    uint64_t planned = 0;
    j->making = &j->batch[0];
    j->writing = &j->batch[1];
    while (j->written < j->o->samples) {
        while (planned < j->o->samples && j->making->count < j->room) {
            j->making->slot[j->making->count++].at = cursor;
            alm_synth_cursor_next(j->o->seed, &cursor);
            planned++;
        }
        alm_parallel_for(j->pool, 1 + j->making->count, run_task, j);
        if (j->fault.status != ALM_OK) {
            return alm_fail(j->fault.status, "%s", j->fault.text);
        }
        batch *made = j->making;
        j->making = j->writing;
        j->writing = made;
        if (j->o->progress) {
            j->o->progress(j->o->progress_context, j->written, j->o->samples);
        }
    }
    return ALM_OK;
}

/* ---- Splits ---------------------------------------------------------------------------------- */

typedef enum split { SPLIT_TRAIN, SPLIT_TEST, SPLIT_ABANDON } split;

/* The names of a split, in the order of the samples. */
typedef struct names {
    uint64_t seed;
    split split;
    alm_synth_cursor at;
} names;

static bool is_in(const names *n)
{
    return n->split == SPLIT_ABANDON
               ? alm_synth_is_abandoned(n->seed, n->at.assembly)
               : alm_synth_is_test(n->seed, n->at.assembly) == (n->split == SPLIT_TEST);
}

static void next_name(void *context, char name[ALM_SYNTH_NAME])
{
    names *n = context;
    while (!is_in(n)) {
        alm_synth_cursor_next(n->seed, &n->at);
    }
    alm_synth_sample_name(n->seed, &n->at, name);
    alm_synth_cursor_next(n->seed, &n->at);
}

static alm_status write_split(job *j, const char *name, split which)
{
    names n = {.seed = j->o->seed, .split = which};
    uint64_t count = 0;
    for (uint64_t i = 0; i < j->o->samples; i++) {
        count += is_in(&n);
        alm_synth_cursor_next(n.seed, &n.at);
    }
    n.at = (alm_synth_cursor){0};
    return alm_synth_hdf5_split(j->file, name, count, next_name, &n);
}

/* ---- All ------------------------------------------------------------------------------------- */

static void free_job(job *j)
{
    alm_synth_hdf5_end(j->file);
    for (int b = 0; b < 2; b++) {
        for (int i = 0; j->batch[b].slot && i < j->room; i++) {
            alm_synth_sample_free(&j->batch[b].slot[i].sample);
        }
        alm_free(j->batch[b].slot);
    }
    for (int i = 0; j->maker && i < j->threads; i++) {
        alm_synth_maker_destroy(j->maker[i]);
    }
    alm_free(j->maker);
    alm_pool_destroy(j->pool);
}

static alm_status make_job(job *j, int styles)
{
    j->threads = j->o->threads > 0 ? j->o->threads : alm_core_count();
    j->room = PER_THREAD * j->threads;
    ALM_TRY(alm_pool_create(j->threads, &j->pool));
    ALM_TRY(alm_calloc((size_t)j->threads, sizeof *j->maker, "makers of samples", &j->maker));
    for (int i = 0; i < j->threads; i++) {
        ALM_TRY(alm_synth_maker_create(j->o->seed, styles, &j->maker[i]));
    }
    for (int b = 0; b < 2; b++) {
        ALM_TRY(
            alm_calloc((size_t)j->room, sizeof *j->batch[b].slot, "samples", &j->batch[b].slot));
    }
    return alm_synth_hdf5_begin(j->o->to, generator, j->o->seed, &j->file);
}

static alm_status check_options(const alm_synth_data_options *o, int *styles)
{
    static const char *const known[3] = {"freestyle", "lineart", "both"};
    const char *style = o->style ? o->style : "both";
    struct stat about;
    *styles = 0;
    for (int i = 0; i < 3; i++) {
        *styles = strcmp(style, known[i]) == 0 ? i + 1 : *styles;
    }
    if (*styles == 0) {
        return alm_fail(ALM_STATUS_USAGE, "style %s: expected freestyle, lineart or both", style);
    }
    if (!o->to) {
        return alm_fail(ALM_STATUS_USAGE, "no file to write to was given");
    }
    if (o->samples < 1 || o->samples > ALM_SYNTH_MOST_SAMPLES) {
        return alm_fail(ALM_STATUS_USAGE, "%llu samples: expected 1 to %d",
                        (unsigned long long)o->samples, ALM_SYNTH_MOST_SAMPLES);
    }
    if (stat(o->to, &about) == 0 && !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode)) {
        return alm_fail(ALM_STATUS_OUTPUT, "%s: HDF5 needs an ordinary file", o->to);
    }
    return alm_output_check(o->to, o->force);
}

alm_status alm_synth_data(const alm_synth_data_options *o)
{
    job j = {.o = o};
    int styles;
    alm_error_clear();
    ALM_TRY(check_options(o, &styles));
    alm_status status = make_job(&j, styles);
    status = status != ALM_OK ? status : write_samples(&j);
    status = status != ALM_OK ? status : write_split(&j, "train", SPLIT_TRAIN);
    status = status != ALM_OK ? status : write_split(&j, "test", SPLIT_TEST);
    status = status != ALM_OK ? status : write_split(&j, "abandon", SPLIT_ABANDON);
    status = status != ALM_OK ? status : alm_synth_hdf5_commit(j.file);
    free_job(&j);
    return status;
}

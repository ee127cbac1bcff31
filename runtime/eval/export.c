/* alm_eval_export_draws: the samples of every set as they are drawn, for other systems. */
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/assemlm.h"
#include "runtime/eval/draw.h"
#include "runtime/eval/reader.h"
#include "runtime/eval/setup.h"
#include "runtime/output/overwrite.h"
#include "runtime/output/safetensors_write.h"

enum { BATCH = 64, NAME = 320 };

/* The tensors of a set; rows are samples in selected order. */
enum {
    IDX,
    ASSET_END,
    READABLE,
    MOVING_INDICES,
    FIXED_INDICES,
    MOVING,
    FIXED,
    RANDOMISED,
    CENTRE,
    ROTATION,
    POSE,
    ASSETS,
    TENSORS
};

static const struct {
    const char *name;
    alm_dtype dtype;
    int64_t dim[2]; /* of a row; 0: none */
} tensors[TENSORS] = {
    [IDX] = {"idx", ALM_DTYPE_I64, {0, 0}},
    [ASSET_END] = {"asset_end", ALM_DTYPE_I64, {0, 0}},
    [READABLE] = {"readable", ALM_DTYPE_U8, {0, 0}},
    [MOVING_INDICES] = {"moving_indices", ALM_DTYPE_I32, {ALM_DRAW_POINTS, 0}},
    [FIXED_INDICES] = {"fixed_indices", ALM_DTYPE_I32, {ALM_DRAW_POINTS, 0}},
    [MOVING] = {"moving", ALM_DTYPE_F32, {ALM_DRAW_POINTS, 3}},
    [FIXED] = {"fixed", ALM_DTYPE_F32, {ALM_DRAW_POINTS, 3}},
    [RANDOMISED] = {"randomised", ALM_DTYPE_F32, {ALM_DRAW_POINTS, 3}},
    [CENTRE] = {"centre", ALM_DTYPE_F32, {3, 0}},
    [ROTATION] = {"rotation", ALM_DTYPE_F32, {3, 3}},
    [POSE] = {"pose", ALM_DTYPE_F32, {9, 0}},
    [ASSETS] = {"assets", ALM_DTYPE_U8, {0, 0}}, /* all keys, one behind the other */
};

typedef struct export
{
    alm_eval_setup setup;
    alm_tensor_entry *entry; /* [sets, TENSORS] */
    char(*name)[NAME];
    uint64_t *at; /* [sets, TENSORS]: where each begins */
    alm_safetensors_writer *writer;
    int64_t failed, done, total;
    const alm_eval_options *options;
}
export;

static alm_desc desc_of(int tensor, int64_t rows)
{
    const int64_t *dim = tensors[tensor].dim;
    alm_desc desc = {.dtype = tensors[tensor].dtype, .rank = 1, .dim = {rows}};
    for (int i = 0; i < 2 && dim[i]; i++) {
        desc.dim[desc.rank++] = dim[i];
    }
    return desc;
}

/* The keys of a set: idx, asset_end and assets are written at once. out NULL: only their bytes. */
static alm_status write_keys(export *e, int number, int64_t *bytes)
{
    const alm_eval_plan *plan = &e->setup.plan;
    const alm_eval_plan_set *set = &plan->set[number];
    const uint64_t *at = e->at + (size_t)number * TENSORS;
    uint32_t *order;
    int64_t end = 0;
    ALM_TRY(alm_alloc((size_t)set->selected, sizeof *order, "an order of samples", &order));
    alm_status status = alm_eval_plan_order(plan, number, order);
    for (int64_t i = 0; i < set->selected && status == ALM_OK; i++) {
        const char *key = alm_eval_data_key(&e->setup.data, set->dataset, set->split, order[i]);
        const int64_t idx = order[i], begin = end;
        end += (int64_t)strlen(key);
        if (!e->writer) {
            continue;
        }
        status = alm_safetensors_put(e->writer, at[IDX] + 8 * (uint64_t)i, &idx, sizeof idx);
        if (status == ALM_OK) {
            status =
                alm_safetensors_put(e->writer, at[ASSET_END] + 8 * (uint64_t)i, &end, sizeof end);
        }
        if (status == ALM_OK) {
            status = alm_safetensors_put(e->writer, at[ASSETS] + (uint64_t)begin, key,
                                         (size_t)(end - begin));
        }
    }
    alm_free(order);
    *bytes = end;
    return status;
}

/* Names, shapes and places of all tensors. */
static alm_status lay_out(export *e)
{
    const alm_eval_plan *plan = &e->setup.plan;
    const size_t count = (size_t)plan->sets * TENSORS;
    uint64_t at = 0;
    ALM_TRY(alm_calloc(count, sizeof *e->entry, "tensors", &e->entry));
    ALM_TRY(alm_calloc(count, sizeof *e->name, "tensors", &e->name));
    ALM_TRY(alm_calloc(count, sizeof *e->at, "tensors", &e->at));
    for (size_t i = 0; i < count; i++) {
        const int number = (int)(i / TENSORS), tensor = (int)(i % TENSORS);
        const alm_eval_plan_set *set = &plan->set[number];
        int64_t rows = set->selected;
        if (tensor == ASSETS) {
            ALM_TRY(write_keys(e, number, &rows));
        }
        snprintf(e->name[i], NAME, "%s/%s/%lu/%s", plan->dataset[set->dataset].name,
                 plan->split[set->split], (unsigned long)plan->seed[set->seed],
                 tensors[tensor].name);
        e->entry[i] = (alm_tensor_entry){.name = e->name[i], .desc = desc_of(tensor, rows)};
        size_t bytes;
        ALM_TRY(alm_desc_bytes(&e->entry[i].desc, e->name[i], &bytes));
        e->at[i] = at;
        at += bytes;
    }
    return ALM_OK;
}

static alm_status write_draw(export *e, const alm_eval_item *item, const alm_draw *draw)
{
    static const uint8_t yes = 1;
    const struct {
        int tensor;
        const void *data;
        size_t bytes;
    } parts[] = {{READABLE, &yes, 1},
                 {MOVING_INDICES, draw->moving_index, sizeof draw->moving_index},
                 {FIXED_INDICES, draw->fixed_index, sizeof draw->fixed_index},
                 {MOVING, draw->moving, sizeof draw->moving},
                 {FIXED, draw->fixed, sizeof draw->fixed},
                 {RANDOMISED, draw->randomised, sizeof draw->randomised},
                 {CENTRE, draw->centre, sizeof draw->centre},
                 {ROTATION, draw->rotation, sizeof draw->rotation},
                 {POSE, draw->pose, sizeof draw->pose}};
    const uint64_t *at = e->at + (size_t)item->set * TENSORS;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        ALM_TRY(alm_safetensors_put(e->writer, at[parts[i].tensor] + item->at * parts[i].bytes,
                                    parts[i].data, parts[i].bytes));
    }
    return ALM_OK;
}

static alm_status write_batch(export *e, const alm_eval_batch *batch, alm_draw *draw)
{
    const alm_eval_plan *plan = &e->setup.plan;
    for (int i = 0; i < batch->count; i++) {
        const alm_eval_item *item = batch->item[i];
        const alm_eval_object *o = &batch->object[batch->object_of[i]];
        const alm_asset *a = &o->asset;
        if (o->status != ALM_OK) {
            e->failed++;
            if (e->options->note) {
                e->options->note(e->options->context, o->error);
            }
            continue;
        }
        const uint32_t seed = plan->seed[plan->set[item->set].seed];
        ALM_TRY(alm_draw_sample(alm_draw_seed(seed, item->idx), a->moving, a->moving_points,
                                a->fixed, a->fixed_points, draw));
        ALM_TRY(write_draw(e, item, draw));
    }
    e->done += batch->count;
    if (e->options->progress) {
        e->options->progress(e->options->context, e->done, e->total, e->failed);
    }
    return ALM_OK;
}

static alm_status write_draws(export *e)
{
    alm_eval_items items = {0};
    alm_eval_reader *reader = NULL;
    alm_draw *draw = NULL;
    alm_status status = alm_eval_items_make(&e->setup.plan, &e->setup.data, 0, 1, &items);
    e->total = items.count;
    if (status == ALM_OK) {
        status = alm_alloc(1, sizeof *draw, "a drawn sample", &draw);
    }
    if (status == ALM_OK) {
        status = alm_eval_reader_create(&e->setup.plan, &e->setup.data, &items, NULL, BATCH,
                                        ALM_ASSET_CLOUDS, &reader);
    }
    for (alm_eval_batch *batch; status == ALM_OK;) {
        status = alm_eval_reader_next(reader, &batch);
        if (status != ALM_OK || batch->count == 0) {
            break;
        }
        status = write_batch(e, batch, draw);
    }
    alm_eval_reader_destroy(reader);
    alm_free(draw);
    alm_eval_items_free(&items);
    return status;
}

static alm_status write_all(export *e, const char *path)
{
    ALM_TRY(alm_eval_setup_make(e->options, &e->setup));
    ALM_TRY(lay_out(e));
    ALM_TRY(
        alm_safetensors_begin(path, e->entry, (size_t)e->setup.plan.sets * TENSORS, &e->writer));
    ALM_TRY(alm_safetensors_zeros(e->writer));
    for (int s = 0; s < e->setup.plan.sets; s++) {
        int64_t bytes;
        ALM_TRY(write_keys(e, s, &bytes));
    }
    ALM_TRY(write_draws(e));
    return alm_safetensors_commit(e->writer);
}

alm_status alm_eval_export_draws(const alm_eval_options *options, const char *path, bool force)
{
    export e = {.options = options};
    alm_error_clear();
    ALM_TRY(alm_output_check(path, force));
    const alm_status status = write_all(&e, path);
    alm_safetensors_end(e.writer);
    alm_eval_setup_free(&e.setup);
    alm_free(e.entry);
    alm_free(e.name);
    alm_free(e.at);
    if (status == ALM_OK && e.failed > 0) {
        return alm_fail(ALM_STATUS_PARTIAL, "%lld of %lld samples could not be read",
                        (long long)e.failed, (long long)e.total);
    }
    return status;
}

#include "runtime/dump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "kernels/core/rows.h"
#include "runtime/output/safetensors_write.h"

typedef struct stage {
    char *name;
    alm_desc desc;
    void *data; /* packed */
} stage;

struct alm_dump {
    const alm_runner *runner;
    stage *stages;
    size_t count, capacity;
};

/* Appends an empty stage of this shape; *data is its memory. */
static alm_status add(alm_dump *d, const char *name, alm_desc desc, void *data_out)
{
    size_t bytes;
    stage fresh = {.desc = desc};
    ALM_TRY(alm_desc_bytes(&desc, name, &bytes));
    ALM_TRY(alm_reserve(d->count + 1, sizeof *d->stages, "dump", &d->stages, &d->capacity));
    ALM_TRY(alm_strdup(name, "dump", &fresh.name));
    const alm_status status = alm_alloc(bytes, 1, name, &fresh.data);
    if (status != ALM_OK) {
        alm_free(fresh.name);
        return status;
    }
    d->stages[d->count++] = fresh;
    memcpy(data_out, &fresh.data, sizeof fresh.data);
    return ALM_OK;
}

/* [rows, 3] -> [3, rows]: the layout of position ids in dumps. */
static alm_status add_positions(alm_dump *d, const char *name, const int32_t *position,
                                int64_t rows)
{
    int32_t *out;
    ALM_TRY(add(d, name, alm_desc_2(ALM_DTYPE_I32, 3, rows), &out));
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t axis = 0; axis < 3; axis++) {
            out[axis * rows + i] = position[3 * i + axis];
        }
    }
    return ALM_OK;
}

static alm_status add_prepared(alm_dump *d, const alm_prepared *p)
{
    const int64_t n = p->prompt->count;
    int32_t *ids, *grid;
    uint8_t *allowed;
    ALM_TRY(add(d, "input_ids", alm_desc_1(ALM_DTYPE_I32, n), &ids));
    memcpy(ids, p->prompt->ids, (size_t)n * sizeof *ids);
    ALM_TRY(add_positions(d, "position_ids_text", p->prompt->position, n));
    ALM_TRY(add(d, "attention_allowed", alm_desc_2(ALM_DTYPE_U8, n, n), &allowed));
    alm_prompt_allowed(p->prompt, allowed);
    ALM_TRY(add(d, "image_grid_thw", alm_desc_2(ALM_DTYPE_I32, ALM_PAGES, 3), &grid));
    for (int i = 0; i < ALM_PAGES; i++) {
        grid[3 * i] = 1;
        grid[3 * i + 1] = p->grid[i].rows;
        grid[3 * i + 2] = p->grid[i].columns;
    }
    return ALM_OK;
}

static int ascending(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}

/* A BF16 stage is F32 in dumps: those of both modes have the same types. */
static alm_status add_narrow(alm_dump *d, const char *name, alm_desc desc, const alm_tensor *t)
{
    alm_tensor wide = {.stride = alm_desc_row(&desc), .desc = desc};
    wide.desc.dtype = ALM_DTYPE_F32;
    ALM_TRY(add(d, name, wide.desc, &wide.data));
    for (int64_t i = 0; i < desc.dim[0]; i++) {
        alm_copy_row(t, i, &wide, i);
    }
    return ALM_OK;
}

/* Copies the rows in use of a value. Neighbour lists come sorted by index, whatever order a kernel
 * leaves. */
static alm_status add_value(alm_dump *d, alm_value v)
{
    const alm_value_info *info = &d->runner->model.graph->values[v];
    alm_tensor t;
    ALM_TRY(alm_executor_fetch(d->runner->executor, v, &t));
    alm_desc desc = t.desc;
    desc.dim[0] = alm_rows(&t);
    if (strcmp(info->stage, "position_ids") == 0) {
        return add_positions(d, info->stage, t.data, desc.dim[0]);
    }
    const size_t element = alm_dtype_size(desc.dtype), row = (size_t)alm_desc_row(&desc) * element;
    char *out;
    if (desc.dtype == ALM_DTYPE_BF16) {
        return add_narrow(d, info->stage, desc, &t);
    }
    ALM_TRY(add(d, info->stage, desc, &out));
    for (int64_t i = 0; i < desc.dim[0]; i++) {
        memcpy(out + (size_t)i * row, (const char *)t.data + (size_t)(i * t.stride) * element, row);
        if (desc.dtype == ALM_DTYPE_I32 && desc.rank == 2) {
            qsort(out + (size_t)i * row, (size_t)desc.dim[1], element, ascending);
        }
    }
    return ALM_OK;
}

/* Stages whose buffer comes from the node; node -1: inputs. */
static alm_status add_stages_of(alm_dump *d, int node)
{
    const alm_graph *g = d->runner->model.graph;
    for (alm_value v = 0; v < g->n_values; v++) {
        const alm_value_info *root = &g->values[g->values[v].root];
        const bool made_here =
            root->storage == ALM_STORAGE_INPUT ? node < 0 : root->producer == node;
        if (g->values[v].stage && made_here) {
            ALM_TRY(add_value(d, v));
        }
    }
    return ALM_OK;
}

/* The runner's inputs are filled when the first node runs: stages that are inputs are copied then.
 */
alm_status alm_dump_node(void *context, int node)
{
    if (node == 0) {
        ALM_TRY(add_stages_of(context, -1));
    }
    return add_stages_of(context, node);
}

alm_status alm_dump_begin(const alm_runner *runner, const alm_prepared *prepared, alm_dump **out)
{
    alm_dump *d;
    ALM_TRY(alm_calloc(1, sizeof *d, "dump", &d));
    d->runner = runner;
    const alm_status status = add_prepared(d, prepared);
    if (status != ALM_OK) {
        alm_dump_end(d);
        return status;
    }
    *out = d;
    return ALM_OK;
}

alm_status alm_dump_write(const alm_dump *d, const char *path)
{
    alm_tensor_entry *entries;
    ALM_TRY(alm_alloc(d->count, sizeof *entries, "dump", &entries));
    for (size_t i = 0; i < d->count; i++) {
        entries[i] = (alm_tensor_entry){
            .name = d->stages[i].name, .desc = d->stages[i].desc, .data = d->stages[i].data};
    }
    const alm_status status = alm_safetensors_save(path, entries, d->count);
    alm_free(entries);
    return status;
}

void alm_dump_end(alm_dump *d)
{
    if (!d) {
        return;
    }
    for (size_t i = 0; i < d->count; i++) {
        alm_free(d->stages[i].name);
        alm_free(d->stages[i].data);
    }
    alm_free(d->stages);
    alm_free(d);
}

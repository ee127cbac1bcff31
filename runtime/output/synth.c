/* Makes a model folder whose weights follow the rule (synth_weights.h): settings, then the state
 * file, streamed through one block of memory.
 *
 * Nothing appears under the final name before all is written. Refused: an unknown preset or
 * container (ALM_STATUS_USAGE), a folder `from` that is no model folder (ALM_STATUS_MODEL), an
 * existing folder without force and what the system refuses (ALM_STATUS_OUTPUT).
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "kernels/core/memory.h"
#include "kernels/core/parallel.h"
#include "runtime/assemlm.h"
#include "runtime/input/config.h"
#include "runtime/input/prompt.h"
#include "runtime/input/text_file.h"
#include "runtime/input/tokenizer.h"
#include "runtime/output/folder_write.h"
#include "runtime/output/safetensors_write.h"
#include "runtime/output/synth_settings.h"
#include "runtime/output/synth_weights.h"
#include "runtime/output/torch_write.h"

enum {
    POINT_CHANNELS = 21,      /* of conv1 to conv5: in no file, the release's number */
    BLOCK_ELEMENTS = 8 << 20, /* that are made before they are written */
    TASK_ELEMENTS = 64 << 10  /* that one thread makes at a time */
};

static const char embedding[] = "pvlm_interface.vlm.model.language_model.embed_tokens.weight";
static const char tied_head[] = "pvlm_interface.vlm.lm_head.weight";

/* The tensors that are written, in state-dict order. */
typedef struct plan {
    alm_tensor_entry *entry; /* [count]; names are owned */
    size_t count, capacity;
    bool with_tied_head;
    uint64_t bytes; /* of all values; a tied tensor has none of its own */
} plan;

/* ---- Plan ------------------------------------------------------------------------------------ */

static alm_status add_tensor(void *context, const alm_tensor_spec *spec)
{
    plan *p = context;
    const bool is_tied = strcmp(spec->name, tied_head) == 0;
    if (is_tied && !p->with_tied_head) {
        return ALM_OK;
    }
    ALM_TRY(
        alm_reserve(p->count + 1, sizeof *p->entry, "list of tensors", &p->entry, &p->capacity));
    alm_tensor_entry e = {.desc = {.dtype = ALM_DTYPE_BF16, .rank = spec->rank}};
    char *name;
    size_t bytes;
    memcpy(e.desc.dim, spec->dim, (size_t)spec->rank * sizeof spec->dim[0]);
    ALM_TRY(alm_desc_bytes(&e.desc, spec->name, &bytes));
    ALM_TRY(alm_strdup(spec->name, "name of a tensor", &name));
    e.name = name;
    /* Only says that the two share a storage. */
    e.data = is_tied || strcmp(spec->name, embedding) == 0 ? embedding : NULL;
    p->entry[p->count++] = e;
    p->bytes += is_tied ? 0 : bytes;
    return ALM_OK;
}

static void free_plan(plan *p)
{
    for (size_t i = 0; i < p->count; i++) {
        alm_free((void *)(uintptr_t)p->entry[i].name);
    }
    alm_free(p->entry);
}

/* What no file of settings tells: rows for every token, and the channels. */
static alm_status make_plan(const char *folder, plan *p)
{
    alm_settings *settings = NULL;
    alm_tokenizer *tokenizer = NULL;
    const char *extra[ALM_EXTRA_TOKENS];
    char *base;
    ALM_TRY(alm_path_join(folder, "base", &base));
    alm_status status = alm_settings_read(folder, base, &settings);
    if (status == ALM_OK) {
        alm_prompt_extra_tokens(settings, extra);
        status = alm_tokenizer_load(base, extra, ALM_EXTRA_TOKENS, &tokenizer);
    }
    if (status == ALM_OK) {
        settings->model.text.embedding_rows = alm_tokenizer_size(tokenizer);
        settings->model.point.channels = POINT_CHANNELS;
        status = alm_tensor_specs(settings, add_tensor, p);
    }
    alm_tokenizer_free(tokenizer);
    alm_settings_free(settings);
    alm_free(base);
    return status;
}

/* ---- Values ---------------------------------------------------------------------------------- */

typedef struct sink {
    alm_torch_writer *torch; /* one of the two */
    alm_safetensors_writer *safetensors;
} sink;

static alm_status put(const sink *s, const void *data, size_t bytes)
{
    return s->torch ? alm_torch_add(s->torch, data, bytes)
                    : alm_safetensors_add(s->safetensors, data, bytes);
}

/* Elements of one tensor that are made at once. */
typedef struct block {
    const alm_weight_rule *rule;
    int64_t begin, count;
    alm_bf16 *out;
} block;

static void fill_part(void *context, int64_t index, int thread)
{
    const block *b = context;
    const int64_t from = index * TASK_ELEMENTS;
    const int64_t left = b->count - from;
    (void)thread;
    alm_weight_fill(b->rule, b->begin + from, left < TASK_ELEMENTS ? left : TASK_ELEMENTS,
                    b->out + from);
}

static alm_status write_values(const alm_synth_options *o, const plan *p, alm_pool *pool,
                               alm_bf16 *memory, const sink *s)
{
    uint64_t done = 0;
    for (size_t i = 0; i < p->count; i++) {
        const alm_tensor_entry *e = &p->entry[i];
        const alm_weight_rule rule = alm_weight_rule_of(e->name, &e->desc, o->seed);
        const int64_t count = strcmp(e->name, tied_head) == 0 ? 0 : alm_desc_count(&e->desc);
        for (block b = {.rule = &rule, .out = memory}; b.begin < count; b.begin += b.count) {
            b.count = count - b.begin < BLOCK_ELEMENTS ? count - b.begin : BLOCK_ELEMENTS;
            alm_parallel_for(pool, (b.count + TASK_ELEMENTS - 1) / TASK_ELEMENTS, fill_part, &b);
            ALM_TRY(put(s, memory, (size_t)b.count * sizeof *memory));
            done += (uint64_t)b.count * sizeof *memory;
            if (o->progress) {
                o->progress(o->progress_context, done, p->bytes);
            }
        }
    }
    return ALM_OK;
}

static alm_status open_sink(const char *folder, bool is_torch, const plan *p, sink *s)
{
    char *below = NULL, *path = NULL;
    alm_status status = alm_path_join(folder, "pytorch_model", &below);
    if (status == ALM_OK && is_torch && mkdir(below, 0777) != 0) {
        status = alm_fail(ALM_STATUS_OUTPUT, "%s: %s", below, strerror(errno));
    }
    if (status == ALM_OK) {
        status = is_torch ? alm_path_join(below, "mp_rank_00_model_states.pt", &path)
                          : alm_path_join(folder, "model.safetensors", &path);
    }
    if (status == ALM_OK) {
        status = is_torch ? alm_torch_begin(path, p->entry, p->count, &s->torch)
                          : alm_safetensors_begin(path, p->entry, p->count, &s->safetensors);
    }
    alm_free(below);
    alm_free(path);
    return status;
}

static alm_status write_state(const alm_synth_options *o, const char *folder, bool is_torch,
                              const plan *p)
{
    alm_pool *pool = NULL;
    alm_bf16 *memory = NULL;
    sink s = {0};
    alm_status status = alm_pool_create(o->threads > 0 ? o->threads : alm_core_count(), &pool);
    if (status == ALM_OK) {
        status = alm_alloc(BLOCK_ELEMENTS, sizeof *memory, "weights", &memory);
    }
    status = status != ALM_OK ? status : open_sink(folder, is_torch, p, &s);
    status = status != ALM_OK ? status : write_values(o, p, pool, memory, &s);
    if (status == ALM_OK) {
        status = is_torch ? alm_torch_commit(s.torch) : alm_safetensors_commit(s.safetensors);
    }
    alm_torch_end(s.torch);
    alm_safetensors_end(s.safetensors);
    alm_free(memory);
    alm_pool_destroy(pool);
    return status;
}

/* ---- Folder ---------------------------------------------------------------------------------- */

/* base/ of the folder when it has one; else the one that its config.yaml leads to. */
static alm_status copy_settings(const char *folder, const char *from)
{
    alm_settings *settings = NULL;
    char *base;
    ALM_TRY(alm_path_join(from, "base", &base));
    alm_status status = alm_settings_read(from, alm_is_folder(base) ? base : NULL, &settings);
    if (status == ALM_OK) {
        status = alm_synth_settings_copy(folder, from, settings->base);
    }
    alm_settings_free(settings);
    alm_free(base);
    return status;
}

static alm_status fill_folder(const alm_synth_options *o, const char *folder, bool is_torch)
{
    plan p = {.with_tied_head = is_torch};
    ALM_TRY(o->from ? copy_settings(folder, o->from) : alm_synth_settings_write(folder, o->preset));
    alm_status status = make_plan(folder, &p);
    status = status != ALM_OK ? status : write_state(o, folder, is_torch, &p);
    free_plan(&p);
    return status;
}

alm_status alm_synth_model(const alm_synth_options *o)
{
    alm_folder_write *folder;
    const char *container = o->container ? o->container : "pt";
    const bool is_torch = strcmp(container, "pt") == 0;
    alm_error_clear();
    if (!is_torch && strcmp(container, "safetensors") != 0) {
        return alm_fail(ALM_STATUS_USAGE, "container %s: expected pt or safetensors", container);
    }
    if (!o->to) {
        return alm_fail(ALM_STATUS_USAGE, "no folder to write to was given");
    }
    ALM_TRY(alm_folder_write_begin(o->to, o->force, &folder));
    alm_status status = fill_folder(o, alm_folder_write_part(folder), is_torch);
    status = status != ALM_OK ? status : alm_folder_write_commit(folder);
    alm_folder_write_end(folder);
    return status;
}

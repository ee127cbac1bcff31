/* Memory, stream and stack of the pickle machine, and questions about finished values. */
#include "runtime/input/pickle_machine.h"

#include <string.h>

#include "kernels/core/memory.h"

enum { CHUNK_BYTES = 64 << 10 };

/* Values live in chunks that are freed together. */
typedef struct alm_pickle_chunk {
    struct alm_pickle_chunk *next;
    size_t used, size;
    max_align_t block[];
} alm_pickle_chunk;

alm_status almi_pickle_wrong(const alm_pickle_machine *m, const char *what)
{
    return alm_fail(ALM_STATUS_MODEL, "%s: %s at byte %zu: %s", m->name, m->opcode, m->opcode_at,
                    what);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static alm_status account(alm_pickle_machine *m, size_t bytes)
{
    if (bytes > ALM_PICKLE_MEMORY - m->pickle->memory) {
        return alm_fail(ALM_STATUS_MODEL, "%s: %s at byte %zu: its values take more than %d bytes",
                        m->name, m->opcode, m->opcode_at, ALM_PICKLE_MEMORY);
    }
    m->pickle->memory += bytes;
    return ALM_OK;
}

alm_status almi_pickle_take_memory(alm_pickle_machine *m, size_t bytes, void **out)
{
    alm_pickle_chunk *c = m->pickle->chunks;
    bytes = (bytes + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) * _Alignof(max_align_t);
    if (!c || c->size - c->used < bytes) {
        const size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
        ALM_TRY(account(m, sizeof *c + size));
        ALM_TRY(alm_alloc(1, sizeof *c + size, "values of a pickle", &c));
        c->next = m->pickle->chunks;
        c->used = 0;
        c->size = size;
        m->pickle->chunks = c;
    }
    *out = (char *)c->block + c->used;
    c->used += bytes;
    return ALM_OK;
}

alm_status almi_pickle_make(alm_pickle_machine *m, alm_value_kind kind, alm_value **out)
{
    void *block;
    ALM_TRY(almi_pickle_take_memory(m, sizeof **out, &block));
    *out = block;
    **out = (alm_value){.kind = kind};
    return ALM_OK;
}

alm_status almi_pickle_grow(alm_pickle_machine *m, size_t need, size_t size, void *array,
                            size_t *capacity)
{
    const size_t before = *capacity;
    if (need <= before) {
        return ALM_OK;
    }
    ALM_TRY(account(m, (need - before + need / 2 + 8) * size));
    return alm_reserve(need, size, "stack of a pickle", array, capacity);
}

alm_status almi_pickle_append(alm_pickle_machine *m, alm_value *list, alm_value *item)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? 2 * list->capacity : 4;
        void *block;
        ALM_TRY(almi_pickle_take_memory(m, capacity * sizeof *list->item, &block));
        if (list->count) {
            memcpy(block, list->item, list->count * sizeof *list->item);
        }
        list->item = block;
        list->capacity = capacity;
    }
    list->item[list->count++] = item;
    return ALM_OK;
}

/* ---- Stream ---------------------------------------------------------------------------------- */

alm_status almi_pickle_take(alm_pickle_machine *m, uint64_t bytes, const uint8_t **out)
{
    if (bytes > m->bytes - m->at) {
        return almi_pickle_wrong(m, "the pickle ends inside");
    }
    *out = m->data + m->at;
    m->at += (size_t)bytes;
    return ALM_OK;
}

alm_status almi_pickle_take_number(alm_pickle_machine *m, int bytes, uint64_t *out)
{
    const uint8_t *at;
    uint64_t n = 0;
    ALM_TRY(almi_pickle_take(m, (uint64_t)bytes, &at));
    for (int i = bytes - 1; i >= 0; i--) {
        n = n << 8 | at[i];
    }
    *out = n;
    return ALM_OK;
}

alm_status almi_pickle_take_line(alm_pickle_machine *m, const char **text, size_t *bytes)
{
    const uint8_t *begin = m->data + m->at;
    const uint8_t *end = memchr(begin, '\n', m->bytes - m->at);
    if (!end) {
        return almi_pickle_wrong(m, "the pickle ends inside");
    }
    *text = (const char *)begin;
    *bytes = (size_t)(end - begin);
    m->at += *bytes + 1;
    return ALM_OK;
}

/* ---- Stack ----------------------------------------------------------------------------------- */

alm_status almi_pickle_push(alm_pickle_machine *m, alm_value *value)
{
    ALM_TRY(almi_pickle_grow(m, m->depth + 1, sizeof(alm_value *), &m->stack, &m->stack_capacity));
    m->stack[m->depth++] = value;
    return ALM_OK;
}

alm_status almi_pickle_push_new(alm_pickle_machine *m, alm_value_kind kind, alm_value **out)
{
    ALM_TRY(almi_pickle_make(m, kind, out));
    return almi_pickle_push(m, *out);
}

size_t almi_pickle_reach(const alm_pickle_machine *m)
{
    return m->depth - (m->marks ? m->mark[m->marks - 1] : 0);
}

alm_status almi_pickle_pop(alm_pickle_machine *m, alm_value **out)
{
    if (almi_pickle_reach(m) == 0) {
        return almi_pickle_wrong(m, "there is no value on the stack");
    }
    *out = m->stack[--m->depth];
    return ALM_OK;
}

alm_status almi_pickle_top(const alm_pickle_machine *m, alm_value **out)
{
    if (almi_pickle_reach(m) == 0) {
        return almi_pickle_wrong(m, "there is no value on the stack");
    }
    *out = m->stack[m->depth - 1];
    return ALM_OK;
}

alm_status almi_pickle_pop_mark(alm_pickle_machine *m, alm_value ***items, size_t *count)
{
    if (m->marks == 0) {
        return almi_pickle_wrong(m, "there is no mark on the stack");
    }
    const size_t begin = m->mark[--m->marks];
    *count = m->depth - begin;
    /* The stack is NULL when nothing was ever pushed. */
    *items = m->stack ? m->stack + begin : NULL;
    m->depth = begin;
    return ALM_OK;
}

/* ---- Values ---------------------------------------------------------------------------------- */

void alm_pickle_free(alm_pickle *pickle)
{
    if (!pickle) {
        return;
    }
    for (alm_pickle_chunk *c = pickle->chunks, *next; c; c = next) {
        next = c->next;
        alm_free(c);
    }
    alm_free(pickle);
}

const alm_value *alm_pickle_root(const alm_pickle *pickle)
{
    return pickle->root;
}

bool alm_value_is_text(const alm_value *value, const char *text)
{
    const size_t bytes = strlen(text);
    return value->kind == ALM_VALUE_TEXT && value->count == bytes &&
           memcmp(value->text, text, bytes) == 0;
}

bool alm_value_is_global(const alm_value *value, const char *module, const char *name)
{
    return value->kind == ALM_VALUE_GLOBAL && alm_value_is_text(value->first, module) &&
           alm_value_is_text(value->second, name);
}

const alm_value *alm_value_get(const alm_value *value, const char *key)
{
    if (value->kind != ALM_VALUE_DICT && value->kind != ALM_VALUE_CALL) {
        return NULL;
    }
    for (size_t i = value->count; i >= 2; i -= 2) {
        if (alm_value_is_text(value->item[i - 2], key)) {
            return value->item[i - 1];
        }
    }
    return NULL;
}

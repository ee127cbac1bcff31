#include "runtime/input/pickle.h"

#include <string.h>

#include "kernels/core/memory.h"

enum { CHUNK_BYTES = 64 << 10, NEWEST_PROTOCOL = 5 };

/* Values live in chunks that are freed together. */
typedef struct chunk {
    struct chunk *next;
    size_t used, size;
    max_align_t block[];
} chunk;

struct alm_pickle {
    chunk *chunks;
    size_t memory; /* that was given out, of ALM_PICKLE_MEMORY */
    const alm_value *root;
};

typedef struct machine {
    alm_pickle *pickle;
    const uint8_t *data;
    size_t bytes, at;
    const char *name;   /* of the stream */
    const char *opcode; /* that runs, and its place */
    size_t opcode_at;
    alm_value **stack;
    size_t depth, stack_capacity;
    size_t *mark; /* depths of the stack */
    size_t marks, mark_capacity;
    alm_value **memo; /* NULL where nothing was put */
    size_t memo_slots, memo_used;
    bool stopped;
} machine;

typedef alm_status handler(machine *m, int argument);

static alm_status wrong(const machine *m, const char *what)
{
    return alm_fail(ALM_STATUS_MODEL, "%s: %s at byte %zu: %s", m->name, m->opcode, m->opcode_at,
                    what);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static alm_status account(machine *m, size_t bytes)
{
    if (bytes > ALM_PICKLE_MEMORY - m->pickle->memory) {
        return alm_fail(ALM_STATUS_MODEL, "%s: %s at byte %zu: its values take more than %d bytes",
                        m->name, m->opcode, m->opcode_at, ALM_PICKLE_MEMORY);
    }
    m->pickle->memory += bytes;
    return ALM_OK;
}

static alm_status take_memory(machine *m, size_t bytes, void **out)
{
    chunk *c = m->pickle->chunks;
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

static alm_status make(machine *m, alm_value_kind kind, alm_value **out)
{
    void *block;
    ALM_TRY(take_memory(m, sizeof **out, &block));
    *out = block;
    **out = (alm_value){.kind = kind};
    return ALM_OK;
}

/* Room for one more element of an array that is not part of the tree. */
static alm_status grow(machine *m, size_t need, size_t size, void *array, size_t *capacity)
{
    const size_t before = *capacity;
    if (need <= before) {
        return ALM_OK;
    }
    ALM_TRY(account(m, (need - before + need / 2 + 8) * size));
    return alm_reserve(need, size, "stack of a pickle", array, capacity);
}

static alm_status append(machine *m, alm_value *list, alm_value *item)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? 2 * list->capacity : 4;
        void *block;
        ALM_TRY(take_memory(m, capacity * sizeof *list->item, &block));
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

static alm_status take(machine *m, uint64_t bytes, const uint8_t **out)
{
    if (bytes > m->bytes - m->at) {
        return wrong(m, "the pickle ends inside");
    }
    *out = m->data + m->at;
    m->at += (size_t)bytes;
    return ALM_OK;
}

static alm_status take_number(machine *m, int bytes, uint64_t *out)
{
    const uint8_t *at;
    uint64_t n = 0;
    ALM_TRY(take(m, (uint64_t)bytes, &at));
    for (int i = bytes - 1; i >= 0; i--) {
        n = n << 8 | at[i];
    }
    *out = n;
    return ALM_OK;
}

/* Up to the next newline, which is taken too. */
static alm_status take_line(machine *m, const char **text, size_t *bytes)
{
    const uint8_t *begin = m->data + m->at;
    const uint8_t *end = memchr(begin, '\n', m->bytes - m->at);
    if (!end) {
        return wrong(m, "the pickle ends inside");
    }
    *text = (const char *)begin;
    *bytes = (size_t)(end - begin);
    m->at += *bytes + 1;
    return ALM_OK;
}

/* Decimal digits and nothing else; false also when the number does not fit. */
static bool parse_digits(const char *text, size_t bytes, int64_t *out)
{
    int64_t n = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, text[i] - '0', &n)) {
            return false;
        }
    }
    *out = n;
    return bytes > 0;
}

/* ---- Stack ----------------------------------------------------------------------------------- */

static alm_status push(machine *m, alm_value *value)
{
    ALM_TRY(grow(m, m->depth + 1, sizeof(alm_value *), &m->stack, &m->stack_capacity));
    m->stack[m->depth++] = value;
    return ALM_OK;
}

static alm_status push_new(machine *m, alm_value_kind kind, alm_value **out)
{
    ALM_TRY(make(m, kind, out));
    return push(m, *out);
}

/* Values above the last mark. */
static size_t reach(const machine *m)
{
    return m->depth - (m->marks ? m->mark[m->marks - 1] : 0);
}

static alm_status pop(machine *m, alm_value **out)
{
    if (reach(m) == 0) {
        return wrong(m, "there is no value on the stack");
    }
    *out = m->stack[--m->depth];
    return ALM_OK;
}

static alm_status top(const machine *m, alm_value **out)
{
    if (reach(m) == 0) {
        return wrong(m, "there is no value on the stack");
    }
    *out = m->stack[m->depth - 1];
    return ALM_OK;
}

/* Takes the last mark and the values above it away; they stay readable at *items until the next
 * push. */
static alm_status pop_mark(machine *m, alm_value ***items, size_t *count)
{
    if (m->marks == 0) {
        return wrong(m, "there is no mark on the stack");
    }
    const size_t begin = m->mark[--m->marks];
    *count = m->depth - begin;
    /* The stack is NULL when nothing was ever pushed. */
    *items = m->stack ? m->stack + begin : NULL;
    m->depth = begin;
    return ALM_OK;
}

/* ---- Opcodes: constants and numbers ---------------------------------------------------------- */

static alm_status run_proto(machine *m, int argument)
{
    uint64_t version;
    (void)argument;
    ALM_TRY(take_number(m, 1, &version));
    return version <= NEWEST_PROTOCOL ? ALM_OK : wrong(m, "the protocol is newer than 5");
}

static alm_status run_frame(machine *m, int argument)
{
    uint64_t bytes;
    (void)argument;
    ALM_TRY(take_number(m, 8, &bytes));
    return bytes <= m->bytes - m->at ? ALM_OK : wrong(m, "the pickle ends inside");
}

static alm_status run_none(machine *m, int argument)
{
    alm_value *v;
    (void)argument;
    return push_new(m, ALM_VALUE_NONE, &v);
}

static alm_status run_bool(machine *m, int argument)
{
    alm_value *v;
    ALM_TRY(push_new(m, ALM_VALUE_BOOL, &v));
    v->integer = argument;
    return ALM_OK;
}

/* BININT is signed, BININT1 and BININT2 are not. */
static alm_status run_int(machine *m, int argument)
{
    uint64_t n;
    alm_value *v;
    ALM_TRY(take_number(m, argument, &n));
    ALM_TRY(push_new(m, ALM_VALUE_INT, &v));
    v->integer = argument == 4 ? (int64_t)(int32_t)(uint32_t)n : (int64_t)n;
    return ALM_OK;
}

/* LONG1, LONG4: two's complement of any length. argument: bytes of the length. */
static alm_status run_long(machine *m, int argument)
{
    uint64_t bytes, n;
    const uint8_t *at;
    alm_value *v;
    ALM_TRY(take_number(m, argument, &bytes));
    ALM_TRY(take(m, bytes, &at));
    ALM_TRY(push_new(m, bytes <= 8 ? ALM_VALUE_INT : ALM_VALUE_OTHER, &v));
    if (bytes <= 8) {
        n = bytes && at[bytes - 1] & 0x80 ? UINT64_MAX : 0;
        for (uint64_t i = bytes; i > 0; i--) {
            n = n << 8 | at[i - 1];
        }
        v->integer = (int64_t)n;
    }
    return ALM_OK;
}

/* INT and LONG of protocol 0: digits in a line; INT also writes False as 00 and True as 01. */
static alm_status run_int_line(machine *m, int argument)
{
    const char *text;
    size_t bytes;
    alm_value *v;
    ALM_TRY(take_line(m, &text, &bytes));
    if (argument == 'L' && bytes && text[bytes - 1] == 'L') {
        bytes--;
    }
    const bool is_bool = argument == 'I' && bytes == 2 && text[0] == '0';
    const bool is_negative = bytes > 0 && text[0] == '-';
    ALM_TRY(push_new(m, is_bool ? ALM_VALUE_BOOL : ALM_VALUE_INT, &v));
    if (!parse_digits(text + is_negative, bytes - is_negative, &v->integer)) {
        v->kind = ALM_VALUE_OTHER;
    }
    v->integer = is_negative ? -v->integer : v->integer;
    return ALM_OK;
}

/* BINFLOAT, and the lines FLOAT and STRING (argument 0). */
static alm_status run_other(machine *m, int argument)
{
    const uint8_t *at;
    const char *text;
    size_t bytes;
    alm_value *v;
    ALM_TRY(argument ? take(m, (uint64_t)argument, &at) : take_line(m, &text, &bytes));
    return push_new(m, ALM_VALUE_OTHER, &v);
}

/* ---- Opcodes: text and bytes ----------------------------------------------------------------- */

/* argument: bytes of the length. */
static alm_status run_text(machine *m, int argument)
{
    uint64_t bytes;
    const uint8_t *at;
    alm_value *v;
    ALM_TRY(take_number(m, argument, &bytes));
    ALM_TRY(take(m, bytes, &at));
    ALM_TRY(push_new(m, ALM_VALUE_TEXT, &v));
    v->text = (const char *)at;
    v->count = (size_t)bytes;
    return ALM_OK;
}

static alm_status run_bytes(machine *m, int argument)
{
    alm_value *v;
    ALM_TRY(run_text(m, argument));
    ALM_TRY(top(m, &v));
    *v = (alm_value){.kind = ALM_VALUE_OTHER};
    return ALM_OK;
}

/* UNICODE of protocol 0: a line; what is escaped in it with \u is no name of a model. */
static alm_status run_text_line(machine *m, int argument)
{
    const char *text;
    size_t bytes;
    alm_value *v;
    (void)argument;
    ALM_TRY(take_line(m, &text, &bytes));
    ALM_TRY(push_new(m, memchr(text, '\\', bytes) ? ALM_VALUE_OTHER : ALM_VALUE_TEXT, &v));
    if (v->kind == ALM_VALUE_TEXT) {
        v->text = text;
        v->count = bytes;
    }
    return ALM_OK;
}

/* ---- Opcodes: stack and memo ----------------------------------------------------------------- */

static alm_status run_mark(machine *m, int argument)
{
    (void)argument;
    ALM_TRY(grow(m, m->marks + 1, sizeof *m->mark, &m->mark, &m->mark_capacity));
    m->mark[m->marks++] = m->depth;
    return ALM_OK;
}

static alm_status run_pop_mark(machine *m, int argument)
{
    alm_value **items;
    size_t count;
    (void)argument;
    return pop_mark(m, &items, &count);
}

/* POP takes a mark away when one is on top. */
static alm_status run_pop(machine *m, int argument)
{
    alm_value *v;
    return reach(m) == 0 && m->marks ? run_pop_mark(m, argument) : pop(m, &v);
}

static alm_status run_dup(machine *m, int argument)
{
    alm_value *v;
    (void)argument;
    ALM_TRY(top(m, &v));
    return push(m, v);
}

static alm_status run_stop(machine *m, int argument)
{
    (void)argument;
    if (m->depth != 1 || m->marks) {
        return wrong(m, "there is not just one value on the stack");
    }
    m->pickle->root = m->stack[0];
    m->stopped = true;
    return ALM_OK;
}

/* PUT, GET name their slot in a line (argument 0) or in so many bytes. */
static alm_status take_slot(machine *m, int argument, uint64_t *out)
{
    const char *text;
    size_t bytes;
    int64_t n;
    if (argument) {
        return take_number(m, argument, out);
    }
    ALM_TRY(take_line(m, &text, &bytes));
    if (!parse_digits(text, bytes, &n)) {
        return wrong(m, "the place in the memo is no number");
    }
    *out = (uint64_t)n;
    return ALM_OK;
}

static alm_status put(machine *m, uint64_t slot)
{
    alm_value *v;
    ALM_TRY(top(m, &v));
    if (slot >= ALM_PICKLE_MEMORY / sizeof(alm_value *)) {
        return alm_fail(ALM_STATUS_MODEL,
                        "%s: %s at byte %zu: place %llu in the memo, the limit is %zu", m->name,
                        m->opcode, m->opcode_at, (unsigned long long)slot,
                        ALM_PICKLE_MEMORY / sizeof(alm_value *));
    }
    if (slot >= m->memo_slots) {
        const size_t before = m->memo_slots;
        ALM_TRY(grow(m, (size_t)slot + 1, sizeof(alm_value *), &m->memo, &m->memo_slots));
        memset(m->memo + before, 0, (m->memo_slots - before) * sizeof(alm_value *));
    }
    m->memo_used += m->memo[slot] == NULL;
    m->memo[slot] = v;
    return ALM_OK;
}

static alm_status run_put(machine *m, int argument)
{
    uint64_t slot;
    ALM_TRY(take_slot(m, argument, &slot));
    return put(m, slot);
}

static alm_status run_memoize(machine *m, int argument)
{
    (void)argument;
    return put(m, m->memo_used);
}

static alm_status run_get(machine *m, int argument)
{
    uint64_t slot;
    ALM_TRY(take_slot(m, argument, &slot));
    if (slot >= m->memo_slots || !m->memo[slot]) {
        return wrong(m, "nothing was put at this place in the memo");
    }
    return push(m, m->memo[slot]);
}

/* ---- Opcodes: containers --------------------------------------------------------------------- */

/* A new container; OTHER stands for a set. */
static alm_status run_empty(machine *m, int argument)
{
    alm_value *v;
    return push_new(m, (alm_value_kind)argument, &v);
}

static alm_status make_list(machine *m, alm_value_kind kind, alm_value *const *items, size_t count,
                            alm_value **out)
{
    alm_value *v;
    void *block;
    ALM_TRY(make(m, kind, &v));
    if (count) {
        ALM_TRY(take_memory(m, count * sizeof *items, &block));
        memcpy(block, items, count * sizeof *items);
        v->item = block;
        v->count = v->capacity = count;
    }
    *out = v;
    return ALM_OK;
}

/* TUPLE, LIST, DICT, FROZENSET: of all that is above the mark. argument: the kind. */
static alm_status run_collect(machine *m, int argument)
{
    alm_value **items, *v;
    size_t count;
    ALM_TRY(pop_mark(m, &items, &count));
    if (argument == ALM_VALUE_DICT && count % 2) {
        return wrong(m, "a key has no value");
    }
    ALM_TRY(make_list(m, (alm_value_kind)argument, items, count, &v));
    return push(m, v);
}

/* TUPLE1, TUPLE2, TUPLE3 */
static alm_status run_tuple(machine *m, int argument)
{
    const size_t count = (size_t)argument;
    alm_value *v;
    if (reach(m) < count) {
        return wrong(m, "there are too few values on the stack");
    }
    m->depth -= count;
    ALM_TRY(make_list(m, ALM_VALUE_TUPLE, m->stack + m->depth, count, &v));
    return push(m, v);
}

/* Objects take items too, as subclasses of list and dict do. */
static bool is_object(const alm_value *v)
{
    return v->kind == ALM_VALUE_CALL || v->kind == ALM_VALUE_OTHER;
}

static alm_status append_all(machine *m, alm_value *const *items, size_t count)
{
    alm_value *list;
    ALM_TRY(top(m, &list));
    if (list->kind != ALM_VALUE_LIST) {
        return is_object(list) ? ALM_OK : wrong(m, "what it appends to is no list");
    }
    for (size_t i = 0; i < count; i++) {
        ALM_TRY(append(m, list, items[i]));
    }
    return ALM_OK;
}

static alm_status run_append(machine *m, int argument)
{
    alm_value *v;
    (void)argument;
    ALM_TRY(pop(m, &v));
    return append_all(m, &v, 1);
}

static alm_status run_appends(machine *m, int argument)
{
    alm_value **items;
    size_t count;
    (void)argument;
    ALM_TRY(pop_mark(m, &items, &count));
    return append_all(m, items, count);
}

/* ADDITEMS: to a set, of which nothing is kept. */
static alm_status run_add_items(machine *m, int argument)
{
    alm_value **items, *v;
    size_t count;
    (void)argument;
    ALM_TRY(pop_mark(m, &items, &count));
    ALM_TRY(top(m, &v));
    return is_object(v) ? ALM_OK : wrong(m, "what it adds to is no set");
}

static alm_status set_all(machine *m, alm_value *const *items, size_t count)
{
    alm_value *dict;
    ALM_TRY(top(m, &dict));
    if (dict->kind != ALM_VALUE_DICT && dict->kind != ALM_VALUE_CALL) {
        return is_object(dict) ? ALM_OK : wrong(m, "what it sets items of is no dictionary");
    }
    if (count % 2) {
        return wrong(m, "a key has no value");
    }
    for (size_t i = 0; i < count; i++) {
        ALM_TRY(append(m, dict, items[i]));
    }
    return ALM_OK;
}

static alm_status run_set_item(machine *m, int argument)
{
    alm_value *pair[2];
    (void)argument;
    ALM_TRY(pop(m, &pair[1]));
    ALM_TRY(pop(m, &pair[0]));
    return set_all(m, pair, 2);
}

static alm_status run_set_items(machine *m, int argument)
{
    alm_value **items;
    size_t count;
    (void)argument;
    ALM_TRY(pop_mark(m, &items, &count));
    return set_all(m, items, count);
}

/* ---- Opcodes: what Python would import and call ---------------------------------------------- */

static alm_status push_pair(machine *m, alm_value_kind kind, alm_value *first, alm_value *second)
{
    alm_value *v;
    ALM_TRY(push_new(m, kind, &v));
    v->first = first;
    v->second = second;
    return ALM_OK;
}

static alm_status take_line_text(machine *m, alm_value **out)
{
    const char *text;
    size_t bytes;
    ALM_TRY(take_line(m, &text, &bytes));
    ALM_TRY(make(m, ALM_VALUE_TEXT, out));
    (*out)->text = text;
    (*out)->count = bytes;
    return ALM_OK;
}

static alm_status run_global(machine *m, int argument)
{
    alm_value *module, *name;
    (void)argument;
    ALM_TRY(take_line_text(m, &module));
    ALM_TRY(take_line_text(m, &name));
    return push_pair(m, ALM_VALUE_GLOBAL, module, name);
}

static alm_status run_stack_global(machine *m, int argument)
{
    alm_value *module, *name;
    (void)argument;
    ALM_TRY(pop(m, &name));
    ALM_TRY(pop(m, &module));
    if (module->kind != ALM_VALUE_TEXT || name->kind != ALM_VALUE_TEXT) {
        return wrong(m, "module and name are no text");
    }
    return push_pair(m, ALM_VALUE_GLOBAL, module, name);
}

/* REDUCE, NEWOBJ (2 values: what is called, its arguments), NEWOBJ_EX (3: keyword arguments too,
 * which are dropped). */
static alm_status run_call(machine *m, int argument)
{
    alm_value *callee, *arguments, *keywords;
    if (argument == 3) {
        ALM_TRY(pop(m, &keywords));
    }
    ALM_TRY(pop(m, &arguments));
    ALM_TRY(pop(m, &callee));
    if (arguments->kind != ALM_VALUE_TUPLE) {
        return wrong(m, "the arguments are no tuple");
    }
    return push_pair(m, ALM_VALUE_CALL, callee, arguments);
}

/* INST: the class in two lines, OBJ: on the stack; the arguments are above the mark. */
static alm_status run_instance(machine *m, int argument)
{
    alm_value **items, *callee, *arguments;
    size_t count;
    if (argument == 'i') {
        ALM_TRY(run_global(m, 0));
        ALM_TRY(pop(m, &callee));
        ALM_TRY(pop_mark(m, &items, &count));
    } else {
        ALM_TRY(pop_mark(m, &items, &count));
        if (count == 0) {
            return wrong(m, "there is no value on the stack");
        }
        callee = *items++;
        count--;
    }
    ALM_TRY(make_list(m, ALM_VALUE_TUPLE, items, count, &arguments));
    return push_pair(m, ALM_VALUE_CALL, callee, arguments);
}

/* BUILD gives an object its state: dropped. */
static alm_status run_build(machine *m, int argument)
{
    alm_value *state, *object;
    (void)argument;
    ALM_TRY(pop(m, &state));
    return top(m, &object);
}

static alm_status run_persistent_line(machine *m, int argument)
{
    alm_value *id;
    (void)argument;
    ALM_TRY(take_line_text(m, &id));
    return push_pair(m, ALM_VALUE_REFERENCE, id, NULL);
}

static alm_status run_persistent(machine *m, int argument)
{
    alm_value *id;
    (void)argument;
    ALM_TRY(pop(m, &id));
    return push_pair(m, ALM_VALUE_REFERENCE, id, NULL);
}

static alm_status run_refuse(machine *m, int argument)
{
    (void)argument;
    return wrong(m, "takes its value from outside of the file, which a state file must not");
}

static const struct opcode {
    const char *name;
    handler *run;
    int argument;
} opcodes[256] = {
    ['('] = {"MARK", run_mark, 0},
    ['.'] = {"STOP", run_stop, 0},
    ['0'] = {"POP", run_pop, 0},
    ['1'] = {"POP_MARK", run_pop_mark, 0},
    ['2'] = {"DUP", run_dup, 0},
    ['F'] = {"FLOAT", run_other, 0},
    ['I'] = {"INT", run_int_line, 'I'},
    ['J'] = {"BININT", run_int, 4},
    ['K'] = {"BININT1", run_int, 1},
    ['L'] = {"LONG", run_int_line, 'L'},
    ['M'] = {"BININT2", run_int, 2},
    ['N'] = {"NONE", run_none, 0},
    ['P'] = {"PERSID", run_persistent_line, 0},
    ['Q'] = {"BINPERSID", run_persistent, 0},
    ['R'] = {"REDUCE", run_call, 2},
    ['S'] = {"STRING", run_other, 0},
    ['T'] = {"BINSTRING", run_text, 4},
    ['U'] = {"SHORT_BINSTRING", run_text, 1},
    ['V'] = {"UNICODE", run_text_line, 0},
    ['X'] = {"BINUNICODE", run_text, 4},
    ['a'] = {"APPEND", run_append, 0},
    ['b'] = {"BUILD", run_build, 0},
    ['c'] = {"GLOBAL", run_global, 0},
    ['d'] = {"DICT", run_collect, ALM_VALUE_DICT},
    ['}'] = {"EMPTY_DICT", run_empty, ALM_VALUE_DICT},
    ['e'] = {"APPENDS", run_appends, 0},
    ['g'] = {"GET", run_get, 0},
    ['h'] = {"BINGET", run_get, 1},
    ['i'] = {"INST", run_instance, 'i'},
    ['j'] = {"LONG_BINGET", run_get, 4},
    ['l'] = {"LIST", run_collect, ALM_VALUE_LIST},
    [']'] = {"EMPTY_LIST", run_empty, ALM_VALUE_LIST},
    ['o'] = {"OBJ", run_instance, 'o'},
    ['p'] = {"PUT", run_put, 0},
    ['q'] = {"BINPUT", run_put, 1},
    ['r'] = {"LONG_BINPUT", run_put, 4},
    ['s'] = {"SETITEM", run_set_item, 0},
    ['t'] = {"TUPLE", run_collect, ALM_VALUE_TUPLE},
    [')'] = {"EMPTY_TUPLE", run_empty, ALM_VALUE_TUPLE},
    ['u'] = {"SETITEMS", run_set_items, 0},
    ['G'] = {"BINFLOAT", run_other, 8},
    [0x80] = {"PROTO", run_proto, 0},
    [0x81] = {"NEWOBJ", run_call, 2},
    [0x82] = {"EXT1", run_refuse, 0},
    [0x83] = {"EXT2", run_refuse, 0},
    [0x84] = {"EXT4", run_refuse, 0},
    [0x85] = {"TUPLE1", run_tuple, 1},
    [0x86] = {"TUPLE2", run_tuple, 2},
    [0x87] = {"TUPLE3", run_tuple, 3},
    [0x88] = {"NEWTRUE", run_bool, 1},
    [0x89] = {"NEWFALSE", run_bool, 0},
    [0x8A] = {"LONG1", run_long, 1},
    [0x8B] = {"LONG4", run_long, 4},
    ['B'] = {"BINBYTES", run_bytes, 4},
    ['C'] = {"SHORT_BINBYTES", run_bytes, 1},
    [0x8C] = {"SHORT_BINUNICODE", run_text, 1},
    [0x8D] = {"BINUNICODE8", run_text, 8},
    [0x8E] = {"BINBYTES8", run_bytes, 8},
    [0x8F] = {"EMPTY_SET", run_empty, ALM_VALUE_OTHER},
    [0x90] = {"ADDITEMS", run_add_items, 0},
    [0x91] = {"FROZENSET", run_collect, ALM_VALUE_OTHER},
    [0x92] = {"NEWOBJ_EX", run_call, 3},
    [0x93] = {"STACK_GLOBAL", run_stack_global, 0},
    [0x94] = {"MEMOIZE", run_memoize, 0},
    [0x95] = {"FRAME", run_frame, 0},
    [0x96] = {"BYTEARRAY8", run_bytes, 8},
    [0x97] = {"NEXT_BUFFER", run_refuse, 0},
    [0x98] = {"READONLY_BUFFER", run_refuse, 0},
};

/* ---- The interpreter ------------------------------------------------------------------------- */

static alm_status run(machine *m)
{
    while (!m->stopped) {
        if (m->at == m->bytes) {
            return alm_fail(ALM_STATUS_MODEL, "%s: the pickle ends without STOP", m->name);
        }
        const struct opcode *op = &opcodes[m->data[m->at]];
        if (!op->name) {
            return alm_fail(ALM_STATUS_MODEL, "%s: opcode 0x%02x at byte %zu is not known", m->name,
                            m->data[m->at], m->at);
        }
        m->opcode = op->name;
        m->opcode_at = m->at++;
        ALM_TRY(op->run(m, op->argument));
    }
    if (m->at != m->bytes) {
        return alm_fail(ALM_STATUS_MODEL, "%s: %zu bytes follow the pickle's STOP", m->name,
                        m->bytes - m->at);
    }
    return ALM_OK;
}

alm_status alm_pickle_parse(const void *data, size_t bytes, const char *name, alm_pickle **out)
{
    machine m = {.data = data, .bytes = bytes, .name = name};
    if (bytes > ALM_PICKLE_BYTES) {
        return alm_fail(ALM_STATUS_MODEL, "%s: the pickle has %zu bytes, the limit is %d", name,
                        bytes, ALM_PICKLE_BYTES);
    }
    ALM_TRY(alm_calloc(1, sizeof *m.pickle, "pickle", &m.pickle));
    const alm_status status = run(&m);
    alm_free(m.stack);
    alm_free(m.mark);
    alm_free(m.memo);
    if (status != ALM_OK) {
        alm_pickle_free(m.pickle);
        return status;
    }
    *out = m.pickle;
    return ALM_OK;
}

void alm_pickle_free(alm_pickle *pickle)
{
    if (!pickle) {
        return;
    }
    for (chunk *c = pickle->chunks, *next; c; c = next) {
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

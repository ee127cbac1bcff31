/* The opcodes of pickles (pickle.h): one function a kind of opcode, one table of all of them.
 */
#include "runtime/input/pickle_machine.h"

#include <string.h>

#include "kernels/core/memory.h"

enum { NEWEST_PROTOCOL = 5 };

typedef alm_status handler(alm_pickle_machine *m, int argument);

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

/* ---- Opcodes: constants and numbers ---------------------------------------------------------- */

static alm_status run_proto(alm_pickle_machine *m, int argument)
{
    uint64_t version;
    (void)argument;
    ALM_TRY(almi_pickle_take_number(m, 1, &version));
    return version <= NEWEST_PROTOCOL ? ALM_OK
                                      : almi_pickle_wrong(m, "the protocol is newer than 5");
}

static alm_status run_frame(alm_pickle_machine *m, int argument)
{
    uint64_t bytes;
    (void)argument;
    ALM_TRY(almi_pickle_take_number(m, 8, &bytes));
    return bytes <= m->bytes - m->at ? ALM_OK : almi_pickle_wrong(m, "the pickle ends inside");
}

static alm_status run_none(alm_pickle_machine *m, int argument)
{
    alm_value *v;
    (void)argument;
    return almi_pickle_push_new(m, ALM_VALUE_NONE, &v);
}

static alm_status run_bool(alm_pickle_machine *m, int argument)
{
    alm_value *v;
    ALM_TRY(almi_pickle_push_new(m, ALM_VALUE_BOOL, &v));
    v->integer = argument;
    return ALM_OK;
}

/* BININT is signed, BININT1 and BININT2 are not. */
static alm_status run_int(alm_pickle_machine *m, int argument)
{
    uint64_t n;
    alm_value *v;
    ALM_TRY(almi_pickle_take_number(m, argument, &n));
    ALM_TRY(almi_pickle_push_new(m, ALM_VALUE_INT, &v));
    v->integer = argument == 4 ? (int64_t)(int32_t)(uint32_t)n : (int64_t)n;
    return ALM_OK;
}

/* LONG1, LONG4: two's complement of any length. argument: bytes of the length. */
static alm_status run_long(alm_pickle_machine *m, int argument)
{
    uint64_t bytes, n;
    const uint8_t *at;
    alm_value *v;
    ALM_TRY(almi_pickle_take_number(m, argument, &bytes));
    ALM_TRY(almi_pickle_take(m, bytes, &at));
    ALM_TRY(almi_pickle_push_new(m, bytes <= 8 ? ALM_VALUE_INT : ALM_VALUE_OTHER, &v));
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
static alm_status run_int_line(alm_pickle_machine *m, int argument)
{
    const char *text;
    size_t bytes;
    alm_value *v;
    ALM_TRY(almi_pickle_take_line(m, &text, &bytes));
    if (argument == 'L' && bytes && text[bytes - 1] == 'L') {
        bytes--;
    }
    const bool is_bool = argument == 'I' && bytes == 2 && text[0] == '0';
    const bool is_negative = bytes > 0 && text[0] == '-';
    ALM_TRY(almi_pickle_push_new(m, is_bool ? ALM_VALUE_BOOL : ALM_VALUE_INT, &v));
    if (!parse_digits(text + is_negative, bytes - is_negative, &v->integer)) {
        v->kind = ALM_VALUE_OTHER;
    }
    v->integer = is_negative ? -v->integer : v->integer;
    return ALM_OK;
}

/* BINFLOAT, and the lines FLOAT and STRING (argument 0). */
static alm_status run_other(alm_pickle_machine *m, int argument)
{
    const uint8_t *at;
    const char *text;
    size_t bytes;
    alm_value *v;
    ALM_TRY(argument ? almi_pickle_take(m, (uint64_t)argument, &at)
                     : almi_pickle_take_line(m, &text, &bytes));
    return almi_pickle_push_new(m, ALM_VALUE_OTHER, &v);
}

/* ---- Opcodes: text and bytes ----------------------------------------------------------------- */

/* argument: bytes of the length. */
static alm_status run_text(alm_pickle_machine *m, int argument)
{
    uint64_t bytes;
    const uint8_t *at;
    alm_value *v;
    ALM_TRY(almi_pickle_take_number(m, argument, &bytes));
    ALM_TRY(almi_pickle_take(m, bytes, &at));
    ALM_TRY(almi_pickle_push_new(m, ALM_VALUE_TEXT, &v));
    v->text = (const char *)at;
    v->count = (size_t)bytes;
    return ALM_OK;
}

static alm_status run_bytes(alm_pickle_machine *m, int argument)
{
    alm_value *v;
    ALM_TRY(run_text(m, argument));
    ALM_TRY(almi_pickle_top(m, &v));
    *v = (alm_value){.kind = ALM_VALUE_OTHER};
    return ALM_OK;
}

/* UNICODE of protocol 0: a line; what is escaped in it with \u is no name of a model. */
static alm_status run_text_line(alm_pickle_machine *m, int argument)
{
    const char *text;
    size_t bytes;
    alm_value *v;
    (void)argument;
    ALM_TRY(almi_pickle_take_line(m, &text, &bytes));
    ALM_TRY(
        almi_pickle_push_new(m, memchr(text, '\\', bytes) ? ALM_VALUE_OTHER : ALM_VALUE_TEXT, &v));
    if (v->kind == ALM_VALUE_TEXT) {
        v->text = text;
        v->count = bytes;
    }
    return ALM_OK;
}

/* ---- Opcodes: stack and memo ----------------------------------------------------------------- */

static alm_status run_mark(alm_pickle_machine *m, int argument)
{
    (void)argument;
    ALM_TRY(almi_pickle_grow(m, m->marks + 1, sizeof *m->mark, &m->mark, &m->mark_capacity));
    m->mark[m->marks++] = m->depth;
    return ALM_OK;
}

static alm_status run_pop_mark(alm_pickle_machine *m, int argument)
{
    alm_value **items;
    size_t count;
    (void)argument;
    return almi_pickle_pop_mark(m, &items, &count);
}

/* POP takes a mark away when one is on top. */
static alm_status run_pop(alm_pickle_machine *m, int argument)
{
    alm_value *v;
    return almi_pickle_reach(m) == 0 && m->marks ? run_pop_mark(m, argument)
                                                 : almi_pickle_pop(m, &v);
}

static alm_status run_dup(alm_pickle_machine *m, int argument)
{
    alm_value *v;
    (void)argument;
    ALM_TRY(almi_pickle_top(m, &v));
    return almi_pickle_push(m, v);
}

static alm_status run_stop(alm_pickle_machine *m, int argument)
{
    (void)argument;
    if (m->depth != 1 || m->marks) {
        return almi_pickle_wrong(m, "there is not just one value on the stack");
    }
    m->pickle->root = m->stack[0];
    m->stopped = true;
    return ALM_OK;
}

/* PUT, GET name their slot in a line (argument 0) or in so many bytes. */
static alm_status take_slot(alm_pickle_machine *m, int argument, uint64_t *out)
{
    const char *text;
    size_t bytes;
    int64_t n;
    if (argument) {
        return almi_pickle_take_number(m, argument, out);
    }
    ALM_TRY(almi_pickle_take_line(m, &text, &bytes));
    if (!parse_digits(text, bytes, &n)) {
        return almi_pickle_wrong(m, "the place in the memo is no number");
    }
    *out = (uint64_t)n;
    return ALM_OK;
}

static alm_status put(alm_pickle_machine *m, uint64_t slot)
{
    alm_value *v;
    ALM_TRY(almi_pickle_top(m, &v));
    if (slot >= ALM_PICKLE_MEMORY / sizeof(alm_value *)) {
        return alm_fail(ALM_STATUS_MODEL,
                        "%s: %s at byte %zu: place %llu in the memo, the limit is %zu", m->name,
                        m->opcode, m->opcode_at, (unsigned long long)slot,
                        ALM_PICKLE_MEMORY / sizeof(alm_value *));
    }
    if (slot >= m->memo_slots) {
        const size_t before = m->memo_slots;
        ALM_TRY(
            almi_pickle_grow(m, (size_t)slot + 1, sizeof(alm_value *), &m->memo, &m->memo_slots));
        memset(m->memo + before, 0, (m->memo_slots - before) * sizeof(alm_value *));
    }
    m->memo_used += m->memo[slot] == NULL;
    m->memo[slot] = v;
    return ALM_OK;
}

static alm_status run_put(alm_pickle_machine *m, int argument)
{
    uint64_t slot;
    ALM_TRY(take_slot(m, argument, &slot));
    return put(m, slot);
}

static alm_status run_memoize(alm_pickle_machine *m, int argument)
{
    (void)argument;
    return put(m, m->memo_used);
}

static alm_status run_get(alm_pickle_machine *m, int argument)
{
    uint64_t slot;
    ALM_TRY(take_slot(m, argument, &slot));
    if (slot >= m->memo_slots || !m->memo[slot]) {
        return almi_pickle_wrong(m, "nothing was put at this place in the memo");
    }
    return almi_pickle_push(m, m->memo[slot]);
}

/* ---- Opcodes: containers --------------------------------------------------------------------- */

/* A new container; OTHER stands for a set. */
static alm_status run_empty(alm_pickle_machine *m, int argument)
{
    alm_value *v;
    return almi_pickle_push_new(m, (alm_value_kind)argument, &v);
}

static alm_status make_list(alm_pickle_machine *m, alm_value_kind kind, alm_value *const *items,
                            size_t count, alm_value **out)
{
    alm_value *v;
    void *block;
    ALM_TRY(almi_pickle_make(m, kind, &v));
    if (count) {
        ALM_TRY(almi_pickle_take_memory(m, count * sizeof *items, &block));
        memcpy(block, items, count * sizeof *items);
        v->item = block;
        v->count = v->capacity = count;
    }
    *out = v;
    return ALM_OK;
}

/* TUPLE, LIST, DICT, FROZENSET: of all that is above the mark. argument: the kind. */
static alm_status run_collect(alm_pickle_machine *m, int argument)
{
    alm_value **items, *v;
    size_t count;
    ALM_TRY(almi_pickle_pop_mark(m, &items, &count));
    if (argument == ALM_VALUE_DICT && count % 2) {
        return almi_pickle_wrong(m, "a key has no value");
    }
    ALM_TRY(make_list(m, (alm_value_kind)argument, items, count, &v));
    return almi_pickle_push(m, v);
}

/* TUPLE1, TUPLE2, TUPLE3 */
static alm_status run_tuple(alm_pickle_machine *m, int argument)
{
    const size_t count = (size_t)argument;
    alm_value *v;
    if (almi_pickle_reach(m) < count) {
        return almi_pickle_wrong(m, "there are too few values on the stack");
    }
    m->depth -= count;
    ALM_TRY(make_list(m, ALM_VALUE_TUPLE, m->stack + m->depth, count, &v));
    return almi_pickle_push(m, v);
}

/* Objects take items too, as subclasses of list and dict do. */
static bool is_object(const alm_value *v)
{
    return v->kind == ALM_VALUE_CALL || v->kind == ALM_VALUE_OTHER;
}

static alm_status append_all(alm_pickle_machine *m, alm_value *const *items, size_t count)
{
    alm_value *list;
    ALM_TRY(almi_pickle_top(m, &list));
    if (list->kind != ALM_VALUE_LIST) {
        return is_object(list) ? ALM_OK : almi_pickle_wrong(m, "what it appends to is no list");
    }
    for (size_t i = 0; i < count; i++) {
        ALM_TRY(almi_pickle_append(m, list, items[i]));
    }
    return ALM_OK;
}

static alm_status run_append(alm_pickle_machine *m, int argument)
{
    alm_value *v;
    (void)argument;
    ALM_TRY(almi_pickle_pop(m, &v));
    return append_all(m, &v, 1);
}

static alm_status run_appends(alm_pickle_machine *m, int argument)
{
    alm_value **items;
    size_t count;
    (void)argument;
    ALM_TRY(almi_pickle_pop_mark(m, &items, &count));
    return append_all(m, items, count);
}

/* ADDITEMS: to a set, of which nothing is kept. */
static alm_status run_add_items(alm_pickle_machine *m, int argument)
{
    alm_value **items, *v;
    size_t count;
    (void)argument;
    ALM_TRY(almi_pickle_pop_mark(m, &items, &count));
    ALM_TRY(almi_pickle_top(m, &v));
    return is_object(v) ? ALM_OK : almi_pickle_wrong(m, "what it adds to is no set");
}

static alm_status set_all(alm_pickle_machine *m, alm_value *const *items, size_t count)
{
    alm_value *dict;
    ALM_TRY(almi_pickle_top(m, &dict));
    if (dict->kind != ALM_VALUE_DICT && dict->kind != ALM_VALUE_CALL) {
        return is_object(dict) ? ALM_OK
                               : almi_pickle_wrong(m, "what it sets items of is no dictionary");
    }
    if (count % 2) {
        return almi_pickle_wrong(m, "a key has no value");
    }
    for (size_t i = 0; i < count; i++) {
        ALM_TRY(almi_pickle_append(m, dict, items[i]));
    }
    return ALM_OK;
}

static alm_status run_set_item(alm_pickle_machine *m, int argument)
{
    alm_value *pair[2];
    (void)argument;
    ALM_TRY(almi_pickle_pop(m, &pair[1]));
    ALM_TRY(almi_pickle_pop(m, &pair[0]));
    return set_all(m, pair, 2);
}

static alm_status run_set_items(alm_pickle_machine *m, int argument)
{
    alm_value **items;
    size_t count;
    (void)argument;
    ALM_TRY(almi_pickle_pop_mark(m, &items, &count));
    return set_all(m, items, count);
}

/* ---- Opcodes: what Python would import and call ---------------------------------------------- */

static alm_status push_pair(alm_pickle_machine *m, alm_value_kind kind, alm_value *first,
                            alm_value *second)
{
    alm_value *v;
    ALM_TRY(almi_pickle_push_new(m, kind, &v));
    v->first = first;
    v->second = second;
    return ALM_OK;
}

static alm_status take_line_text(alm_pickle_machine *m, alm_value **out)
{
    const char *text;
    size_t bytes;
    ALM_TRY(almi_pickle_take_line(m, &text, &bytes));
    ALM_TRY(almi_pickle_make(m, ALM_VALUE_TEXT, out));
    (*out)->text = text;
    (*out)->count = bytes;
    return ALM_OK;
}

static alm_status run_global(alm_pickle_machine *m, int argument)
{
    alm_value *module, *name;
    (void)argument;
    ALM_TRY(take_line_text(m, &module));
    ALM_TRY(take_line_text(m, &name));
    return push_pair(m, ALM_VALUE_GLOBAL, module, name);
}

static alm_status run_stack_global(alm_pickle_machine *m, int argument)
{
    alm_value *module, *name;
    (void)argument;
    ALM_TRY(almi_pickle_pop(m, &name));
    ALM_TRY(almi_pickle_pop(m, &module));
    if (module->kind != ALM_VALUE_TEXT || name->kind != ALM_VALUE_TEXT) {
        return almi_pickle_wrong(m, "module and name are no text");
    }
    return push_pair(m, ALM_VALUE_GLOBAL, module, name);
}

/* REDUCE, NEWOBJ (2 values: what is called, its arguments), NEWOBJ_EX (3: keyword arguments too,
 * which are dropped). */
static alm_status run_call(alm_pickle_machine *m, int argument)
{
    alm_value *callee, *arguments, *keywords;
    if (argument == 3) {
        ALM_TRY(almi_pickle_pop(m, &keywords));
    }
    ALM_TRY(almi_pickle_pop(m, &arguments));
    ALM_TRY(almi_pickle_pop(m, &callee));
    if (arguments->kind != ALM_VALUE_TUPLE) {
        return almi_pickle_wrong(m, "the arguments are no tuple");
    }
    return push_pair(m, ALM_VALUE_CALL, callee, arguments);
}

/* INST: the class in two lines, OBJ: on the stack; the arguments are above the mark. */
static alm_status run_instance(alm_pickle_machine *m, int argument)
{
    alm_value **items, *callee, *arguments;
    size_t count;
    if (argument == 'i') {
        ALM_TRY(run_global(m, 0));
        ALM_TRY(almi_pickle_pop(m, &callee));
        ALM_TRY(almi_pickle_pop_mark(m, &items, &count));
    } else {
        ALM_TRY(almi_pickle_pop_mark(m, &items, &count));
        if (count == 0) {
            return almi_pickle_wrong(m, "there is no value on the stack");
        }
        callee = *items++;
        count--;
    }
    ALM_TRY(make_list(m, ALM_VALUE_TUPLE, items, count, &arguments));
    return push_pair(m, ALM_VALUE_CALL, callee, arguments);
}

/* BUILD gives an object its state: dropped. */
static alm_status run_build(alm_pickle_machine *m, int argument)
{
    alm_value *state, *object;
    (void)argument;
    ALM_TRY(almi_pickle_pop(m, &state));
    return almi_pickle_top(m, &object);
}

static alm_status run_persistent_line(alm_pickle_machine *m, int argument)
{
    alm_value *id;
    (void)argument;
    ALM_TRY(take_line_text(m, &id));
    return push_pair(m, ALM_VALUE_REFERENCE, id, NULL);
}

static alm_status run_persistent(alm_pickle_machine *m, int argument)
{
    alm_value *id;
    (void)argument;
    ALM_TRY(almi_pickle_pop(m, &id));
    return push_pair(m, ALM_VALUE_REFERENCE, id, NULL);
}

static alm_status run_refuse(alm_pickle_machine *m, int argument)
{
    (void)argument;
    return almi_pickle_wrong(
        m, "takes its value from outside of the file, which a state file must not");
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

static alm_status run(alm_pickle_machine *m)
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
    alm_pickle_machine m = {.data = data, .bytes = bytes, .name = name};
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

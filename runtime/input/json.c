#include "runtime/input/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/utf8.h"

void alm_json_begin(alm_json *json, const char *file, const char *text, size_t bytes)
{
    *json = (alm_json){.file = file, .begin = text, .at = text, .end = text + bytes};
}

void alm_json_close(alm_json *json)
{
    alm_free(json->text);
    json->text = NULL;
    json->capacity = 0;
}

alm_status alm_json_fail(const alm_json *json, const char *format, ...)
{
    char text[512];
    size_t line = json->lines_before + 1;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (const char *p = json->begin; p < json->at; p++) {
        line += *p == '\n';
    }
    return alm_fail(ALM_STATUS_MODEL, "%s: line %zu, byte %zu: %s", json->file, line,
                    (size_t)(json->at - json->begin), text);
}

static char look(alm_json *json)
{
    while (json->at < json->end &&
           (*json->at == ' ' || *json->at == '\n' || *json->at == '\t' || *json->at == '\r')) {
        json->at++;
    }
    return json->at < json->end ? *json->at : '\0';
}

char alm_json_peek(alm_json *json)
{
    const char c = look(json);
    return c == '-' || (c >= '0' && c <= '9') ? '0' : c;
}

static alm_status expect(alm_json *json, char wanted)
{
    const char c = look(json);
    if (json->at >= json->end) {
        return alm_json_fail(json, "the text ends, expected '%c'", wanted);
    }
    if (c != wanted) {
        return alm_json_fail(json, "is '%c', expected '%c'", c, wanted);
    }
    json->at++;
    return ALM_OK;
}

alm_status alm_json_end(alm_json *json)
{
    look(json);
    return json->at < json->end ? alm_json_fail(json, "text follows the JSON value") : ALM_OK;
}

alm_status alm_json_open(alm_json *json, char bracket)
{
    if (json->depth >= ALM_TREE_DEPTH) {
        return alm_json_fail(json, "is nested deeper than %d levels", (int)ALM_TREE_DEPTH);
    }
    ALM_TRY(expect(json, bracket));
    json->depth++;
    json->fresh = true;
    return ALM_OK;
}

/* The comma before an element, or the closing bracket. */
static alm_status step(alm_json *json, char closing, bool *more)
{
    const bool fresh = json->fresh;
    json->fresh = false;
    if (look(json) == closing && json->at < json->end) {
        json->at++;
        json->depth--;
        *more = false;
        return ALM_OK;
    }
    *more = true;
    return fresh ? ALM_OK : expect(json, ',');
}

alm_status alm_json_key(alm_json *json, bool *more)
{
    ALM_TRY(step(json, '}', more));
    if (!*more) {
        return ALM_OK;
    }
    ALM_TRY(alm_json_string(json));
    if (memchr(json->text, 0, json->bytes)) {
        return alm_json_fail(json, "a key holds a NUL");
    }
    return expect(json, ':');
}

alm_status alm_json_item(alm_json *json, bool *more)
{
    return step(json, ']', more);
}

static alm_status put(alm_json *json, const char *bytes, size_t count)
{
    size_t need;
    if (count > ALM_JSON_TEXT || json->bytes + count > ALM_JSON_TEXT) {
        return alm_json_fail(json, "a text is longer than %d bytes", (int)ALM_JSON_TEXT);
    }
    ALM_TRY(alm_add_size(json->bytes, count, json->file, &need));
    ALM_TRY(alm_add_size(need, 1, json->file, &need));
    ALM_TRY(alm_reserve(need, 1, json->file, &json->text, &json->capacity));
    if (count > 0) {
        memcpy(json->text + json->bytes, bytes, count);
    }
    json->bytes += count;
    json->text[json->bytes] = '\0';
    return ALM_OK;
}

/* Four hexadecimal digits. */
static alm_status unit(alm_json *json, uint32_t *out)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++, json->at++) {
        const char c = json->at < json->end ? *json->at : '\0';
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0) {
            return alm_json_fail(json, "\\u is not followed by four hexadecimal digits");
        }
        value = value << 4 | (uint32_t)digit;
    }
    *out = value;
    return ALM_OK;
}

/* What follows "\u". */
static alm_status escaped_code(alm_json *json)
{
    uint32_t code, low;
    char text[4];
    ALM_TRY(unit(json, &code));
    if (code >= 0xD800 && code < 0xDC00 && json->end - json->at >= 6 && json->at[0] == '\\' &&
        json->at[1] == 'u') {
        json->at += 2;
        ALM_TRY(unit(json, &low));
        if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
    }
    if ((code == 0 && !json->nul_allowed) || (code >= 0xD800 && code < 0xE000)) {
        return alm_json_fail(json, "\\u%04x is no character", code);
    }
    return put(json, text, alm_utf8_write(code, text));
}

static alm_status escape(alm_json *json)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char c = json->at < json->end ? *json->at : '\0';
    if (c == 'u') {
        json->at++;
        return escaped_code(json);
    }
    const char *place = c ? strchr(from, c) : NULL;
    if (!place) {
        return alm_json_fail(json, "a text holds an unknown escape");
    }
    json->at++;
    return put(json, &to[place - from], 1);
}

alm_status alm_json_string(alm_json *json)
{
    ALM_TRY(expect(json, '"'));
    json->bytes = 0;
    ALM_TRY(put(json, "", 0));
    for (;;) {
        const char *from = json->at;
        while (json->at < json->end && *json->at != '"' && *json->at != '\\' &&
               (unsigned char)*json->at >= 0x20) {
            json->at++;
        }
        const size_t run = (size_t)(json->at - from), valid = alm_utf8_check(from, run);
        if (valid < run) {
            json->at = from + valid;
            return alm_json_fail(json, "a text is not UTF-8");
        }
        ALM_TRY(put(json, from, run));
        if (json->at >= json->end) {
            return alm_json_fail(json, "the text ends within a string");
        }
        if (*json->at == '"') {
            json->at++;
            return ALM_OK;
        }
        if (*json->at != '\\') {
            return alm_json_fail(json, "a string holds a control character");
        }
        json->at++;
        ALM_TRY(escape(json));
    }
}

static bool take_digits(alm_json *json)
{
    const char *from = json->at;
    while (json->at < json->end && *json->at >= '0' && *json->at <= '9') {
        json->at++;
    }
    return json->at > from;
}

/* a or b */
static bool take(alm_json *json, char a, char b)
{
    if (json->at < json->end && (*json->at == a || *json->at == b)) {
        json->at++;
        return true;
    }
    return false;
}

/* What Python writes for numbers that JSON does not have; NULL: nothing of that kind follows. */
static const char *not_finite(const alm_json *json)
{
    static const char *const names[] = {"NaN", "Infinity", "-Infinity"};
    const char *at = json->at + (json->at < json->end && *json->at == '-');
    if (at < json->end && *at >= '0' && *at <= '9') {
        return NULL; /* nearly always */
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const size_t bytes = strlen(names[i]);
        if ((size_t)(json->end - json->at) >= bytes && memcmp(json->at, names[i], bytes) == 0) {
            return names[i];
        }
    }
    return NULL;
}

/* A number of any length into json->text; whether it is written as a whole one. */
static alm_status number(alm_json *json, bool *whole)
{
    look(json);
    if (not_finite(json)) {
        return alm_json_fail(json, "%s is not a JSON value, expected a finite number",
                             not_finite(json));
    }
    const char *from = json->at;
    bool good;
    take(json, '-', '-');
    const bool zero = take(json, '0', '0');
    good = zero || take_digits(json);
    *whole = true;
    if (good && take(json, '.', '.')) {
        *whole = false;
        good = take_digits(json);
    }
    if (good && take(json, 'e', 'E')) {
        *whole = false;
        take(json, '+', '-');
        good = take_digits(json);
    }
    if (!good) {
        return alm_json_fail(json, "this is not a JSON value");
    }
    json->bytes = 0;
    return put(json, from, (size_t)(json->at - from));
}

/* What comes next, for messages. */
static const char *kind_of_next(alm_json *json)
{
    switch (alm_json_peek(json)) {
    case '{': return "an object";
    case '[': return "a list";
    case '"': return "a text";
    case 't': return "true";
    case 'f': return "false";
    case 'n': return "null";
    case '0': return "a number";
    default: return not_finite(json) ? not_finite(json) : "no JSON value";
    }
}

alm_status alm_json_number(alm_json *json, const char *what, bool *is_whole, int64_t *whole,
                           double *real)
{
    if (alm_json_peek(json) != '0' || not_finite(json)) {
        return alm_json_fail(json, "%s is %s, expected a finite number", what,
                             not_finite(json) ? not_finite(json) : kind_of_next(json));
    }
    ALM_TRY(number(json, is_whole));
    if (!alm_parse_real(json->text, real)) {
        return alm_json_fail(json, "%s is %.40s, expected a finite number", what, json->text);
    }
    *is_whole = *is_whole && alm_parse_whole(json->text, whole);
    return ALM_OK;
}

alm_status alm_json_finite(alm_json *json, const char *what)
{
    enum { SURELY = 300 }; /* so many digits without an exponent are below 1e308 */
    bool whole;
    double value;
    if (alm_json_peek(json) != '0' || not_finite(json)) {
        return alm_json_real(json, what, &value);
    }
    ALM_TRY(number(json, &whole));
    if ((json->bytes < SURELY && !strpbrk(json->text, "eE")) ||
        alm_parse_real(json->text, &value)) {
        return ALM_OK;
    }
    return alm_json_fail(json, "%s is %.40s, expected a finite number", what, json->text);
}

alm_status alm_json_real(alm_json *json, const char *what, double *out)
{
    bool is_whole;
    int64_t whole;
    return alm_json_number(json, what, &is_whole, &whole, out);
}

alm_status alm_json_whole(alm_json *json, const char *what, int64_t least, int64_t most,
                          int64_t *out)
{
    bool whole;
    int64_t value;
    if (alm_json_peek(json) != '0') {
        return alm_json_fail(json, "%s is no number", what);
    }
    ALM_TRY(number(json, &whole));
    if (!whole || !alm_parse_whole(json->text, &value) || value < least || value > most) {
        return alm_json_fail(json, "%s is %.40s, expected a whole number from %lld to %lld", what,
                             json->text, (long long)least, (long long)most);
    }
    *out = value;
    return ALM_OK;
}

static alm_status word(alm_json *json, const char *text)
{
    const size_t bytes = strlen(text);
    if ((size_t)(json->end - json->at) < bytes || memcmp(json->at, text, bytes) != 0) {
        return alm_json_fail(json, "this is not a JSON value");
    }
    json->at += bytes;
    return ALM_OK;
}

alm_status alm_json_bool(alm_json *json, const char *what, bool *out)
{
    const char c = alm_json_peek(json);
    if (c != 't' && c != 'f') {
        return alm_json_fail(json, "%s is %s, expected true or false", what, kind_of_next(json));
    }
    ALM_TRY(word(json, c == 't' ? "true" : "false"));
    *out = c == 't';
    return ALM_OK;
}

alm_status alm_json_skip(alm_json *json)
{
    bool more, whole;
    switch (alm_json_peek(json)) {
    case '{':
        ALM_TRY(alm_json_open(json, '{'));
        for (;;) {
            ALM_TRY(alm_json_key(json, &more));
            if (!more) {
                return ALM_OK;
            }
            ALM_TRY(alm_json_skip(json));
        }
    case '[':
        ALM_TRY(alm_json_open(json, '['));
        for (;;) {
            ALM_TRY(alm_json_item(json, &more));
            if (!more) {
                return ALM_OK;
            }
            ALM_TRY(alm_json_skip(json));
        }
    case '"': return alm_json_string(json);
    case 't': return word(json, "true");
    case 'f': return word(json, "false");
    case 'n': return word(json, "null");
    default: return number(json, &whole);
    }
}

static alm_status add(alm_json *json, alm_tree *tree, int parent, const char *key,
                      alm_tree_kind kind, const char *text, size_t bytes, int *node)
{
    const alm_status status =
        alm_tree_add(tree, parent, key, key ? strlen(key) : 0, kind, text, bytes, node);
    return status == ALM_STATUS_MODEL ? alm_json_fail(json, "%s", alm_error_message()) : status;
}

static alm_status add_number(alm_json *json, alm_tree *tree, int parent, const char *key)
{
    bool whole;
    int64_t value = 0;
    double real;
    int node;
    ALM_TRY(number(json, &whole));
    whole = whole && alm_parse_whole(json->text, &value);
    if (!alm_parse_real(json->text, &real)) {
        return alm_json_fail(json, "the number %.40s is too large", json->text);
    }
    ALM_TRY(add(json, tree, parent, key, whole ? ALM_TREE_WHOLE : ALM_TREE_REAL, json->text,
                json->bytes, &node));
    tree->node[node].whole = value;
    tree->node[node].real = real;
    return ALM_OK;
}

static alm_status add_map(alm_json *json, alm_tree *tree, int parent, const char *key)
{
    int node;
    bool more;
    ALM_TRY(add(json, tree, parent, key, ALM_TREE_MAP, NULL, 0, &node));
    ALM_TRY(alm_json_open(json, '{'));
    for (;;) {
        ALM_TRY(alm_json_key(json, &more));
        if (!more) {
            return ALM_OK;
        }
        /* json->text is overwritten by the value. */
        char *name;
        ALM_TRY(alm_strdup(json->text, json->file, &name));
        const alm_status status = alm_json_value(json, tree, node, name);
        alm_free(name);
        ALM_TRY(status);
    }
}

static alm_status add_list(alm_json *json, alm_tree *tree, int parent, const char *key)
{
    int node;
    bool more;
    ALM_TRY(add(json, tree, parent, key, ALM_TREE_LIST, NULL, 0, &node));
    ALM_TRY(alm_json_open(json, '['));
    for (;;) {
        ALM_TRY(alm_json_item(json, &more));
        if (!more) {
            return ALM_OK;
        }
        ALM_TRY(alm_json_value(json, tree, node, NULL));
    }
}

alm_status alm_json_value(alm_json *json, alm_tree *tree, int parent, const char *key)
{
    int node;
    const char c = alm_json_peek(json);
    switch (c) {
    case '{': return add_map(json, tree, parent, key);
    case '[': return add_list(json, tree, parent, key);
    case '"':
        ALM_TRY(alm_json_string(json));
        return add(json, tree, parent, key, ALM_TREE_TEXT, json->text, json->bytes, &node);
    case 't':
    case 'f':
        ALM_TRY(word(json, c == 't' ? "true" : "false"));
        ALM_TRY(add(json, tree, parent, key, ALM_TREE_BOOL, NULL, 0, &node));
        tree->node[node].whole = c == 't';
        return ALM_OK;
    case 'n':
        ALM_TRY(word(json, "null"));
        return add(json, tree, parent, key, ALM_TREE_NULL, NULL, 0, &node);
    default: return add_number(json, tree, parent, key);
    }
}

alm_status alm_json_tree(const char *text, size_t bytes, alm_tree *tree)
{
    alm_json json;
    alm_json_begin(&json, tree->file, text, bytes);
    alm_status status = alm_json_value(&json, tree, -1, NULL);
    if (status == ALM_OK) {
        status = alm_json_end(&json);
    }
    alm_json_close(&json);
    return status;
}

/* JSON as Python lays it out (json_write.h). */
#include "runtime/output/json_write.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/input/utf8.h"
#include "runtime/output/real_text.h"

enum { PIECE = 1 << 16, INDENT = 2 };

void alm_json_write_begin(alm_json_write *w, alm_file_write *file)
{
    *w = (alm_json_write){.file = file, .fresh = true};
}

void alm_json_write_free(alm_json_write *w)
{
    alm_buffer_free(&w->text);
}

static void keep(alm_json_write *w, alm_status status)
{
    if (w->status == ALM_OK) {
        w->status = status;
    }
}

static void flush(alm_json_write *w)
{
    keep(w, w->text.status);
    if (w->status == ALM_OK && w->file) {
        keep(w, alm_file_write_add(w->file, w->text.data, w->text.count));
        w->text.count = 0;
    }
}

alm_status alm_json_write_end(alm_json_write *w)
{
    flush(w);
    return w->status;
}

static void put(alm_json_write *w, const char *bytes, size_t count)
{
    if (w->status != ALM_OK || count == 0) {
        return;
    }
    if (w->text.status == ALM_OK && count <= w->text.capacity - w->text.count) {
        memcpy(w->text.data + w->text.count, bytes, count); /* nearly always */
        w->text.count += count;
    } else {
        alm_buffer_add(&w->text, bytes, count);
    }
    if (w->text.count >= PIECE && w->file) {
        flush(w);
    }
}

static void new_line(alm_json_write *w)
{
    static const char line[] = "\n                                                                ";
    size_t spaces = INDENT * (size_t)w->depth;
    const size_t most = sizeof line - 2;
    put(w, line, 1 + (spaces < most ? spaces : most));
    for (; spaces > most; spaces--) {
        put(w, " ", 1);
    }
}

/* What stands before a value or a key. */
static void separate(alm_json_write *w)
{
    if (w->keyed) {
        w->keyed = false;
        return;
    }
    if (!w->fresh) {
        put(w, ",", 1);
    }
    if (w->depth) {
        new_line(w);
    }
    w->fresh = false;
}

void alm_json_write_open(alm_json_write *w, char bracket)
{
    separate(w);
    put(w, &bracket, 1);
    w->depth++;
    w->fresh = true;
}

void alm_json_write_close(alm_json_write *w, char bracket)
{
    w->depth--;
    if (!w->fresh) {
        new_line(w);
    }
    put(w, &bracket, 1);
    w->fresh = false;
}

static void put_escaped(alm_json_write *w, char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *place = strchr(from, c);
    char text[8];
    if (place && c) {
        text[0] = '\\';
        text[1] = to[place - from];
        put(w, text, 2);
        return;
    }
    snprintf(text, sizeof text, "\\u%04x", (unsigned)(unsigned char)c);
    put(w, text, 6);
}

static void put_text(alm_json_write *w, const char *text, size_t bytes)
{
    size_t valid = alm_utf8_check(text, bytes), from = 0;
    put(w, "\"", 1);
    for (size_t i = 0; i < bytes; i++) {
        const unsigned char c = (unsigned char)text[i];
        const bool bad = i == valid;
        if (!bad && c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        put(w, text + from, i - from);
        from = i + 1;
        if (bad) {
            put(w, "\xef\xbf\xbd", 3);
            valid = from + alm_utf8_check(text + from, bytes - from);
        } else {
            put_escaped(w, (char)c);
        }
    }
    put(w, text + from, bytes - from);
    put(w, "\"", 1);
}

void alm_json_write_key(alm_json_write *w, const char *key)
{
    separate(w);
    put_text(w, key, strlen(key));
    put(w, ": ", 2);
    w->keyed = true;
}

void alm_json_write_null(alm_json_write *w)
{
    separate(w);
    put(w, "null", 4);
}

void alm_json_write_bool(alm_json_write *w, bool value)
{
    separate(w);
    put(w, value ? "true" : "false", value ? 4 : 5);
}

void alm_json_write_whole(alm_json_write *w, int64_t value)
{
    char text[32];
    separate(w);
    put(w, text, (size_t)snprintf(text, sizeof text, "%" PRId64, value));
}

void alm_json_write_real(alm_json_write *w, double value)
{
    char text[ALM_REAL_TEXT];
    if (!isfinite(value)) {
        keep(w, alm_fail(ALM_STATUS_INTERNAL, "a number that is not finite is to become JSON"));
        return;
    }
    separate(w);
    put(w, text, alm_real_text(value, text));
}

void alm_json_write_text(alm_json_write *w, const char *text, size_t bytes)
{
    separate(w);
    put_text(w, text, bytes);
}

void alm_json_write_string(alm_json_write *w, const char *text)
{
    if (text) {
        alm_json_write_text(w, text, strlen(text));
    } else {
        alm_json_write_null(w);
    }
}

/* Trees are at most ALM_TREE_DEPTH deep. */
void alm_json_write_tree(alm_json_write *w, const alm_tree *tree, int node)
{
    const alm_tree_node *n = &tree->node[node];
    const bool is_map = n->kind == ALM_TREE_MAP;
    switch (n->kind) {
    case ALM_TREE_NULL: alm_json_write_null(w); return;
    case ALM_TREE_BOOL: alm_json_write_bool(w, n->whole != 0); return;
    case ALM_TREE_WHOLE: alm_json_write_whole(w, n->whole); return;
    case ALM_TREE_REAL: alm_json_write_real(w, n->real); return;
    case ALM_TREE_TEXT: alm_json_write_string(w, alm_tree_text(tree, node)); return;
    case ALM_TREE_LIST:
    case ALM_TREE_MAP: break;
    }
    alm_json_write_open(w, is_map ? '{' : '[');
    for (int child = n->first; child >= 0; child = tree->node[child].next) {
        if (is_map) {
            alm_json_write_key(w, tree->text + tree->node[child].key);
        }
        alm_json_write_tree(w, tree, child);
    }
    alm_json_write_close(w, is_map ? '}' : ']');
}

static alm_status copy_children(alm_json_write *w, alm_json *from, char bracket)
{
    const bool is_map = bracket == '{';
    bool more;
    ALM_TRY(alm_json_open(from, bracket));
    alm_json_write_open(w, bracket);
    for (;;) {
        ALM_TRY(is_map ? alm_json_key(from, &more) : alm_json_item(from, &more));
        if (!more) {
            break;
        }
        if (is_map) {
            alm_json_write_key(w, from->text);
        }
        ALM_TRY(alm_json_write_copy(w, from));
    }
    alm_json_write_close(w, is_map ? '}' : ']');
    return w->status;
}

/* The reader limits the depth. */
alm_status alm_json_write_copy(alm_json_write *w, alm_json *from)
{
    const char next = alm_json_peek(from);
    int64_t whole;
    double real;
    bool is_whole;
    switch (next) {
    case '{':
    case '[': return copy_children(w, from, next);
    case '"':
        ALM_TRY(alm_json_string(from));
        alm_json_write_text(w, from->text, from->bytes);
        break;
    case 't':
    case 'f':
        ALM_TRY(alm_json_skip(from));
        alm_json_write_bool(w, next == 't');
        break;
    case 'n':
        ALM_TRY(alm_json_skip(from));
        alm_json_write_null(w);
        break;
    default:
        ALM_TRY(alm_json_number(from, "a number", &is_whole, &whole, &real));
        if (is_whole) {
            alm_json_write_whole(w, whole);
        } else {
            alm_json_write_real(w, real);
        }
        break;
    }
    return w->status;
}

alm_status alm_json_write_file(const char *path, alm_json_fill *fill, void *context)
{
    alm_file_write *file;
    alm_json_write w;
    ALM_TRY(alm_file_write_begin_partial(path, &file));
    alm_json_write_begin(&w, file);
    alm_status status = fill(&w, context);
    put(&w, "\n", 1);
    if (status == ALM_OK) {
        status = alm_json_write_end(&w);
    }
    if (status == ALM_OK) {
        status = alm_file_write_commit(file);
    }
    alm_json_write_free(&w);
    alm_file_write_end(file);
    return status;
}

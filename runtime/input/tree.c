#include "runtime/input/tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"

void alm_tree_clear(alm_tree *tree)
{
    alm_free(tree->node);
    alm_free(tree->text);
    *tree = (alm_tree){.file = tree->file};
}

static const char *key_of(const alm_tree *tree, int node)
{
    return tree->text + tree->node[node].key;
}

const char *alm_tree_text(const alm_tree *tree, int node)
{
    return tree->text + tree->node[node].text;
}

static alm_status add_text(alm_tree *tree, const char *text, size_t bytes, size_t *offset)
{
    if (text && memchr(text, 0, bytes)) {
        return alm_fail(ALM_STATUS_MODEL, "a text holds a NUL byte");
    }
    size_t need;
    ALM_TRY(alm_add_size(bytes, 2, tree->file, &need));
    ALM_TRY(alm_add_size(tree->bytes, need, tree->file, &need));
    ALM_TRY(alm_reserve(need, 1, tree->file, &tree->text, &tree->text_capacity));
    if (tree->bytes == 0) {
        tree->text[tree->bytes++] = '\0'; /* offset 0 is the empty text */
    }
    if (!text) {
        *offset = 0;
        return ALM_OK;
    }
    *offset = tree->bytes;
    memcpy(tree->text + tree->bytes, text, bytes);
    tree->text[tree->bytes + bytes] = '\0';
    tree->bytes += bytes + 1;
    return ALM_OK;
}

/* Maps are small (ALM_TREE_KEYS), so a look at every key is quick enough. */
static int child_of(const alm_tree *tree, int parent, const char *key, size_t bytes)
{
    for (int i = tree->node[parent].first; i >= 0; i = tree->node[i].next) {
        const char *have = key_of(tree, i);
        if (strncmp(have, key, bytes) == 0 && have[bytes] == '\0') {
            return i;
        }
    }
    return -1;
}

static alm_status check_place(const alm_tree *tree, int parent, const char *key, size_t bytes)
{
    if (tree->nodes >= ALM_TREE_NODES) {
        return alm_fail(ALM_STATUS_MODEL, "more than %d values", (int)ALM_TREE_NODES);
    }
    if (parent < 0) {
        return ALM_OK;
    }
    const alm_tree_node *p = &tree->node[parent];
    if (p->depth + 1 >= ALM_TREE_DEPTH) {
        return alm_fail(ALM_STATUS_MODEL, "nested deeper than %d levels", (int)ALM_TREE_DEPTH);
    }
    if (!key) {
        return ALM_OK;
    }
    if (p->count >= ALM_TREE_KEYS) {
        return alm_fail(ALM_STATUS_MODEL, "a map has more than %d keys", (int)ALM_TREE_KEYS);
    }
    if (memchr(key, 0, bytes)) {
        return alm_fail(ALM_STATUS_MODEL, "a key holds a NUL byte");
    }
    if (child_of(tree, parent, key, bytes) >= 0) {
        return alm_fail(ALM_STATUS_MODEL, "the key \"%.*s\" is there twice",
                        bytes > 80 ? 80 : (int)bytes, key);
    }
    return ALM_OK;
}

alm_status alm_tree_add(alm_tree *tree, int parent, const char *key, size_t key_bytes,
                        alm_tree_kind kind, const char *text, size_t text_bytes, int *node)
{
    alm_tree_node made = {.kind = kind, .parent = parent, .first = -1, .last = -1, .next = -1};
    ALM_TRY(check_place(tree, parent, key, key_bytes));
    ALM_TRY(
        alm_reserve(tree->nodes + 1, sizeof made, tree->file, &tree->node, &tree->node_capacity));
    ALM_TRY(add_text(tree, key, key_bytes, &made.key));
    ALM_TRY(add_text(tree, text, text_bytes, &made.text));
    const int index = (int)tree->nodes;
    if (parent >= 0) {
        alm_tree_node *p = &tree->node[parent];
        made.depth = p->depth + 1;
        if (p->last >= 0) {
            tree->node[p->last].next = index;
        } else {
            p->first = index;
        }
        p->last = index;
        p->count++;
    }
    tree->node[tree->nodes++] = made;
    *node = index;
    return ALM_OK;
}

alm_status alm_tree_set_text(alm_tree *tree, int node, const char *text)
{
    size_t offset;
    ALM_TRY(add_text(tree, text, strlen(text), &offset));
    alm_tree_node *n = &tree->node[node];
    n->kind = ALM_TREE_TEXT;
    n->text = offset;
    n->first = n->last = -1;
    n->count = 0;
    return ALM_OK;
}

/* The element of a list whose number is the first `bytes` bytes of the text, or -1. */
static int element_of(const alm_tree *tree, int list, const char *number, size_t bytes)
{
    int index = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (number[i] < '0' || number[i] > '9' || index > ALM_TREE_NODES) {
            return -1;
        }
        index = 10 * index + (number[i] - '0');
    }
    int node = bytes ? tree->node[list].first : -1;
    for (; index > 0 && node >= 0; index--) {
        node = tree->node[node].next;
    }
    return node;
}

int alm_tree_find(const alm_tree *tree, const char *path)
{
    int node = tree->nodes ? 0 : -1;
    while (node >= 0 && *path) {
        const size_t bytes = strcspn(path, ".");
        switch (tree->node[node].kind) {
        case ALM_TREE_MAP: node = child_of(tree, node, path, bytes); break;
        case ALM_TREE_LIST: node = element_of(tree, node, path, bytes); break;
        default: return -1;
        }
        path += bytes + (path[bytes] == '.');
    }
    return node;
}

void alm_tree_fail(alm_tree *tree, const char *format, ...)
{
    char text[512];
    va_list args;
    if (tree->status != ALM_OK) {
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tree->status = alm_fail(ALM_STATUS_MODEL, "%s: %s", tree->file, text);
}

enum { SHOWN = 100 };

/* What stands at a node, for messages. */
static const char *show(const alm_tree *tree, int node, char text[SHOWN + 8])
{
    switch (tree->node[node].kind) {
    case ALM_TREE_NULL: return "null";
    case ALM_TREE_BOOL: return tree->node[node].whole ? "true" : "false";
    case ALM_TREE_LIST: snprintf(text, SHOWN, "a list of %d", tree->node[node].count); break;
    case ALM_TREE_MAP: return "a map";
    case ALM_TREE_TEXT:
        snprintf(text, SHOWN, "\"%.*s\"", SHOWN - 8, alm_tree_text(tree, node));
        break;
    default: snprintf(text, SHOWN, "%.*s", SHOWN - 8, alm_tree_text(tree, node)); break;
    }
    return text;
}

static void fail_value(alm_tree *tree, const char *path, int node, const char *expected)
{
    char text[SHOWN + 8];
    if (tree->node[node].kind == ALM_TREE_TEXT && strstr(alm_tree_text(tree, node), "${")) {
        alm_tree_fail(tree, "%s is %s; only base_vlm may hold ${oc.env:NAME}, expected %s", path,
                      show(tree, node, text), expected);
    } else {
        alm_tree_fail(tree, "%s is %s, expected %s", path, show(tree, node, text), expected);
    }
}

/* The node at the path, -1 with the failure recorded. */
static int require(alm_tree *tree, const char *path)
{
    if (tree->status != ALM_OK) {
        return -1;
    }
    const int node = alm_tree_find(tree, path);
    if (node < 0) {
        alm_tree_fail(tree, "%s is missing", path);
    }
    return node;
}

static int64_t node_whole(alm_tree *tree, const char *path, int node, int64_t least, int64_t most)
{
    const alm_tree_node *n = &tree->node[node];
    if (n->kind != ALM_TREE_WHOLE || n->whole < least || n->whole > most) {
        char expected[80];
        snprintf(expected, sizeof expected, "a whole number from %lld to %lld", (long long)least,
                 (long long)most);
        fail_value(tree, path, node, expected);
        return least;
    }
    return n->whole;
}

static double node_real(alm_tree *tree, const char *path, int node, double least, double most)
{
    const alm_tree_node *n = &tree->node[node];
    const bool is_number = n->kind == ALM_TREE_WHOLE || n->kind == ALM_TREE_REAL;
    if (!is_number || !(n->real >= least && n->real <= most)) {
        char expected[80];
        snprintf(expected, sizeof expected, "a number from %g to %g", least, most);
        fail_value(tree, path, node, expected);
        return least;
    }
    return n->real;
}

int64_t alm_tree_whole(alm_tree *tree, const char *path, int64_t least, int64_t most)
{
    const int node = require(tree, path);
    return node < 0 ? least : node_whole(tree, path, node, least, most);
}

double alm_tree_real(alm_tree *tree, const char *path, double least, double most)
{
    const int node = require(tree, path);
    return node < 0 ? least : node_real(tree, path, node, least, most);
}

const char *alm_tree_string(alm_tree *tree, const char *path)
{
    const int node = require(tree, path);
    if (node < 0) {
        return "";
    }
    const char *text = alm_tree_text(tree, node);
    if (tree->node[node].kind != ALM_TREE_TEXT || !*text || strstr(text, "${")) {
        fail_value(tree, path, node, "a text that is not empty");
        return "";
    }
    return text;
}

/* The first element of a list, or -1: none, or the failure is recorded. */
static int require_list(alm_tree *tree, const char *path, int least, int most)
{
    const int node = require(tree, path);
    if (node < 0) {
        return -1;
    }
    const alm_tree_node *n = &tree->node[node];
    if (n->kind != ALM_TREE_LIST || n->count < least || n->count > most) {
        char expected[80];
        if (least == most) {
            snprintf(expected, sizeof expected, "a list of %d numbers", most);
        } else {
            snprintf(expected, sizeof expected, "a list of %d to %d numbers", least, most);
        }
        fail_value(tree, path, node, expected);
        return -1;
    }
    return n->first;
}

int alm_tree_wholes(alm_tree *tree, const char *path, int least, int most, int *values,
                    int capacity)
{
    int count = 0;
    int node = require_list(tree, path, 0, capacity);
    for (; node >= 0; node = tree->node[node].next) {
        values[count++] = (int)node_whole(tree, path, node, least, most);
    }
    return count;
}

void alm_tree_reals(alm_tree *tree, const char *path, double least, double most, float *values,
                    int count)
{
    int node = require_list(tree, path, count, count);
    for (; node >= 0; node = tree->node[node].next) {
        *values++ = (float)node_real(tree, path, node, least, most);
    }
}

void alm_tree_switch(alm_tree *tree, const char *path, const char *only, bool required)
{
    const int found = alm_tree_find(tree, path);
    if (!required && (found < 0 || tree->node[found].kind == ALM_TREE_NULL)) {
        return;
    }
    const int node = require(tree, path);
    if (node < 0) {
        return;
    }
    const alm_tree_node *n = &tree->node[node];
    const char *have =
        n->kind == ALM_TREE_BOOL ? (n->whole ? "true" : "false") : alm_tree_text(tree, node);
    const bool quoted =
        n->kind == ALM_TREE_TEXT && (!strcmp(only, "true") || !strcmp(only, "false"));
    if (n->kind == ALM_TREE_NULL || quoted || strcmp(have, only) != 0) {
        char text[SHOWN + 8];
        alm_tree_fail(tree, "%s is %s; only %s is supported", path, show(tree, node, text), only);
    }
}

#include "runtime/input/yaml.h"

#include <string.h>
#include <yaml.h>

#include "kernels/core/memory.h"

typedef struct reader {
    yaml_parser_t parser;
    alm_tree *tree;
    int parent; /* the open map or list; -1: none */
    char *key;  /* the key that waits for its value, in a map; NULL: none */
    size_t key_bytes, key_capacity;
    bool has_key;
} reader;

static alm_status fail_at(const reader *r, const yaml_event_t *event, const char *what)
{
    return alm_fail(ALM_STATUS_MODEL, "%s: line %zu: %s", r->tree->file, event->start_mark.line + 1,
                    what);
}

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

#define IS_ONE_OF(text, words) is_one_of(text, words, sizeof words / sizeof *words)

/* A leading zero would be octal, which nobody means. */
static bool is_whole(const char *text, int64_t *value)
{
    const char *digits = text + (*text == '-' || *text == '+');
    return (digits[0] != '0' || digits[1] == '\0') &&
           alm_parse_whole(*text == '+' && digits[0] != '-' ? digits : text, value);
}

static void resolve(const char *text, alm_tree_node *node)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    static const char *const yes[] = {"true", "True", "TRUE", "yes", "Yes",
                                      "YES",  "on",   "On",   "ON"};
    static const char *const no[] = {"false", "False", "FALSE", "no", "No",
                                     "NO",    "off",   "Off",   "OFF"};
    node->kind = ALM_TREE_TEXT;
    if (IS_ONE_OF(text, nulls)) {
        node->kind = ALM_TREE_NULL;
    } else if (IS_ONE_OF(text, yes)) {
        node->kind = ALM_TREE_BOOL;
        node->whole = 1;
    } else if (IS_ONE_OF(text, no)) {
        node->kind = ALM_TREE_BOOL;
    } else if (is_whole(text, &node->whole)) {
        node->kind = ALM_TREE_WHOLE;
        node->real = (double)node->whole;
    } else if (strpbrk(text, ".eE") && alm_parse_real(text, &node->real)) {
        node->kind = ALM_TREE_REAL;
    }
}

/* Adds a value where the events stand. */
static alm_status add(reader *r, const yaml_event_t *event, alm_tree_kind kind, const char *text,
                      size_t bytes, int *node)
{
    if (r->parent < 0 && r->tree->nodes > 0) {
        return fail_at(r, event, "a second document is not supported");
    }
    const alm_status status = alm_tree_add(r->tree, r->parent, r->has_key ? r->key : NULL,
                                           r->key_bytes, kind, text, bytes, node);
    r->has_key = false;
    return status == ALM_STATUS_MODEL
               ? alm_fail_context(status, "%s: line %zu", r->tree->file, event->start_mark.line + 1)
               : status;
}

static bool waits_for_key(const reader *r)
{
    return r->parent >= 0 && r->tree->node[r->parent].kind == ALM_TREE_MAP && !r->has_key;
}

static alm_status take_key(reader *r, const yaml_event_t *event, const char *text, size_t bytes)
{
    if (strcmp(text, "<<") == 0) {
        return fail_at(r, event, "merge keys (<<) are not supported");
    }
    ALM_TRY(alm_reserve(bytes + 1, 1, r->tree->file, &r->key, &r->key_capacity));
    memcpy(r->key, text, bytes + 1);
    r->key_bytes = bytes;
    r->has_key = true;
    return ALM_OK;
}

static alm_status take_scalar(reader *r, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    const size_t bytes = event->data.scalar.length;
    int node;
    if (event->data.scalar.anchor) {
        return fail_at(r, event, "anchors (&) are not supported");
    }
    if (event->data.scalar.tag) {
        return fail_at(r, event, "tags (!) are not supported");
    }
    if (waits_for_key(r)) {
        return take_key(r, event, text, bytes);
    }
    ALM_TRY(add(r, event, ALM_TREE_TEXT, text, bytes, &node));
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        resolve(text, &r->tree->node[node]);
    }
    return ALM_OK;
}

static alm_status open_collection(reader *r, const yaml_event_t *event, alm_tree_kind kind,
                                  const void *anchor, const void *tag)
{
    int node;
    if (anchor) {
        return fail_at(r, event, "anchors (&) are not supported");
    }
    if (tag) {
        return fail_at(r, event, "tags (!) are not supported");
    }
    if (waits_for_key(r)) {
        return fail_at(r, event, "a key is not a plain text");
    }
    ALM_TRY(add(r, event, kind, NULL, 0, &node));
    r->parent = node;
    return ALM_OK;
}

static alm_status take(reader *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_ALIAS_EVENT: return fail_at(r, event, "aliases (*) are not supported");
    case YAML_SCALAR_EVENT: return take_scalar(r, event);
    case YAML_SEQUENCE_START_EVENT:
        return open_collection(r, event, ALM_TREE_LIST, event->data.sequence_start.anchor,
                               event->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return open_collection(r, event, ALM_TREE_MAP, event->data.mapping_start.anchor,
                               event->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: r->parent = r->tree->node[r->parent].parent; return ALM_OK;
    default: return ALM_OK;
    }
}

static alm_status fail_parser(const reader *r)
{
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR) {
        return alm_fail(ALM_STATUS_MEMORY, "out of memory while reading %s", r->tree->file);
    }
    if (p->error == YAML_READER_ERROR) {
        return alm_fail(ALM_STATUS_MODEL, "%s: byte %zu: %s", r->tree->file, p->problem_offset,
                        p->problem ? p->problem : "is not YAML");
    }
    return alm_fail(ALM_STATUS_MODEL, "%s: line %zu: %s", r->tree->file, p->problem_mark.line + 1,
                    p->problem ? p->problem : "is not YAML");
}

static alm_status read_events(reader *r)
{
    bool more = true;
    while (more) {
        yaml_event_t event;
        if (!yaml_parser_parse(&r->parser, &event)) {
            return fail_parser(r);
        }
        more = event.type != YAML_STREAM_END_EVENT;
        const alm_status status = take(r, &event);
        yaml_event_delete(&event);
        ALM_TRY(status);
    }
    if (r->tree->nodes == 0) {
        return alm_fail(ALM_STATUS_MODEL, "%s: is empty", r->tree->file);
    }
    return ALM_OK;
}

alm_status alm_yaml_tree(const char *text, size_t bytes, alm_tree *tree)
{
    reader r = {.tree = tree, .parent = -1};
    if (!yaml_parser_initialize(&r.parser)) {
        return alm_fail(ALM_STATUS_MEMORY, "out of memory while reading %s", tree->file);
    }
    /* OmegaConf writes UTF-8; guessing UTF-16 from the first bytes would let other texts in. */
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, bytes);
    const alm_status status = read_events(&r);
    yaml_parser_delete(&r.parser);
    alm_free(r.key);
    return status;
}

/* A pull reader for JSON (RFC 8259): the caller walks the text, values are not kept. Large files
 * (a tokenizer has 600,000 values) cost no tree; small ones become an alm_tree.
 *
 * Refused, with file, line and what was expected: everything that is not JSON, invalid UTF-8,
 * lonely surrogates, NUL in a text (unless allowed), nesting deeper than ALM_TREE_DEPTH, text
 * behind the value. (Why not jansson: it loses bytes of a text silently when an allocation inside
 * it fails, and a tree of its values takes 60 MB for the released tokenizer.)
 */
#ifndef ALM_RUNTIME_INPUT_JSON_H
#define ALM_RUNTIME_INPUT_JSON_H

#include "runtime/input/tree.h"

/* The longest text or number. */
enum { ALM_JSON_TEXT = 1 << 20 };

typedef struct alm_json {
    const char *file; /* for messages; borrowed */
    const char *begin, *at, *end;
    size_t lines_before; /* of the file, when the text is a part of it; 0 after alm_json_begin */
    bool nul_allowed;    /* "\u0000" in a text; false after alm_json_begin */
    int depth;
    bool fresh;   /* a '{' or '[' was just read: no comma before the next element */
    char *text;   /* the last string or number that was read, NUL-terminated */
    size_t bytes; /* of text */
    size_t capacity;
} alm_json;

/* The text is borrowed; it need not end in NUL. */
void alm_json_begin(alm_json *json, const char *file, const char *text, size_t bytes);
/* Nothing but space may follow. */
alm_status alm_json_end(alm_json *json);
/* Releases the reader's own text. */
void alm_json_close(alm_json *json);

/* What comes next: one of { [ " t f n 0 (a number), or another character that no value starts with,
 * NUL at the end. */
char alm_json_peek(alm_json *json);

/* Steps into '{' or '['. */
alm_status alm_json_open(alm_json *json, char bracket);
/* The next key of the object (into json->text) with its colon, or *more = false behind '}'. */
alm_status alm_json_key(alm_json *json, bool *more);
/* *more: whether another element of the array follows; false behind ']'. */
alm_status alm_json_item(alm_json *json, bool *more);

/* A string into json->text and bytes; it may hold NUL. */
alm_status alm_json_string(alm_json *json);
/* A whole number from least to most. what: for messages. */
alm_status alm_json_whole(alm_json *json, const char *what, int64_t least, int64_t most,
                          int64_t *out);
/* A finite number; whether it is written as a whole one and fits *whole. */
alm_status alm_json_number(alm_json *json, const char *what, bool *is_whole, int64_t *whole,
                           double *real);
/* A finite number. */
alm_status alm_json_real(alm_json *json, const char *what, double *out);
/* The same, forgotten: quicker. */
alm_status alm_json_finite(alm_json *json, const char *what);
alm_status alm_json_bool(alm_json *json, const char *what, bool *out);
/* Any value, checked and forgotten. */
alm_status alm_json_skip(alm_json *json);
/* Any value, added to the tree below parent (-1: as its root). key: NULL, or where the value stands
 * in its map. */
alm_status alm_json_value(alm_json *json, alm_tree *tree, int parent, const char *key);

/* Records "file: line N: ..." and returns ALM_STATUS_MODEL. */
alm_status alm_json_fail(const alm_json *json, const char *format, ...) ALM_PRINTF(2, 3);

/* A whole text as a tree (alm_tree_clear it in any case; tree->file must be set). */
alm_status alm_json_tree(const char *text, size_t bytes, alm_tree *tree);

#endif

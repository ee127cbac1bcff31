/* JSON in the layout of Python's json.dump(indent=2, ensure_ascii=False), byte for byte, written as
 * it comes: scripts that compare such files see no difference.
 *
 * Memory is bounded: what is ready goes to the file by pieces. The first failure stays in `status`
 * and makes what follows do nothing, so that writers check once, at alm_json_write_end. Refused:
 * numbers that are not finite, which JSON cannot hold. Bytes that are not UTF-8 become U+FFFD.
 * The caller sees to it that brackets match and that values in an object have keys.
 */
#ifndef ALM_RUNTIME_OUTPUT_JSON_WRITE_H
#define ALM_RUNTIME_OUTPUT_JSON_WRITE_H

#include "runtime/input/json.h"
#include "runtime/output/buffer.h"
#include "runtime/output/file_write.h"

typedef struct alm_json_write {
    alm_file_write *file; /* borrowed; NULL: all stays in `text` */
    alm_buffer text;
    alm_status status;
    int depth;
    bool fresh; /* nothing stands in the innermost bracket yet */
    bool keyed; /* a key waits for its value */
} alm_json_write;

void alm_json_write_begin(alm_json_write *w, alm_file_write *file);
/* Hands the rest to the file; returns the first failure. Frees nothing. */
alm_status alm_json_write_end(alm_json_write *w);
/* Releases the writer's own text. */
void alm_json_write_free(alm_json_write *w);

void alm_json_write_open(alm_json_write *w, char bracket); /* { or [ */
void alm_json_write_close(alm_json_write *w, char bracket);
void alm_json_write_key(alm_json_write *w, const char *key);

void alm_json_write_null(alm_json_write *w);
void alm_json_write_bool(alm_json_write *w, bool value);
void alm_json_write_whole(alm_json_write *w, int64_t value);
void alm_json_write_real(alm_json_write *w, double value);
/* NULL: null. */
void alm_json_write_string(alm_json_write *w, const char *text);
void alm_json_write_text(alm_json_write *w, const char *text, size_t bytes);

/* A node of a tree and all below it. */
void alm_json_write_tree(alm_json_write *w, const alm_tree *tree, int node);

/* The next value of the reader and all below it: whole numbers that fit in int64_t stay whole, all
 * others are reals. Returns the first failure of either. */
alm_status alm_json_write_copy(alm_json_write *w, alm_json *from);

/* A whole file: <path>.partial is made, filled by `fill`, ended with a line end and renamed. */
typedef alm_status alm_json_fill(alm_json_write *w, void *context);
alm_status alm_json_write_file(const char *path, alm_json_fill *fill, void *context);

#endif

/* The values of a settings file, YAML or JSON alike: maps, lists and scalars, and the questions
 * that are asked of them.
 *
 * A tree is two growing arrays, nodes and text, so that a hostile file costs no more than its size.
 * Refused while it is built, with file and key: nesting deeper than ALM_TREE_DEPTH, more than
 * ALM_TREE_NODES values, more than ALM_TREE_KEYS keys in a map, a key that is there twice, NUL in a
 * text.
 */
#ifndef ALM_RUNTIME_INPUT_TREE_H
#define ALM_RUNTIME_INPUT_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/core/status.h"

enum { ALM_TREE_DEPTH = 32, ALM_TREE_NODES = 65536, ALM_TREE_KEYS = 2048 };

typedef enum alm_tree_kind {
    ALM_TREE_NULL,
    ALM_TREE_BOOL,
    ALM_TREE_WHOLE, /* fits in int64_t */
    ALM_TREE_REAL,  /* finite */
    ALM_TREE_TEXT,
    ALM_TREE_LIST,
    ALM_TREE_MAP
} alm_tree_kind;

typedef struct alm_tree_node {
    alm_tree_kind kind;
    int64_t whole;                 /* ALM_TREE_WHOLE and ALM_TREE_BOOL */
    double real;                   /* ALM_TREE_WHOLE and ALM_TREE_REAL */
    size_t key;                    /* offsets into the tree's text; 0 is "" */
    size_t text;                   /* of a scalar: as it stands in the file, without quotes */
    int parent, first, last, next; /* nodes; -1: none */
    int depth, count;
} alm_tree_node;

/* Zero-initialise; release with alm_tree_clear. */
typedef struct alm_tree {
    const char *file; /* the name for messages; borrowed */
    alm_tree_node *node;
    size_t nodes, node_capacity;
    char *text;
    size_t bytes, text_capacity;
    alm_status status; /* the first failure of the getters below */
} alm_tree;

void alm_tree_clear(alm_tree *tree);

/* Building. A value below `parent` (-1: the root), behind those that are there. key: of a value in
 * a map, else NULL. text: of a scalar, else NULL. *node is its index. Whoever reads the file sets
 * whole and real, and puts file and line before the text of a failure. */
alm_status alm_tree_add(alm_tree *tree, int parent, const char *key, size_t key_bytes,
                        alm_tree_kind kind, const char *text, size_t text_bytes, int *node);

/* Makes a node a text, whatever it was; what stood below it is no longer there. */
alm_status alm_tree_set_text(alm_tree *tree, int node, const char *text);

/* Digits of a whole number with an optional '-' into *out; false when that is not all or when it
 * does not fit. */
bool alm_parse_whole(const char *text, int64_t *out);

/* A decimal number with a point or an exponent or both; false when that is not all or not finite.
 * Does not depend on the locale. */
bool alm_parse_real(const char *text, double *out);

/* The node at "a.b.0.c" (elements of lists by number), or -1. */
int alm_tree_find(const alm_tree *tree, const char *path);

/* The scalar's text, a text's included. */
const char *alm_tree_text(const alm_tree *tree, int node);

/* Asking. Every function below does nothing once tree->status is a failure, so that a list of
 * questions needs one check at its end. A failure names file, path, value and what was expected. */

/* A whole number from least to most. */
int64_t alm_tree_whole(alm_tree *tree, const char *path, int64_t least, int64_t most);
/* A number from least to most. */
double alm_tree_real(alm_tree *tree, const char *path, double least, double most);
/* A text that is not empty and holds no ${...}; borrowed. "" after a failure. */
const char *alm_tree_string(alm_tree *tree, const char *path);
/* A list of at most `capacity` whole numbers; returns how many. */
int alm_tree_wholes(alm_tree *tree, const char *path, int least, int most, int *values,
                    int capacity);
/* A list of exactly `count` numbers. */
void alm_tree_reals(alm_tree *tree, const char *path, double least, double most, float *values,
                    int count);
/* A setting that may have one value only: "true", "9" or a text. It may be absent or null unless it
 * is `required`. */
void alm_tree_switch(alm_tree *tree, const char *path, const char *only, bool required);

/* Records "file: ..." as the tree's failure unless there is one. */
void alm_tree_fail(alm_tree *tree, const char *format, ...) ALM_PRINTF(2, 3);

#endif

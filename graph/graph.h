/* The graph: values and nodes in execution order, and the functions that append to it.
 *
 * A graph is pure data: it does no I/O and knows no device. Builders carry a sticky error: after
 * the first one every call does nothing, so that a model file reads as mathematics and is checked
 * once, with alm_graph_status. Dimensions are capacities; a value may name a count, an I32 [1]
 * input that says how many of its rows are in use.
 */
#ifndef ALM_GRAPH_GRAPH_H
#define ALM_GRAPH_GRAPH_H

#include "kernels/core/op.h"

/* Index of a value; ALM_NONE stands for an absent optional input. */
typedef int32_t alm_value;
enum { ALM_NONE = -1 };

typedef enum alm_storage {
    ALM_STORAGE_INPUT,     /* written by the host before a run */
    ALM_STORAGE_WEIGHT,    /* a tensor of the state file, found by its name */
    ALM_STORAGE_CONSTANT,  /* owned by the graph */
    ALM_STORAGE_STATE,     /* kept between runs and shared by graphs: the session's memory */
    ALM_STORAGE_TEMPORARY, /* made by a node, placed by the plan */
    ALM_STORAGE_VIEW       /* other shape or columns of another value's buffer */
} alm_storage;

typedef struct alm_value_info {
    const char *name;
    const char *stage; /* name in dumps; NULL: not a stage */
    alm_desc desc;
    int64_t stride;  /* elements from row to row */
    alm_value count; /* rows in use; ALM_NONE: all */
    alm_storage storage;
    alm_value root; /* the value whose buffer this is; itself unless a view */
    int64_t offset; /* of a view: elements from the start of the root */
    int producer;   /* node; -1 when none makes it */
    bool is_output;
    const void *constant; /* of a constant: packed data */
} alm_value_info;

typedef struct alm_node {
    const char *name; /* "text.12.attn": in logs, dumps, plans */
    const alm_op_def *op;
    const void *attr;
    size_t attr_bytes;
    int lane; /* 1: beside lane 0, where the device can (alm_graph_lane) */
    int n_in, n_out;
    const alm_value *in;
    const alm_value *out;
} alm_node;

typedef struct alm_graph {
    alm_status status; /* the first error */
    int n_values, n_nodes;
    alm_value_info *values;
    alm_node *nodes;
    int lane;                          /* of the nodes that come */
    struct alm_graph_storage *storage; /* strings, attributes, arrays */
} alm_graph;

/* Says what the state file holds under a name. Returns false when there is nothing. */
typedef bool alm_weight_lookup(void *context, const char *name, alm_desc *out);

/* lookup NULL: every weight exists, is BF16 and has the shape that the model asks for (plans
 * without a file). */
alm_status alm_graph_create(alm_weight_lookup *lookup, void *context, alm_graph **out);
void alm_graph_destroy(alm_graph *graph);

/* The first error; its text is the thread's. */
alm_status alm_graph_status(const alm_graph *graph);
/* Records an error that a model file found; the first one stays. */
void alm_graph_fail(alm_graph *graph, alm_status status);

/* A formatted string that lives as long as the graph. "" after an error. */
const char *alm_graph_text(alm_graph *graph, const char *format, ...) ALM_PRINTF(2, 3);

/* The two strings joined, likewise: names of weights and nodes below a prefix. */
const char *alm_graph_join(alm_graph *graph, const char *prefix, const char *name);

alm_value alm_graph_input(alm_graph *graph, const char *name, alm_desc desc, alm_value count);
/* A weight of this shape; another shape in the state file is an error that names both. The dtype is
 * the file's. */
alm_value alm_graph_weight(alm_graph *graph, const char *name, int rank, const int64_t *dim);
/* A packed tensor that lives longer than a run. An operation that may run in place on it always
 * does. */
alm_value alm_graph_state(alm_graph *graph, const char *name, alm_desc desc, alm_value count);
/* Copies the packed data. */
alm_value alm_graph_constant(alm_graph *graph, const char *name, alm_desc desc, const void *data);

/* Columns [begin, begin + width) of a packed two-dimensional value. */
alm_value alm_graph_columns(alm_graph *graph, const char *name, alm_value x, int64_t begin,
                            int64_t width);
/* Rows [begin, begin + count) of a packed value that has all its rows in use. */
alm_value alm_graph_rows(alm_graph *graph, const char *name, alm_value x, int64_t begin,
                         int64_t count);
/* The same elements in another shape; x must be packed. count: rows in use of the new shape. */
alm_value alm_graph_reshape(alm_graph *graph, const char *name, alm_value x, alm_desc desc,
                            alm_value count);

/* Appends a node. in: [n_in], ALM_NONE for absent inputs; attr is copied (attr_bytes 0: none); out:
 * [op->out_count]. */
void alm_graph_apply(alm_graph *graph, const char *name, const alm_op_def *op, const alm_value *in,
                     int n_in, const void *attr, size_t attr_bytes, alm_value *out);

/* For passes that rewrite a graph. Node n becomes another one, which writes the given values; what
 * is pointed to is copied. Values that nobody makes any more must be told by alm_graph_orphan. */
void alm_graph_set_node(alm_graph *graph, int n, const alm_node *node);
/* Removes the nodes that are marked; drop: [n_nodes]. */
void alm_graph_drop_nodes(alm_graph *graph, const bool *drop);
/* The value is neither made nor read any more. */
void alm_graph_orphan(alm_graph *graph, alm_value x);

/* The lane of the nodes that come: 0, or 1 for work that a device may do beside what follows in
 * lane 0. Lane 1 comes first and as one piece; the first node of lane 0 that reads a value of lane
 * 1 joins them. */
void alm_graph_lane(alm_graph *graph, int lane);

/* Gives a value its name in dumps; returns it. */
alm_value alm_graph_stage(alm_graph *graph, alm_value x, const char *stage);
/* Keeps a value until the end of a run. */
void alm_graph_output(alm_graph *graph, alm_value x);

/* Whether the value lies in the arena (its root is temporary). */
bool alm_graph_is_temporary(const alm_graph *graph, alm_value x);

/* Bytes of the value itself, packed; the graph was built, so they fit. */
size_t alm_value_bytes(const alm_value_info *info);

/* The tensor as check() and infer() see it: no data. An absent one for ALM_NONE. */
alm_tensor alm_graph_tensor(const alm_graph *graph, alm_value x);

#endif

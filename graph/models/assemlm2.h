/* AssemLM 2.0 as a graph (assemlm2.md): pages as patch bytes or pixels, two clouds and a prompt to
 * the pose's nine numbers. */
#ifndef ALM_GRAPH_MODELS_ASSEMLM2_H
#define ALM_GRAPH_MODELS_ASSEMLM2_H

#include "graph/graph.h"
#include "graph/models/config.h"

/* Capacities for pages as pixels (kernels/page_patches). */
typedef struct alm_pixel_room {
    int64_t bytes, wide; /* of the pages, and of the pages with their columns resized */
    int64_t spans, weights;
} alm_pixel_room;

/* Capacities of a shape class. What a sample uses of them stands in the count inputs. */
typedef struct alm_shape_class {
    int64_t patches; /* of both pages; a multiple of merge² */
    int64_t tokens;  /* of the prompt up to the pose query */
    int64_t rows; /* tokens whose rows are computed: all, or with `warm` those behind the pages */
    bool warm;    /* the keys and values of the pages' tokens are there: no vision tower */
    alm_pixel_room pixels; /* zeros: the host cuts the pages into patches */
} alm_shape_class;

/* Inputs of the graph, all written by the host before a run. A warm graph has none of the pages,
 * others have their bytes or their pixels. */
typedef struct alm_assemlm2_inputs {
    alm_value n_patches, n_image_tokens;    /* I32 [1] */
    alm_value bytes;                        /* U8 [patches, channels·temporal·patch²] */
    alm_value rgb, page, span, weight;      /* U8, I32 (page_patches.h) */
    alm_value table_index, table_weight;    /* I32, F32 [patches, 4] */
    alm_value patch_position;               /* I32 [patches, 2] */
    alm_value patch_rule;                   /* I32 [patches, 3] */
    alm_value fixed, moving;                /* F32 [1024, 3] */
    alm_value n_rows, n_tokens;             /* I32 [1] */
    alm_value first;                        /* I32 [1]: the token that row 0 is */
    alm_value source, position, query_rule; /* I32 [rows, 2], [rows, 3], [rows, 3] */
    alm_value key_rule;                     /* I32 [tokens, 3] */
    alm_value last;                         /* I32 [1]: row of the pose query */
    alm_value last_rule;                    /* I32 [1, 3] */
} alm_assemlm2_inputs;

typedef struct alm_assemlm2 {
    alm_graph *graph;
    alm_assemlm2_inputs in;
    alm_value pose; /* F32 [1, 9] */
} alm_assemlm2;

/* lookup as in alm_graph_create. The graph is the caller's (alm_graph_destroy). Error:
 * ALM_STATUS_MODEL, _MEMORY. */
alm_status alm_assemlm2_build(const alm_assemlm2_config *config, alm_shape_class shape,
                              alm_weight_lookup *lookup, void *context, alm_assemlm2 *out);

#endif

/* The vision tower of Qwen3-VL (qwen3vl.md 2): patch bytes of all pages to image tokens and
 * DeepStack features. */
#ifndef ALM_GRAPH_MODELS_VISION_TOWER_H
#define ALM_GRAPH_MODELS_VISION_TOWER_H

#include "graph/graph.h"
#include "graph/models/config.h"

/* n patches in merge-block order, in use: `patches`; tokens in use: `tokens`. */
typedef struct alm_vision_in {
    alm_value bytes;        /* U8 [n, channels·temporal·patch²] */
    alm_value table_index;  /* I32 [n, 4] */
    alm_value table_weight; /* F32 [n, 4] */
    alm_value position;     /* I32 [n, 2]: row and column in the page */
    alm_value rule;         /* I32 [n, 3]: bounds of the page */
    alm_value tokens;       /* count of image tokens */
} alm_vision_in;

typedef struct alm_vision_out {
    alm_value tokens;                       /* F32 [n/merge², out] */
    alm_value deepstack[ALM_MAX_DEEPSTACK]; /* likewise, [used] of them */
} alm_vision_out;

/* out: width of the language model. used: DeepStack features that somebody reads, at most
 * v->deepstack_count. */
alm_vision_out alm_vision_tower(alm_graph *g, const alm_assemlm2_config *c, alm_vision_in in,
                                int used);

#endif

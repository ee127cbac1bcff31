/* The bridge from points to language (assemlm2.md 3): four branches of P tokens, fixed and moving,
 * equivariant and invariant. */
#ifndef ALM_GRAPH_MODELS_POINT_BRIDGE_H
#define ALM_GRAPH_MODELS_POINT_BRIDGE_H

#include "graph/build.h"
#include "graph/models/config.h"

typedef struct alm_bridge_out {
    alm_value tokens;                       /* F32 [4P, out] */
    alm_value deepstack[ALM_MAX_DEEPSTACK]; /* likewise, gated; [used] of them */
    alm_value centers;                      /* F32 [4P, 3], normalised */
} alm_bridge_out;

/* used: taps that somebody reads, at most c->bridge.taps. */
alm_bridge_out alm_point_bridge(alm_graph *g, const alm_assemlm2_config *c, alm_encoded_cloud fixed,
                                alm_encoded_cloud moving, int used);

#endif

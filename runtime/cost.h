/* What a node costs by its contract: arithmetic, and the bytes that it must move at least. */
#ifndef ALM_RUNTIME_COST_H
#define ALM_RUNTIME_COST_H

#include "graph/graph.h"

typedef struct alm_cost {
    double flop;  /* products and sums of matrix products, distances and vector layers; masked pairs
                     of attention are not counted; 0 for what only moves data */
    double bytes; /* rows in use of all inputs and outputs, each once; weights as they are stored */
} alm_cost;

/* What is in use of a graph's inputs. */
typedef struct alm_cost_source {
    int64_t (*rows)(const void *context, alm_value value); /* rows in use */
    /* The rule table of attention (attention.h), readable; false: not known, then every pair
     * counts. */
    bool (*rules)(const void *context, alm_value value, alm_tensor *out);
    const void *context;
} alm_cost_source;

alm_cost alm_node_cost(const alm_graph *graph, int node, const alm_cost_source *source);

#endif

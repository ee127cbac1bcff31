#include "graph/plan.h"

void alm_liveness(const alm_graph *g, int *first, int *last)
{
    for (int v = 0; v < g->n_values; v++) {
        const alm_value_info *info = &g->values[v];
        const bool own = info->storage == ALM_STORAGE_TEMPORARY;
        first[v] = own ? info->producer : -1;
        last[v] = own ? (info->is_output ? g->n_nodes - 1 : info->producer) : -1;
    }
    for (int n = 0; n < g->n_nodes; n++) {
        for (int i = 0; i < g->nodes[n].n_in; i++) {
            const alm_value x = g->nodes[n].in[i];
            if (x != ALM_NONE && alm_graph_is_temporary(g, x)) {
                const alm_value root = g->values[x].root;
                last[root] = last[root] < n ? n : last[root];
            }
        }
    }
}

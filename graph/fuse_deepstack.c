#include "graph/fuse_deepstack.h"

#include "kernels/core/memory.h"
#include "kernels/deepstack_norm/deepstack_norm.h"

/* The first norm of v; -1 when there is none. */
static int find_norm(const alm_graph *g, alm_value v)
{
    for (int n = 0; n < g->n_nodes; n++) {
        if (g->nodes[n].op == &alm_op_rmsnorm && g->nodes[n].in[0] == v) {
            return n;
        }
    }
    return -1;
}

/* In the place of the addition: everything that both read is there. */
static void fuse(alm_graph *g, int at, const alm_node *norm)
{
    const alm_node add = g->nodes[at];
    const alm_value in[] = {add.in[0], add.in[1], norm->in[1], add.n_in > 2 ? add.in[2] : ALM_NONE,
                            add.n_in > 3 ? add.in[3] : ALM_NONE};
    const alm_value out[] = {norm->out[0], add.out[0]};
    const alm_node node = {.name = add.name,
                           .op = &alm_op_deepstack_norm,
                           .attr = norm->attr,
                           .attr_bytes = norm->attr_bytes,
                           .lane = add.lane,
                           .n_in = (int)(sizeof in / sizeof in[0]),
                           .n_out = 2,
                           .in = in,
                           .out = out};
    alm_graph_set_node(g, at, &node);
}

alm_status alm_graph_fuse_deepstack(alm_graph *g)
{
    bool *drop;
    ALM_TRY(alm_graph_status(g));
    ALM_TRY(alm_calloc((size_t)g->n_nodes, sizeof *drop, "fused nodes", &drop));
    for (int n = 0; n < g->n_nodes; n++) {
        const int norm =
            g->nodes[n].op == &alm_op_deepstack_add ? find_norm(g, g->nodes[n].out[0]) : -1;
        if (norm >= 0 && g->values[g->nodes[norm].in[1]].producer < 0) {
            fuse(g, n, &g->nodes[norm]);
            drop[norm] = true;
        }
    }
    alm_graph_drop_nodes(g, drop);
    alm_free(drop);
    return alm_graph_status(g);
}

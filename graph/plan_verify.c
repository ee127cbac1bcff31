/* Executes a plan on paper. Shares nothing with the planner but the plan itself: no liveness, no
 * blocks' lifetimes. Every write of a value or a workspace claims its byte range of the arena;
 * every read must find the whole range still claimed by the value's root. */
#include "graph/plan.h"

#include "kernels/core/memory.h"

/* Who wrote the range last. Values are their id; the workspace of node n is -2 - n. */
typedef struct claim {
    size_t begin, end;
    int owner;
} claim;

typedef struct ledger {
    claim *claims;
    int count;
} ledger;

/* The new range takes what it covers from older claims. */
static alm_status write_range(ledger *l, const alm_plan *p, size_t begin, size_t bytes, int owner,
                              const char *name)
{
    const size_t end = begin + bytes;
    if (begin % ALM_ALIGNMENT != 0 || end > p->arena_bytes) {
        return alm_fail(ALM_STATUS_INTERNAL, "%s: bytes %zu to %zu, the arena has %zu", name, begin,
                        end, p->arena_bytes);
    }
    int kept = 0;
    for (int i = 0; i < l->count; i++) {
        /* A claim that loses a part is broken as a whole: nobody reads half a value. */
        if (l->claims[i].end <= begin || end <= l->claims[i].begin) {
            l->claims[kept++] = l->claims[i];
        }
    }
    l->claims[kept] = (claim){begin, end, owner};
    l->count = kept + 1;
    return ALM_OK;
}

static bool owns(const ledger *l, int owner)
{
    for (int i = 0; i < l->count; i++) {
        if (l->claims[i].owner == owner) {
            return true;
        }
    }
    return false;
}

static alm_status read_inputs(const ledger *l, const alm_graph *g, const alm_node *node)
{
    for (int i = 0; i < node->n_in; i++) {
        const alm_value x = node->in[i];
        if (x == ALM_NONE || !alm_graph_is_temporary(g, x)) {
            continue;
        }
        const alm_value root = g->values[x].root;
        const alm_value_info *view = &g->values[x];
        const int64_t rows = view->desc.rank ? view->desc.dim[0] : 1;
        const int64_t end =
            rows ? view->offset + (rows - 1) * view->stride + alm_desc_row(&view->desc)
                 : view->offset;
        if (!owns(l, root)) {
            return alm_fail(ALM_STATUS_INTERNAL, "%s: reads %s after it was overwritten",
                            node->name, g->values[root].name);
        }
        if (view->offset < 0 || end > alm_desc_count(&g->values[root].desc)) {
            return alm_fail(ALM_STATUS_INTERNAL, "%s: reads %s past the end of %s", node->name,
                            view->name, g->values[root].name);
        }
    }
    return ALM_OK;
}

static alm_status execute(ledger *l, const alm_plan *p, int n)
{
    const alm_graph *g = p->graph;
    const alm_node *node = &g->nodes[n];
    ALM_TRY(read_inputs(l, g, node));
    /* The workspace and the outputs are written while the inputs are still read: only the buffer
     * that the node takes over in place may change hands. */
    if (p->workspace[n] >= 0) {
        const alm_block *b = &p->blocks[p->workspace[n]];
        ALM_TRY(write_range(l, p, b->offset, b->bytes, -2 - n, node->name));
        ALM_TRY(read_inputs(l, g, node));
    }
    for (int i = 0; i < node->n_out; i++) {
        const alm_value v = node->out[i];
        if (!alm_graph_is_temporary(g, v)) {
            continue;
        }
        const size_t begin = alm_plan_offset(p, v), bytes = alm_value_bytes(&g->values[v]);
        const int which = node->op->in_place;
        const bool takes = i == 0 && which != ALM_NO_INPUT && which < node->n_in &&
                           node->in[which] != ALM_NONE &&
                           alm_graph_is_temporary(g, node->in[which]) &&
                           alm_plan_offset(p, node->in[which]) == begin;
        ALM_TRY(write_range(l, p, begin, bytes, v, node->name));
        for (int k = 0; k < node->n_in; k++) {
            const alm_value x = node->in[k];
            const bool handed_on = takes && x != ALM_NONE && k == which;
            if (x != ALM_NONE && alm_graph_is_temporary(g, x) && !handed_on &&
                !owns(l, g->values[x].root)) {
                return alm_fail(ALM_STATUS_INTERNAL, "%s: writes over its own input %s", node->name,
                                g->values[x].name);
            }
        }
        if (p->workspace[n] >= 0 && !owns(l, -2 - n)) {
            return alm_fail(ALM_STATUS_INTERNAL, "%s: writes over its own workspace", node->name);
        }
    }
    for (int i = 0; i < node->n_out; i++) {
        if (alm_graph_is_temporary(g, node->out[i]) && !owns(l, node->out[i])) {
            return alm_fail(ALM_STATUS_INTERNAL, "%s: two outputs in one place", node->name);
        }
    }
    return ALM_OK;
}

/* Both nodes of a pair run at once: what the first one reads and writes is still there when the
 * second one has written. */
static alm_status verify_pair(const ledger *l, const alm_plan *p, int n)
{
    const alm_graph *g = p->graph;
    ALM_TRY(read_inputs(l, g, &g->nodes[n]));
    ALM_TRY(read_inputs(l, g, &g->nodes[n + 1]));
    bool whole = p->workspace[n] < 0 || owns(l, -2 - n);
    for (int i = 0; i < g->nodes[n].n_out; i++) {
        whole = whole && owns(l, g->nodes[n].out[i]);
    }
    return whole ? ALM_OK
                 : alm_fail(ALM_STATUS_INTERNAL, "%s: overwritten by %s, which runs with it",
                            g->nodes[n].name, g->nodes[n + 1].name);
}

/* Appends what a node of the lane uses before the join: one claim a value, -2 - n for workspaces.
 */
static void lane_claims(const alm_plan *p, int lane, ledger *l)
{
    const alm_graph *g = p->graph;
    for (int n = 0; n < p->join; n++) {
        const alm_node *node = &g->nodes[n];
        if (node->lane != lane) {
            continue;
        }
        for (int i = 0; i < node->n_in + node->n_out; i++) {
            const alm_value x = i < node->n_in ? node->in[i] : node->out[i - node->n_in];
            if (x == ALM_NONE || !alm_graph_is_temporary(g, x) || owns(l, g->values[x].root)) {
                continue;
            }
            const alm_value root = g->values[x].root;
            const size_t begin = alm_plan_offset(p, root);
            l->claims[l->count++] =
                (claim){begin, begin + alm_value_bytes(&g->values[root]), (int)root};
        }
        if (p->workspace[n] >= 0) {
            const alm_block *b = &p->blocks[p->workspace[n]];
            l->claims[l->count++] = (claim){b->offset, b->offset + b->bytes, -2 - n};
        }
    }
}

/* No byte is used by both lanes while they run beside each other. */
static alm_status verify_lanes(const alm_plan *p)
{
    const size_t room = (size_t)p->graph->n_values + (size_t)p->graph->n_nodes + 1;
    ledger lane[2] = {{0}, {0}};
    claim *claims;
    ALM_TRY(alm_alloc(2 * room, sizeof *claims, "plan check", &claims));
    alm_status status = ALM_OK;
    for (int i = 0; i < 2; i++) {
        lane[i].claims = claims + (size_t)i * room;
        lane_claims(p, i, &lane[i]);
    }
    for (int i = 0; i < lane[0].count && status == ALM_OK; i++) {
        for (int j = 0; j < lane[1].count && status == ALM_OK; j++) {
            const claim *a = &lane[0].claims[i], *b = &lane[1].claims[j];
            if (a->begin < b->end && b->begin < a->end) {
                status = alm_fail(ALM_STATUS_INTERNAL,
                                  "bytes %zu to %zu of the arena are used by both lanes", a->begin,
                                  a->end);
            }
        }
    }
    alm_free(claims);
    return status;
}

alm_status alm_plan_verify(const alm_plan *p)
{
    const alm_graph *g = p->graph;
    ledger l = {0};
    ALM_TRY(alm_alloc((size_t)p->n_blocks + (size_t)g->n_values + 2, sizeof *l.claims, "plan check",
                      &l.claims));
    alm_status status = ALM_OK;
    for (int n = 0; n < g->n_nodes && status == ALM_OK; n++) {
        status = execute(&l, p, n);
        if (status == ALM_OK && n > 0 && p->paired[n - 1]) {
            status = verify_pair(&l, p, n - 1);
        }
    }
    if (status == ALM_OK) {
        status = verify_lanes(p);
    }
    for (int v = 0; v < g->n_values && status == ALM_OK; v++) {
        if (g->values[v].is_output && alm_graph_is_temporary(g, v) && !owns(&l, v)) {
            status = alm_fail(ALM_STATUS_INTERNAL, "output %s is overwritten before the end",
                              g->values[v].name);
        }
    }
    alm_free(l.claims);
    return status;
}

#include "graph/plan_parallel.h"

#include <string.h>

/* Whether b can stand in a launch made for a: same shape, type and row distance, or both absent. */
static bool same_form(const alm_graph *g, alm_value a, alm_value b)
{
    const alm_tensor x = alm_graph_tensor(g, a), y = alm_graph_tensor(g, b);
    return alm_desc_equal(&x.desc, &y.desc) && x.stride == y.stride;
}

static bool reads_from(const alm_graph *g, int reader, int producer)
{
    const alm_node *node = &g->nodes[reader];
    for (int i = 0; i < node->n_in; i++) {
        const alm_value v = node->in[i];
        if (v != ALM_NONE && g->values[g->values[v].root].producer == producer) {
            return true;
        }
    }
    return false;
}

static bool can_pair(const alm_plan *p, int n)
{
    const alm_graph *g = p->graph;
    const alm_node *a = &g->nodes[n], *b = &g->nodes[n + 1];
    if (!p->kernel[n]->run_pair || p->kernel[n] != p->kernel[n + 1] || a->lane != b->lane ||
        a->n_in != b->n_in || a->attr_bytes != b->attr_bytes ||
        (a->attr_bytes && memcmp(a->attr, b->attr, a->attr_bytes) != 0) ||
        reads_from(g, n + 1, n)) {
        return false;
    }
    for (int i = 0; i < a->n_in; i++) {
        if (!same_form(g, a->in[i], b->in[i])) {
            return false;
        }
    }
    for (int i = 0; i < a->n_out; i++) {
        if (!same_form(g, a->out[i], b->out[i]) || !alm_graph_is_temporary(g, a->out[i])) {
            return false;
        }
    }
    return true;
}

static bool reads_lane_1(const alm_graph *g, const alm_node *node)
{
    for (int i = 0; i < node->n_in; i++) {
        const alm_value v = node->in[i];
        const int producer = v == ALM_NONE ? -1 : g->values[g->values[v].root].producer;
        if (producer >= 0 && g->nodes[producer].lane == 1) {
            return true;
        }
    }
    return false;
}

static alm_status find_join(alm_plan *p)
{
    const alm_graph *g = p->graph;
    int last_of_lane = -1, join = 0;
    for (int n = 0; n < g->n_nodes; n++) {
        if (g->nodes[n].lane == 1) {
            last_of_lane = n;
        } else if (join == 0 && reads_lane_1(g, &g->nodes[n])) {
            join = n;
        }
    }
    if (last_of_lane >= 0 && join < last_of_lane) {
        return alm_fail(ALM_STATUS_INTERNAL, "%s: of lane 1, behind %s, which joins the lanes",
                        g->nodes[last_of_lane].name, g->nodes[join].name);
    }
    p->join = join;
    return ALM_OK;
}

alm_status alm_plan_find_parallel(alm_plan *p)
{
    if (p->device.backend == ALM_BACKEND_CPU) {
        return ALM_OK;
    }
    for (int n = 0; n + 1 < p->graph->n_nodes; n++) {
        p->paired[n] = (n == 0 || !p->paired[n - 1]) && can_pair(p, n);
    }
    return find_join(p);
}

void alm_plan_join_lifetimes(const alm_plan *p, int *first, int *last)
{
    for (int v = 0; v < p->graph->n_values; v++) {
        if (first[v] > 0 && p->paired[first[v] - 1]) {
            first[v]--;
        }
        if (last[v] >= 0 && p->paired[last[v]]) {
            last[v]++;
        }
    }
}

int alm_plan_launches(const alm_plan *p)
{
    int launches = 0;
    for (int n = 0; n < p->graph->n_nodes; n++) {
        const bool with_previous = n > 0 && p->paired[n - 1];
        launches += with_previous ? 0 : p->kernel[n]->launches ? p->kernel[n]->launches : 1;
    }
    return launches;
}

/* The planner in eleven sentences.
 *
 * Every node gets the best kernel that the device has for its shapes. Every temporary value lives
 * from the node that makes it to the last node that reads it or a view of it; outputs live to the
 * end. A node may write its first output over an input when the operation allows it, the input dies
 * there, covers its whole buffer, and is read by no other argument of the node: then both share one
 * block. A workspace is a block that lives for one node. Blocks are sorted by size, the largest
 * first; among equals the earlier one goes first. Each is put into the smallest gap, between the
 * blocks that live at the same time and have a place already, that holds it; when there is none,
 * behind them. Two equal nodes side by side that a kernel launches as one live as one, and blocks
 * of two lanes that run beside each other live at the same time. The arena ends where the highest
 * block ends. No arena can be smaller than the largest sum of blocks that live at one node: that is
 * the lower bound, and the quotient of the two says how good the plan is. Values that are not
 * temporary (inputs, weights, constants) have their own memory and no block.
 */
#include "graph/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/plan_parallel.h"
#include "kernels/core/memory.h"

static size_t aligned(size_t bytes)
{
    return (bytes + ALM_ALIGNMENT - 1) / ALM_ALIGNMENT * ALM_ALIGNMENT;
}

/* ---- Kernels ---- */

enum { MAX_ARGS = 256 };

static void node_args(const alm_graph *g, const alm_node *node, alm_tensor *in, alm_tensor *out,
                      alm_op_args *args)
{
    for (int i = 0; i < node->n_in; i++) {
        in[i] = alm_graph_tensor(g, node->in[i]);
    }
    for (int i = 0; i < node->n_out; i++) {
        out[i] = alm_graph_tensor(g, node->out[i]);
    }
    *args = (alm_op_args){
        .in = in, .n_in = node->n_in, .out = out, .n_out = node->n_out, .attr = node->attr};
}

static alm_status choose_kernels(alm_plan *p, const char *prefer, size_t *workspace_bytes)
{
    const alm_graph *g = p->graph;
    alm_tensor in[MAX_ARGS], out[MAX_ARGS];
    alm_op_args args;
    char missing[512] = "";
    size_t at = 0;
    int n_missing = 0;
    for (int n = 0; n < g->n_nodes; n++) {
        const alm_node *node = &g->nodes[n];
        if (node->n_in > MAX_ARGS || node->n_out > MAX_ARGS) {
            return alm_fail(ALM_STATUS_INTERNAL, "%s: %d inputs, at most %d", node->name,
                            node->n_in, MAX_ARGS);
        }
        node_args(g, node, in, out, &args);
        p->kernel[n] = alm_op_kernel(node->op, &args, &p->device, prefer);
        if (!p->kernel[n]) {
            n_missing++;
            if (at < sizeof missing) {
                at += (size_t)snprintf(missing + at, sizeof missing - at, "%s%s (%s)",
                                       at ? ", " : "", node->name, node->op->name);
            }
            continue;
        }
        workspace_bytes[n] =
            p->kernel[n]->workspace ? p->kernel[n]->workspace(&args, &p->device) : 0;
    }
    if (n_missing > 0) {
        return alm_fail(ALM_STATUS_DEVICE, "no kernel on this device for %d nodes: %s", n_missing,
                        missing);
    }
    return ALM_OK;
}

/* ---- Blocks ---- */

/* The value whose buffer the first output of the node may take, or ALM_NONE. */
static alm_value in_place_source(const alm_plan *p, int n, const int *last)
{
    const alm_graph *g = p->graph;
    const alm_node *node = &g->nodes[n];
    const int which = node->op->in_place;
    if (p->paired[n] || (n > 0 && p->paired[n - 1])) {
        return ALM_NONE; /* the other one may still read it */
    }
    if (which == ALM_NO_INPUT || which >= node->n_in || node->in[which] == ALM_NONE) {
        return ALM_NONE;
    }
    const alm_value_info *in = &g->values[node->in[which]], *out = &g->values[node->out[0]];
    const alm_value root = in->root;
    const alm_value_info *whole = &g->values[root];
    if (!alm_graph_is_temporary(g, root) || last[root] != n || whole->is_output ||
        in->offset != 0 || in->stride != out->stride ||
        alm_desc_count(&in->desc) != alm_desc_count(&whole->desc) ||
        alm_desc_count(&in->desc) != alm_desc_count(&out->desc) ||
        in->desc.dtype != out->desc.dtype) {
        return ALM_NONE;
    }
    for (int i = 0; i < node->n_in; i++) {
        if (i != which && node->in[i] != ALM_NONE && g->values[node->in[i]].root == root) {
            return ALM_NONE;
        }
    }
    return root;
}

static alm_status value_bytes(const alm_value_info *info, size_t *out)
{
    ALM_TRY(alm_desc_bytes(&info->desc, info->name, out));
    return alm_add_size(*out, ALM_ALIGNMENT, info->name, &(size_t){0});
}

static alm_status make_blocks(alm_plan *p, const size_t *workspace_bytes, const int *first,
                              const int *last)
{
    const alm_graph *g = p->graph;
    for (int n = 0; n < g->n_nodes; n++) {
        for (int i = 0; i < g->nodes[n].n_out; i++) {
            const alm_value v = g->nodes[n].out[i];
            if (!alm_graph_is_temporary(g, v)) {
                continue; /* a state, changed in place */
            }
            const alm_value source = i == 0 ? in_place_source(p, n, last) : ALM_NONE;
            if (source != ALM_NONE) {
                p->block[v] = p->block[source];
                p->blocks[p->block[v]].last = last[v];
                continue;
            }
            size_t bytes;
            ALM_TRY(value_bytes(&g->values[v], &bytes));
            p->block[v] = p->n_blocks;
            p->blocks[p->n_blocks++] = (alm_block){
                .bytes = aligned(bytes), .first = first[v], .last = last[v], .value = v};
        }
        p->workspace[n] = -1;
        if (workspace_bytes[n] > 0) {
            p->workspace[n] = p->n_blocks;
            p->blocks[p->n_blocks++] = (alm_block){.bytes = aligned(workspace_bytes[n]),
                                                   .first = n > 0 && p->paired[n - 1] ? n - 1 : n,
                                                   .last = p->paired[n] ? n + 1 : n,
                                                   .value = ALM_NONE};
        }
    }
    return ALM_OK;
}

/* Notes which lanes use each block while both run. */
static void mark_lanes(alm_plan *p)
{
    const alm_graph *g = p->graph;
    for (int n = 0; n < p->join; n++) {
        const alm_node *node = &g->nodes[n];
        const unsigned lane = 1u << node->lane;
        for (int i = 0; i < node->n_in + node->n_out; i++) {
            const alm_value v = i < node->n_in ? node->in[i] : node->out[i - node->n_in];
            if (v != ALM_NONE && alm_graph_is_temporary(g, v)) {
                p->blocks[p->block[g->values[v].root]].lanes |= lane;
            }
        }
        if (p->workspace[n] >= 0) {
            p->blocks[p->workspace[n]].lanes |= lane;
        }
    }
}

/* ---- Places ---- */

static bool overlap_in_time(const alm_block *a, const alm_block *b)
{
    const bool beside = (a->lanes & 1u && b->lanes & 2u) || (a->lanes & 2u && b->lanes & 1u);
    return beside || (a->first <= b->last && b->first <= a->last);
}

static int larger_first(const void *a, const void *b)
{
    const alm_block *x = *(alm_block *const *)a, *y = *(alm_block *const *)b;
    if (x->bytes != y->bytes) {
        return x->bytes < y->bytes ? 1 : -1;
    }
    return x < y ? -1 : x > y;
}

static int lower_first(const void *a, const void *b)
{
    const alm_block *x = *(alm_block *const *)a, *y = *(alm_block *const *)b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* order: blocks by size. near: room for as many pointers. */
static void place_blocks(alm_plan *p, alm_block **order, alm_block **near)
{
    for (int i = 0; i < p->n_blocks; i++) {
        order[i] = &p->blocks[i];
    }
    qsort(order, (size_t)p->n_blocks, sizeof *order, larger_first);
    for (int i = 0; i < p->n_blocks; i++) {
        alm_block *b = order[i];
        int n_near = 0;
        for (int j = 0; j < i; j++) {
            if (overlap_in_time(order[j], b)) {
                near[n_near++] = order[j];
            }
        }
        qsort(near, (size_t)n_near, sizeof *near, lower_first);
        size_t end = 0, best = SIZE_MAX, place = 0;
        for (int j = 0; j < n_near; j++) {
            if (near[j]->offset > end) {
                const size_t gap = near[j]->offset - end;
                if (gap >= b->bytes && gap < best) {
                    best = gap;
                    place = end;
                }
            }
            const size_t after = near[j]->offset + near[j]->bytes;
            end = after > end ? after : end;
        }
        b->offset = best == SIZE_MAX ? end : place;
        p->arena_bytes =
            b->offset + b->bytes > p->arena_bytes ? b->offset + b->bytes : p->arena_bytes;
    }
}

/* What node n needs at once; before the join only what its own lane uses. */
static size_t needed_at(const alm_plan *p, int n)
{
    const unsigned lane = n < p->join ? 1u << p->graph->nodes[n].lane : 0;
    size_t sum = 0;
    for (int i = 0; i < p->n_blocks; i++) {
        const alm_block *b = &p->blocks[i];
        const bool live = b->first <= n && n <= b->last;
        sum += live && (lane == 0 || b->lanes & lane) ? b->bytes : 0;
    }
    return sum;
}

/* Until the join any node of one lane may run beside any node of the other. */
static void find_lower_bound(alm_plan *p)
{
    size_t lane_peak[2] = {0, 0};
    for (int n = 0; n < p->graph->n_nodes; n++) {
        const int lane = p->graph->nodes[n].lane;
        size_t sum = needed_at(p, n);
        if (n < p->join) {
            lane_peak[lane] = sum > lane_peak[lane] ? sum : lane_peak[lane];
            sum = sum + lane_peak[1 - lane];
        }
        if (sum > p->lower_bound) {
            p->lower_bound = sum;
            p->peak_node = n;
        }
    }
}

/* ---- The plan ---- */

static alm_status make(alm_plan *p, const char *prefer)
{
    const size_t n_nodes = (size_t)p->graph->n_nodes, n_values = (size_t)p->graph->n_values;
    size_t *workspace_bytes = NULL;
    int *first = NULL, *last = NULL;
    alm_block **order = NULL;
    alm_status status;
    if ((status = alm_calloc(n_nodes, sizeof *p->kernel, "plan", &p->kernel)) != ALM_OK ||
        (status = alm_calloc(n_nodes, sizeof *p->paired, "plan", &p->paired)) != ALM_OK ||
        (status = alm_calloc(n_nodes, sizeof *p->workspace, "plan", &p->workspace)) != ALM_OK ||
        (status = alm_alloc(n_values, sizeof *p->block, "plan", &p->block)) != ALM_OK ||
        (status = alm_calloc(n_nodes + n_values, sizeof *p->blocks, "plan", &p->blocks)) !=
            ALM_OK ||
        (status = alm_calloc(n_nodes, sizeof *workspace_bytes, "plan", &workspace_bytes)) !=
            ALM_OK ||
        (status = alm_calloc(n_values, sizeof *first, "plan", &first)) != ALM_OK ||
        (status = alm_calloc(n_values, sizeof *last, "plan", &last)) != ALM_OK ||
        (status = alm_calloc(2 * (n_nodes + n_values), sizeof *order, "plan", &order)) != ALM_OK) {
        goto done;
    }
    for (size_t v = 0; v < n_values; v++) {
        p->block[v] = -1;
    }
    if ((status = choose_kernels(p, prefer, workspace_bytes)) != ALM_OK) {
        goto done;
    }
    if ((status = alm_plan_find_parallel(p)) != ALM_OK) {
        goto done;
    }
    alm_liveness(p->graph, first, last);
    alm_plan_join_lifetimes(p, first, last);
    if ((status = make_blocks(p, workspace_bytes, first, last)) != ALM_OK) {
        goto done;
    }
    mark_lanes(p);
    place_blocks(p, order, order + p->n_blocks);
    find_lower_bound(p);
done:
    alm_free(workspace_bytes);
    alm_free(first);
    alm_free(last);
    alm_free(order);
    return status;
}

alm_status alm_plan_create(const alm_graph *graph, const alm_device *device, const char *prefer,
                           alm_plan **out)
{
    alm_plan *p;
    ALM_TRY(alm_calloc(1, sizeof *p, "plan", &p));
    p->graph = graph;
    p->device = *device;
    const alm_status status = make(p, prefer);
    if (status != ALM_OK) {
        alm_plan_destroy(p);
        return status;
    }
    *out = p;
    return ALM_OK;
}

void alm_plan_destroy(alm_plan *p)
{
    if (!p) {
        return;
    }
    alm_free(p->kernel);
    alm_free(p->paired);
    alm_free(p->workspace);
    alm_free(p->block);
    alm_free(p->blocks);
    alm_free(p);
}

size_t alm_plan_offset(const alm_plan *p, alm_value x)
{
    const alm_value_info *info = &p->graph->values[x];
    const size_t element = alm_dtype_size(info->desc.dtype);
    return p->blocks[p->block[info->root]].offset + (size_t)info->offset * element;
}

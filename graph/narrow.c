/* The pass in six sentences.
 *
 * At first every root that is F32, no output, and only written by operations that can round is
 * taken to be narrow. Then the nodes are walked from the last to the first: a root that a node
 * reads as something else than an operand is narrow no longer. A node that only hands its operand
 * on makes it no more than what its own result is. Results come after operands, so one walk tells
 * all about temporaries; states are written in the middle, so the walk is repeated until nothing
 * changes. What is left becomes BF16, views with their roots. Weights follow those that they are
 * multiplied by.
 */
#include "graph/narrow.h"

#include "kernels/core/memory.h"

/* Operations that hand an operand on: they copy or turn it, the product comes later. */
static bool hands_on(const alm_op_def *op)
{
    return op == &alm_op_rotary || op == &alm_op_gather_rows || op == &alm_op_place_rows;
}

static alm_value root_of(const alm_graph *g, alm_value v)
{
    return v == ALM_NONE ? ALM_NONE : g->values[v].root;
}

/* Roots that may be narrow as far as those who write them are concerned. */
static void mark_written(const alm_graph *g, bool *narrow)
{
    for (int n = 0; n < g->n_nodes; n++) {
        const alm_node *node = &g->nodes[n];
        const alm_value root = root_of(g, node->out[0]);
        const alm_value_info *info = &g->values[root];
        narrow[root] =
            info->desc.dtype == ALM_DTYPE_F32 && !info->is_output &&
            (info->storage == ALM_STORAGE_TEMPORARY || info->storage == ALM_STORAGE_STATE);
    }
    /* A second walk: one writer that cannot round is enough. */
    for (int n = 0; n < g->n_nodes; n++) {
        const alm_node *node = &g->nodes[n];
        for (int i = 0; i < node->n_out; i++) {
            if (i > 0 || !node->op->bf16_out) {
                narrow[root_of(g, node->out[i])] = false;
            }
        }
    }
}

/* Widens the roots that the node reads as something else; returns whether there were any. */
static bool widen_read(const alm_graph *g, const alm_node *node, bool *narrow)
{
    const bool wide_result = hands_on(node->op) && !narrow[root_of(g, node->out[0])];
    bool changed = false;
    for (int i = 0; i < node->n_in; i++) {
        const alm_value root = root_of(g, node->in[i]);
        const bool is_operand = node->op->bf16_in >> i & 1;
        if (root != ALM_NONE && narrow[root] && (!is_operand || wide_result)) {
            narrow[root] = false;
            changed = true;
        }
    }
    return changed;
}

static void mark_narrow(const alm_graph *g, bool *narrow)
{
    mark_written(g, narrow);
    bool changed = true;
    while (changed) {
        changed = false;
        for (int n = g->n_nodes - 1; n >= 0; n--) {
            changed = widen_read(g, &g->nodes[n], narrow) || changed;
        }
    }
}

/* F32 weights that only products with narrow operands read. */
static alm_status mark_weights(const alm_graph *g, bool *narrow)
{
    bool *wide;
    ALM_TRY(alm_calloc((size_t)g->n_values, sizeof *wide, "wide weights", &wide));
    for (int n = 0; n < g->n_nodes; n++) {
        const alm_node *node = &g->nodes[n];
        for (int i = 0; i < node->n_in; i++) {
            const alm_value root = root_of(g, node->in[i]);
            if (root == ALM_NONE || g->values[root].storage != ALM_STORAGE_WEIGHT) {
                continue;
            }
            const alm_value x = root_of(g, node->in[0]);
            const bool multiplies = (node->op->bf16_weights >> i & 1) &&
                                    (narrow[x] || g->values[x].desc.dtype == ALM_DTYPE_BF16);
            narrow[root] = multiplies && g->values[root].desc.dtype == ALM_DTYPE_F32;
            wide[root] = wide[root] || !multiplies;
        }
    }
    for (int v = 0; v < g->n_values; v++) {
        narrow[v] = narrow[v] && !wide[v];
    }
    alm_free(wide);
    return ALM_OK;
}

enum { MAX_ARGS = 256 };

/* Every operation looks at its inputs again. */
static alm_status verify(const alm_graph *g)
{
    alm_tensor in[MAX_ARGS];
    for (int n = 0; n < g->n_nodes; n++) {
        const alm_node *node = &g->nodes[n];
        if (node->n_in > MAX_ARGS) {
            return alm_fail(ALM_STATUS_INTERNAL, "%s: %d inputs, at most %d", node->name,
                            node->n_in, MAX_ARGS);
        }
        for (int i = 0; i < node->n_in; i++) {
            in[i] = alm_graph_tensor(g, node->in[i]);
        }
        const alm_op_args args = {.in = in, .n_in = node->n_in, .attr = node->attr};
        if (node->op->check(&args) != ALM_OK) {
            return alm_fail_context(ALM_STATUS_INTERNAL, "%s, narrowed", node->name);
        }
    }
    return ALM_OK;
}

alm_status alm_graph_narrow(alm_graph *g)
{
    bool *narrow;
    ALM_TRY(alm_graph_status(g));
    ALM_TRY(alm_calloc((size_t)g->n_values, sizeof *narrow, "narrow values", &narrow));
    mark_narrow(g, narrow);
    const alm_status status = mark_weights(g, narrow);
    for (int v = 0; v < g->n_values && status == ALM_OK; v++) {
        if (narrow[g->values[v].root]) {
            g->values[v].desc.dtype = ALM_DTYPE_BF16;
        }
    }
    alm_free(narrow);
    ALM_TRY(status);
    return verify(g);
}

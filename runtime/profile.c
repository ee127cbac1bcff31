/* What is known of the nodes of the last run: names, kernels, times, arithmetic. */
#include <string.h>

#include "kernels/attention/attention.h"
#include "kernels/linear/linear.h"
#include "runtime/session.h"

const char *alm_node_stage(const char *node)
{
    static const struct {
        const char *prefix, *stage;
    } stages[] = {
        {"points.", "points"}, {"bridge.", "points"}, {"vision.", "vision"}, {"head.", "head"}};
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        if (strncmp(node, stages[i].prefix, strlen(stages[i].prefix)) == 0) {
            return stages[i].stage;
        }
    }
    return "language";
}

int alm_session_nodes(const alm_session *s)
{
    return s->last ? s->last->model.graph->n_nodes : 0;
}

static double linear_flop(const alm_runner *r, const alm_node *node)
{
    const alm_linear_attr *attr = node->attr;
    const alm_tensor x = alm_executor_tensor(r->executor, node->in[0]);
    const alm_tensor w = alm_executor_tensor(r->executor, node->in[1]);
    const int weights = attr->epilogue == ALM_EPILOGUE_SWIGLU ? 2 : 1;
    return 2.0 * weights * (double)alm_rows(&x) * (double)alm_desc_count(&w.desc);
}

/* Pairs of a query and a key that it sees (attention.h). Rows are few enough to count them one by
 * one. */
static double visible_pairs(const alm_tensor *query_rule, const alm_tensor *key_rule)
{
    const int64_t keys = alm_rows(key_rule);
    double pairs = 0;
    for (int64_t i = 0; i < alm_rows(query_rule); i++) {
        const int32_t *q = alm_row(const int32_t, query_rule, i);
        if (q[2] == ALM_ROW_PLAIN) {
            const int64_t end = q[1] < keys ? q[1] : keys;
            pairs += end > q[0] ? (double)(end - q[0]) : 0;
            continue;
        }
        for (int64_t j = 0; j < keys; j++) {
            const int32_t kind = alm_row(const int32_t, key_rule, j)[2];
            const bool in_range = q[0] <= j && j < q[1];
            const bool hidden = q[2] == ALM_ROW_INVARIANT && kind == ALM_ROW_EQUIVARIANT;
            pairs += (in_range || kind != ALM_ROW_PLAIN) && !hidden;
        }
    }
    return pairs;
}

static double attention_flop(const alm_runner *r, const alm_node *node)
{
    const alm_attention_attr *attr = node->attr;
    const alm_tensor query_rule = alm_executor_tensor(r->executor, node->in[3]);
    const alm_tensor key_rule = alm_executor_tensor(r->executor, node->in[4]);
    return 4.0 * attr->heads * attr->head_dim * visible_pairs(&query_rule, &key_rule);
}

alm_node_info alm_session_node(const alm_session *s, int n)
{
    const alm_runner *r = s->last;
    const alm_node *node = &r->model.graph->nodes[n];
    return (alm_node_info){
        .name = node->name,
        .op = node->op->name,
        .kernel = r->plan->kernel[n]->name,
        .ms = alm_executor_node_ms(r->executor, n),
    };
}

double alm_session_node_flop(const alm_session *s, int n)
{
    const alm_node *node = &s->last->model.graph->nodes[n];
    if (node->op == &alm_op_linear) {
        return linear_flop(s->last, node);
    }
    return node->op == &alm_op_attention ? attention_flop(s->last, node) : 0;
}

/* What is known of the nodes of the last run: names, kernels, times, arithmetic. */
#include "runtime/cost.h"
#include "runtime/session.h"

int alm_session_nodes(const alm_session *s)
{
    return s->last ? s->last->model.graph->n_nodes : 0;
}

static int64_t rows_in_use(const void *context, alm_value value)
{
    return alm_executor_rows(context, value);
}

/* Rules are inputs or constants: host memory, whatever the device. */
static bool rules_in_use(const void *context, alm_value value, alm_tensor *out)
{
    return alm_executor_fetch((alm_executor *)(uintptr_t)context, value, out) == ALM_OK;
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
    const alm_runner *r = s->last;
    const alm_cost_source source = {
        .rows = rows_in_use, .rules = rules_in_use, .context = r->executor};
    return alm_node_cost(r->model.graph, n, &source).flop;
}

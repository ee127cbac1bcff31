#include "runtime/executor.h"

#include "kernels/core/memory.h"

static size_t aligned(size_t bytes)
{
    return (bytes + ALM_ALIGNMENT - 1) / ALM_ALIGNMENT * ALM_ALIGNMENT;
}

alm_tensor alm_executor_tensor(const alm_executor *e, alm_value v)
{
    const alm_graph *g = e->plan->graph;
    if (v == ALM_NONE) {
        return alm_graph_tensor(g, v);
    }
    const alm_value_info *info = &g->values[v];
    return (alm_tensor){
        .data = e->data[v],
        .count = info->count == ALM_NONE ? NULL : e->data[info->count],
        .stride = info->stride,
        .desc = info->desc,
    };
}

alm_status alm_executor_storage_bytes(const alm_graph *g, alm_storage storage, size_t *out)
{
    size_t total = 0;
    for (int v = 0; v < g->n_values; v++) {
        if (g->values[v].storage == storage) {
            size_t bytes;
            ALM_TRY(alm_desc_bytes(&g->values[v].desc, g->values[v].name, &bytes));
            ALM_TRY(alm_add_size(total, aligned(bytes), g->values[v].name, &total));
        }
    }
    *out = total;
    return ALM_OK;
}

/* Gives the values of this storage their places from `memory` on; notes the offsets of inputs. */
static void place(alm_executor *e, alm_storage storage, char *memory)
{
    const alm_graph *g = e->plan->graph;
    size_t offset = 0;
    for (int v = 0; v < g->n_values; v++) {
        const alm_value_info *info = &g->values[v];
        if (info->storage == storage) {
            e->data[v] = memory + offset;
            e->place[v] = offset;
            offset += aligned(alm_value_bytes(info));
        }
    }
}

alm_status alm_executor_begin(alm_executor *e, const alm_plan *plan)
{
    const alm_graph *g = plan->graph;
    size_t n_args = 0;
    for (int n = 0; n < g->n_nodes; n++) {
        n_args += (size_t)g->nodes[n].n_in + (size_t)g->nodes[n].n_out;
    }
    e->plan = plan;
    ALM_TRY(alm_calloc((size_t)g->n_values, sizeof *e->data, "values", &e->data));
    ALM_TRY(alm_calloc((size_t)g->n_values, sizeof *e->place, "values", &e->place));
    ALM_TRY(alm_calloc(n_args, sizeof *e->tensors, "arguments", &e->tensors));
    ALM_TRY(alm_calloc((size_t)g->n_nodes, sizeof *e->args, "arguments", &e->args));
    ALM_TRY(alm_calloc((size_t)g->n_nodes, sizeof *e->node_ms, "timings", &e->node_ms));
    return alm_executor_storage_bytes(g, ALM_STORAGE_INPUT, &e->input_bytes);
}

void alm_executor_end(alm_executor *e)
{
    alm_free(e->data);
    alm_free(e->place);
    alm_free(e->tensors);
    alm_free(e->args);
    alm_free(e->node_ms);
}

/* Data of every value; roots come before their views. */
static alm_status bind_values(alm_executor *e, const alm_executor_memory *m,
                              alm_weight_data *weight, void *context)
{
    const alm_graph *g = e->plan->graph;
    for (int v = 0; v < g->n_values; v++) {
        const alm_value_info *info = &g->values[v];
        switch (info->storage) {
        case ALM_STORAGE_INPUT:
        case ALM_STORAGE_STATE: break; /* placed already */
        case ALM_STORAGE_WEIGHT:
            e->data[v] = (void *)(uintptr_t)weight(context, info->name, &info->desc);
            break;
        case ALM_STORAGE_CONSTANT:
            if (!m->constants) {
                e->data[v] = (void *)(uintptr_t)info->constant;
            }
            break;
        case ALM_STORAGE_TEMPORARY: e->data[v] = m->arena + alm_plan_offset(e->plan, v); break;
        case ALM_STORAGE_VIEW:
            e->data[v] = (char *)e->data[info->root] +
                         (size_t)info->offset * alm_dtype_size(info->desc.dtype);
            break;
        }
        if (!e->data[v]) {
            return alm_fail(ALM_STATUS_INTERNAL, "%s: no data", info->name);
        }
    }
    return ALM_OK;
}

static void bind_nodes(alm_executor *e, char *arena)
{
    const alm_plan *p = e->plan;
    const alm_graph *g = p->graph;
    alm_tensor *at = e->tensors;
    for (int n = 0; n < g->n_nodes; n++) {
        const alm_node *node = &g->nodes[n];
        alm_op_args *a = &e->args[n];
        *a = (alm_op_args){.in = at, .n_in = node->n_in, .attr = node->attr, .n_out = node->n_out};
        for (int i = 0; i < node->n_in; i++) {
            *at++ = alm_executor_tensor(e, node->in[i]);
        }
        a->out = at;
        for (int i = 0; i < node->n_out; i++) {
            *at++ = alm_executor_tensor(e, node->out[i]);
        }
        a->workspace = p->workspace[n] < 0 ? NULL : arena + p->blocks[p->workspace[n]].offset;
    }
}

alm_status alm_executor_bind(alm_executor *e, const alm_executor_memory *m, alm_weight_data *weight,
                             void *context)
{
    place(e, ALM_STORAGE_INPUT, m->inputs);
    place(e, ALM_STORAGE_STATE, m->state);
    if (m->constants) {
        place(e, ALM_STORAGE_CONSTANT, m->constants);
    }
    ALM_TRY(bind_values(e, m, weight, context));
    bind_nodes(e, m->arena);
    return ALM_OK;
}

/* ---- What a session calls ---- */

void alm_target_close(alm_target *target)
{
    if (target) {
        target->ops->close(target);
    }
}

alm_status alm_timeline_create(alm_target *target, int threads, alm_timeline **out)
{
    return target->ops->timeline_create(target, threads, out);
}

void alm_timeline_destroy(alm_timeline *timeline)
{
    if (timeline) {
        timeline->target->ops->timeline_destroy(timeline);
    }
}

alm_status alm_state_create(alm_timeline *timeline, const alm_graph *graph, void **out)
{
    size_t bytes;
    ALM_TRY(alm_executor_storage_bytes(graph, ALM_STORAGE_STATE, &bytes));
    return timeline->target->ops->state_create(timeline, bytes, out);
}

void alm_state_destroy(alm_timeline *timeline, void *state)
{
    if (timeline) {
        timeline->target->ops->state_destroy(timeline, state);
    }
}

alm_status alm_executor_create(alm_timeline *timeline, const alm_plan *plan,
                               alm_weight_data *weight, void *context, void *state,
                               alm_executor **out)
{
    return timeline->target->ops->executor_create(timeline, plan, weight, context, state, out);
}

void alm_executor_destroy(alm_executor *e)
{
    if (e) {
        e->ops->executor_destroy(e);
    }
}

void *alm_executor_input(const alm_executor *e, alm_value input)
{
    return e->host_inputs + e->place[input];
}

alm_status alm_executor_run(alm_executor *e, alm_observe_fn *observe, void *context)
{
    return e->ops->run(e, observe, context);
}

alm_status alm_executor_fetch(alm_executor *e, alm_value value, alm_tensor *out)
{
    return e->ops->fetch(e, value, out);
}

int64_t alm_executor_rows(const alm_executor *e, alm_value value)
{
    const alm_value_info *info = &e->plan->graph->values[value];
    const alm_tensor t = {.count =
                              info->count == ALM_NONE ? NULL : alm_executor_input(e, info->count),
                          .desc = info->desc};
    return alm_rows(&t);
}

void alm_executor_time_nodes(alm_executor *e, bool on)
{
    e->time_nodes = on;
}

const char *alm_executor_note(const alm_executor *e)
{
    return e->note;
}

double alm_executor_node_ms(const alm_executor *e, int node)
{
    return e->node_ms[node];
}

size_t alm_executor_bytes(const alm_executor *e)
{
    return e->plan->arena_bytes + e->input_bytes;
}

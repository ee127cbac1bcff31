#include "runtime/backend_cpu.h"

#include <string.h>
#include <sys/mman.h>

#include "kernels/core/memory.h"
#include "runtime/clock.h"

struct alm_executor {
    const alm_plan *plan;
    char *arena;
    char *io; /* inputs, each at a multiple of ALM_ALIGNMENT */
    size_t io_bytes;
    void **data;         /* [n_values] */
    alm_tensor *tensors; /* arguments of all nodes, one after another */
    alm_op_args *args;   /* [n_nodes] */
    double *node_ms;     /* [n_nodes] */
};

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

/* Bytes of all values of this storage, each at a multiple of ALM_ALIGNMENT. */
static alm_status bytes_of(const alm_graph *g, alm_storage storage, size_t *out)
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

alm_status alm_executor_state_bytes(const alm_graph *graph, size_t *out)
{
    return bytes_of(graph, ALM_STORAGE_STATE, out);
}

/* Gives the values of this storage their places from `memory` on. */
static void place(alm_executor *e, alm_storage storage, char *memory)
{
    const alm_graph *g = e->plan->graph;
    for (int v = 0; v < g->n_values; v++) {
        const alm_value_info *info = &g->values[v];
        if (info->storage == storage) {
            e->data[v] = memory;
            memory +=
                aligned((size_t)alm_desc_count(&info->desc) * alm_dtype_size(info->desc.dtype));
        }
    }
}

/* Data of every value; roots come before their views. */
static alm_status bind_values(alm_executor *e, alm_weight_data *weight, void *context)
{
    const alm_graph *g = e->plan->graph;
    for (int v = 0; v < g->n_values; v++) {
        const alm_value_info *info = &g->values[v];
        switch (info->storage) {
        case ALM_STORAGE_INPUT:
        case ALM_STORAGE_STATE: break; /* placed already */
        case ALM_STORAGE_WEIGHT: e->data[v] = (void *)(uintptr_t)weight(context, info->name); break;
        case ALM_STORAGE_CONSTANT: e->data[v] = (void *)(uintptr_t)info->constant; break;
        case ALM_STORAGE_TEMPORARY: e->data[v] = e->arena + alm_plan_offset(e->plan, v); break;
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

static void bind_nodes(alm_executor *e)
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
        a->workspace = p->workspace[n] < 0 ? NULL : e->arena + p->blocks[p->workspace[n]].offset;
    }
}

static alm_status prepare(alm_executor *e, alm_weight_data *weight, void *context, char *state)
{
    const alm_graph *g = e->plan->graph;
    size_t n_args = 0;
    for (int n = 0; n < g->n_nodes; n++) {
        n_args += (size_t)g->nodes[n].n_in + (size_t)g->nodes[n].n_out;
    }
    ALM_TRY(alm_calloc((size_t)g->n_values, sizeof *e->data, "values", &e->data));
    ALM_TRY(alm_calloc(n_args, sizeof *e->tensors, "arguments", &e->tensors));
    ALM_TRY(alm_calloc((size_t)g->n_nodes, sizeof *e->args, "arguments", &e->args));
    ALM_TRY(alm_calloc((size_t)g->n_nodes, sizeof *e->node_ms, "timings", &e->node_ms));
    ALM_TRY(alm_alloc(e->plan->arena_bytes, 1, "the arena", &e->arena));
    /* Large pages spare a gigabyte of activations its page faults and most of its TLB misses; only
     * a wish. */
    madvise((void *)(((uintptr_t)e->arena + 4095) / 4096 * 4096),
            e->plan->arena_bytes / 4096 * 4096, MADV_HUGEPAGE);
    ALM_TRY(bytes_of(g, ALM_STORAGE_INPUT, &e->io_bytes));
    ALM_TRY(alm_calloc(e->io_bytes, 1, "inputs", &e->io));
    place(e, ALM_STORAGE_INPUT, e->io);
    place(e, ALM_STORAGE_STATE, state);
    ALM_TRY(bind_values(e, weight, context));
    bind_nodes(e);
    return ALM_OK;
}

alm_status alm_executor_create(const alm_plan *plan, alm_weight_data *weight, void *context,
                               void *state, alm_executor **out)
{
    alm_executor *e;
    ALM_TRY(alm_calloc(1, sizeof *e, "executor", &e));
    e->plan = plan;
    const alm_status status = prepare(e, weight, context, state);
    if (status != ALM_OK) {
        alm_executor_destroy(e);
        return status;
    }
    *out = e;
    return ALM_OK;
}

void alm_executor_destroy(alm_executor *e)
{
    if (!e) {
        return;
    }
    alm_free(e->arena);
    alm_free(e->io);
    alm_free(e->data);
    alm_free(e->tensors);
    alm_free(e->args);
    alm_free(e->node_ms);
    alm_free(e);
}

void *alm_executor_input(const alm_executor *e, alm_value input)
{
    return e->data[input];
}

alm_status alm_executor_run(alm_executor *e, alm_pool *pool, alm_observe_fn *observe, void *context)
{
    const alm_plan *p = e->plan;
    const alm_exec exec = {.pool = pool};
    for (int n = 0; n < p->graph->n_nodes; n++) {
        const double start = alm_now_ms();
        alm_guard_begin();
        const alm_status status = p->kernel[n]->run(&exec, &e->args[n]);
        alm_guard_end();
        if (status != ALM_OK) {
            return alm_fail_context(status, "%s", p->graph->nodes[n].name);
        }
        e->node_ms[n] = alm_now_ms() - start;
        if (observe) {
            ALM_TRY(observe(context, n));
        }
    }
    return ALM_OK;
}

double alm_executor_node_ms(const alm_executor *e, int node)
{
    return e->node_ms[node];
}

size_t alm_executor_bytes(const alm_executor *e)
{
    return e->plan->arena_bytes + e->io_bytes;
}

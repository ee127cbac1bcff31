/* The plan as a table for people: nodes, kernels, shapes, places, peak and lower bound. */
#include <inttypes.h>

#include "runtime/input/image.h"
#include "runtime/output/sink.h"
#include "runtime/session.h"

static void print_nodes(alm_sink *o, const alm_session *s)
{
    const alm_plan *p = s->cold.plan;
    const alm_graph *g = p->graph;
    alm_sink_print(o, "%4s  %-28s %-24s %-26s %12s %11s %11s\n", "node", "name", "kernel", "output",
                   "offset", "bytes", "workspace");
    for (int n = 0; n < g->n_nodes; n++) {
        const alm_node *node = &g->nodes[n];
        char shape[ALM_DESC_TEXT];
        alm_desc_text(&g->values[node->out[0]].desc, shape);
        const size_t workspace = p->workspace[n] < 0 ? 0 : p->blocks[p->workspace[n]].bytes;
        const int block = p->block[node->out[0]];
        const alm_block state = {0}, *b = block < 0 ? &state : &p->blocks[block];
        alm_sink_print(o, "%4d  %-28s %-24s %-26s %12zu %11zu %11zu\n", n, node->name,
                       p->kernel[n]->name, shape, b->offset, b->bytes, workspace);
    }
}

alm_status alm_inspect_prompt(const alm_engine *e, int width, int height, alm_grid *grid,
                              alm_prompt **out)
{
    static const char category[] = "chair";
    const alm_page_rule rule = alm_page_rule_of(e->settings);
    for (int i = 0; i < ALM_PAGES; i++) {
        ALM_TRY(alm_fail_param(
            alm_page_grid(&rule, width ? width : 576, height ? height : 576, "page", &grid[i]),
            "manual"));
    }
    return alm_prompt_build(e->settings, e->tokenizer, grid, category, sizeof category - 1, out);
}

alm_status alm_inspect_plan(alm_session *s, int width, int height, alm_write_fn *write,
                            void *context)
{
    alm_sink o = {.write = write, .context = context};
    alm_grid grid[ALM_PAGES];
    alm_prompt *prompt;
    alm_error_clear();
    ALM_TRY(alm_inspect_prompt(s->engine, width, height, grid, &prompt));
    const int tokens = prompt->used;
    alm_prompt_free(prompt);
    const int64_t patches = ALM_PAGES * (int64_t)grid[0].rows * grid[0].columns;
    ALM_TRY(alm_session_reserve(s, patches, tokens));

    const alm_plan *p = s->cold.plan;
    print_nodes(&o, s);
    alm_sink_print(&o,
                   "\n%d nodes for up to %" PRId64 " patches and %" PRId64
                   " tokens (this sample: %" PRId64 " and %d), %d threads\n",
                   p->graph->n_nodes, s->cold.shape.patches, s->cold.shape.tokens, patches, tokens,
                   p->device.threads);
    alm_sink_print(&o, "arena %zu bytes, lower bound %zu, ratio %.4f\n", p->arena_bytes,
                   p->lower_bound,
                   p->lower_bound ? (double)p->arena_bytes / (double)p->lower_bound : 1.0);
    alm_sink_print(&o, "peak at node %d, %s\n", p->peak_node, p->graph->nodes[p->peak_node].name);
    alm_sink_print(&o, "inputs and arena %zu bytes\n", alm_executor_bytes(s->cold.executor));
    if (p->device.backend == ALM_BACKEND_CUDA) {
        alm_sink_print(&o, "%d launches a run, two lanes up to node %d\n", alm_plan_launches(p),
                       p->join);
    }
    return alm_sink_flush(&o);
}

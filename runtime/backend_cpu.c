/* Runs plans on the CPU: one node after another, each on all threads of the timeline. */
#include <stdio.h>
#include <sys/mman.h>

#include "kernels/core/memory.h"
#include "runtime/clock.h"
#include "runtime/executor.h"

typedef struct cpu_timeline {
    alm_timeline base;
    alm_pool *pool;
} cpu_timeline;

typedef struct cpu_executor {
    alm_executor base;
    alm_pool *pool;
    char *arena;
} cpu_executor;

static void target_close(alm_target *target)
{
    alm_free(target);
}

static void timeline_destroy(alm_timeline *timeline)
{
    alm_pool_destroy(((cpu_timeline *)timeline)->pool);
    alm_free(timeline);
}

static alm_status timeline_create(alm_target *target, int threads, alm_timeline **out)
{
    cpu_timeline *t;
    ALM_TRY(alm_calloc(1, sizeof *t, "timeline", &t));
    t->base = (alm_timeline){.target = target, .device = target->device};
    t->base.device.threads = threads ? threads : target->device.threads;
    const alm_status status = alm_pool_create(t->base.device.threads, &t->pool);
    if (status != ALM_OK) {
        timeline_destroy(&t->base);
        return status;
    }
    *out = &t->base;
    return ALM_OK;
}

static alm_status state_create(alm_timeline *timeline, size_t bytes, void **out)
{
    (void)timeline;
    return alm_alloc(bytes, 1, "keys and values", out);
}

static void state_destroy(alm_timeline *timeline, void *state)
{
    (void)timeline;
    alm_free(state);
}

static void executor_destroy(alm_executor *base)
{
    cpu_executor *e = (cpu_executor *)base;
    alm_executor_end(base);
    alm_free(base->host_inputs);
    alm_free(e->arena);
    alm_free(e);
}

static alm_status prepare(cpu_executor *e, const alm_plan *plan, alm_weight_data *weight,
                          void *context, void *state)
{
    ALM_TRY(alm_executor_begin(&e->base, plan));
    ALM_TRY(alm_alloc(plan->arena_bytes, 1, "the arena", &e->arena));
    /* Large pages spare a gigabyte of activations its page faults and most of its TLB misses; only
     * a wish. */
    madvise((void *)(((uintptr_t)e->arena + 4095) / 4096 * 4096), plan->arena_bytes / 4096 * 4096,
            MADV_HUGEPAGE);
    ALM_TRY(alm_calloc(e->base.input_bytes, 1, "inputs", &e->base.host_inputs));
    const alm_executor_memory memory = {
        .arena = e->arena, .inputs = e->base.host_inputs, .state = state};
    return alm_executor_bind(&e->base, &memory, weight, context);
}

static alm_status executor_create(alm_timeline *timeline, const alm_plan *plan,
                                  alm_weight_data *weight, void *context, void *state,
                                  alm_executor **out)
{
    cpu_executor *e;
    ALM_TRY(alm_calloc(1, sizeof *e, "executor", &e));
    e->base.ops = timeline->target->ops;
    e->pool = ((cpu_timeline *)timeline)->pool;
    const alm_status status = prepare(e, plan, weight, context, state);
    if (status != ALM_OK) {
        executor_destroy(&e->base);
        return status;
    }
    *out = &e->base;
    return ALM_OK;
}

static alm_status run(alm_executor *e, alm_observe_fn *observe, void *context)
{
    const alm_plan *p = e->plan;
    const alm_exec exec = {.pool = ((cpu_executor *)e)->pool};
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

static alm_status fetch(alm_executor *e, alm_value value, alm_tensor *out)
{
    *out = alm_executor_tensor(e, value);
    return ALM_OK;
}

static const alm_backend_ops ops = {
    .close = target_close,
    .timeline_create = timeline_create,
    .timeline_destroy = timeline_destroy,
    .state_create = state_create,
    .state_destroy = state_destroy,
    .executor_create = executor_create,
    .executor_destroy = executor_destroy,
    .run = run,
    .fetch = fetch,
};

alm_status alm_target_open_cpu(alm_target **out)
{
    alm_target *t;
    ALM_TRY(alm_calloc(1, sizeof *t, "device", &t));
    t->ops = &ops;
    t->device = (alm_device){
        .backend = ALM_BACKEND_CPU, .arch = alm_cpu_arch(), .threads = alm_core_count()};
    snprintf(t->name, sizeof t->name, "cpu");
    *out = t;
    return ALM_OK;
}

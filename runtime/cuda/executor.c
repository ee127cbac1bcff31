/* Runs a plan on a GPU.
 *
 * Memory: one device block with the inputs, the constants, the fault flag and the arena; one pinned
 * block with the inputs as the host writes them, the outputs and the fault flag. The first run
 * launches node by node (kernels are loaded, and some try what is fastest); then the whole run,
 * copies included, is captured once as a CUDA graph, and every later run is one launch of it:
 * counts lie in device memory, so every sample of the shape class is served. Inside a run nothing
 * is allocated and the host waits once, at the end.
 *
 * Lane 1 of the plan runs on a stream of its own, between the first copy and the plan's join.
 */
#include <stdio.h>
#include <string.h>

#include "kernels/core/env.h"
#include "kernels/core/memory.h"
#include "runtime/cuda/cuda_backend.h"
#include "runtime/ranges.h"
#include "runtime/stages.h"

/* Inputs behind the first one of this size are copied while lane 1 begins with those before. */
enum { LARGE_INPUT = 256 << 10, MAX_STAGES = 16 };

/* A stretch of nodes of one lane and one stage: what is timed without timing nodes. */
typedef struct stretch {
    int first, last;
    cudaEvent_t begin, end;
} stretch;

typedef struct cuda_executor {
    alm_executor base;
    alm_cuda_timeline *timeline;
    char *device; /* the device block */
    char *inputs, *constants, *arena;
    int32_t *fault;
    char *pinned; /* inputs, outputs, fault */
    size_t outputs_at, pinned_bytes, early_bytes;
    cudaGraphExec_t graph;
    cudaEvent_t *node_event; /* [n_nodes + 1], made when nodes are timed for the first time */
    stretch stretches[MAX_STAGES];
    int n_stretches;
    bool observed; /* the run that goes on is: outputs are still on the device alone */
    bool overlap, capture, lanes; /* what the knobs leave on */
    char *fetched;                /* host copy of a value */
    size_t fetched_bytes;
} cuda_executor;

static size_t aligned(size_t bytes)
{
    return (bytes + 255) / 256 * 256;
}

/* ---- Making ---- */

static const void *weight_on_device(void *context, const char *name, const alm_desc *desc)
{
    return almi_cuda_weight(context, name, desc);
}

static size_t output_bytes(const alm_graph *g)
{
    size_t sum = 0;
    for (int v = 0; v < g->n_values; v++) {
        sum += g->values[v].is_output ? aligned(alm_value_bytes(&g->values[v])) : 0;
    }
    return sum;
}

/* Constants change never: they go up once. */
static alm_status upload_constants(const cuda_executor *e)
{
    const alm_graph *g = e->base.plan->graph;
    for (int v = 0; v < g->n_values; v++) {
        const alm_value_info *info = &g->values[v];
        if (info->storage == ALM_STORAGE_CONSTANT) {
            ALM_TRY(almi_cuda_check(cudaMemcpy(e->base.data[v], info->constant,
                                               alm_value_bytes(info), cudaMemcpyHostToDevice),
                                    "uploading constants"));
        }
    }
    /* A copy from memory that is not pinned may return before it has arrived, and our streams do
     * not wait for it. */
    return almi_cuda_check(cudaDeviceSynchronize(), "uploading constants");
}

static alm_status make_event(cudaEvent_t *out)
{
    return almi_cuda_check(cudaEventCreateWithFlags(out, cudaEventDefault), "creating an event");
}

/* Neighbouring nodes of one lane and stage. More stages than there is room for go untimed. */
static alm_status find_stretches(cuda_executor *e)
{
    const alm_graph *g = e->base.plan->graph;
    for (int n = 0; n < g->n_nodes; n++) {
        stretch *s = e->n_stretches ? &e->stretches[e->n_stretches - 1] : NULL;
        const bool same =
            s && g->nodes[n].lane == g->nodes[s->last].lane &&
            strcmp(alm_node_stage(g->nodes[n].name), alm_node_stage(g->nodes[s->last].name)) == 0;
        if (same) {
            s->last = n;
        } else if (e->n_stretches < MAX_STAGES) {
            e->stretches[e->n_stretches++] = (stretch){.first = n, .last = n};
        } else {
            break;
        }
    }
    for (int i = 0; i < e->n_stretches; i++) {
        ALM_TRY(make_event(&e->stretches[i].begin));
        ALM_TRY(make_event(&e->stretches[i].end));
    }
    return ALM_OK;
}

/* Bytes of the inputs before the first large one. */
static size_t early_inputs(const alm_executor *e)
{
    const alm_graph *g = e->plan->graph;
    for (int v = 0; v < g->n_values; v++) {
        if (g->values[v].storage == ALM_STORAGE_INPUT &&
            alm_value_bytes(&g->values[v]) >= LARGE_INPUT) {
            return e->place[v];
        }
    }
    return e->input_bytes;
}

static bool is_on(const char *knob)
{
    const char *value = alm_env_get(knob);
    return !value || strcmp(value, "0") != 0;
}

static alm_status allocate(cuda_executor *e)
{
    const alm_plan *p = e->base.plan;
    size_t constant_bytes;
    ALM_TRY(alm_executor_storage_bytes(p->graph, ALM_STORAGE_CONSTANT, &constant_bytes));
    const size_t inputs = aligned(e->base.input_bytes), constants = aligned(constant_bytes);
    size_t bytes;
    ALM_TRY(alm_add_size(inputs + constants + 256, p->arena_bytes, "the arena", &bytes));
    ALM_TRY(almi_cuda_alloc(bytes, "the arena", &e->device));
    e->inputs = e->device;
    e->constants = e->inputs + inputs;
    e->fault = (int32_t *)(void *)(e->constants + constants);
    e->arena = (char *)e->fault + 256;
    e->outputs_at = inputs;
    e->pinned_bytes = inputs + output_bytes(p->graph) + 256;
    ALM_TRY(almi_cuda_alloc_pinned(e->pinned_bytes, "inputs and outputs", &e->pinned));
    memset(e->pinned, 0, e->pinned_bytes);
    e->base.host_inputs = e->pinned;
    return ALM_OK;
}

static alm_status prepare(cuda_executor *e, const alm_plan *plan, alm_weight_data *weight,
                          void *context, void *state)
{
    alm_cuda_target *target = (alm_cuda_target *)e->timeline->base.target;
    ALM_TRY(almi_cuda_timeline_use(e->timeline));
    ALM_TRY(almi_cuda_weights_load(target, plan->graph, weight, context));
    ALM_TRY(alm_executor_begin(&e->base, plan));
    ALM_TRY(allocate(e));
    const alm_executor_memory memory = {
        .arena = e->arena, .inputs = e->inputs, .state = state, .constants = e->constants};
    ALM_TRY(alm_executor_bind(&e->base, &memory, weight_on_device, target));
    ALM_TRY(upload_constants(e));
    e->early_bytes = early_inputs(&e->base);
    e->overlap = plan->device.arch >= 90 && is_on("ASSEMLM_CUDA_OVERLAP");
    e->capture = is_on("ASSEMLM_CUDA_GRAPH");
    e->lanes = plan->join > 0 && is_on("ASSEMLM_CUDA_LANES");
    return find_stretches(e);
}

void almi_cuda_executor_destroy(alm_executor *base)
{
    cuda_executor *e = (cuda_executor *)base;
    almi_cuda_use_at_end(e->timeline->base.target);
    if (e->graph) {
        (void)cudaGraphExecDestroy(e->graph);
    }
    for (int i = 0; i < e->n_stretches; i++) {
        if (e->stretches[i].begin) {
            (void)cudaEventDestroy(e->stretches[i].begin);
        }
        if (e->stretches[i].end) {
            (void)cudaEventDestroy(e->stretches[i].end);
        }
    }
    for (int n = 0; e->node_event && n <= base->plan->graph->n_nodes; n++) {
        if (e->node_event[n]) {
            (void)cudaEventDestroy(e->node_event[n]);
        }
    }
    alm_free(e->node_event);
    almi_cuda_free(e->device);
    almi_cuda_free_pinned(e->pinned);
    alm_free(e->fetched);
    alm_executor_end(base);
    alm_free(e);
}

alm_status almi_cuda_executor_create(alm_timeline *timeline, const alm_plan *plan,
                                     alm_weight_data *weight, void *context, void *state,
                                     alm_executor **out)
{
    cuda_executor *e;
    ALM_TRY(alm_calloc(1, sizeof *e, "executor", &e));
    e->base.ops = timeline->target->ops;
    e->base.plan = plan;
    e->timeline = (alm_cuda_timeline *)timeline;
    const alm_status status =
        almi_cuda_timeline_check(e->timeline, prepare(e, plan, weight, context, state));
    if (status != ALM_OK) {
        almi_cuda_executor_destroy(&e->base);
        return status;
    }
    *out = &e->base;
    return ALM_OK;
}

/* ---- Launching ---- */

/* The way in which a run is enqueued. */
typedef struct mode {
    bool lanes; /* lane 1 on its own stream */
    bool tune;
    bool stretches; /* record the events of stages */
    bool nodes;     /* record the events of nodes */
    alm_observe_fn *observe;
    void *context;
} mode;

static alm_status record(cudaEvent_t event, cudaStream_t stream, bool captured)
{
    /* External: an event that the host reads, not an edge of the captured graph. */
    return almi_cuda_check(captured
                               ? cudaEventRecordWithFlags(event, stream, cudaEventRecordExternal)
                               : cudaEventRecord(event, stream),
                           "recording an event");
}

static alm_status order(cudaEvent_t event, cudaStream_t first, cudaStream_t then)
{
    ALM_TRY(almi_cuda_check(cudaEventRecord(event, first), "recording an event"));
    return almi_cuda_check(cudaStreamWaitEvent(then, event, 0), "waiting for an event");
}

static alm_status copy_inputs(cuda_executor *e, size_t begin, size_t end, cudaStream_t stream)
{
    return begin == end
               ? ALM_OK
               : almi_cuda_check(cudaMemcpyAsync(e->inputs + begin, e->pinned + begin, end - begin,
                                                 cudaMemcpyHostToDevice, stream),
                                 "copying inputs");
}

static int32_t *host_fault(const cuda_executor *e)
{
    return (int32_t *)(void *)(e->pinned + e->pinned_bytes - 256);
}

static alm_status copy_outputs(cuda_executor *e, cudaStream_t stream)
{
    const alm_graph *g = e->base.plan->graph;
    size_t at = e->outputs_at;
    for (int v = 0; v < g->n_values; v++) {
        if (g->values[v].is_output) {
            const size_t bytes = alm_value_bytes(&g->values[v]);
            ALM_TRY(almi_cuda_check(cudaMemcpyAsync(e->pinned + at, e->base.data[v], bytes,
                                                    cudaMemcpyDeviceToHost, stream),
                                    "copying outputs"));
            at += aligned(bytes);
        }
    }
    return almi_cuda_check(
        cudaMemcpyAsync(host_fault(e), e->fault, sizeof *e->fault, cudaMemcpyDeviceToHost, stream),
        "copying outputs");
}

static const char *stage_of(const alm_plan *p, int n)
{
    return alm_node_stage(p->graph->nodes[n].name);
}

/* Whether node n > 0 is of another stage than the one before. */
static bool begins_stage(const alm_plan *p, int n)
{
    return strcmp(stage_of(p, n), stage_of(p, n - 1)) != 0;
}

/* Node n, with the next one when the two are a pair. */
static alm_status launch_node(cuda_executor *e, int n, alm_exec *x)
{
    const alm_plan *p = e->base.plan;
    const char *name = p->graph->nodes[n].name;
    const alm_kernel *kernel = p->kernel[n];
    x->fault_code = n + 1;
    almi_cuda_note_launch(e->timeline, name);
    alm_guard_begin();
    const alm_status status = p->paired[n]
                                  ? kernel->run_pair(x, &e->base.args[n], &e->base.args[n + 1])
                                  : kernel->run(x, &e->base.args[n]);
    alm_guard_end();
    return status == ALM_OK ? ALM_OK : alm_fail_context(status, "%s", name);
}

static alm_status stretch_events(cuda_executor *e, const mode *m, int n, bool at_end,
                                 cudaStream_t stream, bool captured)
{
    for (int i = 0; m->stretches && i < e->n_stretches; i++) {
        const stretch *s = &e->stretches[i];
        if (!at_end && s->first == n) {
            ALM_TRY(record(s->begin, stream, captured));
        }
        if (at_end && s->last == n) {
            ALM_TRY(record(s->end, stream, captured));
        }
    }
    return ALM_OK;
}

/* Node n and, where the two are a pair, the next one, with their events. */
static alm_status enqueue_node(cuda_executor *e, const mode *m, int n, alm_exec *x, bool captured)
{
    const alm_plan *p = e->base.plan;
    alm_cuda_timeline *t = e->timeline;
    const int lane = m->lanes ? p->graph->nodes[n].lane : 0;
    if (m->lanes && n == p->join) {
        ALM_TRY(order(t->join, t->stream[1], t->stream[0]));
    }
    /* A launch may overlap with a launch before it, not with a copy or an event. */
    const bool first_of_lane =
        n == 0 || (m->lanes && (n == p->join || lane != p->graph->nodes[n - 1].lane));
    x->stream = t->stream[lane];
    ALM_TRY(stretch_events(e, m, n, false, x->stream, captured));
    if (m->nodes) {
        ALM_TRY(record(e->node_event[n], x->stream, captured));
    }
    x->overlap = e->overlap && !first_of_lane && !m->nodes && !m->observe &&
                 !(m->stretches && e->n_stretches && n > 0 && begins_stage(p, n));
    ALM_TRY(launch_node(e, n, x));
    const int last = p->paired[n] ? n + 1 : n;
    for (int done = n; done <= last; done++) {
        ALM_TRY(stretch_events(e, m, done, true, x->stream, captured));
        if (m->observe) {
            ALM_TRY(
                almi_cuda_check(cudaStreamSynchronize(t->stream[0]), p->graph->nodes[done].name));
            ALM_TRY(m->observe(m->context, done));
        }
        if (m->nodes && done > n) {
            ALM_TRY(record(e->node_event[done], x->stream, captured));
        }
    }
    return ALM_OK;
}

/* A profiler sees a range for every node; in a capture, which is not when the nodes run, for every
 * stage. */
static alm_status enqueue_nodes(cuda_executor *e, const mode *m, bool captured)
{
    const alm_plan *p = e->base.plan;
    alm_exec x = {.device = &p->device,
                  .fault = e->fault,
                  .tune = m->tune,
                  .libraries = e->timeline->libraries};
    alm_status status = ALM_OK;
    for (int n = 0; n < p->graph->n_nodes && status == ALM_OK; n += p->paired[n] ? 2 : 1) {
        if (n == 0 || !captured || begins_stage(p, n)) {
            if (n > 0) {
                alm_range_end();
            }
            alm_range_begin(stage_of(p, n), captured ? stage_of(p, n) : p->graph->nodes[n].name);
        }
        status = enqueue_node(e, m, n, &x, captured);
    }
    if (p->graph->n_nodes > 0) {
        alm_range_end();
    }
    ALM_TRY(status);
    return m->nodes ? record(e->node_event[p->graph->n_nodes], e->timeline->stream[0], captured)
                    : ALM_OK;
}

/* The whole run: inputs up, nodes, outputs down. */
static alm_status enqueue(cuda_executor *e, const mode *m, bool captured)
{
    alm_cuda_timeline *t = e->timeline;
    ALM_TRY(copy_inputs(e, 0, e->early_bytes, t->stream[0]));
    ALM_TRY(almi_cuda_check(cudaMemsetAsync(e->fault, 0, sizeof *e->fault, t->stream[0]),
                            "clearing the fault flag"));
    if (m->lanes) {
        ALM_TRY(order(t->fork, t->stream[0], t->stream[1]));
    }
    ALM_TRY(copy_inputs(e, e->early_bytes, e->base.input_bytes, t->stream[0]));
    ALM_TRY(enqueue_nodes(e, m, captured));
    return copy_outputs(e, t->stream[0]);
}

static alm_status capture(cuda_executor *e)
{
    const mode m = {.lanes = e->lanes, .stretches = true};
    cudaStream_t stream = e->timeline->stream[0];
    cudaGraph_t graph = NULL;
    ALM_TRY(almi_cuda_check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal),
                            "beginning a capture"));
    alm_status status = enqueue(e, &m, true);
    const cudaError_t ended = cudaStreamEndCapture(stream, &graph);
    if (status == ALM_OK) {
        status = almi_cuda_check(ended, "ending a capture");
    }
    if (status == ALM_OK) {
        status = almi_cuda_check(cudaGraphInstantiate(&e->graph, graph, 0), "making a graph");
    }
    if (graph) {
        (void)cudaGraphDestroy(graph);
    }
    return status;
}

static bool is_alive(const cuda_executor *e)
{
    (void)cudaGetLastError();
    return cudaStreamSynchronize(e->timeline->stream[0]) == cudaSuccess &&
           cudaStreamSynchronize(e->timeline->stream[1]) == cudaSuccess;
}

/* The graph for the runs that come. The run before was a good one: a GPU that refuses the graph
 * gets it once more without overlapping launches, and then runs node by node; results say so. */
static alm_status make_graph(cuda_executor *e)
{
    char *note = e->base.note;
    alm_status status = capture(e);
    for (int attempt = 0; attempt < 2 && status != ALM_OK; attempt++) {
        if (status == ALM_STATUS_MEMORY) {
            return status;
        }
        if (!is_alive(e)) {
            return ALM_STATUS_RESTART;
        }
        snprintf(note, sizeof e->base.note, "%s: %s",
                 e->overlap ? "launches do not overlap" : "launched node by node, not as a graph",
                 alm_error_message());
        alm_error_clear();
        e->capture = e->overlap;
        e->overlap = false;
        status = e->capture ? capture(e) : ALM_OK;
    }
    return status;
}

/* ---- Running ---- */

static alm_status stage_times(cuda_executor *e)
{
    memset(e->base.node_ms, 0, (size_t)e->base.plan->graph->n_nodes * sizeof *e->base.node_ms);
    for (int i = 0; i < e->n_stretches; i++) {
        const stretch *s = &e->stretches[i];
        float ms = 0;
        ALM_TRY(almi_cuda_check(cudaEventElapsedTime(&ms, s->begin, s->end), "reading a time"));
        e->base.node_ms[s->last] = (double)ms;
    }
    return ALM_OK;
}

static alm_status node_times(cuda_executor *e)
{
    for (int n = 0; n < e->base.plan->graph->n_nodes; n++) {
        float ms = 0;
        ALM_TRY(almi_cuda_check(cudaEventElapsedTime(&ms, e->node_event[n], e->node_event[n + 1]),
                                "reading a time"));
        e->base.node_ms[n] = (double)ms;
    }
    return ALM_OK;
}

static alm_status make_node_events(cuda_executor *e)
{
    const size_t count = (size_t)e->base.plan->graph->n_nodes + 1;
    if (e->node_event) {
        return ALM_OK;
    }
    ALM_TRY(alm_calloc(count, sizeof *e->node_event, "events", &e->node_event));
    for (size_t i = 0; i < count; i++) {
        ALM_TRY(make_event(&e->node_event[i]));
    }
    return ALM_OK;
}

/* Everything up to the end of the run's work on the device. */
static alm_status execute(cuda_executor *e, alm_observe_fn *observe, void *context)
{
    const bool nodes = e->base.time_nodes && !observe;
    cudaStream_t stream = e->timeline->stream[0];
    if (nodes) {
        ALM_TRY(make_node_events(e));
    }
    if (e->graph && !observe && !nodes) {
        almi_cuda_note_launch(e->timeline,
                              "the captured graph (ASSEMLM_CUDA_GRAPH=0 names its nodes)");
        ALM_TRY(almi_cuda_check(cudaGraphLaunch(e->graph, stream), "launching the graph"));
        return almi_cuda_check(cudaStreamSynchronize(stream), "running the graph");
    }
    const mode m = {.lanes = e->lanes && !observe && !nodes,
                    .tune = !e->graph,
                    .stretches = !observe && !nodes,
                    .nodes = nodes,
                    .observe = observe,
                    .context = context};
    e->observed = observe != NULL;
    const alm_status status = enqueue(e, &m, false);
    e->observed = false;
    ALM_TRY(status);
    return almi_cuda_check(cudaStreamSynchronize(stream), "running the nodes");
}

/* A kernel met data that its contract refuses. */
static alm_status check_fault(const cuda_executor *e)
{
    const int32_t code = *host_fault(e);
    const alm_graph *g = e->base.plan->graph;
    if (code == 0) {
        return ALM_OK;
    }
    const bool known = code > 0 && code <= g->n_nodes;
    return alm_fail(ALM_STATUS_INTERNAL, "%s: an index that is out of range (code %d)",
                    known ? g->nodes[code - 1].name : "the run", (int)code);
}

alm_status almi_cuda_run(alm_executor *base, alm_observe_fn *observe, void *context)
{
    cuda_executor *e = (cuda_executor *)base;
    ALM_TRY(almi_cuda_timeline_use(e->timeline));
    alm_range_begin("run", "forward");
    alm_status status = execute(e, observe, context);
    alm_range_end();
    if (status != ALM_OK && status != ALM_STATUS_RESTART) {
        /* What was begun may still read the inputs, which the next run overwrites. */
        (void)cudaStreamSynchronize(e->timeline->stream[0]);
        (void)cudaStreamSynchronize(e->timeline->stream[1]);
    }
    if (status == ALM_OK) {
        status = check_fault(e);
    }
    if (status == ALM_OK && !observe) {
        status = base->time_nodes ? node_times(e) : stage_times(e);
    }
    if (status == ALM_OK && e->capture && !e->graph) {
        alm_range_begin("run", "capture");
        status = make_graph(e);
        alm_range_end();
    }
    return almi_cuda_timeline_check(e->timeline, status);
}

/* ---- Reading ---- */

static alm_status copy_down(cuda_executor *e, const void *from, size_t bytes)
{
    if (bytes > e->fetched_bytes) {
        ALM_TRY(alm_realloc(bytes, 1, "a fetched value", &e->fetched));
        e->fetched_bytes = bytes;
    }
    ALM_TRY(almi_cuda_timeline_use(e->timeline));
    return almi_cuda_timeline_check(
        e->timeline, almi_cuda_check(cudaMemcpy(e->fetched, from, bytes, cudaMemcpyDeviceToHost),
                                     "fetching a value"));
}

/* Inputs, constants and outputs are host memory already. */
alm_status almi_cuda_fetch(alm_executor *base, alm_value v, alm_tensor *out)
{
    cuda_executor *e = (cuda_executor *)base;
    const alm_graph *g = base->plan->graph;
    const alm_value_info *info = &g->values[v], *root = &g->values[info->root];
    const size_t element = alm_dtype_size(info->desc.dtype),
                 offset = (size_t)info->offset * element;
    alm_tensor t = alm_executor_tensor(base, v);
    t.count = info->count == ALM_NONE ? NULL : alm_executor_input(base, info->count);
    if (root->storage == ALM_STORAGE_INPUT) {
        t.data = (char *)alm_executor_input(base, info->root) + offset;
    } else if (root->storage == ALM_STORAGE_CONSTANT) {
        t.data = (char *)(uintptr_t)root->constant + offset;
    } else if (root->is_output && !e->observed) {
        size_t at = e->outputs_at;
        for (int i = 0; i < info->root; i++) {
            at += g->values[i].is_output ? aligned(alm_value_bytes(&g->values[i])) : 0;
        }
        t.data = e->pinned + at + offset;
    } else {
        const int64_t rows = info->desc.rank ? info->desc.dim[0] : 1;
        const size_t elements =
            rows ? (size_t)((rows - 1) * info->stride + alm_desc_row(&info->desc)) : 0;
        ALM_TRY(copy_down(e, t.data, elements * element));
        t.data = e->fetched;
    }
    *out = t;
    return ALM_OK;
}

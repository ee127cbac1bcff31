/* A session: plans for the sizes that come, fills the inputs, runs, and turns the head's numbers
 * into a pose. */
#include "runtime/session.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "kernels/core/env.h"
#include "kernels/core/memory.h"
#include "kernels/core/numeric.h"
#include "kernels/linear/linear.h"
#include "runtime/dump.h"
#include "runtime/output/overwrite.h"
#include "runtime/output/pose.h"

alm_status alm_session_create(alm_engine *engine, int threads, alm_session **out)
{
    alm_error_clear();
    if (threads < 0 || threads > 4096) {
        return alm_fail(ALM_STATUS_USAGE, "threads: %d, expected 0 to 4096", threads);
    }
    alm_session *s;
    ALM_TRY(alm_calloc(1, sizeof *s, "session", &s));
    s->engine = engine;
    s->device = engine->device;
    s->device.threads = threads ? threads : engine->device.threads;
    const alm_status status = alm_pool_create(s->device.threads, &s->pool);
    if (status != ALM_OK) {
        alm_session_destroy(s);
        return status;
    }
    *out = s;
    return ALM_OK;
}

static void forget_graph(alm_session *s)
{
    alm_executor_destroy(s->executor);
    alm_plan_destroy(s->plan);
    alm_graph_destroy(s->model.graph);
    s->executor = NULL;
    s->plan = NULL;
    s->model.graph = NULL;
    s->shape = (alm_shape_class){0};
}

void alm_session_destroy(alm_session *s)
{
    if (!s) {
        return;
    }
    forget_graph(s);
    alm_pool_destroy(s->pool);
    alm_free(s->dump);
    alm_free(s);
}

/* ---- Graph and plan
 * ------------------------------------------------------------------------------------------ */

static bool lookup_weight(void *context, const char *name, alm_desc *out)
{
    const alm_state_tensor *t = alm_state_find(context, name);
    if (t) {
        *out = t->desc;
    }
    return t != NULL;
}

static const void *weight_data(void *context, const char *name)
{
    const alm_state_tensor *t = alm_state_find(context, name);
    return t ? t->data : NULL;
}

static alm_status make_graph(alm_session *s, alm_shape_class shape)
{
    const alm_engine *e = s->engine;
    ALM_TRY(alm_assemlm2_build(&e->settings->model, shape, lookup_weight, e->state, &s->model));
    ALM_TRY(alm_plan_create(s->model.graph, &s->device, alm_env_get("ASSEMLM_KERNEL"), &s->plan));
    ALM_TRY(alm_plan_verify(s->plan));
    return alm_executor_create(s->plan, weight_data, e->state, &s->executor);
}

static int64_t round_up(int64_t n, int64_t step)
{
    return (n + step - 1) / step * step;
}

alm_status alm_session_reserve(alm_session *s, int64_t patches, int64_t tokens)
{
    /* Steps of a few percent of the release sizes: enough that samples of one data set share a
     * plan. */
    enum { TOKEN_STEP = 32, MERGED_STEP = 32 };
    if (s->executor && patches <= s->shape.patches && tokens <= s->shape.tokens) {
        return ALM_OK;
    }
    const int merge = s->engine->settings->model.vision.merge;
    alm_shape_class shape = {
        .patches = round_up(patches, MERGED_STEP * (int64_t)merge * merge),
        .tokens = round_up(tokens, TOKEN_STEP),
    };
    shape.patches = shape.patches > s->shape.patches ? shape.patches : s->shape.patches;
    shape.tokens = shape.tokens > s->shape.tokens ? shape.tokens : s->shape.tokens;
    forget_graph(s);
    const alm_status status = make_graph(s, shape);
    if (status != ALM_OK) {
        forget_graph(s);
        return status;
    }
    s->shape = shape;
    return ALM_OK;
}

/* ---- One run
 * -------------------------------------------------------------------------------------------------
 */

static void fill(const alm_session *s, alm_value input, const void *data, size_t bytes)
{
    memcpy(alm_executor_input(s->executor, input), data, bytes);
}

static void fill_int(const alm_session *s, alm_value input, int64_t value)
{
    const int32_t narrow = (int32_t)value;
    fill(s, input, &narrow, sizeof narrow);
}

static void fill_pages(const alm_session *s, const alm_prepared *p)
{
    const alm_assemlm2_inputs *in = &s->model.in;
    const alm_vision_config *v = &s->engine->settings->model.vision;
    const size_t n = (size_t)p->patches;
    const size_t row =
        (size_t)v->channels * (size_t)v->temporal_patch * (size_t)v->patch * (size_t)v->patch;
    fill(s, in->bytes, p->bytes, n * row);
    fill(s, in->table_index, p->table_index, n * 4 * sizeof(int32_t));
    fill(s, in->table_weight, p->table_weight, n * 4 * sizeof(float));
    fill(s, in->patch_position, p->patch_position, n * 2 * sizeof(int32_t));
    fill_int(s, in->n_patches, p->patches);
    fill_int(s, in->n_image_tokens, p->patches / (v->merge * v->merge));
    int32_t *rule = alm_executor_input(s->executor, in->patch_rule);
    int32_t begin = 0;
    for (int page = 0; page < ALM_PAGES; page++) {
        const int32_t end = begin + p->grid[page].rows * p->grid[page].columns;
        for (int32_t i = begin; i < end; i++) {
            rule[3 * i] = begin;
            rule[3 * i + 1] = end;
            rule[3 * i + 2] = 0;
        }
        begin = end;
    }
}

static void fill_inputs(const alm_session *s, const alm_prepared *p)
{
    const alm_assemlm2_inputs *in = &s->model.in;
    const size_t used = (size_t)p->prompt->used;
    fill_pages(s, p);
    fill(s, in->fixed, p->fixed, ALM_CLOUD_POINTS * 3 * sizeof(float));
    fill(s, in->moving, p->moving, ALM_CLOUD_POINTS * 3 * sizeof(float));
    fill(s, in->source, p->prompt->source, used * 2 * sizeof(int32_t));
    fill(s, in->position, p->prompt->position, used * 3 * sizeof(int32_t));
    fill(s, in->rule, p->prompt->rule, used * 3 * sizeof(int32_t));
    fill(s, in->last_rule, p->prompt->rule + 3 * (used - 1), 3 * sizeof(int32_t));
    fill_int(s, in->last, p->prompt->used - 1);
    fill_int(s, in->n_tokens, p->prompt->used);
}

/* When the pose is not finite: a weight that is not either is the likeliest reason, and can be
 * named. */
static alm_status blame_weights(const alm_session *s)
{
    const alm_graph *g = s->model.graph;
    for (int v = 0; v < g->n_values; v++) {
        if (g->values[v].storage != ALM_STORAGE_WEIGHT) {
            continue;
        }
        const alm_state_tensor *t = alm_state_find(s->engine->state, g->values[v].name);
        const int64_t n = alm_desc_count(&t->desc);
        for (int64_t i = 0; i < n; i++) {
            if (!isfinite(alm_weight_at(t->desc.dtype == ALM_DTYPE_BF16, t->data, i))) {
                return alm_fail(ALM_STATUS_MODEL, "%s: element %lld is not finite", t->name,
                                (long long)i);
            }
        }
    }
    return ALM_OK;
}

static alm_status run(alm_session *s, const alm_prepared *p, alm_observe_fn *observe, void *context,
                      double pose[9])
{
    ALM_TRY(alm_session_reserve(s, p->patches, p->prompt->used));
    fill_inputs(s, p);
    ALM_TRY(alm_executor_run(s->executor, s->pool, observe, context));
    const float *out = alm_executor_tensor(s->executor, s->model.pose).data;
    for (int i = 0; i < 9; i++) {
        pose[i] = out[i];
        if (!isfinite(out[i])) {
            ALM_TRY(blame_weights(s));
            return alm_fail(ALM_STATUS_SAMPLE, "the model's output %d of 9 is not finite", i + 1);
        }
    }
    return ALM_OK;
}

alm_status alm_session_run(alm_session *s, const alm_prepared *p, double pose[9])
{
    return run(s, p, NULL, NULL, pose);
}

static alm_status run_with_dump(alm_session *s, const alm_prepared *p, double pose[9])
{
    alm_dump *dump;
    ALM_TRY(alm_session_reserve(s, p->patches, p->prompt->used));
    ALM_TRY(alm_dump_begin(s, p, &dump));
    alm_status status = run(s, p, alm_dump_node, dump, pose);
    if (status == ALM_OK) {
        status = alm_dump_write(dump, s->dump);
    }
    alm_dump_end(dump);
    alm_free(s->dump);
    s->dump = NULL;
    return status;
}

alm_status alm_session_dump_next(alm_session *s, const char *path, bool force)
{
    char *copy = NULL;
    if (path) {
        ALM_TRY(alm_output_check(path, force));
        ALM_TRY(alm_strdup(path, "dump file name", &copy));
    }
    alm_free(s->dump);
    s->dump = copy;
    return ALM_OK;
}

/* ---- Result
 * --------------------------------------------------------------------------------------------------
 */

static void add_time(alm_result *r, const char *stage, double ms)
{
    for (int i = 0; i < r->timing_count; i++) {
        if (strcmp(r->timing[i].stage, stage) == 0) {
            r->timing[i].ms += ms;
            return;
        }
    }
    if (r->timing_count < ALM_TIMINGS) {
        r->timing[r->timing_count].stage = stage;
        r->timing[r->timing_count++].ms = ms;
    }
}

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

static alm_status make_result(const alm_session *s, const alm_sample *sample, const alm_prepared *p,
                              const double pose[9], double total_ms, alm_result *out)
{
    alm_result r = {
        .fixed_points = p->fixed_points,
        .moving_points = p->moving_points,
        .points_used = ALM_CLOUD_POINTS,
        .tokens = p->prompt->count,
        .tokens_used = p->prompt->used,
        .warning_count = p->warning_count,
    };
    const double scale = alm_units_scale(sample->units);
    double translation[3];
    memcpy(r.warning, p->warning, sizeof r.warning);
    memcpy(r.center_subtracted, p->center, sizeof r.center_subtracted);
    memcpy(r.raw_translation, pose, sizeof r.raw_translation);
    memcpy(r.raw_rotation_6d, pose + 3, sizeof r.raw_rotation_6d);
    ALM_TRY(alm_pose_rotation(pose, r.raw_rotation_matrix));
    for (int i = 0; i < 3; i++) {
        translation[i] = pose[i] / scale; /* the network's metres in the units of the clouds */
    }
    alm_pose_transform(translation, r.raw_rotation_matrix, p->center, r.matrix, r.orientation);
    for (int i = 0; i < 3; i++) {
        r.position[i] = r.matrix[4 * i + 3] * scale;
    }
    add_time(&r, "read", p->read_ms);
    add_time(&r, "preprocess", p->prepare_ms);
    for (int n = 0; n < s->model.graph->n_nodes; n++) {
        add_time(&r, alm_node_stage(s->model.graph->nodes[n].name),
                 alm_executor_node_ms(s->executor, n));
    }
    add_time(&r, "total", total_ms);
    *out = r;
    return ALM_OK;
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

alm_status alm_session_predict(alm_session *s, const alm_sample *sample, alm_result *result)
{
    const double start = now_ms();
    double pose[9];
    alm_prepared *p;
    alm_error_clear();
    alm_status status = alm_sample_prepare(s->engine, sample, &p);
    if (status != ALM_OK) {
        alm_session_dump_next(s, NULL, false);
        return status;
    }
    status = s->dump ? run_with_dump(s, p, pose) : run(s, p, NULL, NULL, pose);
    if (status == ALM_OK) {
        status = make_result(s, sample, p, pose, now_ms() - start, result);
    }
    alm_prepared_free(p);
    return status;
}

/* ---- What the bench sees
 * --------------------------------------------------------------------------------------- */

int alm_session_nodes(const alm_session *s)
{
    return s->model.graph ? s->model.graph->n_nodes : 0;
}

alm_node_info alm_session_node(const alm_session *s, int n)
{
    const alm_node *node = &s->model.graph->nodes[n];
    alm_node_info info = {
        .name = node->name,
        .op = node->op->name,
        .kernel = s->plan->kernel[n]->name,
        .ms = alm_executor_node_ms(s->executor, n),
    };
    if (node->op == &alm_op_linear) {
        const alm_tensor x = alm_executor_tensor(s->executor, node->in[0]);
        const alm_tensor w = alm_executor_tensor(s->executor, node->in[1]);
        const int weights =
            ((const alm_linear_attr *)node->attr)->epilogue == ALM_EPILOGUE_SWIGLU ? 2 : 1;
        info.flop = 2.0 * weights * (double)alm_rows(&x) * (double)alm_desc_count(&w.desc);
    }
    return info;
}

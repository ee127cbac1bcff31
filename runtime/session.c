/* A session: plans for the sizes that come, fills the inputs, runs, and turns the head's numbers
 * into a pose. */
#include "runtime/session.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "kernels/core/numeric.h"
#include "runtime/clock.h"
#include "runtime/dump.h"
#include "runtime/output/overwrite.h"
#include "runtime/output/pose.h"

alm_status alm_session_create(alm_engine *engine, int threads, alm_session **out)
{
    return alm_session_create_on(engine, 0, threads, out);
}

alm_status alm_session_create_on(alm_engine *engine, int index, int threads, alm_session **out)
{
    alm_error_clear();
    if (threads < 0 || threads > 4096) {
        return alm_fail(ALM_STATUS_USAGE, "threads: %d, expected 0 to 4096", threads);
    }
    alm_session *s;
    ALM_TRY(alm_calloc(1, sizeof *s, "session", &s));
    s->engine = engine;
    const alm_status status = alm_timeline_create(engine->target[index], threads, &s->timeline);
    if (status != ALM_OK) {
        alm_session_destroy(s);
        return status;
    }
    *out = s;
    return ALM_OK;
}

static void forget_graphs(alm_session *s)
{
    alm_runner_clear(&s->cold);
    alm_runner_clear(&s->warm);
    alm_state_destroy(s->timeline, s->state);
    s->state = NULL;
    s->last = NULL;
    s->manual.valid = false;
}

void alm_session_destroy(alm_session *s)
{
    if (!s) {
        return;
    }
    forget_graphs(s);
    alm_timeline_destroy(s->timeline);
    alm_free(s->manual.bytes);
    alm_free(s->dump);
    alm_free(s);
}

void alm_session_time_nodes(alm_session *s, bool on)
{
    s->time_nodes = on;
}

void alm_session_forget_manual(alm_session *s)
{
    s->manual.valid = false;
}

/* ---- Graphs and plans ---- */

/* Capacities grow in steps of a few percent of the release sizes, so that the samples of a data set
 * share a plan. */
enum { TOKEN_STEP = 32, MERGED_STEP = 32, PIXEL_STEP = 64 << 10, SPAN_STEP = 128, TAP_STEP = 1024 };

static int64_t round_up(int64_t n, int64_t step)
{
    return (n + step - 1) / step * step;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static alm_status make_cold(alm_session *s, alm_shape_class shape)
{
    ALM_TRY(
        alm_runner_plan(&s->cold, s->engine, s->engine->arithmetic, &s->timeline->device, shape));
    ALM_TRY(alm_state_create(s->timeline, s->cold.model.graph, &s->state));
    return alm_runner_bind(&s->cold, s->engine, s->timeline, s->state);
}

static alm_status reserve(alm_session *s, int64_t patches, int64_t tokens, alm_pixel_room pixels)
{
    const alm_shape_class have = s->cold.shape;
    const alm_pixel_room room = have.pixels;
    if (s->cold.executor && patches <= have.patches && tokens <= have.tokens &&
        pixels.bytes <= room.bytes && pixels.wide <= room.wide && pixels.spans <= room.spans &&
        pixels.weights <= room.weights) {
        return ALM_OK;
    }
    const int merge = s->engine->settings->model.vision.merge;
    alm_shape_class shape = {
        .patches = larger(round_up(patches, MERGED_STEP * (int64_t)merge * merge), have.patches),
        .tokens = larger(round_up(tokens, TOKEN_STEP), have.tokens),
        .pixels = {.bytes = larger(round_up(pixels.bytes, PIXEL_STEP), room.bytes),
                   .wide = larger(round_up(pixels.wide, PIXEL_STEP), room.wide),
                   .spans = larger(round_up(pixels.spans, SPAN_STEP), room.spans),
                   .weights = larger(round_up(pixels.weights, TAP_STEP), room.weights)},
    };
    shape.rows = shape.tokens;
    forget_graphs(s);
    const alm_status status = make_cold(s, shape);
    if (status != ALM_OK) {
        forget_graphs(s);
    }
    return status;
}

alm_status alm_session_reserve(alm_session *s, int64_t patches, int64_t tokens)
{
    const bool on_gpu = s->timeline->device.backend == ALM_BACKEND_CUDA;
    return reserve(s, patches, tokens,
                   on_gpu ? alm_pixel_room_for(&s->engine->settings->model.vision, patches)
                          : (alm_pixel_room){0});
}

static alm_status reserve_for(alm_session *s, const alm_prepared *p)
{
    return reserve(s, p->patches, p->prompt->used, alm_pixel_room_of(&p->resize));
}

/* The warm graph has the tokens of the cold one, because the states are the same memory. */
static alm_status reserve_warm(alm_session *s, int64_t rows)
{
    if (s->warm.executor && rows <= s->warm.shape.rows) {
        return ALM_OK;
    }
    const int64_t tokens = s->cold.shape.tokens,
                  wanted = larger(round_up(rows, TOKEN_STEP), s->warm.shape.rows);
    const alm_shape_class shape = {
        .tokens = tokens, .rows = wanted < tokens ? wanted : tokens, .warm = true};
    s->last = NULL;
    alm_runner_clear(&s->warm);
    alm_status status =
        alm_runner_plan(&s->warm, s->engine, s->engine->arithmetic, &s->timeline->device, shape);
    if (status == ALM_OK) {
        status = alm_runner_bind(&s->warm, s->engine, s->timeline, s->state);
    }
    if (status != ALM_OK) {
        alm_runner_clear(&s->warm);
    }
    return status;
}

/* ---- The manual that is held ---- */

static size_t page_bytes(const alm_session *s, const alm_prepared *p)
{
    const alm_vision_config *v = &s->engine->settings->model.vision;
    return p->bytes ? (size_t)p->patches * (size_t)v->channels * (size_t)v->temporal_patch *
                          (size_t)v->patch * (size_t)v->patch
                    : (size_t)p->resize.bytes;
}

static size_t pixel_bytes(const alm_image *page)
{
    return 3 * (size_t)page->width * (size_t)page->height;
}

/* m->size is the sample's. */
static bool same_bytes(const alm_manual *m, const alm_prepared *p)
{
    if (p->bytes) {
        return memcmp(m->bytes, p->bytes, m->size) == 0;
    }
    const uint8_t *held = m->bytes;
    for (int i = 0; i < ALM_PAGES; i++) {
        if (memcmp(held, p->page[i].rgb, pixel_bytes(&p->page[i])) != 0) {
            return false;
        }
        held += pixel_bytes(&p->page[i]);
    }
    return true;
}

static bool is_held(const alm_session *s, const alm_prepared *p)
{
    const alm_manual *m = &s->manual;
    return m->valid && p->prompt->used <= s->cold.shape.tokens && m->size == page_bytes(s, p) &&
           memcmp(m->grid, p->grid, sizeof m->grid) == 0 &&
           memcmp(m->page, p->resize.page, sizeof m->page) == 0 && same_bytes(m, p);
}

static alm_status hold(alm_session *s, const alm_prepared *p)
{
    alm_manual *m = &s->manual;
    const size_t size = page_bytes(s, p);
    ALM_TRY(alm_reserve(size, 1, "pages", &m->bytes, &m->capacity));
    if (p->bytes) {
        memcpy(m->bytes, p->bytes, size);
    } else {
        uint8_t *to = m->bytes;
        for (int i = 0; i < ALM_PAGES; i++) {
            memcpy(to, p->page[i].rgb, pixel_bytes(&p->page[i]));
            to += pixel_bytes(&p->page[i]);
        }
    }
    memcpy(m->grid, p->grid, sizeof m->grid);
    memcpy(m->page, p->resize.page, sizeof m->page);
    m->size = size;
    m->tokens = alm_prefix_tokens(p->prompt);
    m->valid = true;
    return ALM_OK;
}

/* ---- One run ---- */

/* When the pose is not finite: a weight that is not either is the likeliest reason, and can be
 * named. */
static alm_status blame_weights(const alm_session *s)
{
    const alm_graph *g = s->last->model.graph;
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

static alm_status execute(alm_session *s, alm_runner *r, const alm_prepared *p, int first,
                          alm_observe_fn *observe, void *context, double pose[9])
{
    s->last = r;
    alm_runner_fill(r, &s->engine->settings->model.vision, p, first);
    alm_executor_time_nodes(r->executor, s->time_nodes);
    ALM_TRY(alm_executor_run(r->executor, observe, context));
    alm_tensor pose_tensor;
    ALM_TRY(alm_executor_fetch(r->executor, r->model.pose, &pose_tensor));
    const float *out = pose_tensor.data;
    for (int i = 0; i < 9; i++) {
        pose[i] = out[i];
        if (!isfinite(out[i])) {
            ALM_TRY(blame_weights(s));
            return alm_fail(ALM_STATUS_SAMPLE, "the model's output %d of 9 is not finite", i + 1);
        }
    }
    return ALM_OK;
}

static alm_status run_cold(alm_session *s, const alm_prepared *p, alm_observe_fn *observe,
                           void *context, double pose[9])
{
    ALM_TRY(reserve_for(s, p));
    s->manual.valid = false; /* the run overwrites its keys and values */
    ALM_TRY(execute(s, &s->cold, p, 0, observe, context, pose));
    return hold(s, p);
}

alm_status alm_session_run(alm_session *s, const alm_prepared *p, double pose[9])
{
    if (!is_held(s, p)) {
        return run_cold(s, p, NULL, NULL, pose);
    }
    const int first = s->manual.tokens;
    ALM_TRY(reserve_warm(s, p->prompt->used - first));
    return execute(s, &s->warm, p, first, NULL, NULL, pose);
}

/* Always cold: a dump has every stage. */
static alm_status run_with_dump(alm_session *s, const alm_prepared *p, double pose[9])
{
    alm_dump *dump;
    ALM_TRY(reserve_for(s, p));
    ALM_TRY(alm_dump_begin(&s->cold, p, &dump));
    alm_status status = run_cold(s, p, alm_dump_node, dump, pose);
    if (status == ALM_OK) {
        status = alm_dump_write(dump, s->dump);
    }
    alm_dump_end(dump);
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

/* ---- Result ---- */

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

static void add_node_times(const alm_session *s, alm_result *r)
{
    for (int n = 0; n < alm_session_nodes(s); n++) {
        const alm_node_info node = alm_session_node(s, n);
        add_time(r, alm_node_stage(node.name), node.ms);
    }
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
        .manual_reused = s->last == &s->warm,
        .warning_count = p->warning_count,
    };
    const double scale = alm_units_scale(sample->units);
    double translation[3];
    memcpy(r.warning, p->warning, sizeof r.warning);
    const char *note = alm_executor_note(s->last->executor);
    if (note[0] && r.warning_count < ALM_WARNINGS) {
        snprintf(r.warning[r.warning_count++], ALM_WARNING_TEXT, "%s", note);
    }
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
    add_node_times(s, &r);
    add_time(&r, "total", total_ms);
    *out = r;
    return ALM_OK;
}

alm_status alm_session_predict(alm_session *s, const alm_sample *sample, alm_result *result)
{
    const double start = alm_now_ms();
    double pose[9];
    alm_prepared *p = NULL;
    alm_error_clear();
    alm_status status = alm_sample_prepare(s->engine, sample, &p);
    if (status == ALM_OK) {
        status = s->dump ? run_with_dump(s, p, pose) : alm_session_run(s, p, pose);
    }
    if (status == ALM_OK) {
        status = make_result(s, sample, p, pose, alm_now_ms() - start, result);
    }
    alm_prepared_free(p);
    alm_free(s->dump);
    s->dump = NULL;
    return status;
}

#include "runtime/eval/worker.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernels/core/memory.h"
#include "kernels/core/parallel.h"
#include "runtime/clock.h"
#include "runtime/eval/metrics.h"
#include "runtime/eval/symmetry.h"
#include "runtime/replicas.h"

/* One sample on its way. */
typedef struct job {
    const alm_eval_item *item;
    const alm_eval_object *object;
    const alm_symmetry *symmetry;
    alm_draw draw;
    float pose[9];
    alm_status status; /* what came of it so far */
    char error[ALM_EVAL_TEXT];
    float ms;
    double draw_ms, score_ms;
} job;

typedef struct shape {
    alm_symmetry symmetry;
    alm_status status;
    double ms;
} shape;

struct alm_eval_worker {
    const alm_eval_plan *plan;
    alm_session *session;
    const alm_predictions *predictions;
    alm_replicas *replicas; /* NULL: the session alone, or predictions */
    alm_pool *pool;
    int size;
    job *jobs;                /* [size] */
    shape *shapes;            /* [size], of the batch's objects */
    alm_journal_entry *entry; /* [size] */
    alm_eval_times *times;
    const alm_eval_batch *batch;
};

static alm_status fail_job(job *j, alm_status status)
{
    j->status = status;
    snprintf(j->error, sizeof j->error, "%s", alm_error_message());
    return status;
}

/* ---- Drawing ---- */

static void draw_task(void *context, int64_t index, int thread)
{
    const alm_eval_worker *w = context;
    job *j = &w->jobs[index];
    (void)thread;
    if (j->status != ALM_OK) {
        return;
    }
    const alm_asset *a = &j->object->asset;
    const uint32_t seed = w->plan->seed[w->plan->set[j->item->set].seed];
    const double begin = alm_now_ms();
    const alm_status status =
        alm_draw_sample(alm_draw_seed(seed, j->item->idx), a->moving, a->moving_points, a->fixed,
                        a->fixed_points, &j->draw);
    j->draw_ms = alm_now_ms() - begin;
    if (status != ALM_OK) {
        fail_job(j, status);
    }
}

static void shape_task(void *context, int64_t index, int thread)
{
    const alm_eval_worker *w = context;
    const alm_eval_object *o = &w->batch->object[index];
    shape *s = &w->shapes[index];
    const double begin = alm_now_ms();
    (void)thread;
    s->status = !w->plan->symmetry ? ALM_STATUS_SAMPLE
                : o->status != ALM_OK
                    ? o->status
                    : alm_symmetry_find(o->asset.moving, o->asset.moving_points, 0, &s->symmetry);
    s->ms = alm_now_ms() - begin;
}

/* ---- Poses ---- */

static void predict(alm_session *session, void *context)
{
    job *j = context;
    const alm_asset *a = &j->object->asset;
    alm_sample sample = {.fixed = {.xyz = j->draw.fixed, .count = ALM_DRAW_POINTS},
                         .moving = {.xyz = j->draw.randomised, .count = ALM_DRAW_POINTS},
                         .category = a->category,
                         .category_bytes = strlen(a->category),
                         .units = ALM_UNITS_UNIT,
                         .moving_is_centred = true};
    for (int p = 0; p < 2; p++) {
        sample.page[p] = (alm_page_source){
            .rgb = a->page[p].rgb, .width = a->page[p].width, .height = a->page[p].height};
    }
    alm_result result;
    alm_error_clear();
    const double begin = alm_now_ms();
    const alm_status status = alm_session_predict(session, &sample, &result);
    j->ms = (float)(alm_now_ms() - begin);
    if (status == ALM_OK) {
        for (int i = 0; i < 3; i++) {
            j->pose[i] = (float)result.raw_translation[i];
        }
        for (int i = 0; i < 6; i++) {
            j->pose[3 + i] = (float)result.raw_rotation_6d[i];
        }
    } else if (status == ALM_STATUS_SAMPLE && strcmp(alm_error_param(), "pose") == 0) {
        j->pose[0] = NAN; /* an invalid pose, as the reference counts it */
    } else {
        fail_job(j, status);
    }
}

static alm_status predicted(void *context, void *job_context)
{
    (void)context;
    (void)job_context;
    return ALM_OK;
}

static alm_status find_poses(alm_eval_worker *w)
{
    for (int i = 0; i < w->batch->count; i++) {
        job *j = &w->jobs[i];
        if (j->status != ALM_OK) {
            continue;
        }
        if (w->predictions) {
            if (!alm_predictions_pose(w->predictions, (int)j->item->set, j->item->at, j->pose)) {
                alm_fail(ALM_STATUS_SAMPLE, "no prediction");
                fail_job(j, ALM_STATUS_SAMPLE);
            }
        } else if (w->replicas) {
            ALM_TRY(alm_replicas_submit(w->replicas, j));
        } else {
            predict(w->session, j);
        }
    }
    return w->replicas ? alm_replicas_drain(w->replicas) : ALM_OK;
}

/* ---- Scoring ---- */

static void score_task(void *context, int64_t index, int thread)
{
    const alm_eval_worker *w = context;
    job *j = &w->jobs[index];
    alm_journal_entry *e = &w->entry[index];
    const alm_asset *a = &j->object->asset;
    (void)thread;
    *e = (alm_journal_entry){.set = (int)j->item->set, .at = j->item->at, .ms = j->ms};
    if (j->object->status == ALM_OK) {
        const double begin = alm_now_ms();
        alm_score(&j->draw, j->pose, &e->row);
        j->score_ms = alm_now_ms() - begin;
        e->row.has_truth = true;
        memcpy(e->pose, j->pose, sizeof e->pose);
    }
    if (j->status != ALM_OK) {
        e->row.valid = false;
        e->row.error = j->error;
    }
    e->row.symmetries = -1;
    e->row.symmetric_gd = NAN;
    if (e->row.valid && j->symmetry) {
        e->row.symmetric_gd = alm_symmetric_error(j->symmetry, e->row.true_r, e->row.pred_r);
        e->row.symmetries = j->symmetry->count;
    }
    e->row.idx = j->item->idx;
    e->row.asset = j->object->key;
    e->row.category = j->object->status == ALM_OK ? a->category : "Unlabeled";
}

/* Which errors are the run's, not the sample's. */
static bool ends_run(alm_status status)
{
    return status != ALM_OK && status != ALM_STATUS_SAMPLE;
}

static void begin_jobs(alm_eval_worker *w)
{
    for (int i = 0; i < w->batch->count; i++) {
        job *j = &w->jobs[i];
        j->item = w->batch->item[i];
        j->object = &w->batch->object[w->batch->object_of[i]];
        j->symmetry = NULL;
        j->status = j->object->status;
        j->ms = 0;
        j->draw_ms = j->score_ms = 0;
        memset(j->pose, 0, sizeof j->pose);
        if (j->status != ALM_OK) {
            snprintf(j->error, sizeof j->error, "%s", j->object->error);
        }
    }
}

static void count(alm_eval_worker *w, alm_eval_step step, double ms)
{
    if (ms > 0) {
        alm_tally_add(&w->times->step[step], (uint64_t)(ms * 1000));
    }
}

static void count_times(alm_eval_worker *w)
{
    long pages = 0;
    FILE *memory = fopen("/proc/self/statm", "r");
    for (int i = 0; i < w->batch->objects; i++) {
        count(w, ALM_EVAL_READ, w->batch->object[i].ms);
        if (w->shapes[i].status == ALM_OK) {
            count(w, ALM_EVAL_SYMMETRY, w->shapes[i].ms);
        }
    }
    for (int i = 0; i < w->batch->count; i++) {
        count(w, ALM_EVAL_DRAW, w->jobs[i].draw_ms);
        count(w, ALM_EVAL_SCORE, w->jobs[i].score_ms);
    }
    if (memory && fscanf(memory, "%*s %ld", &pages) == 1 && pages > 0) {
        alm_tally_add(&w->times->step[ALM_EVAL_RESIDENT],
                      (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE));
    }
    if (memory) {
        fclose(memory);
    }
}

alm_status alm_eval_worker_run(alm_eval_worker *w, const alm_eval_batch *batch,
                               const alm_journal_entry **entry)
{
    w->batch = batch;
    begin_jobs(w);
    alm_parallel_for(w->pool, batch->objects, shape_task, w);
    alm_parallel_for(w->pool, batch->count, draw_task, w);
    ALM_TRY(find_poses(w));
    for (int i = 0; i < batch->count; i++) {
        job *j = &w->jobs[i];
        if (ends_run(j->status)) {
            return alm_fail(j->status, "%s: %s", j->object->key, j->error);
        }
        const shape *s = &w->shapes[batch->object_of[i]];
        j->symmetry = s->status == ALM_OK ? &s->symmetry : NULL;
    }
    alm_parallel_for(w->pool, batch->count, score_task, w);
    count_times(w);
    *entry = w->entry;
    return ALM_OK;
}

/* ---- Life ---- */

static alm_status create(alm_eval_worker *w, int threads)
{
    const size_t n = (size_t)w->size;
    ALM_TRY(alm_pool_create(threads > 0 ? threads : alm_core_count(), &w->pool));
    ALM_TRY(alm_calloc(n, sizeof *w->jobs, "a batch", &w->jobs));
    ALM_TRY(alm_calloc(n, sizeof *w->shapes, "a batch", &w->shapes));
    ALM_TRY(alm_calloc(n, sizeof *w->entry, "a batch", &w->entry));
    if (w->session && w->session->engine->n_targets > 1) {
        return alm_replicas_create(w->session, predict, predicted, w, &w->replicas);
    }
    return ALM_OK;
}

alm_status alm_eval_worker_create(const alm_eval_plan *plan, alm_session *session,
                                  const alm_predictions *predictions, int size, int threads,
                                  alm_eval_times *times, alm_eval_worker **out)
{
    alm_eval_worker *w;
    ALM_TRY(alm_calloc(1, sizeof *w, "a worker", &w));
    w->plan = plan;
    w->session = session;
    w->predictions = predictions;
    w->size = size;
    w->times = times;
    const alm_status status = create(w, threads);
    if (status != ALM_OK) {
        alm_eval_worker_destroy(w);
        return status;
    }
    *out = w;
    return ALM_OK;
}

void alm_eval_worker_destroy(alm_eval_worker *w)
{
    if (w) {
        alm_replicas_destroy(w->replicas);
        alm_pool_destroy(w->pool);
        alm_free(w->jobs);
        alm_free(w->shapes);
        alm_free(w->entry);
        alm_free(w);
    }
}

unsigned alm_eval_worker_parts(const alm_eval_worker *w)
{
    return ALM_ASSET_CLOUDS | ALM_ASSET_CATEGORY | (w->session ? (unsigned)ALM_ASSET_PAGES : 0);
}

/* alm_eval: from options to a plan, through every sample into the journal, to the results. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <zlib.h>

#include "kernels/core/memory.h"
#include "kernels/core/mix.h"
#include "runtime/clock.h"
#include "runtime/eval/finish.h"
#include "runtime/eval/run_folder.h"
#include "runtime/eval/run_reports.h"
#include "runtime/eval/setup.h"
#include "runtime/eval/worker.h"
#include "runtime/input/file.h"
#include "runtime/input/text_file.h"
#include "runtime/output/buffer.h"
#include "runtime/output/file_write.h"
#include "runtime/session.h"

/* Samples of a batch: of given poses, and for each device that computes them (a kill costs a
 * batch).
 */
enum { BATCH = 64, BATCH_DEVICE = 4, CONFIG_BYTES = 16 << 20, PART_BYTES = 4 << 20, NAMED = 20 };

/* Milliseconds between two calls that ask the disk. */
static const double sync_ms = 1000;

typedef struct run {
    const alm_eval_options *options;
    alm_session *session;
    alm_eval_setup setup;
    char *config; /* path; NULL: none */
    char *folder; /* of the run */
    int shard, shards;
    alm_predictions *predictions;
    alm_eval_items items;
    alm_journal *journal;
    uint8_t *done;            /* a bit a sample */
    int64_t finished, failed; /* samples of this shard */
    int64_t evaluated;        /* just now, in so many seconds */
    double seconds;
    alm_eval_times *times;
} run;

static void say(const run *r, const char *text)
{
    if (r->options->note) {
        r->options->note(r->options->context, text);
    }
}

/* ---- What the poses depend on ---- */

/* Of all weights, read in words; not a cryptographic sum. */
static alm_status weights_sum(const alm_state *state, uint64_t *out)
{
    uint64_t sum = 0;
    for (int i = 0; i < alm_state_count(state); i++) {
        const alm_state_tensor *t = alm_state_at(state, i);
        const unsigned char *data = t->data;
        size_t bytes;
        ALM_TRY(alm_desc_bytes(&t->desc, t->name, &bytes));
        sum ^= alm_text_hash(t->name);
        for (size_t at = 0; at < bytes; at += 8) {
            uint64_t word = 0;
            memcpy(&word, data + at, bytes - at < 8 ? bytes - at : 8);
            sum = (sum ^ word) * ALM_MIX_STEP;
            sum ^= sum >> 32;
        }
    }
    *out = sum;
    return ALM_OK;
}

/* The model as the plan has it. Not the device: shards may run on several kinds. */
static alm_status describe_model(const run *r, alm_buffer *b)
{
    const alm_engine *engine = r->session->engine;
    uint64_t sum;
    ALM_TRY(weights_sum(engine->state, &sum));
    alm_buffer_text(b, alm_engine_model_name(engine));
    alm_buffer_format(b, ", weights %016llx, %s, assemlm %s %s", (unsigned long long)sum,
                      alm_engine_dtype_name(engine), alm_version(), alm_version_commit());
    return b->status;
}

static alm_status describe_predictions(const run *r, alm_buffer *b)
{
    const char *path = r->options->predictions;
    alm_file_map map;
    unsigned long sum = 0;
    if (alm_is_file(path) && alm_file_map_open(path, &map) == ALM_OK) {
        for (size_t at = 0, n; at < map.bytes; at += n) {
            n = map.bytes - at < PART_BYTES ? map.bytes - at : PART_BYTES;
            sum = crc32_z(sum, map.data + at, n);
            alm_file_map_forget(&map, at + n);
        }
        alm_file_map_close(&map);
    }
    alm_buffer_format(b, "predictions %08lx", sum);
    return b->status;
}

static alm_status describe(run *r)
{
    alm_buffer b = {0};
    alm_status status = r->session ? describe_model(r, &b) : describe_predictions(r, &b);
    alm_buffer_add(&b, "", 1);
    status = status == ALM_OK ? b.status : status;
    if (status == ALM_OK) {
        r->setup.plan.model = (char *)b.data;
    } else {
        alm_buffer_free(&b);
    }
    return status;
}

/* ---- The plan ---- */

static alm_status take_config(run *r)
{
    const alm_eval_options *o = r->options;
    void *text;
    size_t bytes;
    if (o->config) {
        ALM_TRY(alm_strdup(o->config, "path", &r->config));
    } else if (r->session) {
        ALM_TRY(alm_path_join(r->session->engine->model, "config.yaml", &r->config));
        if (!alm_is_file(r->config)) {
            alm_free(r->config);
            r->config = NULL;
        }
    }
    if (!r->config) {
        return ALM_OK;
    }
    const alm_status status = alm_file_read(r->config, CONFIG_BYTES, &text, &bytes);
    if (status != ALM_OK) {
        return status == ALM_STATUS_SAMPLE ? ALM_STATUS_USAGE : status;
    }
    r->setup.plan.config = (uint32_t)crc32_z(0, text, bytes);
    alm_free(text);
    return ALM_OK;
}

static alm_status now(char **out)
{
    const time_t seconds = time(NULL);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    return alm_path_format(out, "%04d%02d%02d_%02d%02d%02d", utc.tm_year + 1900, utc.tm_mon + 1,
                           utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

/* The run's folder and time. */
static alm_status take_folder(run *r)
{
    const alm_eval_options *o = r->options;
    const char *checkpoint = o->checkpoint    ? o->checkpoint
                             : r->session     ? alm_state_path(r->session->engine->state)
                             : o->predictions ? o->predictions
                                              : "";
    const char *slash = strrchr(checkpoint, '/');
    const char *name = slash ? slash + 1 : checkpoint;
    if (!name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return alm_fail(ALM_STATUS_USAGE, "checkpoint '%.200s': its last part becomes a folder",
                        checkpoint);
    }
    ALM_TRY(alm_strdup(checkpoint, "path", &r->setup.plan.ckpt_path));
    char *above, utc[21];
    ALM_TRY(alm_path_format(&above, "%s/%s", o->out ? o->out : "results", name));
    alm_status status = o->timestamp
                            ? alm_strdup(o->timestamp, "a time", &r->setup.plan.run_timestamp)
                        : o->resume ? alm_run_newest(above, &r->setup.plan.run_timestamp)
                                    : now(&r->setup.plan.run_timestamp);
    if (status == ALM_OK) {
        status = alm_eval_plan_time(r->setup.plan.run_timestamp, utc);
    }
    if (status == ALM_OK) {
        status = alm_path_format(&r->folder, "%s/%s", above, r->setup.plan.run_timestamp);
    }
    alm_free(above);
    return status;
}

/* ---- The run folder ---- */

static alm_status copy_config(const run *r)
{
    char *path;
    void *text;
    size_t bytes;
    ALM_TRY(alm_file_read(r->config, CONFIG_BYTES, &text, &bytes));
    alm_status status = alm_run_own(r->folder, "config.yaml", &path);
    if (status == ALM_OK) {
        status = alm_file_write_all(path, text, bytes);
        alm_free(path);
    }
    alm_free(text);
    return status;
}

/* Makes the folder, or finds that it is this run's. */
static alm_status make_folder(run *r)
{
    char *path;
    bool found;
    alm_eval_plan there = {0};
    struct stat info;
    const bool exists = lstat(r->folder, &info) == 0;
    if (exists && !r->options->resume && r->shards == 1) {
        return alm_fail(ALM_STATUS_OUTPUT, "%s: exists; --resume goes on with it", r->folder);
    }
    ALM_TRY(alm_run_plan_read(r->folder, &found, &there));
    if (found) {
        const alm_status status =
            alm_eval_plan_compare(r->folder, &there, "this run", &r->setup.plan);
        alm_eval_plan_free(&there);
        return status;
    }
    ALM_TRY(alm_path_format(&path, "%s/%s", r->folder, ALM_RUN_OWN));
    alm_status status = alm_folders_make(path);
    alm_free(path);
    ALM_TRY(status);
    ALM_TRY(alm_run_own(r->folder, "samples.jsonl", &path));
    uint32_t sum;
    status = alm_eval_data_list(&r->setup.data, path, &sum);
    alm_free(path);
    if (status == ALM_OK && r->config) {
        status = copy_config(r);
    }
    return status == ALM_OK ? alm_run_plan_write(r->folder, &r->setup.plan) : status;
}

static alm_status take_done(void *context, size_t offset, const alm_journal_entry *e)
{
    run *r = context;
    (void)offset;
    if (e->set >= r->setup.plan.sets || e->at >= r->setup.plan.set[e->set].selected) {
        return alm_fail(ALM_STATUS_USAGE, "the journal holds a sample that is not in the plan");
    }
    const int64_t number = r->setup.plan.set[e->set].first + e->at;
    const uint8_t bit = (uint8_t)(1u << number % 8);
    r->finished += !(r->done[number / 8] & bit);
    r->failed += !(r->done[number / 8] & bit) && alm_eval_row_failed(&e->row);
    r->done[number / 8] |= bit;
    return ALM_OK;
}

static alm_status open_journal(run *r)
{
    char name[64], begins[128], *path, *plan;
    ALM_TRY(alm_eval_plan_text(&r->setup.plan, &plan));
    snprintf(begins, sizeof begins,
             "{\"assemlm_journal\":1,\"plan\":%lu,\"shard\":%d,\"shards\":%d}",
             (unsigned long)crc32_z(0, (const Bytef *)plan, strlen(plan)), r->shard, r->shards);
    alm_free(plan);
    ALM_TRY(alm_calloc((size_t)r->setup.plan.items / 8 + 1, 1, "finished samples", &r->done));
    snprintf(name, sizeof name, "journal-%d-of-%d.jsonl", r->shard, r->shards);
    ALM_TRY(alm_run_own(r->folder, name, &path));
    const alm_status status =
        alm_journal_open(path, begins, r->options->resume, take_done, r, &r->journal);
    alm_free(path);
    return status;
}

/* ---- The work ---- */

static alm_status take_predictions(run *r)
{
    alm_predictions_count count;
    char text[200];
    ALM_TRY(alm_predictions_read(r->options->predictions, &r->setup.plan, alm_eval_data_key,
                                 &r->setup.data, r->options->note, r->options->context,
                                 &r->predictions, &count));
    if (count.bad > 0 || count.strange > 0) {
        snprintf(text, sizeof text,
                 "%lld lines: %lld hold no prediction, %lld are of no sample that is chosen",
                 (long long)count.lines, (long long)count.bad, (long long)count.strange);
        say(r, text);
    }
    return ALM_OK;
}

static void tell_progress(const run *r)
{
    if (r->options->progress) {
        r->options->progress(r->options->context, r->finished, r->items.count, r->failed);
    }
}

static alm_status work(run *r, alm_eval_reader *reader, alm_eval_worker *worker)
{
    const double begin = alm_now_ms();
    double synced = begin;
    tell_progress(r);
    for (;;) {
        alm_eval_batch *batch;
        const alm_journal_entry *entry;
        ALM_TRY(alm_eval_reader_next(reader, &batch));
        if (batch->count == 0) {
            return alm_journal_flush(r->journal, true);
        }
        ALM_TRY(alm_eval_worker_run(worker, batch, &entry));
        for (int i = 0; i < batch->count; i++) {
            ALM_TRY(alm_journal_add(r->journal, &entry[i]));
            r->failed += alm_eval_row_failed(&entry[i].row);
        }
        const bool sync = alm_now_ms() - synced >= sync_ms;
        ALM_TRY(alm_journal_flush(r->journal, sync));
        synced = sync ? alm_now_ms() : synced;
        r->finished += batch->count;
        r->evaluated += batch->count;
        r->seconds = (alm_now_ms() - begin) / 1000;
        tell_progress(r);
    }
}

static alm_status do_samples(run *r)
{
    alm_eval_worker *worker = NULL;
    alm_eval_reader *reader = NULL;
    const int size = r->options->batch > 0 ? r->options->batch
                     : r->session          ? BATCH_DEVICE * r->session->engine->n_targets
                                           : BATCH;
    alm_status status = alm_eval_worker_create(&r->setup.plan, r->session, r->predictions, size,
                                               r->options->threads, r->times, &worker);
    if (status == ALM_OK) {
        status = alm_eval_reader_create(&r->setup.plan, &r->setup.data, &r->items, r->done, size,
                                        alm_eval_worker_parts(worker), &reader);
    }
    if (status == ALM_OK) {
        status = work(r, reader, worker);
    }
    alm_eval_reader_destroy(reader);
    alm_eval_worker_destroy(worker);
    return status;
}

static alm_status finish(run *r)
{
    const char *const folder = r->folder;
    alm_eval_rows rows;
    ALM_TRY(alm_eval_rows_open(&r->setup.plan, &folder, 1, &rows));
    alm_eval_rows_say(&rows, folder, NAMED, r->options->note, r->options->context);
    const alm_eval_finish_options options = {.formats = r->options->formats,
                                             .data = &r->setup.data};
    alm_status status = alm_eval_finish(&rows, folder, folder, &options);
    alm_eval_data_close(&r->setup.data); /* ends the readers: what they took is known then */
    if (status == ALM_OK) {
        const char *device = r->session ? alm_engine_device_name(r->session->engine) : "cpu";
        status = alm_eval_timing(&rows, folder, device, r->seconds, r->evaluated, r->times);
    }
    alm_eval_rows_close(&rows);
    return status;
}

static alm_status evaluate(run *r)
{
    unsigned formats;
    ALM_TRY(alm_eval_formats(r->options->formats, &formats)); /* refused before the work */
    ALM_TRY(alm_calloc(1, sizeof *r->times, "times", &r->times));
    ALM_TRY(alm_eval_shard(r->options->shard, &r->shard, &r->shards));
    if (r->shards > 1 && !r->options->timestamp) {
        return alm_fail(ALM_STATUS_USAGE, "shards of a run need the same --timestamp");
    }
    ALM_TRY(alm_eval_setup_make(r->options, &r->setup));
    ALM_TRY(take_config(r));
    ALM_TRY(take_folder(r));
    ALM_TRY(describe(r));
    if (r->options->predictions) {
        ALM_TRY(take_predictions(r));
    }
    ALM_TRY(alm_eval_items_make(&r->setup.plan, &r->setup.data, r->shard, r->shards, &r->items));
    ALM_TRY(make_folder(r));
    ALM_TRY(open_journal(r));
    ALM_TRY(do_samples(r));
    if (r->shards == 1) {
        ALM_TRY(finish(r));
    }
    say(r, r->folder);
    int faults = 0;
    for (int d = 0; d < r->setup.plan.datasets; d++) {
        faults += r->setup.plan.dataset[d].fault != NULL;
    }
    if (r->failed > 0 || faults > 0) {
        return alm_fail(ALM_STATUS_PARTIAL,
                        "%lld of %lld samples and %d of %d data sets could not be evaluated",
                        (long long)r->failed, (long long)r->items.count, faults,
                        r->setup.plan.datasets);
    }
    return ALM_OK;
}

alm_status alm_eval(alm_session *session, const alm_eval_options *options)
{
    run r = {.options = options, .session = session};
    alm_error_clear();
    if ((session != NULL) == (options->predictions != NULL)) {
        return alm_fail(ALM_STATUS_USAGE, "a model or predictions, one of them, is expected");
    }
    const alm_status status = evaluate(&r);
    alm_journal_close(r.journal);
    alm_eval_items_free(&r.items);
    alm_predictions_free(r.predictions);
    alm_eval_setup_free(&r.setup);
    alm_free(r.config);
    alm_free(r.folder);
    alm_free(r.done);
    alm_free(r.times);
    return status;
}

/* Many samples over one session: a JSONL list in, a result line for each of its lines out, in
 * order.
 *
 * Of a line is refused, by name: what is no JSON object, keys that are unknown, twice, missing or
 * of the wrong type, more than LINE_BYTES. A refused line gets ok:false and the list goes on.
 */
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/assemlm.h"
#include "runtime/input/json.h"
#include "runtime/input/lines.h"
#include "runtime/replicas.h"
#include "runtime/session.h"

enum { LINE_BYTES = 1 << 20 };

typedef enum key {
    KEY_ID,
    KEY_FIXED,
    KEY_MOVING,
    KEY_CATEGORY,
    KEY_PAGE_1,
    KEY_PAGE_2,
    KEY_TEXTS,
    KEY_MANUAL = KEY_TEXTS,
    KEY_UNITS,
    KEY_CENTRED,
    KEY_COUNT
} key;

/* One line: its texts (owned; paths already joined with the list's folder) and the sample that
 * points to them. */
typedef struct entry {
    char *text[KEY_TEXTS];
    unsigned seen; /* bit of every key */
    alm_sample sample;
} entry;

static void free_entry(entry *e)
{
    for (int k = 0; k < KEY_TEXTS; k++) {
        alm_free(e->text[k]);
    }
    *e = (entry){0};
}

/* ---- One line ---- */

static int find_key(const char *name, size_t bytes)
{
    static const char *const names[KEY_COUNT] = {
        [KEY_ID] = "id",          [KEY_FIXED] = "fixed",
        [KEY_MOVING] = "moving",  [KEY_CATEGORY] = "category",
        [KEY_MANUAL] = "manual",  [KEY_UNITS] = "units",
        [KEY_CENTRED] = "centred"};
    for (int k = 0; k < KEY_COUNT; k++) {
        if (names[k] && strlen(names[k]) == bytes && memcmp(names[k], name, bytes) == 0) {
            return k;
        }
    }
    return -1;
}

/* *out = the text; a path (folder not NULL) starts at the folder unless it is absolute. A path "-"
 * is a file of that name, because stdin may be the list. */
static alm_status take_text(alm_json *json, const char *name, const char *folder, char **out)
{
    if (alm_json_peek(json) != '"') {
        return alm_fail_param(alm_json_fail(json, "%s is no text", name), name);
    }
    ALM_TRY(alm_json_string(json));
    if (!folder || json->text[0] == '/') {
        return alm_strdup(json->text, name, out);
    }
    const size_t bytes = strlen(folder) + json->bytes + 2;
    ALM_TRY(alm_alloc(bytes, 1, name, out));
    snprintf(*out, bytes, "%s/%s", folder, json->text);
    return ALM_OK;
}

/* [BEFORE, AFTER] */
static alm_status take_manual(alm_json *json, const char *folder, entry *e)
{
    bool more;
    int pages = 0;
    if (alm_json_peek(json) != '[') {
        return alm_fail_param(alm_json_fail(json, "manual is no list of two pages"), "manual");
    }
    ALM_TRY(alm_json_open(json, '['));
    for (;;) {
        ALM_TRY(alm_json_item(json, &more));
        if (!more || pages == 2) {
            break;
        }
        ALM_TRY(take_text(json, "manual", folder, &e->text[KEY_PAGE_1 + pages]));
        pages++;
    }
    if (more || pages < 2) {
        return alm_fail_param(alm_json_fail(json, "manual has %s two pages, expected two",
                                            more ? "more than" : "fewer than"),
                              "manual");
    }
    return ALM_OK;
}

static alm_status take_units(alm_json *json, alm_units *out)
{
    static const struct {
        const char *name;
        alm_units units;
    } all[] = {
        {"m", ALM_UNITS_M}, {"cm", ALM_UNITS_CM}, {"mm", ALM_UNITS_MM}, {"unit", ALM_UNITS_UNIT}};
    if (alm_json_peek(json) != '"') {
        return alm_fail_param(alm_json_fail(json, "units is no text"), "units");
    }
    ALM_TRY(alm_json_string(json));
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(json->text, all[i].name) == 0) {
            *out = all[i].units;
            return ALM_OK;
        }
    }
    return alm_fail_param(
        alm_json_fail(json, "units is '%.40s', expected m, cm, mm or unit", json->text), "units");
}

static alm_status take_value(alm_json *json, key k, const char *folder, entry *e)
{
    const char next = alm_json_peek(json);
    switch (k) {
    case KEY_ID:
        return next == 'n' || e->text[k] ? alm_json_skip(json)
                                         : take_text(json, "id", NULL, &e->text[k]);
    case KEY_FIXED: return take_text(json, "fixed", folder, &e->text[k]);
    case KEY_MOVING: return take_text(json, "moving", folder, &e->text[k]);
    case KEY_CATEGORY: return take_text(json, "category", NULL, &e->text[k]);
    case KEY_MANUAL: return take_manual(json, folder, e);
    case KEY_UNITS: return take_units(json, &e->sample.units);
    default:
        if (next != 't' && next != 'f') {
            return alm_fail_param(alm_json_fail(json, "centred is neither true nor false"),
                                  "centred");
        }
        e->sample.moving_is_centred = next == 't';
        return alm_json_skip(json);
    }
}

static alm_status take_object(alm_json *json, const char *folder, entry *e)
{
    static const char *const needed[] = {[KEY_FIXED] = "fixed",
                                         [KEY_MOVING] = "moving",
                                         [KEY_CATEGORY] = "category",
                                         [KEY_MANUAL] = "manual"};
    bool more;
    ALM_TRY(alm_json_open(json, '{'));
    for (;;) {
        ALM_TRY(alm_json_key(json, &more));
        if (!more) {
            break;
        }
        const int k = find_key(json->text, json->bytes);
        if (k < 0) {
            return alm_json_fail(json, "unknown key '%.40s'", json->text);
        }
        if (e->seen >> k & 1) {
            return alm_json_fail(json, "key '%.40s' is there twice", json->text);
        }
        e->seen |= 1u << k;
        ALM_TRY(take_value(json, (key)k, folder, e));
    }
    ALM_TRY(alm_json_end(json));
    for (size_t k = 0; k < sizeof needed / sizeof needed[0]; k++) {
        if (needed[k] && !(e->seen >> k & 1)) {
            return alm_fail_param(alm_json_fail(json, "%s is missing", needed[k]), needed[k]);
        }
    }
    return ALM_OK;
}

/* The id of a line that may be bad behind it; NULL when there is none. */
static alm_status find_id(alm_json *json, char **out)
{
    bool more;
    ALM_TRY(alm_json_open(json, '{'));
    for (;;) {
        ALM_TRY(alm_json_key(json, &more));
        if (!more) {
            return ALM_OK;
        }
        if (find_key(json->text, json->bytes) == KEY_ID && alm_json_peek(json) == '"') {
            return take_text(json, "id", NULL, out);
        }
        ALM_TRY(alm_json_skip(json));
    }
}

/* Fills e->sample; after a failure it holds the id all the same, when the line tells it. */
static alm_status parse_line(const alm_line *line, const char *file, const char *folder,
                             const alm_list_options *options, entry *e)
{
    e->sample.units = options->units;
    e->sample.moving_is_centred = options->centred;
    if (line->is_too_long) {
        return alm_fail(ALM_STATUS_SAMPLE, "%s: line %lld: longer than %d bytes", file,
                        (long long)line->number, (int)LINE_BYTES);
    }
    /* The id first, so that a line that is bad behind it keeps it; what is wrong is found below. */
    alm_json json;
    alm_json_begin(&json, file, line->text, line->bytes);
    (void)find_id(&json, &e->text[KEY_ID]);
    alm_json_close(&json);
    e->sample.id = e->text[KEY_ID];
    alm_error_clear();

    alm_json_begin(&json, file, line->text, line->bytes);
    json.lines_before = (size_t)line->number - 1;
    const alm_status status = take_object(&json, folder, e);
    alm_json_close(&json);
    e->sample.id = e->text[KEY_ID];
    if (status != ALM_OK) {
        return status == ALM_STATUS_MODEL ? ALM_STATUS_SAMPLE : status;
    }
    e->sample.fixed.path = e->text[KEY_FIXED];
    e->sample.moving.path = e->text[KEY_MOVING];
    e->sample.page[0].path = e->text[KEY_PAGE_1];
    e->sample.page[1].path = e->text[KEY_PAGE_2];
    e->sample.category = e->text[KEY_CATEGORY];
    return ALM_OK;
}

/* ---- The list ---- */

typedef struct list_run {
    alm_session *session;
    alm_replicas *replicas; /* NULL: the session alone */
    const alm_list_options *options;
    const char *file; /* for messages */
    char *folder;
    alm_write_fn *write;
    void *context;
    int64_t done, failed;
    alm_status ended; /* ALM_OK, or why no more is written: a lost device, the output */
} list_run;

/* One line on its way to an answer. */
typedef struct job {
    const list_run *run;
    entry entry;
    int64_t line;
    alm_status status; /* of the line, then of the prediction */
    char *text;        /* the answer */
    char *lost;        /* what was said when the device was lost: threads have their own texts */
} job;

/* A result line for every line, whatever it holds. Called in the thread of the session. */
static void answer(alm_session *session, void *context)
{
    job *j = context;
    alm_result result;
    if (j->status != ALM_OK) {
        return; /* a bad line has its answer already */
    }
    alm_error_clear();
    j->status = alm_session_predict(session, &j->entry.sample, &result);
    if (j->status == ALM_OK) {
        j->status = alm_result_json(session->engine, &j->entry.sample, &result, &j->text);
    }
    if (j->status != ALM_OK) {
        alm_fail_context(j->status, "%s: line %lld", j->run->file, (long long)j->line);
        if (j->status == ALM_STATUS_RESTART) {
            (void)alm_strdup(alm_error_message(), "a message", &j->lost);
        }
        (void)alm_failure_json(j->entry.sample.id, j->status, &j->text);
    }
}

static void free_job(job *j)
{
    alm_text_free(j->text);
    alm_free(j->lost);
    free_entry(&j->entry);
    alm_free(j);
}

static alm_status write_answer(list_run *run, const job *j)
{
    const long long number = (long long)run->done + 1;
    if (!j->text) {
        return alm_fail(ALM_STATUS_MEMORY, "out of memory: the result of sample %lld", number);
    }
    if (run->write(run->context, j->text, strlen(j->text)) != 0 ||
        run->write(run->context, "\n", 1) != 0) {
        return alm_fail(ALM_STATUS_OUTPUT, "the result of sample %lld could not be written",
                        number);
    }
    return ALM_OK;
}

/* Writes the answer and frees the job. Only a line that cannot be written and a lost device end the
 * list: the jobs behind are freed unwritten. */
static alm_status finish(void *context, void *job_context)
{
    list_run *run = context;
    job *j = job_context;
    if (run->ended != ALM_OK) {
        free_job(j);
        return run->ended;
    }
    run->ended = write_answer(run, j);
    run->failed += j->status != ALM_OK;
    run->done++;
    if (run->ended == ALM_OK && run->options->progress) {
        run->options->progress(run->options->progress_context, run->done, run->failed);
    }
    if (run->ended == ALM_OK && j->status == ALM_STATUS_RESTART) {
        run->ended = alm_fail(j->status, "%s", j->lost ? j->lost : "the device was lost");
    }
    free_job(j);
    return run->ended;
}

static alm_status do_line(list_run *run, const alm_line *line)
{
    job *j;
    ALM_TRY(alm_calloc(1, sizeof *j, "a sample", &j));
    j->run = run;
    j->line = line->number;
    alm_error_clear();
    j->status = parse_line(line, run->file, run->folder, run->options, &j->entry);
    if (j->status != ALM_OK) {
        (void)alm_failure_json(j->entry.sample.id, j->status, &j->text);
    }
    if (run->replicas) {
        return alm_replicas_submit(run->replicas, j);
    }
    answer(run->session, j);
    return finish(run, j);
}

static alm_status do_lines(list_run *run, alm_lines *lines)
{
    alm_line line;
    for (;;) {
        ALM_TRY(alm_lines_next(lines, &line));
        if (!line.text) {
            return ALM_OK;
        }
        if (!line.is_blank) {
            ALM_TRY(do_line(run, &line));
        }
    }
}

/* *out = the folder that relative paths start at; stdin's is the current one. */
static alm_status folder_of(const char *path, char **out)
{
    const char *slash = strrchr(path, '/');
    ALM_TRY(alm_strdup(slash ? path : ".", "path", out));
    if (slash) {
        (*out)[slash == path ? 1 : slash - path] = '\0';
    }
    return ALM_OK;
}

alm_status alm_session_predict_list(alm_session *session, const char *path,
                                    const alm_list_options *options, alm_write_fn *write,
                                    void *context)
{
    static const alm_list_options plain = {0};
    const bool is_stdin = strcmp(path, "-") == 0;
    list_run run = {.session = session,
                    .options = options ? options : &plain,
                    .file = is_stdin ? "stdin" : path,
                    .write = write,
                    .context = context};
    alm_lines *lines = NULL;
    alm_error_clear();
    alm_status status = folder_of(path, &run.folder);
    if (status == ALM_OK) {
        status = alm_fail_param(alm_lines_open(path, LINE_BYTES, &lines), "list");
    }
    if (status == ALM_OK && session->engine->n_targets > 1) {
        status = alm_replicas_create(session, answer, finish, &run, &run.replicas);
    }
    if (status == ALM_OK) {
        status = do_lines(&run, lines);
    }
    if (run.replicas) { /* what was read is answered, also when the rest cannot be read */
        const alm_status drained = alm_replicas_drain(run.replicas);
        status = status == ALM_OK ? drained : status;
    }
    alm_replicas_destroy(run.replicas);
    alm_lines_close(lines);
    alm_free(run.folder);
    if (status == ALM_OK && run.failed > 0) {
        return alm_fail(ALM_STATUS_PARTIAL, "%lld of %lld samples failed", (long long)run.failed,
                        (long long)run.done);
    }
    return status;
}

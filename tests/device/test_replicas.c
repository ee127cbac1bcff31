/* A list over several devices, on the shim: the same lines as on one device, in their order, as
 * soon as they are known; and how a list ends that cannot go on. Where bits are not compared the
 * kernels do not run: every sample is then refused for its pose, which is an answer too.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>

#include <cuda_shim_control.h>

#include "runtime/assemlm.h"
#include "tests/models/golden.h"
#include "tests/shim/alm_test.h"

enum {
    ROWS = 16,
    MOST_LINES = 64,
    SECONDS = 120 /* until an answer that does not come is missed */
};

/* ---- Lists ---- */

static const alm_golden_row *golden_row(const char *model, int i)
{
    static alm_golden_row tiny[ROWS], small[ROWS];
    alm_golden_row *rows = strcmp(model, "tiny") == 0 ? tiny : small;
    if (!rows[0].name) {
        alm_golden_rows(alm_test_golden(model), rows, ROWS);
    }
    return &rows[i];
}

/* Writes sample i of the model as a line of a list; i < 0: a line that is refused. */
static void put_line(FILE *f, const char *model, int i, const char *id)
{
    if (i < 0) {
        fprintf(f, "{\"id\": \"%s\", \"fixed\": \"no_such_file.npy\", \"moving\": 5}\n", id);
        return;
    }
    const alm_sample *s = &golden_row(model, i)->sample;
    fprintf(f,
            "{\"id\": \"%s\", \"fixed\": \"%s\", \"moving\": \"%s\", \"manual\": [\"%s\", \"%s\"], "
            "\"category\": \"chair\", \"units\": \"unit\", \"centred\": true}\n",
            id, s->fixed.path, s->moving.path, s->page[0].path, s->page[1].path);
}

/* A list of these samples with the ids "0", "1", ...; static storage. */
static const char *write_list(const char *model, const int *samples, int count)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/list.jsonl", alm_test_folder());
    FILE *f = fopen(path, "w");
    if (!f) {
        ALM_FAIL("%s cannot be written", path);
        return path;
    }
    for (int i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        put_line(f, model, samples[i], id);
    }
    fclose(f);
    return path;
}

/* ---- Answers ---- */

typedef struct answers {
    char *line[MOST_LINES + 1]; /* the last one is being filled */
    int count, fail_at;         /* fail_at: the line that cannot be written; 0: none */
    int calls_after_failure;
    int64_t progress_done, progress_failed;
    char thread[16]; /* name of the one that wrote last */
    pthread_mutex_t lock;
    pthread_cond_t changed;
} answers;

static answers *new_answers(void)
{
    static answers a;
    for (int i = 0; i <= MOST_LINES; i++) {
        free(a.line[i]);
    }
    a = (answers){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    return &a;
}

static int take(void *context, const char *text, size_t bytes)
{
    answers *a = context;
    pthread_mutex_lock(&a->lock);
    prctl(PR_GET_NAME, a->thread);
    const bool fails = a->fail_at > 0 && a->count + 1 >= a->fail_at;
    if (fails) {
        a->calls_after_failure++;
    } else if (a->count < MOST_LINES) {
        char **line = &a->line[a->count];
        const size_t have = *line ? strlen(*line) : 0;
        char *more = realloc(*line, have + bytes + 1);
        if (more) {
            memcpy(more + have, text, bytes);
            more[have + bytes] = '\0';
            *line = more;
        }
        a->count += bytes == 1 && text[0] == '\n';
    }
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
    return fails;
}

static void on_progress(void *context, int64_t done, int64_t failed)
{
    answers *a = context;
    a->progress_done = done;
    a->progress_failed = failed;
}

/* Takes out of a line what may differ: the times and the name of the device. */
static void strip(char *line)
{
    static const struct {
        const char *key;
        char end;
    } parts[] = {{"\"timings_ms\":", '}'}, {"\"device\":", ','}};
    for (size_t i = 0; i < 2; i++) {
        char *at = strstr(line, parts[i].key);
        const char *end = at ? strchr(at, parts[i].end) : NULL;
        if (end) {
            memmove(at, end + 1, strlen(end + 1) + 1);
        }
    }
}

static bool holds(const char *line, const char *part)
{
    return line && strstr(line, part);
}

/* Line i is the answer to sample i. */
static void check_order(const answers *a)
{
    for (int i = 0; i < a->count; i++) {
        char id[32];
        snprintf(id, sizeof id, "\"id\": \"%d\"", i);
        if (!holds(a->line[i], id)) {
            ALM_FAIL("line %d is not the answer to sample %d: %.200s", i, i, a->line[i]);
        }
    }
}

/* ---- One run of a list ---- */

typedef struct outcome {
    alm_status status;
    char text[1024];
    answers *answers;
} outcome;

static void run_list(alm_session *session, const char *path, outcome *o)
{
    const alm_list_options options = {.progress = on_progress, .progress_context = o->answers};
    o->status = alm_session_predict_list(session, path, &options, take, o->answers);
    snprintf(o->text, sizeof o->text, "%s", alm_error_message());
}

static alm_test_model open_devices(const char *model, const char *device)
{
    char folder[64];
    snprintf(folder, sizeof folder, "%s/model", model);
    setenv("ALM_SHIM_DEVICES", "2", 1);
    return alm_test_open_on(alm_test_golden(folder), 1, device, "f32");
}

static void close_devices(alm_test_model *m)
{
    alm_test_close(m);
    unsetenv("ALM_SHIM_DEVICES");
    ALM_CHECK_INT(alm_shim_live_allocations(), 0);
    ALM_CHECK_INT(alm_shim_live_objects(), 0);
}

static outcome predict(const char *model, const char *device, const char *path, int fail_at)
{
    outcome o = {.status = ALM_STATUS_INTERNAL, .answers = new_answers()};
    o.answers->fail_at = fail_at;
    alm_test_model m = open_devices(model, device);
    if (m.session) {
        run_list(m.session, path, &o);
    }
    close_devices(&m);
    return o;
}

/* ---- The same lines ---- */

ALM_TEST(replicas, same_lines)
{
    static const int samples[] = {0, -1, 1, 0, -1, 0};
    enum { COUNT = sizeof samples / sizeof samples[0] };
    static const char *const devices[] = {"shim:0,1", "shim:0,0"};
    char *alone[COUNT];
    const char *path = write_list("tiny", samples, COUNT);
    outcome o = predict("tiny", "shim", path, 0);
    ALM_CHECK_INT(o.status, ALM_STATUS_PARTIAL);
    ALM_REQUIRE(o.answers->count == COUNT);
    for (int i = 0; i < COUNT; i++) {
        ALM_CHECK(holds(o.answers->line[i], "\"matrix\"") == (samples[i] >= 0));
        strip(o.answers->line[i]);
        alone[i] = o.answers->line[i];
        o.answers->line[i] = NULL;
    }
    for (int d = 0; d < 2; d++) {
        o = predict("tiny", devices[d], path, 0);
        ALM_CHECK_INT(o.status, ALM_STATUS_PARTIAL);
        ALM_CHECK_TEXT(o.text, "2 of 6 samples failed");
        ALM_CHECK_INT(o.answers->count, COUNT);
        ALM_CHECK_INT(o.answers->progress_done, COUNT);
        ALM_CHECK_INT(o.answers->progress_failed, 2);
        for (int i = 0; i < o.answers->count; i++) {
            strip(o.answers->line[i]);
            if (strcmp(o.answers->line[i], alone[i]) != 0) {
                ALM_FAIL("%s, line %d is\n%sexpected\n%s", devices[d], i, o.answers->line[i],
                         alone[i]);
            }
        }
    }
    for (int i = 0; i < COUNT; i++) {
        free(alone[i]);
    }
}

/* ---- Lists of many lines; kernels do not run ---- */

enum { MANY = 40 };

static const char *write_many(void)
{
    int samples[MANY];
    for (int i = 0; i < MANY; i++) {
        samples[i] = i % 7 == 3 ? -1 : i % 2;
    }
    return write_list("sizes_a", samples, MANY);
}

ALM_TEST(replicas, order_of_many)
{
    static const char *const devices[] = {"shim:0", "shim:0,1", "shim:1,0,1", "shim:0,0,0,0,0"};
    const char *path = write_many();
    alm_shim_skip_kernels(true);
    for (int d = 0; d < 4; d++) {
        const outcome o = predict("sizes_a", devices[d], path, 0);
        ALM_CHECK_INT(o.status, ALM_STATUS_PARTIAL);
        ALM_CHECK_TEXT(o.text, "40 of 40 samples failed");
        ALM_CHECK_INT(o.answers->count, MANY);
        ALM_CHECK_INT(o.answers->progress_done, MANY);
        check_order(o.answers);
    }
    alm_shim_skip_kernels(false);
}

/* Profilers and debuggers see which thread does what. */
ALM_TEST(replicas, threads_have_names)
{
    int greetings = 0, runs[2] = {0};
    alm_shim_skip_kernels(true);
    alm_shim_record_ranges(true);
    const outcome o = predict("sizes_a", "shim:0,1", write_many(), 0);
    alm_shim_record_ranges(false);
    alm_shim_skip_kernels(false);
    ALM_CHECK_INT(o.status, ALM_STATUS_PARTIAL);
    for (int i = 0; i < alm_shim_ranges(); i++) {
        const alm_shim_range r = alm_shim_range_at(i);
        if (strcmp(r.category, "comm") == 0) {
            greetings += strcmp(r.thread, "assemlm-comm") == 0;
        } else if (strcmp(r.name, "forward") == 0) {
            runs[0] += strcmp(r.thread, "assemlm-job-0") == 0;
            runs[1] += strcmp(r.thread, "assemlm-job-1") == 0;
        }
    }
    ALM_CHECK_INT(greetings, 2);
    ALM_CHECK(runs[0] > 0);
    ALM_CHECK(runs[1] > 0);
    ALM_CHECK(strcmp(o.answers->thread, "assemlm-finish") == 0);
}

/* An empty list makes the sessions and ends them. */
ALM_TEST(replicas, empty)
{
    const outcome o = predict("sizes_a", "shim:0,1", write_list("sizes_a", NULL, 0), 0);
    ALM_CHECK_INT(o.status, ALM_OK);
    ALM_CHECK_INT(o.answers->count, 0);
}

ALM_TEST(replicas, output_fails)
{
    const char *path = write_many();
    alm_shim_skip_kernels(true);
    for (int at = 1; at <= MANY; at += 13) {
        char text[64];
        const outcome o = predict("sizes_a", "shim:0,1", path, at);
        snprintf(text, sizeof text, "the result of sample %d could not be written", at);
        ALM_CHECK_INT(o.status, ALM_STATUS_OUTPUT);
        ALM_CHECK_TEXT(o.text, text);
        ALM_CHECK_INT(o.answers->count, at - 1);
        ALM_CHECK_INT(o.answers->calls_after_failure, 1); /* nothing is written behind it */
        ALM_CHECK_INT(o.answers->progress_done, at - 1);
        check_order(o.answers);
    }
    alm_shim_skip_kernels(false);
}

/* ---- A lost device ---- */

/* Runtime call n of the list fails. Returns whether it had so many. */
static bool lose_at(const char *device, const char *path, long n)
{
    outcome o = {.answers = new_answers()};
    alm_test_model m = open_devices("sizes_a", device);
    if (!m.session) {
        return false;
    }
    alm_shim_fail_call(n);
    run_list(m.session, path, &o);
    const answers *a = o.answers;
    const bool lost = o.status != ALM_STATUS_PARTIAL;
    if (lost) {
        const bool begun = a->count > 0; /* else: while the sessions were made */
        ALM_CHECK_INT(o.status, ALM_STATUS_RESTART);
        ALM_CHECK_TEXT(o.text, "the last launches, newest first: ");
        ALM_CHECK(!begun || strstr(o.text, "list.jsonl: line "));
        ALM_CHECK(!begun || holds(a->line[a->count - 1], "\"device_lost\""));
        for (int i = 0; i < a->count; i++) {
            ALM_CHECK(!holds(a->line[i], "\"matrix\""));
            ALM_CHECK(i == a->count - 1 || !holds(a->line[i], "\"device_lost\""));
        }
        ALM_CHECK(!holds(a->line[a->count], "id")); /* nothing behind it */
    } else {
        ALM_CHECK_INT(a->count, MANY);
    }
    check_order(a);
    close_devices(&m); /* while the device is lost */
    alm_shim_fail_call(0);
    return lost;
}

ALM_TEST(replicas, lost_device)
{
    static const char *const devices[] = {"shim:0", "shim:0,1", "shim:0,0"};
    const char *path = write_many();
    alm_shim_skip_kernels(true);
    for (int d = 0; d < 3; d++) {
        int lost = 0;
        for (long n = 1; n < 200000 && lose_at(devices[d], path, n) && !alm_test_failed(); lost++) {
            n += n < 12 ? 1 : n / 2;
        }
        printf("%s: lost %d times\n", devices[d], lost);
        ALM_CHECK(lost > 12);
    }
    alm_shim_skip_kernels(false);
}

/* ---- Line by line ---- */

typedef struct talk {
    alm_session *session;
    const char *path;
    outcome outcome;
} talk;

static void *listen_to(void *context)
{
    talk *t = context;
    run_list(t->session, t->path, &t->outcome);
    return NULL;
}

static bool wait_for(answers *a, int count)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += SECONDS;
    pthread_mutex_lock(&a->lock);
    int error = 0;
    while (a->count < count && error == 0) {
        error = pthread_cond_timedwait(&a->changed, &a->lock, &until);
    }
    const bool came = a->count >= count;
    pthread_mutex_unlock(&a->lock);
    return came;
}

/* The first answer is there before the second question is asked. */
ALM_TEST(replicas, line_by_line)
{
    char path[1024];
    pthread_t thread;
    snprintf(path, sizeof path, "%s/questions", alm_test_folder());
    ALM_REQUIRE(mkfifo(path, 0600) == 0);
    alm_shim_skip_kernels(true);
    alm_test_model m = open_devices("sizes_a", "shim:0,1");
    ALM_REQUIRE(m.session);
    talk t = {.session = m.session, .path = path, .outcome = {.answers = new_answers()}};
    ALM_REQUIRE(pthread_create(&thread, NULL, listen_to, &t) == 0);
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 5 && f; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        put_line(f, "sizes_a", i % 2, id);
        fflush(f);
        if (!wait_for(t.outcome.answers, i + 1)) {
            ALM_FAIL("no answer to question %d", i);
            break;
        }
    }
    if (f) {
        fclose(f);
    }
    pthread_join(thread, NULL);
    ALM_CHECK_INT(t.outcome.status, ALM_STATUS_PARTIAL);
    ALM_CHECK_INT(t.outcome.answers->count, 5);
    check_order(t.outcome.answers);
    close_devices(&m);
    alm_shim_skip_kernels(false);
}

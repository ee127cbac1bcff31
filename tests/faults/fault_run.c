#include "tests/faults/fault_run.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "kernels/core/memory.h"
#include "tests/faults/malloc_probe.h"
#include "tests/shim/alm_test.h"

enum { PATH_CAPACITY = 1 << 21, PROBLEMS_SHOWN = 10 };

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What to print when a scenario dies. */
static char dying_words[256];

static void crashed(int number)
{
    const ssize_t ignored = write(STDERR_FILENO, dying_words, strlen(dying_words));
    (void)ignored;
    signal(number, SIG_DFL);
    raise(number);
}

static void watch_crashes(const char *name, int64_t n, bool sticky)
{
    snprintf(dying_words, sizeof dying_words, "%s: crashed with allocation %" PRId64 "%s failing\n",
             name, n, sticky ? " and all after it" : "");
    signal(SIGSEGV, crashed);
    signal(SIGBUS, crashed);
    signal(SIGABRT, crashed);
    signal(SIGFPE, crashed);
}

typedef struct outcome {
    alm_status status;
    bool right;
    probe_report report;
} outcome;

static outcome attempt(const fault_scenario *s, int64_t fail_at, bool sticky)
{
    outcome o = {.right = false};
    watch_crashes(s->name, fail_at, sticky);
    alm_error_clear();
    probe_begin(fail_at, sticky);
    o.status = s->run(s->context, &o.right);
    o.report = probe_end();
    return o;
}

/* What is wrong so far. */
typedef struct problems {
    int count;
    size_t used;
    char *text;
} problems;

static void problem(problems *p, const char *format, ...) ALM_PRINTF(2, 3);
static void problem(problems *p, const char *format, ...)
{
    va_list args;
    if (p->count++ < PROBLEMS_SHOWN && p->used < FAULT_TEXT) {
        va_start(args, format);
        const int n = vsnprintf(p->text + p->used, FAULT_TEXT - p->used, format, args);
        va_end(args);
        p->used += (size_t)n;
    }
}

/* Whether the outcome is what it must be with allocation n failing. */
static void judge(problems *p, int64_t n, bool sticky, const outcome *o)
{
    char which[80] = "without a fault";
    if (n != PROBE_NEVER) {
        snprintf(which, sizeof which, "allocation %" PRId64 "%s fails", n,
                 sticky ? " and all after it" : "");
    }
    if (o->report.live != 0) {
        problem(p, "%s: %" PRId64 " blocks leak\n", which, o->report.live);
    }
    if (o->status == ALM_OK ? !o->right : o->status != ALM_STATUS_MEMORY || n == PROBE_NEVER) {
        problem(p, "%s: status %s: %s\n", which, alm_status_name(o->status),
                o->status == ALM_OK ? "the result is wrong" : alm_error_message());
    }
    if (o->status != ALM_OK && !alm_error_message()[0]) {
        problem(p, "%s: there is no message\n", which);
    }
}

/* How often a call path has been seen: a hash table with open addressing, twice as large as what
 * goes in. */
typedef struct path_table {
    uint64_t *key;
    uint32_t *count;
    uint64_t mask;
} path_table;

static uint32_t *path_count(path_table *t, uint64_t hash)
{
    hash |= 1;
    uint64_t i = hash >> 7 & t->mask;
    while (t->key[i] && t->key[i] != hash) {
        i = (i + 1) & t->mask;
    }
    t->key[i] = hash;
    return &t->count[i];
}

/* wanted[n]: allocation n is the first of its call path; thorough: or the second or the last one.
 * Returns their number. */
static int64_t choose_paths(const uint64_t *hash, int64_t calls, bool thorough, uint8_t *wanted)
{
    path_table t = {.mask = 1};
    while (t.mask < 2 * (uint64_t)calls) {
        t.mask = t.mask * 2 + 1;
    }
    t.key = calloc(t.mask + 1, sizeof *t.key);
    t.count = calloc(t.mask + 1, sizeof *t.count);
    int64_t chosen = 0;
    for (int64_t n = 0; n < calls; n++) {
        wanted[n] = (*path_count(&t, hash[n]))++ < (thorough ? 2 : 1);
    }
    for (int64_t n = calls - 1; n >= 0; n--) {
        uint32_t *count = path_count(&t, hash[n]);
        wanted[n] |= thorough && *count != 0;
        *count = 0;
        chosen += wanted[n];
    }
    free(t.key);
    free(t.count);
    return chosen;
}

static void try_all(problems *p, const fault_scenario *s, bool sticky, const uint8_t *wanted,
                    int64_t known, int64_t stride)
{
    for (int64_t n = 0; p->count < PROBLEMS_SHOWN; n++) {
        if (n < known && n % stride != 0 && !wanted[n]) {
            continue;
        }
        const outcome o = attempt(s, n, sticky);
        judge(p, n, sticky, &o);
        if (o.report.failed == 0) {
            return;
        }
    }
}

/* The distance between the allocations that fail besides those that `wanted` names, so that both
 * passes end in time. A run whose n-th allocation fails takes n/calls of a whole one: half on
 * average. */
static int64_t choose_stride(double allowed, int64_t calls, int64_t chosen, double one_run)
{
    const char *all = getenv("ASSEMLM_FAULTS_ALL");
    if (all && all[0] == '1') {
        return 1;
    }
    double room = allowed - one_run * (double)chosen;
    room = room < 0.1 * allowed ? 0.1 * allowed : room;
    return (int64_t)(one_run * (double)calls / room) + 1;
}

static void try_scenario(problems *p, const fault_scenario *s, uint64_t *hash, uint8_t *wanted)
{
    /* The first run fills what libraries keep for good, blocks that would look like leaks. */
    outcome o = attempt(s, PROBE_NEVER, false);
    o.report.live = 0;
    judge(p, PROBE_NEVER, false, &o);
    if (p->count) {
        return;
    }
    const double begin = seconds_now();
    o = attempt(s, PROBE_NEVER, false);
    const double one_run = seconds_now() - begin;
    judge(p, PROBE_NEVER, false, &o);
    probe_paths(hash, PATH_CAPACITY);
    o = attempt(s, PROBE_NEVER, false);
    probe_paths(NULL, 0);

    const int64_t calls = o.report.calls;
    const int64_t known = calls < PATH_CAPACITY ? calls : PATH_CAPACITY;
    const double allowed = s->seconds > 0 ? s->seconds : 10;
    bool thorough = true;
    int64_t chosen = choose_paths(hash, known, thorough, wanted);
    if (one_run * (double)chosen > allowed) {
        thorough = false;
        chosen = choose_paths(hash, known, thorough, wanted);
    }
    const int64_t stride = choose_stride(allowed, calls, chosen, one_run);
    printf("%s: %" PRId64 " allocations, at most %" PRId64 " bytes; ", s->name, calls,
           o.report.peak_bytes);
    if (stride == 1) {
        printf("each fails\n");
    } else {
        printf("the %s of each call path (%" PRId64 ") and every %" PRId64 "th fail\n",
               thorough ? "first, second and last" : "first", chosen, stride);
    }
    fflush(stdout);
    try_all(p, s, false, wanted, known, stride);
    try_all(p, s, true, wanted, known, stride);
    o = attempt(s, PROBE_NEVER, false);
    judge(p, PROBE_NEVER, false, &o);
}

int fault_problems(const fault_scenario *s, char text[FAULT_TEXT])
{
    problems p = {.text = text};
    text[0] = 0;
    const uint64_t violations = alm_guard_violations();
    uint64_t *hash = malloc(PATH_CAPACITY * sizeof *hash);
    uint8_t *wanted = malloc(PATH_CAPACITY);
    if (hash && wanted) {
        try_scenario(&p, s, hash, wanted);
    } else {
        problem(&p, "no memory for the call paths\n");
    }
    if (alm_guard_violations() != violations) {
        problem(&p, "%" PRIu64 " allocations during a run\n", alm_guard_violations() - violations);
    }
    free(hash);
    free(wanted);
    return p.count;
}

void fault_run(const fault_scenario *scenario)
{
    char text[FAULT_TEXT];
    if (fault_problems(scenario, text) != 0) {
        ALM_FAIL("%s:\n%s", scenario->name, text);
    }
}

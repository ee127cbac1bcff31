/* What a profiler is told (runtime/ranges.h), on the shim, whose NVTX keeps it: which ranges there
 * are, how they nest, in which thread, and that what begins ends, with errors too. Kernels do not
 * run, so every pose is refused at the end.
 */
#include <stdio.h>

#include <cuda_shim_control.h>

#include "runtime/session.h"
#include "tests/models/golden.h"
#include "tests/shim/alm_test.h"

#define MODEL "sizes_a"

enum { ROWS = 16 };

typedef struct expected {
    int depth;
    const char *category, *name;
} expected;

static bool is_range(alm_shim_range r, expected e)
{
    return r.depth == e.depth && strcmp(r.category, e.category) == 0 &&
           strcmp(r.name, e.name) == 0 && strcmp(r.domain, "assemlm") == 0;
}

/* Range *at must be this one; goes on to the next. */
static void expect(int *at, expected e)
{
    const alm_shim_range r = alm_shim_range_at(*at);
    if (!is_range(r, e)) {
        ALM_FAIL("range %d is %s %s at depth %d in %s, expected %s %s at depth %d", *at, r.category,
                 r.name, r.depth, r.domain, e.category, e.name, e.depth);
    }
    ++*at;
}

static void expect_all(int *at, const expected *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        expect(at, list[i]);
    }
}

static alm_test_model open_model(void)
{
    return alm_test_open_on(alm_test_golden(MODEL "/model"), 1, "shim", "f32");
}

static alm_sample first_sample(void)
{
    alm_golden_row rows[ROWS];
    return alm_golden_rows(alm_test_golden(MODEL), rows, ROWS) > 0 ? rows[0].sample
                                                                   : (alm_sample){0};
}

static const expected before_a_run[] = {{0, "io", "cloud"},          {0, "io", "cloud"},
                                        {0, "io", "page"},           {0, "io", "page"},
                                        {0, "preprocess", "clouds"}, {0, "tokenize", "prompt"},
                                        {0, "preprocess", "pages"}};

enum { BEFORE = sizeof before_a_run / sizeof before_a_run[0] };

/* In eager runs a range a node, pairs as one. */
static void expect_nodes(int *at, const alm_plan *p)
{
    for (int n = 0; n < p->graph->n_nodes; n += p->paired[n] ? 2 : 1) {
        const char *name = p->graph->nodes[n].name;
        expect(at, (expected){1, alm_node_stage(name), name});
    }
}

/* In a capture a range a stage: neighbours differ, and the stages are those of the nodes. */
static void expect_stages(int *at, const alm_plan *p)
{
    const char *last = "";
    for (int n = 0; n < p->graph->n_nodes; n++) {
        const char *stage = alm_node_stage(p->graph->nodes[n].name);
        if (strcmp(stage, last) != 0) {
            expect(at, (expected){1, stage, stage});
            last = stage;
        }
    }
}

ALM_TEST(ranges, of_a_sample)
{
    const alm_sample sample = first_sample();
    alm_result result;
    alm_shim_record_ranges(true);
    alm_test_model m = open_model();
    ALM_REQUIRE(m.session);
    int at = 0;
    expect(&at, (expected){0, "io", "model"});
    ALM_CHECK_INT(alm_shim_ranges(), at);
    ALM_CHECK_INT(alm_shim_streams_named("assemlm"), 1);
    ALM_CHECK_INT(alm_shim_streams_named("assemlm, points"), 1);

    alm_shim_skip_kernels(true);
    alm_shim_record_ranges(true);
    (void)alm_session_predict(m.session, &sample, &result);
    at = 0;
    expect_all(&at, before_a_run, BEFORE);
    expect(&at, (expected){0, "io", "weights"});
    ALM_CHECK_INT(alm_shim_streams_named("assemlm, weights"), 1);
    ALM_REQUIRE(m.session->cold.plan);
    expect(&at, (expected){0, "run", "forward"});
    expect_nodes(&at, m.session->cold.plan);
    expect(&at, (expected){0, "run", "capture"});
    expect_stages(&at, m.session->cold.plan);
    ALM_CHECK_INT(alm_shim_ranges(), at);

    alm_session_forget_manual(m.session);
    alm_shim_record_ranges(true);
    (void)alm_session_predict(m.session, &sample, &result);
    at = 0;
    expect_all(&at, before_a_run, BEFORE);
    expect(&at, (expected){0, "run", "forward"}); /* the captured graph */
    ALM_CHECK_INT(alm_shim_ranges(), at);
    alm_shim_record_ranges(false);
    alm_shim_skip_kernels(false);
    ALM_CHECK_INT(alm_shim_open_ranges(), 0);
    alm_test_close(&m);
}

/* Whichever file is missing, and whichever call of the device fails. */
ALM_TEST(ranges, end_with_errors)
{
    const alm_sample good = first_sample();
    alm_result result;
    alm_test_model m = open_model();
    ALM_REQUIRE(m.session);
    alm_shim_skip_kernels(true);
    for (int file = 0; file < 4; file++) {
        alm_sample sample = good;
        const char **path[] = {&sample.fixed.path, &sample.moving.path, &sample.page[0].path,
                               &sample.page[1].path};
        *path[file] = "no_such_file";
        ALM_CHECK_STATUS(alm_session_predict(m.session, &sample, &result), ALM_STATUS_SAMPLE);
        ALM_CHECK_INT(alm_shim_open_ranges(), 0);
    }
    const long before = alm_shim_calls();
    (void)alm_session_predict(m.session, &good, &result);
    const long calls = alm_shim_calls() - before;
    ALM_CHECK(calls > 100);
    alm_test_close(&m);
    for (long n = 1; n <= calls; n += 37) {
        m = open_model();
        ALM_REQUIRE(m.session);
        alm_shim_fail_call(n);
        ALM_CHECK_STATUS(alm_session_predict(m.session, &good, &result), ALM_STATUS_RESTART);
        ALM_CHECK_INT(alm_shim_open_ranges(), 0);
        alm_test_close(&m);
        alm_shim_fail_call(0);
    }
    alm_shim_skip_kernels(false);
    ALM_CHECK_STATUS(alm_engine_create(&(alm_engine_options){.model = "no_such_folder"}, &m.engine),
                     ALM_STATUS_MODEL);
    ALM_CHECK_INT(alm_shim_open_ranges(), 0);
}

static int ignore(void *context, const char *text, size_t bytes)
{
    (void)context;
    (void)text;
    (void)bytes;
    return 0;
}

/* On the CPU, which is quick here. */
ALM_TEST(ranges, measured_part_of_bench)
{
    const alm_sample sample = first_sample();
    alm_test_model m = alm_test_open(alm_test_golden(MODEL "/model"), 1);
    ALM_REQUIRE(m.session);
    alm_shim_record_ranges(true);
    ALM_REQUIRE_OK(alm_session_bench(
        m.session, &sample, &(alm_bench_options){.warmup = 1, .repeats = 2}, ignore, NULL));
    alm_shim_record_ranges(false);
    int at = 0;
    expect_all(&at, before_a_run, BEFORE);
    expect_all(&at, before_a_run, BEFORE);
    expect(&at, (expected){0, "run", "measured"});
    for (int run = 0; run < 2; run++) {
        for (int i = 0; i < BEFORE; i++) {
            expect(&at, (expected){1, before_a_run[i].category, before_a_run[i].name});
        }
    }
    ALM_CHECK_INT(alm_shim_ranges(), at);
    ALM_CHECK_INT(alm_shim_open_ranges(), 0);
    alm_test_close(&m);
}

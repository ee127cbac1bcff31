/* Faults of a device, on the shim: memory that runs out, errors that stay, devices that cannot be
 * used. Every allocation and every runtime call fails once. Kernels do not run meanwhile but in the
 * tests of poses.
 */
#include <stdio.h>
#include <stdlib.h>

#include <cuda_shim_control.h>

#include "runtime/cuda/cuda_backend.h"
#include "runtime/session.h"
#include "tests/models/golden.h"
#include "tests/shim/alm_test.h"

/* A small model for what is done around kernels, and one whose kernels are quick on the CPU. */
#define SMALL "sizes_a"
#define QUICK "tiny"

enum { ROWS = 16 };

static const unsigned char untouched_byte = 0xA5;

static bool is_untouched(const void *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (((const unsigned char *)data)[i] != untouched_byte) {
            return false;
        }
    }
    return true;
}

static void check_nothing_left(const char *what, long n)
{
    if (alm_shim_live_allocations() != 0 || alm_shim_live_objects() != 0) {
        ALM_FAIL("%s %ld: %ld blocks and %ld streams, events and graphs leak", what, n,
                 alm_shim_live_allocations(), alm_shim_live_objects());
    }
}

/* ---- What is done, with and without a fault ---- */

/* Each kind of run that there is. */
typedef enum step {
    STEP_ENGINE,
    STEP_SESSION,
    STEP_COLD,     /* memory, weights, node by node, captured */
    STEP_WARM,     /* the manual is that of before: another graph, captured */
    STEP_REPLAYED, /* cold again: the captured graph */
    STEP_COUNT
} step;

static const char *const step_names[STEP_COUNT] = {
    "opening the engine", "making the session", "the cold run", "the warm run", "the replayed run"};

typedef struct life {
    alm_engine *engine;
    bool engine_is_shared;
    alm_session *session;
    double pose[9];         /* of the last step */
    step at;                /* the step that failed, or the last one */
    long calls[STEP_COUNT]; /* from the beginning to the end of each step */
} life;

static const alm_golden_row *golden_row(const char *model)
{
    static alm_golden_row small[ROWS], quick[ROWS];
    alm_golden_row *rows = strcmp(model, SMALL) == 0 ? small : quick;
    if (!rows[0].name) {
        alm_golden_rows(alm_test_golden(model), rows, ROWS);
    }
    return rows;
}

static alm_status open_on(const char *device, alm_engine **out)
{
    const char *model = alm_test_golden(SMALL "/model");
    const alm_engine_options options = {
        .model = model, .base = alm_test_path(model, "base"), .device = device, .dtype = "f32"};
    return alm_engine_create(&options, out);
}

/* The sample as runs take it, made once. */
static const alm_prepared *prepared_sample(const alm_engine *engine)
{
    static alm_prepared *prepared;
    if (!prepared && alm_sample_prepare(engine, &golden_row(SMALL)->sample, &prepared) != ALM_OK) {
        ALM_FAIL("the sample: %s", alm_error_message());
    }
    return prepared;
}

static alm_status take_step(life *l, step at)
{
    switch (at) {
    case STEP_ENGINE: return l->engine_is_shared ? ALM_OK : open_on("shim", &l->engine);
    case STEP_SESSION: return alm_session_create(l->engine, 1, &l->session);
    case STEP_REPLAYED: alm_session_forget_manual(l->session); break;
    default: break;
    }
    return alm_session_run(l->session, prepared_sample(l->engine), l->pose);
}

/* All steps up to the first that fails. shared: NULL, or an engine to use. */
static alm_status live(life *l, alm_engine *shared)
{
    const long before = alm_shim_calls();
    alm_status status = ALM_OK;
    *l = (life){.engine = shared, .engine_is_shared = shared != NULL};
    alm_error_clear();
    for (int at = 0; at < STEP_COUNT && status == ALM_OK; at++) {
        l->at = (step)at;
        memset(l->pose, untouched_byte, sizeof l->pose);
        status = take_step(l, l->at);
        l->calls[at] = alm_shim_calls() - before;
    }
    return status;
}

static void die(life *l)
{
    alm_session_destroy(l->session);
    l->session = NULL;
    if (!l->engine_is_shared) {
        alm_engine_destroy(l->engine);
        l->engine = NULL;
    }
}

/* One life without a fault; its calls until the end of the runs and of all. */
static bool live_well(alm_engine *shared, life *l, long *end)
{
    const long before = alm_shim_calls();
    const alm_status status = live(l, shared);
    if (status != ALM_OK) {
        ALM_FAIL("%s without a fault: %s", step_names[l->at], alm_error_message());
    }
    die(l);
    *end = alm_shim_calls() - before;
    return status == ALM_OK;
}

/* ---- Memory ---- */

/* "out of device memory: 1024 bytes for the arena, 512 of the device's 4096 bytes are free" */
static void check_memory_text(long n)
{
    size_t bytes = 0, free_bytes = 0, all_bytes = 0;
    const char *text = alm_error_message();
    const char *at = strstr(text, " memory: ");
    if (!at || !strstr(text, "out of ") ||
        sscanf(at, " memory: %zu bytes for %*[^,], %zu of the device's %zu bytes are free", &bytes,
               &free_bytes, &all_bytes) != 3) {
        ALM_FAIL("allocation %ld: \"%s\" lacks what was asked for or what is free", n, text);
    } else if (bytes == 0 || free_bytes > all_bytes || all_bytes != (size_t)4096 << 20) {
        ALM_FAIL("allocation %ld: wrong numbers: %s", n, text);
    }
}

/* The step that failed goes well the next time, and so do those behind it. */
ALM_TEST(device_faults, memory)
{
    long n = 1;
    alm_shim_skip_kernels(true);
    for (bool failed = true; failed && !alm_test_failed(); n++) {
        life l;
        alm_shim_fail_alloc(n);
        alm_status status = live(&l, NULL);
        alm_shim_fail_alloc(0);
        failed = status != ALM_OK;
        if (failed) {
            ALM_CHECK_INT(status, ALM_STATUS_MEMORY);
            ALM_CHECK(l.at > STEP_SESSION && is_untouched(l.pose, sizeof l.pose));
            check_memory_text(n);
        }
        for (int at = (int)l.at; failed && at < STEP_COUNT; at++) {
            status = take_step(&l, (step)at);
            if (status != ALM_OK) {
                ALM_FAIL("%s after allocation %ld had failed: %s", step_names[at], n,
                         alm_error_message());
            }
        }
        die(&l);
        check_nothing_left("allocation", n);
    }
    alm_shim_skip_kernels(false);
    printf("memory: %ld allocations, each fails\n", n - 2);
    ALM_CHECK(n > 8);
}

/* One allocation after the other fails until the prediction succeeds. Returns how many. */
static int predict_failing(alm_session *session, const alm_golden_row *row, alm_result *result)
{
    alm_status status = ALM_STATUS_MEMORY;
    long n = 0;
    while (status == ALM_STATUS_MEMORY) {
        memset(result, untouched_byte, sizeof *result);
        alm_shim_fail_alloc(++n);
        status = alm_session_predict(session, &row->sample, result);
        ALM_CHECK(status == ALM_OK || is_untouched(result, sizeof *result));
    }
    alm_shim_fail_alloc(0);
    if (status != ALM_OK) {
        ALM_FAIL("after %ld allocations had failed: %s", n, alm_error_message());
    }
    return (int)n - 1;
}

/* The pose after all these failures is that of an engine that had none, cold and warm. */
ALM_TEST(device_faults, pose_after_memory)
{
    const alm_golden_row *row = golden_row(QUICK);
    const char *model = alm_test_golden(QUICK "/model");
    alm_result right, cold, warm;
    alm_test_model m = alm_test_open_on(model, 1, "shim", "f32");
    ALM_REQUIRE(m.session);
    ALM_REQUIRE_OK(alm_session_predict(m.session, &row->sample, &right));
    alm_test_close(&m);
    m = alm_test_open_on(model, 1, "shim", "f32");
    ALM_REQUIRE(m.session);
    const int cold_failures = predict_failing(m.session, row, &cold);
    const int warm_failures = predict_failing(m.session, row, &warm);
    printf("memory: %d cold and %d warm failures on one session\n", cold_failures, warm_failures);
    ALM_CHECK(cold_failures >= 7 && warm_failures >= 2 && warm.manual_reused);
    ALM_CHECK(memcmp(right.matrix, cold.matrix, sizeof right.matrix) == 0);
    ALM_CHECK(memcmp(right.matrix, warm.matrix, sizeof right.matrix) == 0);
    alm_test_close(&m);
    check_nothing_left("a session", 0);
}

/* On a GPU that refuses graphs: one refusal costs the overlap of launches, two the graph. The pose
 * is there from the first run on, and the results tell people why they are slower. */
ALM_TEST(device_faults, pose_without_graphs)
{
    static const char *const notes[] = {NULL, "launches do not overlap: ", "launched node by node"};
    const alm_golden_row *row = golden_row(QUICK);
    alm_result first = {0}, r;
    setenv("ALM_SHIM_ARCH", "90", 1); /* the first that overlaps launches */
    for (int refused = 0; refused <= 2; refused++) {
        alm_test_model m = alm_test_open_on(alm_test_golden(QUICK "/model"), 1, "shim", "f32");
        ALM_REQUIRE(m.session);
        for (int run = 0; run < 3; run++) { /* cold, warm, and warm again: not the first run */
            alm_shim_refuse_graphs(run < 2 ? refused : 0);
            ALM_REQUIRE_OK(alm_session_predict(m.session, &row->sample, &r));
            first = refused == 0 && run == 0 ? r : first;
            ALM_CHECK(memcmp(r.matrix, first.matrix, sizeof r.matrix) == 0);
            ALM_CHECK_INT(r.warning_count, first.warning_count + (refused > 0));
            if (refused > 0) {
                ALM_CHECK_TEXT(r.warning[r.warning_count - 1], notes[refused]);
                ALM_CHECK_TEXT(r.warning[r.warning_count - 1], "invalid resource handle");
            }
        }
        alm_shim_refuse_graphs(0);
        alm_test_close(&m);
    }
    unsetenv("ALM_SHIM_ARCH");
    check_nothing_left("sessions without graphs", 0);
}

/* A device that is too small, and one that becomes large enough. */
ALM_TEST(device_faults, small_device)
{
    life l;
    alm_shim_skip_kernels(true);
    setenv("ALM_SHIM_MEMORY_MB", "1", 1);
    ALM_CHECK_STATUS(live(&l, NULL), ALM_STATUS_MEMORY);
    ALM_CHECK_INT(l.at, STEP_COLD);
    ALM_CHECK_TEXT(alm_error_message(), "of the device's 1048576 bytes are free");
    unsetenv("ALM_SHIM_MEMORY_MB");
    ALM_CHECK_STATUS(take_step(&l, STEP_COLD), ALM_OK);
    die(&l);
    alm_shim_skip_kernels(false);
    check_nothing_left("a small device", 1);
}

/* ---- Errors that stay ---- */

/* What must hold after runtime call n failed in this life. */
static void check_lost(life *l, alm_status status, long n)
{
    const char *text = alm_error_message();
    const alm_status expected = l->at == STEP_ENGINE ? ALM_STATUS_DEVICE : ALM_STATUS_RESTART;
    if (status != expected || !is_untouched(l->pose, sizeof l->pose) || strchr(text, '\n')) {
        ALM_FAIL("call %ld, %s: %s (%s), expected %s and no pose", n, step_names[l->at],
                 alm_status_name(status), text, alm_status_name(expected));
    }
    if (!strstr(text, "an illegal memory access was encountered") ||
        (l->at != STEP_ENGINE && !strstr(text, "; the last launches, newest first: "))) {
        ALM_FAIL("call %ld, %s: \"%s\" lacks the error or the last launches", n, step_names[l->at],
                 text);
    }
    if (l->at > STEP_COLD && strstr(text, "newest first: none")) {
        ALM_FAIL("call %ld, %s: no launches are named: %s", n, step_names[l->at], text);
    }
    if (l->session) {
        alm_result result;
        memset(&result, untouched_byte, sizeof result);
        const long launches = alm_shim_launches(), calls = alm_shim_calls();
        const alm_status again =
            alm_session_predict(l->session, &golden_row(SMALL)->sample, &result);
        if (again != ALM_STATUS_RESTART || !is_untouched(&result, sizeof result) ||
            !strstr(alm_error_message(), "lost")) {
            ALM_FAIL("after call %ld: %s (%s), expected %s", n, alm_status_name(again),
                     alm_error_message(), alm_status_name(ALM_STATUS_RESTART));
        }
        ALM_CHECK_INT(alm_shim_launches() - launches, 0);
        ALM_CHECK(alm_shim_calls() - calls < 100); /* which free */
    }
}

/* Call n of a life fails; the runs end with call `all`. */
static void lose_at_call(alm_engine *shared, long n, long all)
{
    life l;
    const long blocks = alm_shim_live_allocations(), objects = alm_shim_live_objects();
    alm_shim_fail_call(n);
    const alm_status status = live(&l, shared);
    if (n > all) { /* while destroying */
        ALM_CHECK_STATUS(status, ALM_OK);
    } else {
        check_lost(&l, status, n);
    }
    die(&l);
    alm_shim_fail_call(0);
    if (alm_shim_live_allocations() != blocks || alm_shim_live_objects() != objects) {
        ALM_FAIL("call %ld: something leaks", n);
    }
}

static void lose_at_calls(const char *what, alm_engine *shared, long last, long all)
{
    printf("lost device: %s: each of %ld calls fails\n", what, last);
    fflush(stdout);
    for (long n = 1; n <= last && !alm_test_failed(); n++) {
        lose_at_call(shared, n, all);
    }
}

ALM_TEST(device_faults, lost_device)
{
    life l;
    long end, end_of_life;
    alm_engine *engine = NULL;
    alm_session *session = NULL;
    alm_shim_skip_kernels(true);
    ALM_REQUIRE(live_well(NULL, &l, &end));

    /* The engine is opened, the session made, the weights go up: until the first run. */
    const long start = alm_shim_calls();
    ALM_REQUIRE_OK(open_on("shim", &engine));
    ALM_REQUIRE_OK(alm_session_create(engine, 1, &session));
    const alm_prepared *p = prepared_sample(engine);
    ALM_REQUIRE_OK(alm_session_reserve(session, p->patches, p->prompt->used));
    const long made = alm_shim_calls() - start;
    alm_session_destroy(session);
    lose_at_calls("until the first run", NULL, made, l.calls[STEP_REPLAYED]);

    /* The weights are there: sessions come and go. */
    ALM_REQUIRE(live_well(engine, &l, &end_of_life));
    lose_at_calls("runs", engine, end_of_life, l.calls[STEP_REPLAYED]);
    alm_engine_destroy(engine);
    check_nothing_left("an engine", 0);
    ALM_REQUIRE(live_well(NULL, &l, &end_of_life));
    ALM_CHECK_INT(end_of_life, end);
    alm_shim_skip_kernels(false);
}

/* Runs that are observed or timed node by node; no dump is left of a run that failed. */
static void lose_while(alm_engine *engine, const char *dump)
{
    const alm_sample *sample = &golden_row(SMALL)->sample;
    const alm_prepared *p = prepared_sample(engine);
    alm_status status = ALM_STATUS_RESTART;
    int failures = 0;
    for (long n = 1; status == ALM_STATUS_RESTART && !alm_test_failed(); n += 31) {
        life l = {.engine = engine, .engine_is_shared = true, .at = STEP_COLD};
        alm_result result;
        ALM_REQUIRE_OK(take_step(&l, STEP_SESSION));
        ALM_REQUIRE_OK(alm_session_reserve(l.session, p->patches, p->prompt->used));
        alm_session_time_nodes(l.session, !dump);
        ALM_REQUIRE_OK(alm_session_dump_next(l.session, dump, false));
        memset(l.pose, untouched_byte, sizeof l.pose);
        memset(&result, untouched_byte, sizeof result);
        alm_shim_fail_call(n);
        status = alm_session_predict(l.session, sample, &result);
        FILE *file = dump ? fopen(dump, "rb") : NULL;
        if (status == ALM_STATUS_RESTART) {
            failures++;
            check_lost(&l, status, n);
            ALM_CHECK(!file && is_untouched(&result, sizeof result));
        } else { /* there are no more calls; kernels that do not run give no rotation */
            ALM_CHECK_INT(status, ALM_STATUS_SAMPLE);
            ALM_CHECK(!dump || file);
        }
        if (file) {
            fclose(file);
            remove(dump);
        }
        die(&l);
        alm_shim_fail_call(0);
    }
    printf("lost device: %s: %d calls fail\n", dump ? "dump" : "times of nodes", failures);
    ALM_CHECK(failures > 4);
}

ALM_TEST(device_faults, lost_while_dumping_and_timing)
{
    life l;
    long end;
    char path[1024];
    alm_engine *engine = NULL;
    snprintf(path, sizeof path, "%s/dump", alm_test_folder());
    alm_shim_skip_kernels(true);
    ALM_REQUIRE_OK(open_on("shim", &engine));
    ALM_REQUIRE(live_well(engine, &l, &end)); /* the weights go up */
    lose_while(engine, path);
    lose_while(engine, NULL);
    alm_engine_destroy(engine);
    check_nothing_left("an engine", 0);
    alm_shim_skip_kernels(false);
}

/* ---- Devices that cannot be used ---- */

static void refuse(const char *device, const char *part, const char *other)
{
    alm_engine *engine = NULL;
    const alm_status status = open_on(device, &engine);
    const char *text = alm_error_message();
    if (status != ALM_STATUS_DEVICE || engine || !strstr(text, part) || !strstr(text, other) ||
        strchr(text, '\n')) {
        ALM_FAIL("device \"%s\": %s (%s), expected a line with \"%s\" and \"%s\"", device,
                 alm_status_name(status), text, part, other);
    }
    alm_engine_destroy(engine);
    check_nothing_left("a refused device", 0);
}

static void refuse_with(const char *knob, const char *value, const char *device, const char *part,
                        const char *other)
{
    setenv(knob, value, 1);
    refuse(device, part, other);
    unsetenv(knob);
}

ALM_TEST(device_refused, environment)
{
    refuse_with("ALM_SHIM_DEVICES", "0", "shim", "no GPU: ", "no CUDA-capable device is detected");
    refuse_with("ALM_SHIM_DEVICES", "0", "shim:3", "no GPU: ", "");
    refuse_with("ALM_SHIM_DRIVER", "0", "shim", "no GPU: ", "no NVIDIA driver is installed");
    refuse_with("ALM_SHIM_DRIVER", "12040", "shim", "for CUDA 12.4", "for CUDA 13.0 or later");
    refuse_with("ALM_SHIM_ARCH", "75", "shim", "shim:0: shim has compute capability 7.5",
                "at least 8.0 is needed");
    refuse("shim:1", "shim:1: there is 1 GPU,", "numbered from 0");
    refuse_with("ALM_SHIM_DEVICES", "2", "shim:7", "shim:7: there are 2 GPUs,", "numbered from 0");
    refuse_with("ALM_SHIM_DEVICES", "2", "shim:0,2", "shim:2: there are 2 GPUs", "");
}

ALM_TEST(device_refused, names)
{
    static const char *const numbers[] = {
        "shim:",     "shim:x",   "shim:0,",  "shim:,0", "shim:-1",
        "shim:0x",   "shim:0 ",  "shim: 0",  "shim:+0", "shim:99999999999999999999",
        "shim:0.5",  "shim:0;1", "shim:0:1", "shim:1e", "shim:2147483648",
        "shim:0,,0",
    };
    static const char *const names[] = {"", "gpu", "CUDA", "shimmer", "shi", "cpu:0", "SHIM:0"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        refuse(numbers[i], numbers[i], "expected numbers, as in shim:0 or shim:0,1");
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        refuse(names[i], names[i], "expected cpu, shim, shim:N or auto");
    }
    refuse("shim:0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0", "more than 16 devices", "");
}

static int append(void *context, const char *data, size_t size)
{
    char *text = context;
    const size_t used = strlen(text);
    if (used + size < 4096) {
        memcpy(text + used, data, size);
        text[used + size] = '\0';
    }
    return 0;
}

/* What `inspect device` says: every GPU with its facts, and why one cannot be used. */
ALM_TEST(device_refused, described)
{
    char text[4096] = "";
    setenv("ALM_SHIM_DEVICES", "2", 1);
    ALM_REQUIRE_OK(alm_inspect_devices(append, text));
    ALM_CHECK_TEXT(text, "shim:0    shim, compute capability 8.0, ");
    ALM_CHECK_TEXT(text, "shim:1    shim, ");
    ALM_CHECK_TEXT(text, "GiB free\n");
    ALM_CHECK_TEXT(text, "auto      takes shim:0\n");
    setenv("ALM_SHIM_ARCH", "75", 1);
    text[0] = '\0';
    ALM_REQUIRE_OK(alm_inspect_devices(append, text));
    ALM_CHECK_TEXT(text, "cannot be used: shim:1: shim has compute capability 7.5");
    ALM_CHECK_TEXT(text, "auto      takes the CPU\n");
    unsetenv("ALM_SHIM_ARCH");
    setenv("ALM_SHIM_DEVICES", "0", 1);
    text[0] = '\0';
    ALM_REQUIRE_OK(alm_inspect_devices(append, text));
    ALM_CHECK(!strstr(text, "shim:0"));
    unsetenv("ALM_SHIM_DEVICES");
    check_nothing_left("descriptions", 0);
}

/* Which GPUs code that was compiled for a list of architectures runs on. */
ALM_TEST(device_refused, code)
{
    static const struct {
        const char *archs;
        int arch;
        bool runs;
    } list[] = {
        {"80,90a", 80, true},   {"80,90a", 86, true},   {"80,90a", 89, true},
        {"80,90a", 90, true},   {"80,90a", 100, false}, {"80,90a", 120, false},
        {"90a", 80, false},     {"90a", 90, true},      {"86", 80, false},
        {"100", 103, true},     {"100,120", 120, true}, {"100,120", 121, true},
        {"100,120", 90, false}, {"", 80, false},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        if (almi_cuda_has_code(list[i].archs, list[i].arch) != list[i].runs) {
            ALM_FAIL("\"%s\" on %d: not %d", list[i].archs, list[i].arch, list[i].runs);
        }
    }
}

/* Every architecture from 8.0 on is taken, every one opens as often as it is named. */
ALM_TEST(device_refused, taken)
{
    static const char *const archs[] = {"80", "86", "89", "90", "100", "120"};
    alm_engine *engine = NULL;
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++) {
        setenv("ALM_SHIM_ARCH", archs[i], 1);
        ALM_CHECK_STATUS(open_on("shim:0", &engine), ALM_OK);
        alm_engine_destroy(engine);
        engine = NULL;
    }
    unsetenv("ALM_SHIM_ARCH");
    ALM_CHECK_STATUS(open_on("shim:0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0", &engine), ALM_OK);
    alm_engine_destroy(engine);
    check_nothing_left("a device", 0);
}

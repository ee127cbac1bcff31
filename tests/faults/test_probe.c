/* The fault machinery itself: that it sees, counts and fails what it should. */
#include <stdio.h>
#include <stdlib.h>

#include "kernels/core/memory.h"
#include "tests/faults/fault_run.h"
#include "tests/faults/malloc_probe.h"
#include "tests/shim/alm_test.h"

ALM_TEST(probe, fails_the_nth_and_counts)
{
    void *block[3] = {NULL};
    probe_begin(1, false);
    for (int i = 0; i < 3; i++) {
        block[i] = malloc(10);
    }
    free(block[0]);
    const probe_report report = probe_end();
    ALM_CHECK(block[0] && !block[1] && block[2]);
    ALM_CHECK_INT(report.calls, 3);
    ALM_CHECK_INT(report.failed, 1);
    ALM_CHECK_INT(report.live, 1);
    ALM_CHECK(report.peak_bytes >= 20);
    free(block[2]);
}

ALM_TEST(probe, sticky_fails_all_after)
{
    probe_begin(1, true);
    void *first = calloc(2, 8);
    void *second = malloc(64);
    void *third = aligned_alloc(64, 64);
    void *fourth = NULL;
    const int code = posix_memalign(&fourth, 64, 64);
    const probe_report report = probe_end();
    ALM_CHECK(first && !second && !third && !fourth && code != 0);
    ALM_CHECK_INT(report.live, 1);
    free(first);
}

/* Calls out of a shared library count too. */
ALM_TEST(probe, sees_libraries)
{
    probe_begin(0, true);
    FILE *f = fopen("/dev/null", "r");
    const probe_report report = probe_end();
    ALM_CHECK(!f);
    ALM_CHECK(report.failed > 0);
}

ALM_TEST(probe, allocation_under_the_guard_is_a_violation)
{
    const uint64_t before = alm_guard_violations();
    alm_guard_begin();
    void *volatile block = malloc(1);
    alm_guard_end();
    free(block);
    ALM_CHECK_INT(alm_guard_violations() - before, 1);
}

/* What is wrong with a scenario, for the test of the runner. */
typedef enum fault_kind {
    RIGHT,
    LEAKS,
    HIDES,
    BLAMES_INPUT,
    WRONG_AFTERWARDS,
    ALLOCATES
} fault_kind;

/* Three allocations and one of the faults. */
static alm_status three_blocks(void *context, bool *right)
{
    const fault_kind kind = *(const fault_kind *)context;
    static bool broken;
    void *block[3] = {NULL};
    alm_status status = ALM_OK;
    for (int i = 0; i < 3 && status == ALM_OK; i++) {
        status = alm_alloc(1, 100, "block", &block[i]);
    }
    for (int i = kind == LEAKS && status != ALM_OK; i < 3; i++) {
        alm_free(block[i]);
    }
    *right = kind != WRONG_AFTERWARDS || !broken;
    if (status != ALM_OK && kind == HIDES) {
        status = ALM_OK;
        *right = false;
    }
    if (status != ALM_OK && kind == BLAMES_INPUT) {
        status = alm_fail(ALM_STATUS_SAMPLE, "the input is to blame");
    }
    broken = kind == WRONG_AFTERWARDS && (broken || status != ALM_OK);
    if (kind == ALLOCATES) {
        alm_guard_begin();
        void *volatile hidden = malloc(1);
        alm_guard_end();
        free(hidden);
    }
    return status;
}

static int problems_of(fault_kind kind, char text[FAULT_TEXT])
{
    return fault_problems(
        &(fault_scenario){.name = "three blocks", .run = three_blocks, .context = &kind}, text);
}

ALM_TEST(probe, runner_finds_what_is_wrong)
{
    char text[FAULT_TEXT];
    ALM_CHECK_INT(problems_of(RIGHT, text), 0);
    ALM_CHECK(problems_of(LEAKS, text) > 0);
    ALM_CHECK_TEXT(text, "allocation 1 fails: 1 blocks leak");
    ALM_CHECK(problems_of(HIDES, text) > 0);
    ALM_CHECK_TEXT(text, "allocation 0 fails: status ok: the result is wrong");
    ALM_CHECK(problems_of(BLAMES_INPUT, text) > 0);
    ALM_CHECK_TEXT(text, "the input is to blame");
    ALM_CHECK(problems_of(WRONG_AFTERWARDS, text) > 0);
    ALM_CHECK_TEXT(text, "without a fault: status ok: the result is wrong");
    ALM_CHECK(problems_of(ALLOCATES, text) > 0);
    ALM_CHECK_TEXT(text, "allocations during a run");
}

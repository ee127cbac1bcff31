/* Every allocation that makes a synthetic sample fails once. The writing of the file is left out:
 * libhdf5 loses blocks, and at the program's end its way, when one of its own allocations fails. */
#include "kernels/core/memory.h"
#include "runtime/output/synth_pages.h"
#include "runtime/output/synth_sample.h"
#include "tests/faults/fault_run.h"
#include "tests/shim/alm_test.h"

static alm_status make_samples(void *context, bool *right)
{
    const alm_synth_sample *known = context;
    alm_synth_maker *maker = NULL;
    alm_synth_sample *s;
    ALM_TRY(alm_calloc(1, sizeof *s, "a sample", &s));
    alm_status status = alm_synth_maker_create(2, ALM_SYNTH_LINEART, &maker);
    alm_synth_cursor at = {0};
    for (int i = 0; i < 3 && status == ALM_OK; i++) {
        status = alm_synth_sample_make(maker, &at, s);
        alm_synth_cursor_next(2, &at);
    }
    *right =
        status == ALM_OK && (!known || memcmp(known->moving, s->moving, sizeof s->moving) == 0);
    if (status == ALM_STATUS_MEMORY) { /* the maker goes on after a failure */
        alm_synth_sample_free(s);
        if (maker &&
            alm_synth_sample_make(maker, &(alm_synth_cursor){0}, s) == ALM_STATUS_INTERNAL) {
            status = ALM_STATUS_INTERNAL;
        }
    }
    alm_synth_sample_free(s);
    alm_free(s);
    alm_synth_maker_destroy(maker);
    return status;
}

ALM_TEST(synth_faults, samples)
{
    static alm_synth_sample known;
    alm_synth_maker *maker;
    alm_synth_cursor at = {0};
    ALM_REQUIRE_OK(alm_synth_maker_create(2, ALM_SYNTH_LINEART, &maker));
    for (int i = 0; i < 3; i++) {
        ALM_REQUIRE_OK(alm_synth_sample_make(maker, &at, &known));
        alm_synth_cursor_next(2, &at);
    }
    fault_run(
        &(fault_scenario){.name = "synthetic samples", .run = make_samples, .context = &known});
    alm_synth_sample_free(&known);
    alm_synth_maker_destroy(maker);
}

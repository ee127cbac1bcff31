/* The model against the published implementation in float64, stage by stage. */
#include "tests/models/golden.h"
#include "tests/shim/alm_test.h"

#include "kernels/core/memory.h"

/* Float32 arithmetic of the published code itself lies within 5e-5·rms and 3e-6 in the pose (golden
 * README); the limits are twice and three times that. */
static const alm_golden_limits tiny_limits = {.stage = 1e-4, .pose = 1e-5};

static void compare_folder(const char *model, const char *samples, int least_stages,
                           alm_golden_limits limits)
{
    const uint64_t before = alm_guard_violations();
    alm_test_model m = alm_test_open(model, 2);
    ALM_REQUIRE(m.session);
    const int compared = alm_golden_compare(m.session, samples, limits);
    if (compared < least_stages) {
        ALM_FAIL("%s: %d stages compared, expected at least %d", samples, compared, least_stages);
    }
    alm_test_close(&m);
    ALM_CHECK_INT(alm_guard_violations(), before);
}

ALM_TEST(golden, tiny)
{
    compare_folder(alm_test_golden("tiny/model"), alm_test_golden("tiny"), 100, tiny_limits);
}

ALM_TEST(golden, sizes_a)
{
    compare_folder(alm_test_golden("sizes_a/model"), alm_test_golden("sizes_a"), 30, tiny_limits);
}

ALM_TEST(golden, sizes_b)
{
    compare_folder(alm_test_golden("sizes_b/model"), alm_test_golden("sizes_b"), 30, tiny_limits);
}

ALM_TEST(golden, sizes_c)
{
    compare_folder(alm_test_golden("sizes_c/model"), alm_test_golden("sizes_c"), 30, tiny_limits);
}

/* The published code in float32 meets the demo's poses within 3e-7; the issue allows 1e-4. */
ALM_TEST(golden, demo)
{
    const alm_golden_limits limits = {.stage = 1e-4, .pose = 1e-4};
    compare_folder(alm_test_golden("../../tools/demo/model"), alm_test_golden("../../tools/demo"),
                   0, limits);
}

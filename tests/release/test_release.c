/* The released sizes: weights by rule (4 GB, written here), poses and stages of the published code
 * in float64, memory. Needs 4 GB of disk and of page cache; a program of its own, because the
 * sanitizers' build leaves it out. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "tests/models/golden.h"
#include "tests/shim/alm_test.h"

/* Limits of the issue for these sizes. */
static const alm_golden_limits limits = {
    .stage = 1e-4, .pose = 5e-5, .frame = 2e-5, .head_input = 5e-5};
static const long peak_limit_kb = 6L * 1000 * 1000;

static long peak_kb(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

ALM_TEST(release, poses_stages_and_memory)
{
    char folder[1024];
    snprintf(folder, sizeof folder, "%s/model", alm_test_folder());
    struct statvfs disk;
    const unsigned long long need = 5000000000u;
    if (statvfs(alm_test_folder(), &disk) == 0 &&
        (unsigned long long)disk.f_bavail * disk.f_frsize < need) {
        ALM_SKIP("less than 5 GB are free in %s (set TMPDIR)", folder);
    }
    const alm_synth_options synth = {
        .from = alm_test_golden("release/model"), .to = folder, .seed = 1};
    ALM_REQUIRE_OK(alm_synth_model(&synth));
    ALM_CHECK(peak_kb() <= 1000 * 1000); /* streamed: at most 1 GB */

    alm_test_model m = alm_test_open(folder, 0);
    ALM_REQUIRE(m.session);
    alm_golden_row rows[4];
    const int n = alm_golden_rows(alm_test_golden("release"), rows, 4);
    ALM_REQUIRE(n == 3);
    /* The second sample has the pages of the first: it runs warm, with the same limits. */
    for (int i = 0; i < n; i++) {
        alm_result r;
        ALM_REQUIRE_OK(alm_session_predict(m.session, &rows[i].sample, &r));
        for (int k = 0; k < 9; k++) {
            ALM_CHECK_NEAR(k < 3 ? r.raw_translation[k] : r.raw_rotation_6d[k - 3], rows[i].pose[k],
                           limits.pose);
        }
        ALM_CHECK(r.manual_reused == (i == 1));
    }
    if (!(peak_kb() <= peak_limit_kb)) {
        ALM_FAIL("peak resident memory %ld kB, expected at most %ld", peak_kb(), peak_limit_kb);
    }
    ALM_CHECK(alm_golden_compare(m.session, alm_test_golden("release"), limits) >= 33);
    alm_test_close(&m);
    char file[1100];
    snprintf(file, sizeof file, "%s/pytorch_model/mp_rank_00_model_states.pt", folder);
    remove(file);
}

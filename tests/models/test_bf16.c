/* bf16 mode on the CPU against float64, stage by stage (bf16_limits.c has the bounds), and that it
 * is bf16 mode at all. */
#include "tests/models/bf16_limits.h"
#include "tests/shim/alm_test.h"

ALM_TEST(bf16, tiny)
{
    alm_bf16_compare("tiny", "cpu", 2);
}

ALM_TEST(bf16, sizes_a)
{
    alm_bf16_compare("sizes_a", "cpu", 2);
}

ALM_TEST(bf16, sizes_b)
{
    alm_bf16_compare("sizes_b", "cpu", 2);
}

ALM_TEST(bf16, sizes_c)
{
    alm_bf16_compare("sizes_c", "cpu", 2);
}

ALM_TEST(bf16, demo)
{
    alm_bf16_compare("demo", "cpu", 2);
}

/* The numbers of the derivation. */
ALM_TEST(bf16, roundings_are_counted)
{
    const alm_bf16_sizes sizes = {.vision_blocks = 2, .bridge_layers = 1, .text_layers = 3};
    const double first = 5.0 / 2 + 2.0 / 3, second = 5.0 / 4 + 2.0 / 5;
    ALM_CHECK(alm_bf16_roundings(sizes, "vision.pos_embed") == 0);
    ALM_CHECK(alm_bf16_roundings(sizes, "pixel_values") == 1);
    ALM_CHECK(fabs(alm_bf16_roundings(sizes, "vision.block.0") - (1 + first)) < 1e-12);
    ALM_CHECK(fabs(alm_bf16_roundings(sizes, "vision.merger") - (3 + first + second)) < 1e-12);
    ALM_CHECK(fabs(alm_bf16_roundings(sizes, "bridge.tokens") - (4 + first)) < 1e-12);
    /* Image tokens are the worse part of the embedding here. */
    ALM_CHECK(fabs(alm_bf16_roundings(sizes, "text.embed") - (3 + first + second)) < 1e-12);
    ALM_CHECK(fabs(alm_bf16_roundings(sizes, "text.layer.0") - (3 + 2 * first + second)) < 1e-12);
    ALM_CHECK(alm_bf16_roundings(sizes, "points.fixed.local") < 0);
    ALM_CHECK(alm_bf16_roundings(sizes, "input_ids") < 0);
}

static void predict(alm_session *session, const alm_sample *sample, double pose[9])
{
    alm_result r;
    ALM_REQUIRE_OK(alm_session_predict(session, sample, &r));
    memcpy(pose, r.raw_translation, 3 * sizeof *pose);
    memcpy(pose + 3, r.raw_rotation_6d, 6 * sizeof *pose);
}

/* A file with the same values in F32 gives the same bits. (That its weights are rounded at all is
 * for test_narrow.c.) */
ALM_TEST(bf16, f32_files_give_the_bits_of_bf16_files)
{
    enum { ROOM = 16 };
    static const char *const dtypes[] = {"bf16", "f32"};
    alm_golden_row rows[ROOM];
    double pose[2][9];
    const char *folders[] = {alm_test_golden("tiny/model"), NULL};
    ALM_REQUIRE(alm_golden_rows(alm_test_golden("tiny"), rows, ROOM) >= 2);
    folders[1] = alm_test_f32_model(folders[0]);
    ALM_REQUIRE(folders[1]);
    for (int d = 0; d < 2; d++) {
        for (int f = 0; f < 2; f++) {
            alm_test_model m = alm_test_open_on(folders[f], 2, "cpu", dtypes[d]);
            ALM_REQUIRE(m.session);
            predict(m.session, &rows[1].sample, pose[f]);
            alm_test_close(&m);
        }
        ALM_CHECK(memcmp(pose[0], pose[1], sizeof pose[0]) == 0);
    }
}

/* A warm run reads keys and values that a cold one rounded; other threads split other rows. */
ALM_TEST(bf16, bits_do_not_depend_on_threads_or_on_what_was_before)
{
    enum { ROOM = 16 };
    alm_golden_row rows[ROOM];
    double first[9], pose[9], f32[9];
    const char *folder = alm_test_golden("tiny/model");
    ALM_REQUIRE(alm_golden_rows(alm_test_golden("tiny"), rows, ROOM) >= 2);
    for (int threads = 1; threads <= 3; threads += 2) {
        alm_test_model m = alm_test_open_on(folder, threads, "cpu", "bf16");
        ALM_REQUIRE(m.session);
        predict(m.session, &rows[0].sample, pose);
        if (threads == 1) {
            memcpy(first, pose, sizeof first);
        }
        ALM_CHECK(memcmp(pose, first, sizeof first) == 0);
        predict(m.session, &rows[0].sample, pose);
        ALM_CHECK(memcmp(pose, first, sizeof first) == 0);
        alm_test_close(&m);
    }
    alm_test_model m = alm_test_open(folder, 2);
    ALM_REQUIRE(m.session);
    predict(m.session, &rows[0].sample, f32);
    ALM_CHECK(memcmp(f32, first, sizeof first) != 0);
    alm_test_close(&m);
}

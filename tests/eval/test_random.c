/* The generators of CPython, NumPy and PyTorch against golden/assembench/anchors.json and the
 * anchors of assembench.md 2. */
#include <jansson.h>
#include <stdlib.h>

#include "runtime/eval/draw.h"
#include "runtime/eval/random.h"
#include "tests/shim/sha256.h"
#include "tests/shim/alm_test.h"

static json_t *load_anchors(void)
{
    json_t *root = json_load_file(alm_test_golden("assembench/anchors.json"), 0, NULL);
    if (!root) {
        ALM_FAIL("anchors.json: not readable");
    }
    return root;
}

static void check_indices(json_t *first, const char *sha, const uint32_t *index)
{
    int64_t wide[ALM_DRAW_POINTS];
    char text[65];
    size_t i;
    json_t *value;
    json_array_foreach(first, i, value)
    {
        ALM_CHECK_INT(index[i], json_integer_value(value));
    }
    ALM_CHECK(i == 16);
    for (i = 0; i < ALM_DRAW_POINTS; i++) {
        wide[i] = index[i];
    }
    sha256_hex(wide, sizeof wide, text);
    ALM_CHECK(sha && strcmp(text, sha) == 0);
}

/* The draws of a cloud of `moving` and one of `fixed` points. */
static alm_draw *draw_sizes(uint32_t seed, int64_t moving, int64_t fixed)
{
    static float cloud[4096 * 3];
    static alm_draw draw;
    for (int i = 0; i < 4096 * 3; i++) {
        cloud[i] = (float)(i % 17);
    }
    if (alm_draw_sample(seed, cloud, moving, cloud, fixed, &draw) != ALM_OK) {
        ALM_FAIL("%s", alm_error_message());
    }
    return &draw;
}

static void check_numpy(uint32_t seed, json_t *want)
{
    alm_mt19937 generator;
    alm_mt19937_seed(&generator, seed);
    json_t *words = json_object_get(want, "numpy_words_4");
    for (size_t i = 0; i < 4; i++) {
        ALM_CHECK_INT(alm_mt19937_next(&generator), json_integer_value(json_array_get(words, i)));
    }
    /* random_sample: 27 and 26 bits of two words. */
    alm_mt19937_seed(&generator, seed);
    json_t *reals = json_object_get(want, "numpy_random_sample_8");
    for (size_t i = 0; i < 8; i++) {
        const uint32_t a = alm_mt19937_next(&generator) >> 5, b = alm_mt19937_next(&generator) >> 6;
        ALM_CHECK((a * 67108864.0 + b) / 9007199254740992.0 ==
                  json_real_value(json_array_get(reals, i)));
    }
    const char *name[3] = {"numpy_choice_1000_1024_replace", "numpy_choice_700_1024_replace",
                           "numpy_choice_2000_1024_without"};
    const int64_t points[3] = {1000, 700, 2000};
    for (int i = 0; i < 3; i++) {
        char sha[64];
        snprintf(sha, sizeof sha, "%s_sha256", name[i]);
        const alm_draw *draw = draw_sizes(seed, points[i], 1);
        ALM_CHECK(draw->moving_drawn && draw->fixed_drawn);
        check_indices(json_object_get(want, name[i]), json_string_value(json_object_get(want, sha)),
                      draw->moving_index);
    }
    const alm_draw *draw = draw_sizes(seed, 1000, 2000);
    json_t *two = json_object_get(want, "numpy_one_stream_1000_then_2000");
    json_t *sha = json_object_get(want, "numpy_one_stream_1000_then_2000_sha256");
    check_indices(json_array_get(two, 0), json_string_value(json_array_get(sha, 0)),
                  draw->moving_index);
    check_indices(json_array_get(two, 1), json_string_value(json_array_get(sha, 1)),
                  draw->fixed_index);
}

static void check_torch(uint32_t seed, json_t *want)
{
    alm_mt19937 generator;
    alm_mt19937_seed(&generator, seed);
    for (size_t k = 0; k < 12; k++) {
        json_t *value = json_array_get(
            json_array_get(json_object_get(want, "torch_rand_1_6_twice"), k / 6), k % 6);
        ALM_CHECK((alm_mt19937_next(&generator) & 0xFFFFFF) / 16777216.0 ==
                  json_number_value(value));
    }
}

static void check_python(uint32_t seed, json_t *want)
{
    uint32_t order[1285];
    size_t i;
    json_t *value;
    ALM_REQUIRE_OK(alm_random_order(seed, 20, order));
    json_array_foreach(json_object_get(want, "python_shuffle_20"), i, value)
    {
        ALM_CHECK_INT(order[i], json_integer_value(value));
    }
    ALM_CHECK(i == 20);
    ALM_REQUIRE_OK(alm_random_order(seed, 1285, order));
    json_array_foreach(json_object_get(want, "python_shuffle_1285"), i, value)
    {
        ALM_CHECK_INT(order[i], json_integer_value(value));
    }
    ALM_CHECK(i == 16);
    int64_t wide[1285];
    char text[65];
    for (i = 0; i < 1285; i++) {
        wide[i] = order[i];
    }
    sha256_hex(wide, sizeof wide, text);
    const char *sha = json_string_value(json_object_get(want, "python_shuffle_1285_sha256"));
    ALM_CHECK(sha && strcmp(text, sha) == 0);
}

ALM_TEST(random, golden_anchors)
{
    json_t *root = load_anchors(), *seeds = json_object_get(root, "seeds"), *want;
    const char *name;
    int n = 0;
    json_object_foreach(seeds, name, want)
    {
        const uint32_t seed = (uint32_t)strtoull(name, NULL, 10);
        check_numpy(seed, want);
        check_torch(seed, want);
        check_python(seed, want);
        n++;
    }
    ALM_CHECK_INT(n, 4);
    json_decref(root);
}

/* The numbers that the specification names itself. */
ALM_TEST(random, specification_anchors)
{
    uint32_t order[10];
    const uint32_t python[10] = {7, 8, 1, 5, 3, 4, 2, 0, 9, 6};
    ALM_REQUIRE_OK(alm_random_order(0, 10, order));
    ALM_CHECK(memcmp(order, python, sizeof order) == 0);
    /* randint(0, 10, 5): the low bits of a word, again while above 9. */
    const uint32_t small[5] = {5, 0, 3, 3, 7};
    alm_mt19937 generator;
    alm_mt19937_seed(&generator, 0);
    for (int i = 0; i < 5; i++) {
        uint32_t v;
        do {
            v = alm_mt19937_next(&generator) & 15;
        } while (v > 9);
        ALM_CHECK_INT(v, small[i]);
    }
    /* The generator's own test value: the 10,000th word of seed 5489. */
    alm_mt19937_seed(&generator, 5489);
    uint32_t word = 0;
    for (int i = 0; i < 10000; i++) {
        word = alm_mt19937_next(&generator);
    }
    ALM_CHECK_INT(word, 4123659995u);
    /* And of the seeding by an array: the first word for {0x123, 0x234, 0x345, 0x456}. */
    const uint32_t key[4] = {0x123, 0x234, 0x345, 0x456};
    alm_mt19937_seed_array(&generator, key, 4);
    ALM_CHECK_INT(alm_mt19937_next(&generator), 1067595299u);
}

ALM_TEST(random, order_limits)
{
    uint32_t order[1] = {7};
    ALM_CHECK_STATUS(alm_random_order(0, 0, order), ALM_OK);
    ALM_CHECK_INT(order[0], 7);
    ALM_CHECK_STATUS(alm_random_order(0, 1, order), ALM_OK);
    ALM_CHECK_INT(order[0], 0);
    ALM_CHECK_STATUS(alm_random_order(0, -1, order), ALM_STATUS_SAMPLE);
    ALM_CHECK_STATUS(alm_random_order(0, (int64_t)1 << 32, order), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "4294967296");
}

ALM_TEST(random, sample_seed_wraps)
{
    ALM_CHECK_INT(alm_draw_seed(0, 5), 5);
    ALM_CHECK_INT(alm_draw_seed(0xFFFFFFFEu, 0), 0xFFFFFFFELL);
    ALM_CHECK_INT(alm_draw_seed(0xFFFFFFFEu, 1), 0);
    ALM_CHECK_INT(alm_draw_seed(0xFFFFFFFFu, 0), 0);
    ALM_CHECK_INT(alm_draw_seed(0xFFFFFFFFu, 900000), 900000);
}

/* A cloud of one point draws nothing, one of 1,024 neither: the other cloud gets the same draws. */
ALM_TEST(random, clouds_that_draw_nothing)
{
    uint32_t want[ALM_DRAW_POINTS];
    const alm_draw *draw = draw_sizes(7, 1000, 1);
    memcpy(want, draw->moving_index, sizeof want);
    for (int i = 0; i < ALM_DRAW_POINTS; i++) {
        ALM_CHECK(draw->fixed_index[i] == 0);
    }
    draw = draw_sizes(7, 1, 1000);
    ALM_CHECK(draw->moving_drawn);
    ALM_CHECK(memcmp(want, draw->fixed_index, sizeof want) == 0);
    draw = draw_sizes(7, ALM_DRAW_POINTS, 1000);
    ALM_CHECK(!draw->moving_drawn && draw->fixed_drawn);
    ALM_CHECK(memcmp(want, draw->fixed_index, sizeof want) == 0);
    for (uint32_t i = 0; i < ALM_DRAW_POINTS; i++) {
        ALM_CHECK(draw->moving_index[i] == i);
    }
}

/* The way without a small buffer gives a permutation's beginning too. */
ALM_TEST(random, large_cloud)
{
    enum { POINTS = 100000 };
    float *cloud = calloc(POINTS, 3 * sizeof *cloud);
    static alm_draw draw;
    static uint8_t seen[POINTS];
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < POINTS; i++) {
        cloud[3 * i] = (float)i;
    }
    ALM_REQUIRE_OK(alm_draw_sample(3, cloud, POINTS, cloud, 5, &draw));
    for (int i = 0; i < ALM_DRAW_POINTS; i++) {
        ALM_REQUIRE(draw.moving_index[i] < POINTS && !seen[draw.moving_index[i]]++);
        ALM_CHECK(draw.moving[3 * i] == (float)draw.moving_index[i]);
    }
    free(cloud);
}

ALM_TEST(random, draw_refuses)
{
    static alm_draw draw;
    static float cloud[ALM_DRAW_POINTS * 3];
    ALM_CHECK_STATUS(alm_draw_sample(0, cloud, 0, cloud, 5, &draw), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "moving cloud: 0 points");
    ALM_CHECK_TEXT(alm_error_param(), "moving");
    ALM_CHECK_STATUS(alm_draw_sample(0, cloud, 5, cloud, (int64_t)1 << 32, &draw),
                     ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "fixed cloud: 4294967296 points");
    for (int i = 0; i < ALM_DRAW_POINTS * 3; i++) {
        cloud[i] = 1e38f;
    }
    ALM_CHECK_STATUS(alm_draw_sample(0, cloud, ALM_DRAW_POINTS, cloud, 5, &draw),
                     ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "overflow");
}

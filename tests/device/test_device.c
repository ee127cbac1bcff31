/* The model on a device: a GPU, or the CUDA kernels on the CPU (tests/cuda_shim). In float32 the
 * same limits as on the CPU; in bf16 see tests/models/test_bf16.c for the bounds. */
#include "runtime/backend.h"
#include "runtime/session.h"
#include "tests/models/bf16_limits.h"
#include "tests/models/golden.h"
#include "tests/shim/alm_test.h"

enum { ROWS = 16 };

/* Skips loudly where there is no device. */
#define REQUIRE_DEVICE()                                                                           \
    do {                                                                                           \
        alm_target *target_ = NULL;                                                                \
        if (alm_target_open_cuda(0, &target_) != ALM_OK) {                                         \
            ALM_SKIP("%s", alm_error_message());                                                   \
        }                                                                                          \
        alm_target_close(target_);                                                                 \
    } while (0)

static void predict(alm_session *session, const alm_sample *sample, double pose[9])
{
    alm_result r;
    if (alm_session_predict(session, sample, &r) != ALM_OK) {
        ALM_FAIL("%s: %s", sample->id, alm_error_message());
        memset(pose, 0, 9 * sizeof *pose);
        return;
    }
    memcpy(pose, r.raw_translation, 3 * sizeof *pose);
    memcpy(pose + 3, r.raw_rotation_6d, 6 * sizeof *pose);
}

static void compare_f32(const char *model, const char *samples, int least_stages)
{
    static const alm_golden_limits limits = {.stage = 1e-4, .pose = 1e-5};
    REQUIRE_DEVICE();
    alm_test_model m = alm_test_open_on(model, 0, alm_cuda_backend_name, "f32");
    ALM_REQUIRE(m.session);
    const int compared = alm_golden_compare(m.session, samples, limits);
    if (compared < least_stages) {
        ALM_FAIL("%s: %d stages compared, expected at least %d", samples, compared, least_stages);
    }
    alm_test_close(&m);
}

ALM_TEST(device, golden_tiny)
{
    compare_f32(alm_test_golden("tiny/model"), alm_test_golden("tiny"), 100);
}

ALM_TEST(device, golden_sizes_a)
{
    compare_f32(alm_test_golden("sizes_a/model"), alm_test_golden("sizes_a"), 30);
}

ALM_TEST(device, golden_sizes_b)
{
    compare_f32(alm_test_golden("sizes_b/model"), alm_test_golden("sizes_b"), 30);
}

ALM_TEST(device, golden_sizes_c)
{
    compare_f32(alm_test_golden("sizes_c/model"), alm_test_golden("sizes_c"), 30);
}

static void compare_bf16(const char *name)
{
    REQUIRE_DEVICE();
    alm_bf16_compare(name, alm_cuda_backend_name, 0);
}

ALM_TEST(device, bf16_tiny)
{
    compare_bf16("tiny");
}

ALM_TEST(device, bf16_sizes_a)
{
    compare_bf16("sizes_a");
}

ALM_TEST(device, bf16_sizes_b)
{
    compare_bf16("sizes_b");
}

ALM_TEST(device, bf16_sizes_c)
{
    compare_bf16("sizes_c");
}

/* The same sample gives the same bits alone and after others, node by node and as a captured graph,
 * cold and warm. */
static void compare_bits(const char *dtype)
{
    enum { SAMPLES = 3 };
    alm_golden_row rows[ROWS];
    double alone[SAMPLES][9], pose[9];
    REQUIRE_DEVICE();
    ALM_REQUIRE(alm_golden_rows(alm_test_golden("tiny"), rows, ROWS) >= SAMPLES);
    for (int i = 0; i < SAMPLES; i++) {
        alm_test_model m =
            alm_test_open_on(alm_test_golden("tiny/model"), 0, alm_cuda_backend_name, dtype);
        ALM_REQUIRE(m.session);
        predict(m.session, &rows[i].sample, alone[i]);
        alm_test_close(&m);
    }
    alm_test_model m =
        alm_test_open_on(alm_test_golden("tiny/model"), 0, alm_cuda_backend_name, dtype);
    ALM_REQUIRE(m.session);
    /* At the end one manual again and again: warm, first node by node, then captured. */
    static const int order[] = {2, 0, 1, 2, 0, 0, 0};
    for (size_t step = 0; step < sizeof order / sizeof order[0]; step++) {
        const int i = order[step];
        predict(m.session, &rows[i].sample, pose);
        if (memcmp(pose, alone[i], sizeof pose) != 0) {
            ALM_FAIL("%s, step %d: other bits than alone", rows[i].name, (int)step);
        }
    }
    alm_test_close(&m);
}

/* A model of F32 runs with the kernels of a bf16 one, and with its bits: the values are the same.
 */
ALM_TEST(device, bits_of_an_f32_file)
{
    alm_golden_row rows[ROWS];
    double pose[2][9];
    const char *folders[] = {alm_test_golden("tiny/model"), NULL};
    alm_test_model m[2] = {{NULL}, {NULL}};
    REQUIRE_DEVICE();
    ALM_REQUIRE(alm_golden_rows(alm_test_golden("tiny"), rows, ROWS) > 0);
    folders[1] = alm_test_f32_model(folders[0]);
    ALM_REQUIRE(folders[1]);
    for (int i = 0; i < 2; i++) {
        m[i] = alm_test_open_on(folders[i], 0, alm_cuda_backend_name, "bf16");
        ALM_REQUIRE(m[i].session);
        predict(m[i].session, &rows[0].sample, pose[i]);
    }
    ALM_CHECK(memcmp(pose[0], pose[1], sizeof pose[0]) == 0);
    ALM_CHECK_INT(alm_session_nodes(m[0].session), alm_session_nodes(m[1].session));
    int on_tensor_cores = 0;
    for (int n = 0; n < alm_session_nodes(m[0].session) && !alm_test_failed(); n++) {
        const alm_node_info a = alm_session_node(m[0].session, n),
                            b = alm_session_node(m[1].session, n);
        on_tensor_cores += strstr(a.kernel, "_mma") != NULL;
        if (strcmp(a.kernel, b.kernel) != 0 && strstr(a.kernel, "_mma")) {
            ALM_FAIL("%s: %s, from F32: %s", a.name, a.kernel, b.kernel);
        }
    }
    ALM_CHECK(on_tensor_cores > 20);
    alm_test_close(&m[0]);
    alm_test_close(&m[1]);
}

ALM_TEST(device, bits_f32)
{
    compare_bits("f32");
}

ALM_TEST(device, bits_bf16)
{
    compare_bits("bf16");
}

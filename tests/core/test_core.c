#include "tests/shim/alm_test.h"

#include <string.h>
#include <sys/prctl.h>

#include "kernels/core/memory.h"
#include "kernels/core/numeric.h"
#include "kernels/core/parallel.h"

ALM_TEST(memory, refuses_sizes_that_overflow)
{
    void *block = NULL;
    ALM_CHECK_STATUS(alm_alloc(SIZE_MAX / 2, 3, "cloud", &block), ALM_STATUS_MEMORY);
    ALM_CHECK_TEXT(alm_error_message(), "cloud");
    ALM_CHECK(block == NULL);
}

ALM_TEST(memory, guard_refuses_allocations)
{
    void *block = NULL;
    const uint64_t before = alm_guard_violations();
    alm_guard_begin();
    ALM_CHECK_STATUS(alm_alloc(1, 8, "scratch", &block), ALM_STATUS_INTERNAL);
    alm_guard_end();
    ALM_CHECK_INT(alm_guard_violations(), before + 1);
    ALM_REQUIRE_OK(alm_alloc(1, 8, "scratch", &block));
    ALM_CHECK_INT((uintptr_t)block % ALM_ALIGNMENT, 0);
    alm_free(block);
}

ALM_TEST(status, messages_are_printable_and_keep_their_param)
{
    alm_fail_param(alm_fail(ALM_STATUS_SAMPLE, "cloud \x1b[31m\xff\xc3\xa9.npy: bad"), "fixed");
    ALM_CHECK(strcmp(alm_error_message(), "cloud ?[31m?\xc3\xa9.npy: bad") == 0);
    alm_fail_param(alm_fail_context(ALM_STATUS_SAMPLE, "line %d", 3), "moving");
    ALM_CHECK(strcmp(alm_error_param(), "fixed") == 0);
    ALM_CHECK_TEXT(alm_error_message(), "line 3: cloud ");
}

ALM_TEST(numeric, bf16_rounds_to_even_and_keeps_nan)
{
    ALM_CHECK_INT(alm_bf16_from_f32(1.00390625f), 0x3F80);   /* half way, even below */
    ALM_CHECK_INT(alm_bf16_from_f32(1.01171875f), 0x3F82);   /* half way, even above */
    ALM_CHECK_INT(alm_bf16_from_f32(3.4028235e38f), 0x7F80); /* overflows to infinity */
    ALM_CHECK(isnan(alm_bf16_to_f32(alm_bf16_from_f32(NAN))));
    for (uint32_t bits = 0; bits < 0x7F80; bits++) {
        ALM_CHECK_INT(alm_bf16_from_f32(alm_bf16_to_f32((alm_bf16)bits)), bits);
    }
}

ALM_TEST(numeric, f16_covers_subnormals_and_infinity)
{
    ALM_CHECK(alm_f16_to_f32(0x3C00) == 1.0f);
    ALM_CHECK(alm_f16_to_f32(0x0001) == 0x1p-24f);
    ALM_CHECK(alm_f16_to_f32(0xFBFF) == -65504.0f);
    ALM_CHECK(isinf(alm_f16_to_f32(0x7C00)) && isnan(alm_f16_to_f32(0x7E00)));
}

enum { TASKS = 1000 };
static void mark(void *context, int64_t index, int thread)
{
    (void)thread;
    ((unsigned char *)context)[index]++;
}

ALM_TEST(parallel, runs_every_task_once)
{
    for (int threads = 1; threads <= 5; threads++) {
        alm_pool *pool;
        ALM_REQUIRE_OK(alm_pool_create(threads, &pool));
        unsigned char seen[TASKS] = {0};
        for (int round = 0; round < 100; round++) {
            alm_parallel_for(pool, TASKS, mark, seen);
        }
        for (int i = 0; i < TASKS; i++) {
            ALM_CHECK_INT(seen[i], 100);
        }
        alm_pool_destroy(pool);
    }
}

/* The name of the thread that ran the task, 16 bytes. */
static void note_name(void *context, int64_t index, int thread)
{
    (void)index;
    prctl(PR_GET_NAME, (char *)context + (ptrdiff_t)16 * thread);
}

ALM_TEST(parallel, workers_have_names)
{
    char name[2][16] = {""}, before[16];
    alm_pool *pool;
    prctl(PR_GET_NAME, before);
    ALM_REQUIRE_OK(alm_pool_create(2, &pool));
    for (int round = 0; round < 1000 && name[1][0] == '\0'; round++) {
        alm_parallel_for(pool, TASKS, note_name, name);
    }
    alm_pool_destroy(pool);
    ALM_CHECK(strcmp(name[1], "assemlm-cpu-1") == 0);
    prctl(PR_GET_NAME, name[0]);
    ALM_CHECK(strcmp(name[0], before) == 0); /* the caller's own is his */
    alm_thread_name("a name of more bytes");
    prctl(PR_GET_NAME, name[0]);
    ALM_CHECK(strcmp(name[0], "a name of more ") == 0);
    alm_thread_name(before);
}

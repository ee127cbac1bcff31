/* Tests in C, run by googletest behind this header.
 *
 *     ALM_TEST(cloud, refuses_nan)
 *     {
 *         ALM_CHECK_STATUS(alm_cloud_check(xyz, 1, "x"), ALM_STATUS_SAMPLE);
 *         ALM_CHECK_TEXT(alm_error_message(), "NaN");
 *     }
 *
 * A check that fails reports its place and goes on; ALM_REQUIRE leaves the test. A test that is not
 * run says so with ALM_SKIP and its reason; ASSEMLM_NO_SKIP=1 makes that a failure.
 */
#ifndef ALM_TESTS_SHIM_ALM_TEST_H
#define ALM_TESTS_SHIM_ALM_TEST_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/core/status.h"

#ifdef __cplusplus
extern "C" {
#endif

void alm_test_register(const char *suite, const char *name, const char *file, int line,
                       void (*body)(void));
void alm_test_fail(const char *file, int line, const char *format, ...) ALM_PRINTF(3, 4);
void alm_test_skip(const char *file, int line, const char *format, ...) ALM_PRINTF(3, 4);
/* Whether the running test has failed so far. */
bool alm_test_failed(void);

/* tests/golden/<name> of the source tree; static storage, good for the next 7 calls. */
const char *alm_test_golden(const char *name);
/* A new empty folder for this test; removed when the program ends. Static storage. */
const char *alm_test_folder(void);
/* "<folder>/<name>"; static storage, good for the next 7 calls. */
const char *alm_test_path(const char *folder, const char *name);
/* Whole file; free() it. NULL and a failure when it cannot be read. */
void *alm_test_read(const char *path, size_t *bytes);
void alm_test_write(const char *path, const void *data, size_t bytes);

/* Random numbers of the test; the seed is printed on failure and set with ASSEMLM_TEST_SEED. */
uint64_t alm_test_random(void);
float alm_test_uniform(void); /* [-1, 1) */

#ifdef __cplusplus
}
#endif

#define ALM_TEST(suite, name)                                                                      \
    static void alm_test_##suite##_##name(void);                                                   \
    __attribute__((constructor)) static void alm_test_register_##suite##_##name(void)              \
    {                                                                                              \
        alm_test_register(#suite, #name, __FILE__, __LINE__, alm_test_##suite##_##name);           \
    }                                                                                              \
    static void alm_test_##suite##_##name(void)

#define ALM_FAIL(...) alm_test_fail(__FILE__, __LINE__, __VA_ARGS__)

#define ALM_SKIP(...)                                                                              \
    do {                                                                                           \
        alm_test_skip(__FILE__, __LINE__, __VA_ARGS__);                                            \
        return;                                                                                    \
    } while (0)

#define ALM_CHECK(condition)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ALM_FAIL("not true: %s", #condition);                                                  \
        }                                                                                          \
    } while (0)

#define ALM_REQUIRE(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ALM_FAIL("not true: %s", #condition);                                                  \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* A function that returns alm_status and must succeed; leaves the test otherwise. */
#define ALM_REQUIRE_OK(expression)                                                                 \
    do {                                                                                           \
        const alm_status status_ = (expression);                                                   \
        if (status_ != ALM_OK) {                                                                   \
            ALM_FAIL("%s: %s: %s", #expression, alm_status_name(status_), alm_error_message());    \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#define ALM_CHECK_STATUS(expression, expected)                                                     \
    do {                                                                                           \
        const alm_status status_ = (expression);                                                   \
        if (status_ != (expected)) {                                                               \
            ALM_FAIL("%s: %s (%s), expected %s", #expression, alm_status_name(status_),            \
                     alm_error_message(), alm_status_name(expected));                              \
        }                                                                                          \
    } while (0)

#define ALM_CHECK_INT(got, expected)                                                               \
    do {                                                                                           \
        const long long got_ = (long long)(got), expected_ = (long long)(expected);                \
        if (got_ != expected_) {                                                                   \
            ALM_FAIL("%s is %lld, expected %lld", #got, got_, expected_);                          \
        }                                                                                          \
    } while (0)

/* |got - expected| <= tolerance, stated so that NaN fails. */
#define ALM_CHECK_NEAR(got, expected, tolerance)                                                   \
    do {                                                                                           \
        const double got_ = (double)(got), expected_ = (double)(expected);                         \
        if (!(fabs(got_ - expected_) <= (tolerance))) {                                            \
            ALM_FAIL("%s is %.9g, expected %.9g within %g", #got, got_, expected_,                 \
                     (double)(tolerance));                                                         \
        }                                                                                          \
    } while (0)

/* The text holds the part. */
#define ALM_CHECK_TEXT(text, part)                                                                 \
    do {                                                                                           \
        const char *text_ = (text);                                                                \
        if (!strstr(text_, (part))) {                                                              \
            ALM_FAIL("%s is \"%s\", expected it to hold \"%s\"", #text, text_, (part));            \
        }                                                                                          \
    } while (0)

#endif

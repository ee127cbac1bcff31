/* alm_test.h without googletest, for programs where every instruction must be compiled with a
 * sanitizer of their own (MemorySanitizer) or that must build in a second. Prints googletest's
 * lines and takes --gtest_filter=PATTERN[:PATTERN...] with * and ?, and --gtest_list_tests. Random
 * numbers are those of the other program. */
#include "tests/shim/alm_test.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { MAX_TESTS = 256, TEXTS = 8 };

typedef struct test {
    const char *suite, *name;
    void (*body)(void);
} test;

static test tests[MAX_TESTS];
static int n_tests;
static bool failed, skipped;
static uint64_t seed = 1, state = 1;

void alm_test_register(const char *suite, const char *name, const char *file, int line,
                       void (*body)(void))
{
    if (n_tests == MAX_TESTS) {
        fprintf(stderr, "%s:%d: more than %d tests\n", file, line, MAX_TESTS);
        exit(1);
    }
    tests[n_tests++] = (test){suite, name, body};
}

void alm_test_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("%s:%d: Failure\n", file, line);
    vprintf(format, args);
    printf("\n");
    fflush(stdout);
    va_end(args);
    failed = true;
}

void alm_test_skip(const char *file, int line, const char *format, ...)
{
    const char *strict = getenv("ASSEMLM_NO_SKIP");
    va_list args;
    va_start(args, format);
    printf("%s:%d: %s\n", file, line, strict && strict[0] == '1' ? "Failure: skipped" : "Skipped");
    vprintf(format, args);
    printf("\n");
    va_end(args);
    failed = failed || (strict && strict[0] == '1');
    skipped = true;
}

bool alm_test_failed(void)
{
    return failed;
}

static char *next_text(void)
{
    static char ring[TEXTS][1024];
    static int next;
    next = (next + 1) % TEXTS;
    return ring[next];
}

const char *alm_test_golden(const char *name)
{
    char *text = next_text();
    snprintf(text, sizeof(char[1024]), ALM_TEST_SOURCE_DIR "/tests/golden/%s", name);
    return text;
}

const char *alm_test_path(const char *folder, const char *name)
{
    char *text = next_text();
    snprintf(text, sizeof(char[1024]), "%s/%s", folder, name);
    return text;
}

/* splitmix64 */
uint64_t alm_test_random(void)
{
    uint64_t z = (state += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

float alm_test_uniform(void)
{
    return (float)((int64_t)(alm_test_random() >> 40) - (1 << 23)) * 0x1p-23f;
}

/* Whether the colon-separated patterns hold the name; what follows a '-' is left out. */
static bool is_chosen(const char *filter, const char *name)
{
    char all[1024];
    snprintf(all, sizeof all, "%s", filter);
    char *without = strchr(all, '-');
    if (without) {
        *without++ = '\0';
    }
    bool chosen = all[0] == '\0';
    for (char *p = all, *end; p; p = end ? end + 1 : NULL) {
        end = strchr(p, ':');
        if (end) {
            *end = '\0';
        }
        chosen = chosen || fnmatch(p, name, 0) == 0;
    }
    for (char *p = without, *end; p; p = end ? end + 1 : NULL) {
        end = strchr(p, ':');
        if (end) {
            *end = '\0';
        }
        chosen = chosen && fnmatch(p, name, 0) != 0;
    }
    return chosen;
}

int main(int argc, char **argv)
{
    const char *filter = "*", *given = getenv("ASSEMLM_TEST_SEED");
    const char *shards = getenv("GTEST_TOTAL_SHARDS"), *shard = getenv("GTEST_SHARD_INDEX");
    bool list = false;
    int chosen = 0, passed = 0, n_skipped = 0, n_failed = 0;
    static char names[MAX_TESTS][128];
    seed = given ? strtoull(given, NULL, 0) : 1;
    for (int i = 1; i < argc; i++) {
        filter = strncmp(argv[i], "--gtest_filter=", 15) == 0 ? argv[i] + 15 : filter;
        list = list || strcmp(argv[i], "--gtest_list_tests") == 0;
    }
    for (int i = 0; i < n_tests; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s.%s", tests[i].suite, tests[i].name);
        if (!is_chosen(filter, name) ||
            (shards && shard && chosen++ % atoi(shards) != atoi(shard))) {
            continue;
        }
        if (list) {
            printf("%s\n", name);
            continue;
        }
        printf("[ RUN      ] %s\n", name);
        fflush(stdout);
        failed = skipped = false;
        state = seed;
        alm_error_clear();
        tests[i].body();
        printf("[  %s ] %s\n", failed ? "FAILED " : skipped ? "SKIPPED" : "     OK", name);
        fflush(stdout);
        passed += !failed && !skipped;
        n_skipped += !failed && skipped;
        if (failed) {
            snprintf(names[n_failed++], sizeof names[0], "%s", name);
        }
    }
    if (list) {
        return 0;
    }
    printf("[==========] %d tests ran.\n[  PASSED  ] %d tests.\n", passed + n_skipped + n_failed,
           passed);
    if (n_skipped) {
        printf("[  SKIPPED ] %d tests.\n", n_skipped);
    }
    if (n_failed) {
        printf("[  FAILED  ] %d tests, listed below:\n", n_failed);
    }
    for (int i = 0; i < n_failed; i++) {
        printf("[  FAILED  ] %s\n", names[i]);
    }
    return n_failed != 0;
}

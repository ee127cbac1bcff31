/* Numbers as Python prints them, names, exact sums and the JSON layout. */
#include <float.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/exact_sum.h"
#include "runtime/eval/name_index.h"
#include "runtime/output/json_write.h"
#include "runtime/output/real_text.h"
#include "tests/shim/alm_test.h"

/* Made with CPython 3.11's repr(float.fromhex(...)). */
static const struct {
    double value;
    const char *text;
} printed[] = {
    {0x0.0p+0, "0.0"},
    {-0x0.0p+0, "-0.0"},
    {0x1.0000000000000p+0, "1.0"},
    {-0x1.0000000000000p+0, "-1.0"},
    {0x1.9000000000000p+6, "100.0"},
    {0x1.999999999999ap-4, "0.1"},
    {0x1.5555555555555p-2, "0.3333333333333333"},
    {0x1.5555555555555p-1, "0.6666666666666666"},
    {0x1.a36e2eb1c432dp-14, "0.0001"},
    {0x1.a36e2eb1c432cp-14, "9.999999999999999e-05"},
    {0x1.4f8b588e368f1p-17, "1e-05"},
    {0x1.41fc000000000p-50, "1.1171077084204395e-15"},
    {0x1.1c37937e08000p+53, "1e+16"},
    {0x1.1c37937e07fffp+53, "9999999999999998.0"},
    {0x1.0000000000000p+53, "9007199254740992.0"},
    {0x1.c6bf526340000p+49, "1000000000000000.0"},
    {0x1.b69b4ba630f35p+56, "1.2345678901234568e+17"},
    {0x1.6345785d8a000p+56, "1e+17"},
    {0x1.0f0cf064dd592p+73, "1e+22"},
    {0x1.52d02c7e14af6p+76, "1e+23"},
    {0x0.0000000000001p-1022, "5e-324"},
    {0x1.0000000000000p-1022, "2.2250738585072014e-308"},
    {0x1.fffffffffffffp+1023, "1.7976931348623157e+308"},
    {0x1.0000000000000p-44, "5.684341886080802e-14"},
    {0x1.0000000000000p-1022, "2.2250738585072014e-308"},
    {0x1.0000000000000p+60, "1.152921504606847e+18"},
    {0x1.0000000000000p+100, "1.2676506002282294e+30"},
    {0x1.0000000000000p+89, "6.189700196426902e+26"},
    {0x1.0000000000000p-24, "5.960464477539063e-08"},
    {0x1.7e1e195d66666p+5, "47.764696817100045"},
    {0x1.0000000000000p-1, "0.5"},
    {0x1.c000000000000p-1, "0.875"},
    {0x1.5555555555555p-1, "0.6666666666666666"},
    {0x1.249ad2594c37dp+332, "1e+100"},
    {-0x1.421f5f40d8376p-23, "-1.5e-07"},
    {0x1.67d63e0000000p+7, "179.91844177246094"},
    {0x1.c7e83209e90b2p+72, "8.41e+21"},
    {0x1.0000000000000p-20, "9.5367431640625e-07"},
    {0x1.3973563352d9ep-48, "4.35e-15"},
    {0x1.1d591b45ac86cp-50, "9.9e-16"},
    {0x1.203af9ee75616p-50, "1e-15"},
    {0x1.1de784a000000p+28, "299792458.0"},
    {0x1.0000000000000p-1019, "1.7800590868057611e-307"},
    {0x1.7f626c0000000p+12, "6134.1513671875"},
    {0x1.0000000000000p+32, "4294967296.0"},
    {0x1.0000000000000p-25, "2.9802322387695312e-08"},
    {0x1.0000000000000p-44, "5.684341886080802e-14"},
    {0x1.0000000000000p-30, "9.313225746154785e-10"},
};

static double random_double(void)
{
    double value;
    do {
        const uint64_t bits = alm_test_random();
        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value));
    return value;
}

static void check_text(double value, const char *expected)
{
    char text[ALM_REAL_TEXT];
    const size_t count = alm_real_text(value, text);
    ALM_CHECK_INT(count, strlen(text));
    if (strcmp(text, expected) != 0) {
        ALM_FAIL("%a is \"%s\", expected \"%s\"", value, text, expected);
    }
}

ALM_TEST(real_text, as_python_prints)
{
    for (size_t i = 0; i < sizeof printed / sizeof *printed; i++) {
        check_text(printed[i].value, printed[i].text);
    }
}

/* Reads back as the same double, and no text with a digit less does. */
static void check_shortest(double value)
{
    char text[ALM_REAL_TEXT], shorter[64];
    alm_real_text(value, text);
    if (strtod(text, NULL) != value) {
        ALM_FAIL("%a is printed as %s, which is another number", value, text);
    }
    int digits = 0, last = 0;
    for (const char *p = text; *p && *p != 'e'; p++) {
        if (*p >= '0' && *p <= '9' && (digits || *p != '0')) {
            digits++;
            last = *p != '0' ? digits : last;
        }
    }
    if (last > 1) {
        snprintf(shorter, sizeof shorter, "%.*e", last - 2, value);
        if (strtod(shorter, NULL) == value) {
            ALM_FAIL("%a is printed as %s, expected %s", value, text, shorter);
        }
    }
}

ALM_TEST(real_text, shortest_that_reads_back)
{
    for (int i = 0; i < 20000; i++) {
        check_shortest(random_double());
        check_shortest((double)alm_test_uniform());
        check_shortest((double)(float)ldexp((double)alm_test_uniform(), i % 120 - 90));
    }
    for (int e = -1074; e <= 1023; e++) {
        check_shortest(ldexp(1, e));
        check_shortest(nextafter(ldexp(1, e), 0));
        check_shortest(nextafter(ldexp(1, e), INFINITY));
    }
}

static void check_read(const char *text)
{
    double got = NAN;
    const double expected = strtod(text, NULL);
    if (!alm_parse_real(text, &got) || memcmp(&got, &expected, sizeof got) != 0) {
        ALM_FAIL("%s is read as %a, expected %a", text, got, expected);
    }
}

/* The quick way of alm_parse_real against strtod: texts of every length and scale, and halves
 * between two doubles, which go to the even one. */
ALM_TEST(real_text, read_as_strtod_reads)
{
    char text[96];
    for (int i = 0; i < 20000; i++) {
        const uint64_t digits = alm_test_random() >> (alm_test_random() % 64);
        const unsigned scale = (unsigned)(alm_test_random() % 40);
        snprintf(text, sizeof text, "%s%llue-%u", i % 2 ? "-" : "", (unsigned long long)digits,
                 scale);
        check_read(text);
        snprintf(text, sizeof text, "%u.%0*llu", scale, (int)(scale % 20 + 1),
                 (unsigned long long)digits);
        check_read(text);
        const uint64_t half = (alm_test_random() >> 11) * 2 + (UINT64_C(1) << 53) + 1;
        for (uint64_t n = half - 1; n <= half + 1; n++) { /* below it, it, above it */
            snprintf(text, sizeof text, "%llu", (unsigned long long)n);
            check_read(text);
            /* The same as tenths: five times it, halved. */
            snprintf(text, sizeof text, "%llue-1", (unsigned long long)(n - half + half * 5));
            check_read(text);
        }
    }
    check_read("0.0");
    check_read("-0");
    check_read("00000000000000000000000000001.5");
    check_read("9999999999999999999");
    check_read("0.0000000000000000000000000012345678901234567");
}

ALM_TEST(real_text, the_locale_has_no_say)
{
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "ar_SA.UTF-8", "C.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (setlocale(LC_ALL, names[i])) { /* the last is there everywhere */
            check_text(-1234.5, "-1234.5");
            check_text(1.5e300, "1.5e+300");
            check_text(5e-324, "5e-324");
            setlocale(LC_ALL, "C");
        }
    }
}

ALM_TEST(json_write, layout_of_python)
{
    /* json.dumps({"a": [], "b": {}, "c": [[1], {"d": None}], "e\x7f": "\t/\u2028é"}, indent=2,
     * ensure_ascii=False) */
    static const char expected[] =
        "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    [\n      1\n    ],\n"
        "    {\n      \"d\": null\n    }\n  ],\n"
        "  \"e\x7f\": \"\\t/\xe2\x80\xa8\xc3\xa9\"\n}";
    static const char text[] = "{\"a\":[],\"b\":{ },\"c\":[[1],{\"d\":null}],"
                               "\"e\\u007f\":\"\\u0009\\/\\u2028\\u00e9\"}";
    alm_json_write w;
    alm_json json;
    alm_json_write_begin(&w, NULL);
    alm_json_begin(&json, "text", text, sizeof text - 1);
    ALM_CHECK_STATUS(alm_json_write_copy(&w, &json), ALM_OK);
    ALM_CHECK_STATUS(alm_json_write_end(&w), ALM_OK);
    ALM_CHECK_INT(w.text.count, sizeof expected - 1);
    ALM_CHECK(w.text.count == sizeof expected - 1 &&
              memcmp(w.text.data, expected, w.text.count) == 0);
    alm_json_close(&json);
    alm_json_write_free(&w);
}

ALM_TEST(json_write, deep_and_large)
{
    enum { DEPTH = 60, TEXTS = 5000 };
    const char *path = alm_test_path(alm_test_folder(), "deep.json");
    alm_file_write *file;
    alm_json_write w;
    size_t bytes, expected = 0;
    ALM_REQUIRE_OK(alm_file_write_begin(path, &file));
    alm_json_write_begin(&w, file);
    for (int i = 0; i < DEPTH; i++) {
        alm_json_write_open(&w, '[');
        /* Two brackets on lines of their own, but for the line end of the first. */
        expected += 4 + 2 * 2 * (size_t)i - (i == 0);
    }
    for (int i = 0; i < TEXTS; i++) {
        alm_json_write_string(&w, "0123456789abcdef0123456789abcdef");
    }
    expected += TEXTS * (34 + 2 + 2 * DEPTH) - 1; /* quotes, line end, comma, spaces */
    for (int i = 0; i < DEPTH; i++) {
        alm_json_write_close(&w, ']');
    }
    ALM_CHECK_STATUS(alm_json_write_end(&w), ALM_OK);
    ALM_CHECK(w.text.capacity < 300000); /* the file has 780,000 bytes */
    ALM_CHECK_STATUS(alm_file_write_commit(file), ALM_OK);
    alm_json_write_free(&w);
    alm_file_write_end(file);
    free(alm_test_read(path, &bytes));
    ALM_CHECK_INT(bytes, expected);
}

ALM_TEST(json_write, numbers_that_are_not_finite)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        alm_json_write w;
        alm_json_write_begin(&w, NULL);
        alm_json_write_open(&w, '[');
        alm_json_write_real(&w, bad[i]);
        alm_json_write_close(&w, ']');
        ALM_CHECK_STATUS(alm_json_write_end(&w), ALM_STATUS_INTERNAL);
        alm_json_write_free(&w);
    }
}

/* ---- Names ---- */

ALM_TEST(names, numbered_and_sorted)
{
    enum { COUNT = 3000 };
    static char name[COUNT][12];
    alm_name_index names = {0};
    size_t index, *order;
    for (int i = 0; i < COUNT; i++) {
        /* Short, of few letters, so that many are equal or begin alike; bytes above 0x7f too. */
        const size_t bytes = alm_test_random() % 6;
        for (size_t k = 0; k < bytes; k++) {
            name[i][k] = "ab\xc3\x89\x01"[alm_test_random() % 5];
        }
        name[i][bytes] = '\0';
        ALM_REQUIRE_OK(alm_name_index_add(&names, name[i], &index));
        ALM_REQUIRE(strcmp(alm_name_index_get(&names, index), name[i]) == 0);
    }
    const size_t count = names.count;
    ALM_CHECK(count > 300 && count < COUNT);
    for (int i = 0; i < COUNT; i++) {
        ALM_REQUIRE_OK(alm_name_index_add(&names, name[i], &index));
        ALM_REQUIRE(strcmp(alm_name_index_get(&names, index), name[i]) == 0);
    }
    ALM_CHECK_INT(names.count, count);
    ALM_REQUIRE_OK(alm_name_index_sorted(&names, &order));
    for (size_t i = 1; i < count; i++) {
        ALM_CHECK(strcmp(alm_name_index_get(&names, order[i - 1]),
                         alm_name_index_get(&names, order[i])) < 0);
    }
    alm_free(order);
    alm_name_index_free(&names);
    ALM_REQUIRE_OK(alm_name_index_sorted(&names, &order));
    alm_free(order);
}

/* ---- Sums ---- */

static void check_sum(const double *value, size_t count, double expected)
{
    const double got = alm_exact_sum(value, count);
    if (memcmp(&got, &expected, sizeof got) != 0) {
        ALM_FAIL("the sum is %a, expected %a", got, expected);
    }
}

#define SUM(expected, ...)                                                                         \
    check_sum((const double[]){__VA_ARGS__},                                                       \
              sizeof((const double[]){__VA_ARGS__}) / sizeof(double), expected)

ALM_TEST(exact_sum, as_python_adds)
{
    ALM_CHECK_INT(memcmp(&(double){alm_exact_sum(NULL, 0)}, &(double){0}, 8), 0);
    SUM(0, -0.0); /* as fsum */
    SUM(1, 1e100, 1, -1e100);
    SUM(1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1);
    SUM(0x1.0000000000002p+0, 1, 0x1p-53, 0x1p-52, 0x1p-1074); /* more than a half: up */
    SUM(0x1.0000000000001p+0, 1, 0x1p-53, 0x1p-1074);          /* the same with what is lost */
    SUM(1, 1, 0x1p-53);                                        /* a half: to even */
    SUM(0x1.0000000000002p+0, 0x1.0000000000001p+0, 0x1p-53);
    SUM(0x1.fffffffffffffp-1, 1, -0x1p-54, -0x1p-1074); /* a half below 1, and a little */
    SUM(DBL_MAX, DBL_MAX, 0x1p+969, -0x1p+969, 1e-300, -1e-300);
    SUM(6.0, 1e16, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1e16);
    const double large[] = {DBL_MAX, DBL_MAX};
    ALM_CHECK(!isfinite(alm_exact_sum(large, 2)));
}

ALM_TEST(exact_sum, does_not_depend_on_the_order)
{
    enum { COUNT = 40 };
    double value[COUNT];
    for (int i = 0; i < COUNT; i++) {
        value[i] = ldexp((double)alm_test_uniform(), (int)(alm_test_random() % 300) - 150);
    }
    const double sum = alm_exact_sum(value, COUNT);
    for (int round = 0; round < 200; round++) {
        for (int i = COUNT - 1; i > 0; i--) {
            const size_t j = alm_test_random() % (uint64_t)(i + 1);
            const double moved = value[i];
            value[i] = value[j];
            value[j] = moved;
        }
        check_sum(value, COUNT, sum);
    }
}

ALM_TEST(exact_sum, spread)
{
    const double value[] = {1, 2, 4, 5};
    alm_exact_spread s = alm_exact_spread_of(value, 4);
    ALM_CHECK(s.mean == 3 && s.variance_population == 2.5 && s.variance_sample == 10.0 / 3);
    ALM_CHECK(s.std_population == sqrt(2.5) && s.std_sample == sqrt(10.0 / 3));
    s = alm_exact_spread_of(value, 1);
    ALM_CHECK(s.mean == 1 && s.variance_population == 0 && s.std_population == 0);
    ALM_CHECK(s.variance_sample == 0 && s.std_sample == 0);
    const double far[] = {1e200, -1e200};
    ALM_CHECK(!isfinite(alm_exact_spread_of(far, 2).variance_population));
}

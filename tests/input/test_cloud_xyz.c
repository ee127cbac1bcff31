/* XYZ text: separators, comments, headings, extra columns; numbers as strtod reads them in the C
 * locale; decimal commas and other accidents are refused with the line. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/input/cloud.h"
#include "runtime/input/cloud_parts.h"
#include "tests/shim/alm_test.h"

/* first, then 19 lines, then last. */
static char *make_text(const char *first, const char *line, const char *last)
{
    static char text[8192];
    size_t n = (size_t)snprintf(text, sizeof text, "%s", first);
    for (int i = 0; i < 19; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%s", line);
    }
    snprintf(text + n, sizeof text - n, "%s", last);
    return text;
}

static void accept(const char *first, const char *line, const char *last)
{
    const char *text = make_text(first, line, last);
    alm_cloud cloud;
    ALM_REQUIRE_OK(alm_cloud_decode(text, strlen(text), "c", &cloud));
    ALM_CHECK_INT(cloud.count, 20);
    for (int i = 0; i < 20; i++) {
        ALM_CHECK(cloud.xyz[3 * i] == 1.5f && cloud.xyz[3 * i + 1] == -2 &&
                  cloud.xyz[3 * i + 2] == 300);
    }
    alm_cloud_free(&cloud);
}

ALM_TEST(xyz, reads_what_people_write)
{
    accept("", "1.5 -2 3e2\n", "1.5 -2 3e2");
    accept("", "1.5\t-2.000   +300\r\n", "1.5 -2 3e2\r\n");
    accept("", "  1.5,-2,300\n", "1.5 , -2 , 300  \n\n\n");
    accept("", "1.5;-2;300\n", "1.5; -2; 300\n");
    accept("\xEF\xBB\xBFx,y,z\n", "1.5,-2,300\n", "1.5,-2,300\n");
    accept("# a comment\n//X Y Z\n\"X\" \"Y\" \"Z\"\n", "1.5 -2 300\n# one more\n",
           "1.5 -2 .3e+3\n");
    accept("", "1.5 -2 300 255 0 leg # colour\n", "1.5 -2 300 0 255 lamp\n");
    accept("X Y Z red\n", "1.5 -2 300 7\n", "001.5 -2. 300 7\n");
}

static void refuse(const char *first, const char *line, const char *last, const char *part)
{
    const char *text = make_text(first, line, last);
    alm_cloud cloud = {-1, NULL};
    ALM_CHECK_STATUS(alm_cloud_decode(text, strlen(text), "c", &cloud), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "cloud c: ");
    ALM_CHECK_TEXT(alm_error_message(), part);
    ALM_CHECK(cloud.count == -1 && !cloud.xyz);
}

ALM_TEST(xyz, refuses_with_the_line)
{
    const char *line = "1 2 3\n";
    refuse("", line, "", "has 19 points, expected at least 20");
    refuse("20\n", line, line, "line 1 has 1 column, expected x y z (a count of points");
    refuse("", line, "1 2\n", "line 20 has 2 columns, expected x y z");
    refuse("\n", line, "1 2 3 4\n", "line 21 has 4 columns, expected 3 as line 2 has");
    refuse("", line, "x y z\n", "line 20: \"x\" is not a number");
    refuse("x y z\nx y z\n", line, line, "line 2: \"x\" is not a number");
    refuse("a b c\n", line, line, "line 1: \"a\" is not a number");
    refuse("", line, "1 2 nan\n", "line 20: point 19 is NaN (z)");
    refuse("", line, "1 -inf 2\n", "line 20: point 19 is infinite (y)");
    refuse("", line, "1 2 1e300\n", "line 20: point 19 has z = 1e+300");
    refuse("", line, "1 2 1e99999999999999999999\n", "point 19 is infinite");
    refuse("", line, "1 2 3#4\n", "\"3#4\" is not a number");
    refuse("", line, "1,,3\n", "line 20: column 2 is empty");
    refuse("", line, ",1,2\n", "line 20: column 1 is empty");
    refuse("", line, "1,2,3,\n", "line 20: column 4 is empty");
}

ALM_TEST(xyz, refuses_decimal_commas)
{
    refuse("", "1,5 2,5 3,5\n", "", "line 1: columns are separated by both ',' and ' ' (numbers");
    refuse("", "1,5;2,5;3,5\n", "", "separated by both ',' and ';'");
    refuse("", "1 2 3\n", "1,5 2,5 3,5\n", "line 20: columns are separated by both");
}

ALM_TEST(xyz, refuses_bytes_that_are_no_text)
{
    char text[] = "1 2 3\n4 5 6\n";
    text[7] = '\0';
    alm_cloud cloud;
    ALM_CHECK_STATUS(alm_cloud_decode(text, sizeof text - 1, "c", &cloud), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "byte 7 is 0");
    /* A line without end: one long token, then many columns. */
    const size_t bytes = 1 << 20;
    char *line = malloc(bytes);
    memset(line, '7', bytes);
    ALM_CHECK_STATUS(alm_cloud_decode(line, bytes, "c", &cloud), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "line 1 has 1 column");
    for (size_t i = 1; i < bytes; i += 2) {
        line[i] = ' ';
    }
    ALM_CHECK_STATUS(alm_cloud_decode(line, bytes, "c", &cloud), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "has 1 points");
    line[0] = '\x1B'; /* an escape must not reach the terminal */
    ALM_CHECK_STATUS(alm_cloud_decode(line, bytes, "c", &cloud), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "\"?\" is not a number");
    free(line);
}

/* ---- Numbers ---- */

static void check_number(const char *text)
{
    double got = -1;
    ALM_CHECK(almi_number(text, strlen(text), &got));
    const double want = strtod(text, NULL);
    if (memcmp(&got, &want, sizeof got) != 0) {
        ALM_FAIL("%s is %.17g, expected %.17g", text, got, want);
    }
}

ALM_TEST(number, equals_strtod)
{
    static const char *const texts[] = {"0",
                                        "-0",
                                        "1",
                                        "+1",
                                        ".5",
                                        "5.",
                                        "-.5e-3",
                                        "1E5",
                                        "1e+5",
                                        "123456789012345",
                                        "1234567890123456789012345678901234567890",
                                        "0.000000000000000000000000000000000000012345",
                                        "9007199254740993",
                                        "1e22",
                                        "1e23",
                                        "1e-22",
                                        "1e-23",
                                        "4.9e-324",
                                        "2.4703282292062328e-324",
                                        "1e-400",
                                        "1e400",
                                        "0e999999999999999999",
                                        "1.7976931348623157e308",
                                        "00000000000000000000000000000000000000001.5"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        check_number(texts[i]);
    }
    for (int i = 0; i < 20000; i++) {
        char text[64];
        const double x =
            ((double)alm_test_random() - 9.2e18) * pow(10, (double)(alm_test_random() % 80) - 60);
        snprintf(text, sizeof text, i % 2 ? "%.*g" : "%.*e", (int)(alm_test_random() % 20), x);
        check_number(text);
    }
}

ALM_TEST(number, refuses_the_rest)
{
    static const char *const texts[] = {"",      "+",      "-",     ".",  "e5",    "1e",  "1e+",
                                        "1.2.3", "--1",    "0x10",  "1f", "1 ",    " 1",  "1,5",
                                        "1_000", "nan(1)", "infin", "१",  "1e5.0", "+-1", "NaNs"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        double value;
        if (almi_number(texts[i], strlen(texts[i]), &value)) {
            ALM_FAIL("\"%s\" is read as %g", texts[i], value);
        }
    }
    char longest[500];
    memset(longest, '1', sizeof longest);
    double value;
    ALM_CHECK(almi_number(longest, 400, &value));
    ALM_CHECK(!almi_number(longest, 401, &value));
    ALM_CHECK(almi_number("-NaN", 4, &value) && isnan(value));
    ALM_CHECK(almi_number("-inf", 4, &value) && isinf(value) && value < 0);
    ALM_CHECK(almi_number("Infinity", 8, &value) && isinf(value) && value > 0);
}

ALM_TEST(number, does_not_ask_the_locale)
{
    /* Where a locale with a decimal comma is installed, numbers keep their point. */
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8"};
    size_t i = 0;
    while (i < sizeof names / sizeof names[0] && !setlocale(LC_ALL, names[i])) {
        i++;
    }
    double value = 0;
    ALM_CHECK(almi_number("1.2345678901234567890123", 24, &value));
    ALM_CHECK(value == 1.2345678901234567890123);
    ALM_CHECK(!almi_number("1,5", 3, &value));
    setlocale(LC_ALL, "C");
}

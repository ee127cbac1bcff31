/* Numbers and names of strangers in each format. */
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/eval/report_table.h"
#include "runtime/eval/report_text.h"
#include "tests/shim/alm_test.h"

/* What a call appends, as text; static, good for the next 3 calls. */
static const char *text_of(alm_buffer *b)
{
    static char text[4][400];
    static int turn;
    char *to = text[turn = (turn + 1) % 4];
    snprintf(to, sizeof text[0], "%.*s", (int)b->count, b->data ? (const char *)b->data : "");
    alm_buffer_free(b);
    return to;
}

static const char *put(void (*function)(alm_buffer *, const char *), const char *text)
{
    alm_buffer b = {0};
    function(&b, text);
    return text_of(&b);
}

static const char *value(almi_format format, double v, bool sign)
{
    alm_buffer b = {0};
    almi_put_value(&b, format, v, sign);
    return text_of(&b);
}

#define CHECK_SAME(got, expected)                                                                  \
    do {                                                                                           \
        const char *got_ = (got);                                                                  \
        if (strcmp(got_, (expected)) != 0) {                                                       \
            ALM_FAIL("%s is \"%s\", expected \"%s\"", #got, got_, (expected));                     \
        }                                                                                          \
    } while (0)

ALM_TEST(report_text, csv_quotes_and_defuses)
{
    CHECK_SAME(put(almi_put_csv, "plain_1/2"), "plain_1/2");
    CHECK_SAME(put(almi_put_csv, "a,b"), "\"a,b\"");
    CHECK_SAME(put(almi_put_csv, "say \"no\""), "\"say \"\"no\"\"\"");
    CHECK_SAME(put(almi_put_csv, "=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
    CHECK_SAME(put(almi_put_csv, "+1"), "'+1");
    CHECK_SAME(put(almi_put_csv, "-1"), "'-1");
    CHECK_SAME(put(almi_put_csv, "@sum"), "'@sum");
    CHECK_SAME(put(almi_put_csv, "\t=1"), "'\xEF\xBF\xBD=1");
    CHECK_SAME(put(almi_put_csv, "two\r\nlines"), "\"two\xEF\xBF\xBD\xEF\xBF\xBDlines\"");
    CHECK_SAME(put(almi_put_csv, ""), "");
    CHECK_SAME(put(almi_put_csv, NULL), "");
}

ALM_TEST(report_text, html_has_no_markup_of_strangers)
{
    CHECK_SAME(put(almi_put_html, "<script>\"a\" & 'b'</script>"),
               "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;");
    CHECK_SAME(put(almi_put_html, "\xFFx\x01\xC2\x85"),
               "\xEF\xBF\xBDx\xEF\xBF\xBD\xEF\xBF\xBD"); /* C1 controls too */
    CHECK_SAME(put(almi_put_html, "\xE6\xA4\x85\xE5\xAD\x90"), "\xE6\xA4\x85\xE5\xAD\x90");
}

ALM_TEST(report_text, markdown_keeps_its_table)
{
    CHECK_SAME(put(almi_put_markdown, "a|b*c_d`e"), "a\\|b\\*c\\_d\\`e");
    CHECK_SAME(put(almi_put_markdown, "[x](http://y)"), "\\[x\\](http&#58;//y)");
    CHECK_SAME(put(almi_put_markdown, "<img src=x>"), "&lt;img src=x\\>");
    CHECK_SAME(put(almi_put_markdown, "- a\nb"), "\\- a\xEF\xBF\xBD"
                                                 "b");
}

ALM_TEST(report_text, latex_has_no_commands_of_strangers)
{
    CHECK_SAME(put(almi_put_latex, "\\input{x}%"), "\\textbackslash{}input\\{x\\}\\%");
    CHECK_SAME(put(almi_put_latex, "a_b&c#d$e^f~g"),
               "a\\_b\\&c\\#d\\$e\\textasciicircum{}f\\textasciitilde{}g");
    CHECK_SAME(put(almi_put_latex, "\xC3\xA4\xE6\xA4\x85"), "\xC3\xA4{[}U+6905]");
    CHECK_SAME(put(almi_put_latex, "1 \xC2\xB1 2"), "1 $\\pm$ 2");
}

ALM_TEST(report_text, json_texts_are_json)
{
    CHECK_SAME(put(almi_put_json, "a\"b\\c\n\xC0"), "\"a\\\"b\\\\c\xEF\xBF\xBD\xEF\xBF\xBD\"");
    CHECK_SAME(put(almi_put_json, NULL), "null");
}

/* Values for people: digits by kind, never -0.0. */
ALM_TEST(report_text, values_for_people)
{
    CHECK_SAME(value(ALMI_DEGREES, 12.345, false), "12.35");
    CHECK_SAME(value(ALMI_LENGTH, 0.00004, false), "0.0000");
    CHECK_SAME(value(ALMI_PERCENT, 0.875, false), "87.5");
    CHECK_SAME(value(ALMI_PERCENT, -0.0001, false), "0.0");
    CHECK_SAME(value(ALMI_PERCENT, 0.25, true), "+25.0");
    CHECK_SAME(value(ALMI_SQUARE, 0.0021536329, false), "0.00215");
    CHECK_SAME(value(ALMI_SQUARE, 0.9999, false), "1.00");
    CHECK_SAME(value(ALMI_SQUARE, 1234.5, false), "1234");
    CHECK_SAME(value(ALMI_SQUARE, 2.106e-7, false), "2.11e-7");
    CHECK_SAME(value(ALMI_SQUARE, -0.0123, true), "-0.0123");
    CHECK_SAME(value(ALMI_SQUARE, 0, false), "0");
    CHECK_SAME(value(ALMI_DEGREES, NAN, false), "-");
}

ALM_TEST(report_text, numbers_read_back)
{
    static const double number[] = {0.1, 1.0 / 3, 1e300, DBL_MIN, -2.5, 31.688779240474105, 1, 0};
    for (size_t k = 0; k < sizeof number / sizeof number[0]; k++) {
        alm_buffer b = {0};
        almi_put_number(&b, number[k]);
        const char *text = text_of(&b);
        ALM_CHECK(strtod(text, NULL) == number[k]);
        almi_put_float(&b, (float)number[k]);
        text = text_of(&b);
        ALM_CHECK(!isfinite((float)number[k]) ? strcmp(text, "null") == 0
                                              : strtof(text, NULL) == (float)number[k]);
    }
    alm_buffer b = {0};
    almi_put_number(&b, 0.1);
    CHECK_SAME(text_of(&b), "0.1");
    almi_put_float(&b, 0.1f);
    CHECK_SAME(text_of(&b), "0.1");
    almi_put_number(&b, NAN);
    CHECK_SAME(text_of(&b), "null");
    almi_put_fixed(&b, 1e308, 1);
    ALM_CHECK(b.status == ALM_OK && b.count == 311);
    alm_buffer_free(&b);
}

/* A locale with a decimal comma, where the machine has one. */
ALM_TEST(report_text, numbers_do_not_depend_on_the_locale)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "ps_AF.UTF-8"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        if (setlocale(LC_ALL, names[k])) {
            alm_buffer b = {0};
            almi_put_number(&b, 0.25);
            almi_put_fixed(&b, 2.5, 2);
            setlocale(LC_ALL, "C");
            CHECK_SAME(text_of(&b), "0.252.50");
        }
    }
}

/* The examples of RFC 4648, 10. */
ALM_TEST(report_text, base64_of_the_standard)
{
    static const char *const pair[7][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (int k = 0; k < 7; k++) {
        alm_buffer b = {0};
        almi_put_base64(&b, (const uint8_t *)pair[k][0], strlen(pair[k][0]));
        CHECK_SAME(text_of(&b), pair[k][1]);
    }
}

ALM_TEST(report_text, a_table_in_three_formats)
{
    almi_table t;
    almi_table_begin(&t, "lr", (const char *const[]){"T ", "<i>", NULL});
    almi_table_text(&t, "name");
    almi_table_text(&t, "mean");
    almi_table_text(&t, "a|b");
    const alm_estimate e = {
        .known = true, .value = 1.5, .kind = ALM_INTERVAL_BCA, .low = 1, .high = 2};
    almi_table_estimate(&t, ALMI_DEGREES, &e, false);
    ALM_CHECK_INT(almi_table_rows(&t), 1);
    alm_buffer b = {0};
    almi_table_markdown(&t, &b);
    CHECK_SAME(text_of(&b), "**T &lt;i\\>**\n\n| name | mean |\n|---|---:|\n"
                            "| a\\|b | 1.50 \\[1.00, 2.00\\] |\n\n");
    almi_table_latex(&t, &b);
    ALM_CHECK_TEXT(text_of(&b), "a\\textbar{}b & \\shortstack[r]{1.50\\\\{\\tiny {[}1.00,}\\\\"
                                "{\\tiny 2.00]}} \\\\\n\\hline\n\\end{tabular}}");
    almi_table_html(&t, &b);
    ALM_CHECK_TEXT(text_of(&b), "<td class=\"n\">1.50<small>[1.00, 2.00]</small></td></tr>");
    alm_buffer_free(&t.text);
}

/* Text of reports (report_text.h). */
#include "runtime/eval/report_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/input/utf8.h"

enum { NUMBER_BYTES = 400 /* %f of 1e308 */ };

/* ---- Numbers */

/* What printf wrote, with '.' for the point of the locale, however many bytes that has. */
static void put_plain(alm_buffer *out, const char *text)
{
    bool point = false;
    for (const char *c = text; *c; c++) {
        if (strchr("0123456789+-e", *c)) {
            alm_buffer_add(out, c, 1);
        } else if (!point) {
            alm_buffer_text(out, ".");
            point = true;
        }
    }
}

void almi_put_number(alm_buffer *out, double value)
{
    char text[NUMBER_BYTES];
    if (!isfinite(value)) {
        alm_buffer_text(out, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    put_plain(out, text);
}

void almi_put_float(alm_buffer *out, float value)
{
    char text[NUMBER_BYTES];
    if (!isfinite(value)) {
        alm_buffer_text(out, "null");
        return;
    }
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value) {
            break;
        }
    }
    put_plain(out, text);
}

void almi_put_rounded(alm_buffer *out, double value, int digits)
{
    char text[NUMBER_BYTES];
    if (!isfinite(value)) {
        alm_buffer_text(out, "null");
        return;
    }
    snprintf(text, sizeof text, "%.*g", digits, value);
    put_plain(out, text);
}

void almi_put_whole(alm_buffer *out, int64_t value)
{
    alm_buffer_format(out, "%" PRId64, value);
}

void almi_put_fixed(alm_buffer *out, double value, int decimals)
{
    char text[NUMBER_BYTES];
    snprintf(text, sizeof text, "%.*f", decimals, value);
    const bool zero = !strpbrk(text, "123456789"); /* -0.0 is 0.0 */
    put_plain(out, zero && text[0] == '-' ? text + 1 : text);
}

/* Three significant digits; powers of ten only for what is very small. */
static void put_significant(alm_buffer *out, double value)
{
    char text[NUMBER_BYTES];
    if (value == 0) {
        alm_buffer_text(out, "0");
        return;
    }
    snprintf(text, sizeof text, "%.2e", value);
    const int power = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    if (power < -5) {
        char *e = strchr(text, 'e');
        *e = '\0';
        put_plain(out, text);
        alm_buffer_format(out, "e%d", power);
        return;
    }
    almi_put_fixed(out, value, power >= 2 ? 0 : 2 - power);
}

void almi_put_value(alm_buffer *out, almi_format format, double value, bool sign)
{
    if (!isfinite(value)) {
        alm_buffer_text(out, "-");
        return;
    }
    if (sign && value >= 0) {
        alm_buffer_text(out, "+");
    }
    switch (format) {
    case ALMI_DEGREES: almi_put_fixed(out, value, 2); break;
    case ALMI_LENGTH: almi_put_fixed(out, value, 4); break;
    case ALMI_PERCENT: almi_put_fixed(out, 100 * value, 1); break;
    case ALMI_SQUARE: put_significant(out, value); break;
    }
}

void almi_put_p(alm_buffer *out, double p)
{
    if (!isfinite(p)) {
        alm_buffer_text(out, "-");
    } else if (p >= 0.001) {
        almi_put_fixed(out, p, 3);
    } else {
        alm_buffer_text(out, "< 0.001");
    }
}

/* ---- Characters */

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

/* The next character of a text: its bytes (static or in the text), their number, its code. */
static const char *next_character(const char **at, size_t *bytes, uint32_t *code)
{
    const char *text = *at;
    *bytes = alm_utf8_read(text, strnlen(text, 4), code);
    const bool control = *bytes && (*code < 0x20 || (*code >= 0x7F && *code < 0xA0));
    *at += *bytes ? *bytes : 1;
    if (!*bytes || control) {
        *bytes = sizeof replacement - 1;
        *code = 0xFFFD;
        return replacement;
    }
    return text;
}

void almi_put_json(alm_buffer *out, const char *text)
{
    if (!text) {
        alm_buffer_text(out, "null");
        return;
    }
    alm_buffer_text(out, "\"");
    for (const char *at = text; *at;) {
        size_t bytes = 0;
        uint32_t code = 0;
        const char *c = next_character(&at, &bytes, &code);
        if (code == '"' || code == '\\') {
            alm_buffer_text(out, "\\");
        }
        alm_buffer_add(out, c, bytes);
    }
    alm_buffer_text(out, "\"");
}

void almi_put_csv(alm_buffer *out, const char *text)
{
    if (!text) {
        return;
    }
    const bool quoted = strpbrk(text, "\",;\r\n") != NULL;
    alm_buffer_text(out, quoted ? "\"" : "");
    if (*text && strchr("=+-@\t\r\n", *text)) {
        alm_buffer_text(out, "'");
    }
    for (const char *at = text; *at;) {
        size_t bytes = 0;
        uint32_t code = 0;
        const char *c = next_character(&at, &bytes, &code);
        alm_buffer_text(out, code == '"' ? "\"" : "");
        alm_buffer_add(out, c, bytes);
    }
    alm_buffer_text(out, quoted ? "\"" : "");
}

void almi_put_html(alm_buffer *out, const char *text)
{
    for (const char *at = text; *at;) {
        size_t bytes = 0;
        uint32_t code = 0;
        const char *c = next_character(&at, &bytes, &code);
        switch (code) {
        case '&': alm_buffer_text(out, "&amp;"); break;
        case '<': alm_buffer_text(out, "&lt;"); break;
        case '>': alm_buffer_text(out, "&gt;"); break;
        case '"': alm_buffer_text(out, "&quot;"); break;
        case '\'': alm_buffer_text(out, "&#39;"); break;
        default: alm_buffer_add(out, c, bytes);
        }
    }
}

void almi_put_markdown(alm_buffer *out, const char *text)
{
    for (const char *at = text; *at;) {
        size_t bytes = 0;
        uint32_t code = 0;
        const bool first = at == text;
        const char *c = next_character(&at, &bytes, &code);
        if (code == '<') {
            alm_buffer_text(out, "&lt;");
        } else if (code == '&') {
            alm_buffer_text(out, "&amp;");
        } else if ((code == ':' && *at == '/') || code == '@') { /* no link is made of an address */
            alm_buffer_format(out, "&#%d;", (int)code);
        } else {
            const bool list = first && strchr("-+", (int)code) && *at == ' ';
            const bool special = code < 0x80 && (strchr("\\`*_[]>#|~$", (int)code) || list);
            alm_buffer_text(out, special ? "\\" : "");
            alm_buffer_add(out, c, bytes);
        }
    }
}

void almi_put_latex(alm_buffer *out, const char *text)
{
    for (const char *at = text; *at;) {
        size_t bytes = 0;
        uint32_t code = 0;
        const char *c = next_character(&at, &bytes, &code);
        const bool latin = code >= 0xC0 && code <= 0xFF && code != 0xD0 && code != 0xD7 &&
                           code != 0xDE && code != 0xF0 && code != 0xF7 && code != 0xFE;
        switch (code) {
        case '\\': alm_buffer_text(out, "\\textbackslash{}"); break;
        case '~': alm_buffer_text(out, "\\textasciitilde{}"); break;
        case '^': alm_buffer_text(out, "\\textasciicircum{}"); break;
        case '<': alm_buffer_text(out, "\\textless{}"); break;
        case '>': alm_buffer_text(out, "\\textgreater{}"); break;
        case '|': alm_buffer_text(out, "\\textbar{}"); break;
        case '"': alm_buffer_text(out, "{\\char34}"); break;
        case '`': alm_buffer_text(out, "{\\char96}"); break;
        case '[': alm_buffer_text(out, "{[}"); break; /* not the argument of a row's end */
        case '-': alm_buffer_text(out, "{-}"); break; /* two are no dash */
        case 0xB1: alm_buffer_text(out, "$\\pm$"); break;
        default:
            if (code >= 0x80 && !latin) {
                alm_buffer_format(out, "{[}U+%04X]", (unsigned)code);
            } else {
                alm_buffer_text(out, code < 0x80 && strchr("#$%&_{}", (int)code) ? "\\" : "");
                alm_buffer_add(out, c, bytes);
            }
        }
    }
}

void almi_put_base64(alm_buffer *out, const uint8_t *data, size_t bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes; i += 3) {
        uint32_t group = 0;
        for (size_t k = 0; k < 3; k++) {
            group = group << 8 | (i + k < bytes ? data[i + k] : 0u);
        }
        char text[4];
        for (size_t k = 0; k < 4; k++) {
            text[k] = i + k > bytes ? '=' : digits[group >> (18 - 6 * k) & 63];
        }
        alm_buffer_add(out, text, sizeof text);
    }
}

const char *almi_dataset_text(const char *dataset)
{
    return dataset ? dataset : "(not named)";
}

/* XYZ, TXT and CSV: a point a line, x y z first, then any columns (colours, normals, labels) as
 * long as every line has as many. Columns are separated by blanks or by commas or by semicolons;
 * lines that start with # or // are comments; a first line "x y z" is a heading.
 *
 * Refused, with the line: fewer than three columns, another number of columns than before, two
 * kinds of separator on one line (decimal commas), what is not a number, NUL bytes.
 */
#include <stdio.h>

#include "kernels/core/memory.h"
#include "runtime/input/cloud_parts.h"

enum { SHOWN = 40 }; /* bytes of a token that a message quotes */

typedef struct token {
    const char *text;
    size_t count;
} token;

typedef struct reader {
    const char *name;
    const char *at, *end; /* what is left of the file */
    size_t line;          /* from 1 */
    size_t columns;       /* of the first point; 0 before it */
    size_t first_line;    /* its line */
    bool heading_seen;
    float *xyz;
    size_t count, capacity; /* points, room in floats */
} reader;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static bool is_separator(char c)
{
    return c == ',' || c == ';';
}

/* Splits a line; the first three columns go to `first`. */
static alm_status split(const reader *r, const char *at, const char *end, token first[3],
                        size_t *columns)
{
    char kind = 0; /* ' ', ',' or ';' once two columns were seen */
    size_t n = 0;
    while (at < end && is_blank(*at)) {
        at++;
    }
    while (at < end && !(*at == '#' && n > 0)) {
        const char *start = at;
        while (at < end && !is_blank(*at) && !is_separator(*at)) {
            at++;
        }
        if (at == start) {
            return alm_fail(ALM_STATUS_SAMPLE, "cloud %s: line %zu: column %zu is empty", r->name,
                            r->line, n + 1);
        }
        if (n < 3) {
            first[n] = (token){.text = start, .count = (size_t)(at - start)};
        }
        n++;
        char here = ' ';
        while (at < end && is_blank(*at)) {
            at++;
        }
        if (at == end || *at == '#') {
            break;
        }
        if (is_separator(*at)) {
            here = *at++;
            while (at < end && is_blank(*at)) {
                at++;
            }
            if (at == end) {
                return alm_fail(ALM_STATUS_SAMPLE, "cloud %s: line %zu: column %zu is empty",
                                r->name, r->line, n + 1);
            }
        }
        if (kind && kind != here) {
            return alm_fail(ALM_STATUS_SAMPLE,
                            "cloud %s: line %zu: columns are separated by both '%c' and '%c' "
                            "(numbers are written 1.5, not 1,5)",
                            r->name, r->line, kind, here);
        }
        kind = here;
    }
    *columns = n;
    return ALM_OK;
}

/* x, y, z in any case, quoted or not. */
static bool is_heading(const token first[3])
{
    for (int c = 0; c < 3; c++) {
        const char *text = first[c].text;
        size_t n = first[c].count;
        if (n == 3 && (text[0] == '"' || text[0] == '\'') && text[2] == text[0]) {
            text++;
            n = 1;
        }
        if (n != 1 || (text[0] | 0x20) != "xyz"[c]) {
            return false;
        }
    }
    return true;
}

static alm_status add_point(reader *r, const token first[3])
{
    double point[3];
    float stored[3];
    for (int c = 0; c < 3; c++) {
        const token t = first[c];
        if (!almi_number(t.text, t.count, &point[c])) {
            return alm_fail(ALM_STATUS_SAMPLE, "cloud %s: line %zu: \"%.*s\" is not a number%s",
                            r->name, r->line, (int)(t.count < SHOWN ? t.count : SHOWN), t.text,
                            almi_number_hint(t.text, t.count));
        }
    }
    if (almi_cloud_store(r->name, (int64_t)r->count, point, stored) != ALM_OK) {
        char place[512];
        snprintf(place, sizeof place, "%.450s: line %zu", r->name, r->line);
        return almi_cloud_fail_point(place, (int64_t)r->count, point);
    }
    if (r->count == ALM_CLOUD_LIMIT) {
        return alm_fail(ALM_STATUS_SAMPLE, "cloud %s: has more than %d points", r->name,
                        ALM_CLOUD_LIMIT);
    }
    ALM_TRY(alm_reserve(3 * (r->count + 1), sizeof *r->xyz, "a cloud", &r->xyz, &r->capacity));
    memcpy(r->xyz + 3 * r->count, stored, sizeof stored);
    r->count++;
    return ALM_OK;
}

static alm_status read_line(reader *r, const char *at, const char *end)
{
    while (at < end && is_blank(*at)) {
        at++;
    }
    if (at == end || *at == '#' || (end - at >= 2 && at[0] == '/' && at[1] == '/')) {
        return ALM_OK;
    }
    token first[3];
    size_t columns = 0;
    ALM_TRY(split(r, at, end, first, &columns));
    if (columns < 3) {
        return alm_fail(
            ALM_STATUS_SAMPLE, "cloud %s: line %zu has %zu column%s, expected x y z%s", r->name,
            r->line, columns, columns == 1 ? "" : "s",
            r->count == 0 && columns == 1 ? " (a count of points is not read: delete it)" : "");
    }
    if (r->columns == 0 && !r->heading_seen && is_heading(first)) {
        r->heading_seen = true;
        return ALM_OK;
    }
    if (r->columns == 0) {
        r->columns = columns;
        r->first_line = r->line;
    } else if (columns != r->columns) {
        return alm_fail(ALM_STATUS_SAMPLE,
                        "cloud %s: line %zu has %zu columns, expected %zu as line %zu has", r->name,
                        r->line, columns, r->columns, r->first_line);
    }
    return add_point(r, first);
}

static alm_status read_lines(reader *r)
{
    const char *nul = memchr(r->at, '\0', (size_t)(r->end - r->at));
    if (nul) {
        return alm_fail(ALM_STATUS_SAMPLE,
                        "cloud %s: byte %zu is 0: it is neither NPY nor PLY, and not text in UTF-8",
                        r->name, (size_t)(nul - r->at));
    }
    if (r->end - r->at >= 3 && memcmp(r->at, "\xEF\xBB\xBF", 3) == 0) {
        r->at += 3;
    }
    while (r->at < r->end) {
        const char *stop = memchr(r->at, '\n', (size_t)(r->end - r->at));
        stop = stop ? stop : r->end;
        r->line++;
        ALM_TRY(read_line(r, r->at, stop));
        r->at = stop < r->end ? stop + 1 : stop;
    }
    return almi_cloud_check_count(r->count, r->name);
}

alm_status almi_xyz_decode(const uint8_t *data, size_t bytes, const char *name, alm_cloud *out)
{
    reader r = {.name = name, .at = (const char *)data, .end = (const char *)data + bytes};
    const alm_status status = read_lines(&r);
    if (status != ALM_OK) {
        alm_free(r.xyz);
        return status;
    }
    *out = (alm_cloud){.count = (int64_t)r.count, .xyz = r.xyz};
    return ALM_OK;
}

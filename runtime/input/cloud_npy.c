/* NPY 1, 2 and 3 with one [N,3] array of f4 or f8, either byte order, C or Fortran order.
 *
 * The header is a Python dictionary; it is read by a parser that knows the one dictionary that
 * numpy writes and nothing else of Python. Refused: objects (they are pickles), structured and
 * other dtypes, other shapes, and data that is not exactly as long as the shape says.
 */
#include <stdio.h>

#include "kernels/core/memory.h"
#include "runtime/input/cloud_parts.h"

enum { HEADER_LIMIT = 1 << 16, MAX_RANK = 32, DESCR_BYTES = 24 };

typedef struct header {
    const char *name;
    const uint8_t *at, *end; /* what is left of the dictionary */
    bool has_descr, has_order, has_shape;
    bool structured;
    char descr[DESCR_BYTES];
    bool fortran;
    int rank;
    uint64_t dim[MAX_RANK];
} header;

static alm_status fail_header(const header *h, const char *what)
{
    return alm_fail(ALM_STATUS_SAMPLE, "cloud %s: NPY header: %s, %zu bytes before its end",
                    h->name, what, (size_t)(h->end - h->at));
}

static void skip_blanks(header *h)
{
    while (h->at < h->end && (*h->at == ' ' || *h->at == '\t' || *h->at == '\n')) {
        h->at++;
    }
}

static bool take(header *h, char c)
{
    skip_blanks(h);
    if (h->at < h->end && *h->at == (uint8_t)c) {
        h->at++;
        return true;
    }
    return false;
}

static bool take_word(header *h, const char *word)
{
    skip_blanks(h);
    const size_t n = strlen(word);
    if ((size_t)(h->end - h->at) >= n && memcmp(h->at, word, n) == 0) {
        h->at += n;
        return true;
    }
    return false;
}

/* A quoted string without escapes; longer ones than `size` are cut (no known name is as long). */
static alm_status take_string(header *h, char *out, size_t size)
{
    skip_blanks(h);
    if (h->at == h->end || (*h->at != '\'' && *h->at != '"')) {
        return fail_header(h, "expected a quoted string");
    }
    const uint8_t quote = *h->at++;
    const uint8_t *close = memchr(h->at, quote, (size_t)(h->end - h->at));
    if (!close || memchr(h->at, '\\', (size_t)(close - h->at)) ||
        memchr(h->at, '\0', (size_t)(close - h->at))) {
        return fail_header(h, "a string without end, or with a backslash or NUL");
    }
    snprintf(out, size, "%.*s", (int)(close - h->at), (const char *)h->at);
    h->at = close + 1;
    return ALM_OK;
}

static alm_status take_dimension(header *h, uint64_t *out)
{
    skip_blanks(h);
    uint64_t value = 0;
    const uint8_t *first = h->at;
    for (; h->at < h->end && *h->at >= '0' && *h->at <= '9'; h->at++) {
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*h->at - '0'), &value)) {
            return fail_header(h, "a dimension is beyond 64 bits");
        }
    }
    if (h->at == first) {
        return fail_header(h, "expected a dimension");
    }
    *out = value;
    return ALM_OK;
}

static alm_status take_shape(header *h)
{
    if (!take(h, '(')) {
        return fail_header(h, "expected '(' of the shape");
    }
    h->rank = 0;
    while (!take(h, ')')) {
        if (h->rank == MAX_RANK) {
            return fail_header(h, "more than 32 dimensions");
        }
        ALM_TRY(take_dimension(h, &h->dim[h->rank]));
        h->rank++;
        if (!take(h, ',')) {
            if (h->rank == 1 || !take(h, ')')) {
                return fail_header(h, "expected ',' or ')' in the shape");
            }
            break;
        }
    }
    return ALM_OK;
}

/* The value of one key; each key once. */
static alm_status take_value(header *h, const char *key)
{
    bool *seen = strcmp(key, "descr") == 0           ? &h->has_descr
                 : strcmp(key, "fortran_order") == 0 ? &h->has_order
                 : strcmp(key, "shape") == 0         ? &h->has_shape
                                                     : NULL;
    if (!seen || *seen) {
        return alm_fail(ALM_STATUS_SAMPLE, "cloud %s: NPY header: key \"%s\" is %s", h->name, key,
                        seen ? "there twice" : "unknown");
    }
    *seen = true;
    if (seen == &h->has_shape) {
        return take_shape(h);
    }
    if (seen == &h->has_order) {
        h->fortran = take_word(h, "True");
        return h->fortran || take_word(h, "False") ? ALM_OK
                                                   : fail_header(h, "expected True or False");
    }
    skip_blanks(h);
    h->structured = h->at < h->end && (*h->at == '[' || *h->at == '(' || *h->at == '{');
    return h->structured ? ALM_OK : take_string(h, h->descr, sizeof h->descr);
}

static alm_status parse_header(header *h)
{
    if (!take(h, '{')) {
        return fail_header(h, "expected '{'");
    }
    while (!take(h, '}')) {
        char key[DESCR_BYTES];
        ALM_TRY(take_string(h, key, sizeof key));
        if (!take(h, ':')) {
            return fail_header(h, "expected ':'");
        }
        ALM_TRY(take_value(h, key));
        if (h->structured) {
            return alm_fail(ALM_STATUS_SAMPLE,
                            "cloud %s: NPY holds a structured dtype, expected plain f4 or f8",
                            h->name);
        }
        if (!take(h, ',')) {
            if (!take(h, '}')) {
                return fail_header(h, "expected ',' or '}'");
            }
            break;
        }
    }
    skip_blanks(h);
    if (h->at != h->end) {
        return fail_header(h, "something follows the dictionary");
    }
    if (!h->has_descr || !h->has_order || !h->has_shape) {
        return alm_fail(ALM_STATUS_SAMPLE, "cloud %s: NPY header: key \"%s\" is missing", h->name,
                        !h->has_descr   ? "descr"
                        : !h->has_order ? "fortran_order"
                                        : "shape");
    }
    return ALM_OK;
}

static alm_status check_shape(const header *h)
{
    if (h->rank == 2 && h->dim[1] == 3) {
        return almi_cloud_check_count(h->dim[0], h->name);
    }
    char text[100] = "";
    size_t used = 0;
    for (int i = 0; i < h->rank && used + 24 < sizeof text; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, i ? ", %llu" : "%llu",
                                 (unsigned long long)h->dim[i]);
    }
    return alm_fail(ALM_STATUS_SAMPLE, "cloud %s: NPY has shape [%s]%s, expected [N, 3]%s", h->name,
                    text, h->rank > 4 ? " and more" : "",
                    h->rank == 2 && h->dim[0] == 3 ? " (save the transposed array)" : "");
}

static alm_status check_descr(const header *h, size_t *size, bool *big_endian)
{
    const char *d = h->descr;
    if ((d[0] == '<' || d[0] == '>') && d[1] == 'f' && (d[2] == '4' || d[2] == '8') && !d[3]) {
        *size = d[2] == '4' ? 4 : 8;
        *big_endian = d[0] == '>';
        return ALM_OK;
    }
    if (d[0] == '|' && d[1] == 'O') {
        return alm_fail(ALM_STATUS_SAMPLE,
                        "cloud %s: NPY holds Python objects (dtype '%s'), which are never "
                        "unpickled; save plain numbers, f4 or f8",
                        h->name, d);
    }
    return alm_fail(ALM_STATUS_SAMPLE,
                    "cloud %s: NPY has dtype '%s', expected f4 or f8 (numpy: points.astype('f4'))",
                    h->name, d);
}

/* Finds the dictionary and leaves *data after it. */
static alm_status open_header(const uint8_t *data, size_t bytes, header *h, size_t *data_at)
{
    const size_t prefix = bytes >= 7 && data[6] == 1 ? 10 : 12;
    if (bytes < prefix) {
        return alm_fail(ALM_STATUS_SAMPLE, "cloud %s: cut short: NPY of %zu bytes", h->name, bytes);
    }
    if (data[6] < 1 || data[6] > 3 || data[7] != 0) {
        return alm_fail(ALM_STATUS_SAMPLE, "cloud %s: NPY version %d.%d, expected 1.0, 2.0 or 3.0",
                        h->name, data[6], data[7]);
    }
    size_t length = (size_t)data[8] | (size_t)data[9] << 8;
    if (prefix == 12) {
        length |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
    }
    if (length > HEADER_LIMIT) {
        return alm_fail(ALM_STATUS_SAMPLE, "cloud %s: NPY header of %zu bytes, more than %d",
                        h->name, length, HEADER_LIMIT);
    }
    if (length > bytes - prefix) {
        return alm_fail(ALM_STATUS_SAMPLE,
                        "cloud %s: cut short: NPY header of %zu bytes, %zu are left", h->name,
                        length, bytes - prefix);
    }
    h->at = data + prefix;
    h->end = h->at + length;
    *data_at = prefix + length;
    return parse_header(h);
}

alm_status almi_npy_decode(const uint8_t *data, size_t bytes, const char *name, alm_cloud *out)
{
    header h = {.name = name};
    size_t start = 0, size = 0;
    bool big_endian = false;
    ALM_TRY(open_header(data, bytes, &h, &start));
    ALM_TRY(check_descr(&h, &size, &big_endian));
    ALM_TRY(check_shape(&h));
    const size_t count = (size_t)h.dim[0]; /* at most ALM_CLOUD_LIMIT */
    if (bytes - start != count * 3 * size) {
        return alm_fail(ALM_STATUS_SAMPLE,
                        "cloud %s: NPY holds %zu bytes of data, [%zu, 3] of %s needs %zu", name,
                        bytes - start, count, h.descr, count * 3 * size);
    }
    float *xyz;
    ALM_TRY(alm_alloc(count, 3 * sizeof *xyz, "a cloud", &xyz));
    const uint8_t *from = data + start;
    const size_t point = h.fortran ? size : 3 * size; /* bytes from one to the next */
    const size_t axis = h.fortran ? count * size : size;
    for (size_t i = 0; i < count; i++) {
        double p[3];
        for (size_t c = 0; c < 3; c++) {
            p[c] = almi_float_at(from + i * point + c * axis, size, big_endian);
        }
        const alm_status status = almi_cloud_store(name, (int64_t)i, p, xyz + 3 * i);
        if (status != ALM_OK) {
            alm_free(xyz);
            return status;
        }
    }
    *out = (alm_cloud){.count = (int64_t)count, .xyz = xyz};
    return ALM_OK;
}

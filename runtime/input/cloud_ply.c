/* PLY 1.0, ascii and binary in both byte orders: x, y, z of the element "vertex" in any scalar
 * type. Other properties, lists too, and other elements before and after it are walked over.
 *
 * Refused: elements that the file does not hold in full, bytes after the last element, a header
 * without vertex or with two, properties of unknown type or named twice.
 */
#include "kernels/core/memory.h"
#include "runtime/input/cloud_parts.h"

enum { ELEMENT_LIMIT = 64, PROPERTY_LIMIT = 4096, WORD_LIMIT = 6, SHOWN = 40 };

typedef enum format { FORMAT_NONE, FORMAT_ASCII, FORMAT_LITTLE, FORMAT_BIG } format;

typedef enum scalar {
    SCALAR_NONE,
    SCALAR_I8,
    SCALAR_U8,
    SCALAR_I16,
    SCALAR_U16,
    SCALAR_I32,
    SCALAR_U32,
    SCALAR_F32,
    SCALAR_F64
} scalar;

static const struct {
    const char *name;
    scalar type;
} scalar_names[] = {{"char", SCALAR_I8},    {"int8", SCALAR_I8},     {"uchar", SCALAR_U8},
                    {"uint8", SCALAR_U8},   {"short", SCALAR_I16},   {"int16", SCALAR_I16},
                    {"ushort", SCALAR_U16}, {"uint16", SCALAR_U16},  {"int", SCALAR_I32},
                    {"int32", SCALAR_I32},  {"uint", SCALAR_U32},    {"uint32", SCALAR_U32},
                    {"float", SCALAR_F32},  {"float32", SCALAR_F32}, {"double", SCALAR_F64},
                    {"float64", SCALAR_F64}};

static const uint8_t scalar_size[] = {0, 1, 1, 2, 2, 4, 4, 4, 8};

typedef struct property {
    scalar type;
    scalar count; /* type of a list's count; SCALAR_NONE: not a list */
    int axis;     /* 0, 1, 2 for x, y, z of the vertex; -1 */
} property;

typedef struct element {
    uint64_t count;
    size_t first, properties; /* in reader.property */
    size_t stride;            /* bytes in a binary file without the lists */
    bool has_list, is_vertex;
    int axes; /* bits of the coordinates that were declared */
    char name[SHOWN];
} element;

typedef struct reader {
    const char *name;
    const uint8_t *at, *end; /* what is left of the file */
    size_t line;             /* from 1, in text */
    format format;
    size_t elements;
    bool has_vertex;
    element element[ELEMENT_LIMIT];
    property *property;
    size_t properties, capacity;
    float *xyz;
    size_t count; /* points */
} reader;

typedef struct word {
    const char *text;
    size_t count;
} word;

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static bool is_word(word w, const char *text)
{
    return w.count == strlen(text) && memcmp(w.text, text, w.count) == 0;
}

static int shown(word w)
{
    return (int)(w.count < SHOWN ? w.count : SHOWN);
}

static alm_status fail_line(const reader *r, const char *what, word w)
{
    return alm_fail(ALM_STATUS_SAMPLE, "cloud %s: PLY line %zu: %s \"%.*s\"", r->name, r->line,
                    what, shown(w), w.text);
}

/* The words of the next line of the header, at most WORD_LIMIT; the rest is dropped. */
static alm_status header_line(reader *r, word *words, size_t *count)
{
    const uint8_t *stop = memchr(r->at, '\n', (size_t)(r->end - r->at));
    if (!stop) {
        return alm_fail(ALM_STATUS_SAMPLE, "cloud %s: cut short: PLY header without end_header",
                        r->name);
    }
    r->line++;
    *count = 0;
    const uint8_t *at = r->at;
    r->at = stop + 1;
    while (*count < WORD_LIMIT) {
        while (at < stop && is_blank(*at)) {
            at++;
        }
        const uint8_t *start = at;
        while (at < stop && !is_blank(*at)) {
            at++;
        }
        if (at == start) {
            break;
        }
        words[(*count)++] = (word){(const char *)start, (size_t)(at - start)};
    }
    return ALM_OK;
}

static scalar scalar_of(word w)
{
    for (size_t i = 0; i < sizeof scalar_names / sizeof scalar_names[0]; i++) {
        if (is_word(w, scalar_names[i].name)) {
            return scalar_names[i].type;
        }
    }
    return SCALAR_NONE;
}

/* Digits only. */
static bool parse_count(word w, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < w.count; i++) {
        if (w.text[i] < '0' || w.text[i] > '9' || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(w.text[i] - '0'), &value)) {
            return false;
        }
    }
    *out = value;
    return w.count > 0;
}

static alm_status parse_format(reader *r, const word *words, size_t count)
{
    if (count != 3 || r->format != FORMAT_NONE) {
        return fail_line(r, "a second or malformed", words[0]);
    }
    if (!is_word(words[2], "1.0")) {
        return fail_line(r, "expected version 1.0, got", words[2]);
    }
    r->format = is_word(words[1], "ascii")                  ? FORMAT_ASCII
                : is_word(words[1], "binary_little_endian") ? FORMAT_LITTLE
                : is_word(words[1], "binary_big_endian")    ? FORMAT_BIG
                                                            : FORMAT_NONE;
    return r->format == FORMAT_NONE ? fail_line(r, "unknown format", words[1]) : ALM_OK;
}

static alm_status parse_element(reader *r, const word *words, size_t count)
{
    if (count != 3) {
        return fail_line(r, "expected a name and a count after", words[0]);
    }
    if (r->elements == ELEMENT_LIMIT) {
        return fail_line(r, "more than 64 elements:", words[1]);
    }
    element e = {.first = r->properties, .is_vertex = is_word(words[1], "vertex")};
    if (!parse_count(words[2], &e.count)) {
        return fail_line(r, "expected a count, got", words[2]);
    }
    if (e.is_vertex) {
        if (r->has_vertex) {
            return fail_line(r, "a second element", words[1]);
        }
        r->has_vertex = true;
        ALM_TRY(almi_cloud_check_count(e.count, r->name));
    }
    memcpy(e.name, words[1].text, words[1].count < SHOWN ? words[1].count : SHOWN - 1);
    r->element[r->elements++] = e;
    return ALM_OK;
}

static alm_status parse_property(reader *r, const word *words, size_t count)
{
    if (r->elements == 0) {
        return fail_line(r, "expected an element before", words[0]);
    }
    if (r->properties == PROPERTY_LIMIT) {
        return fail_line(r, "more than 4096 properties:", words[count - 1]);
    }
    element *e = &r->element[r->elements - 1];
    property p = {.axis = -1};
    const bool list = count >= 2 && is_word(words[1], "list");
    if (count != (list ? 5u : 3u)) {
        return fail_line(r, "expected a type and a name after", words[0]);
    }
    p.type = scalar_of(words[count - 2]);
    p.count = list ? scalar_of(words[2]) : SCALAR_NONE;
    if (p.type == SCALAR_NONE || (list && p.count == SCALAR_NONE)) {
        return fail_line(r, "unknown type", words[p.type == SCALAR_NONE ? count - 2 : 2]);
    }
    if (list && (p.count == SCALAR_F32 || p.count == SCALAR_F64)) {
        return fail_line(r, "a list is counted by", words[2]);
    }
    const word name = words[count - 1];
    if (e->is_vertex && name.count == 1 && name.text[0] >= 'x' && name.text[0] <= 'z') {
        p.axis = name.text[0] - 'x';
        if (list || (e->axes & 1 << p.axis)) {
            return fail_line(r, list ? "a list cannot be" : "a second", name);
        }
        e->axes |= 1 << p.axis;
    }
    ALM_TRY(alm_reserve(r->properties + 1, sizeof p, "a PLY header", &r->property, &r->capacity));
    r->property[r->properties++] = p;
    e->properties++;
    e->has_list = e->has_list || list;
    e->stride += list ? 0 : scalar_size[p.type];
    return ALM_OK;
}

static alm_status check_header(const reader *r)
{
    if (r->format == FORMAT_NONE) {
        return alm_fail(ALM_STATUS_SAMPLE, "cloud %s: PLY header has no format line", r->name);
    }
    for (size_t i = 0; i < r->elements; i++) {
        if (r->element[i].is_vertex && r->element[i].axes == 7) {
            return ALM_OK;
        }
    }
    return alm_fail(ALM_STATUS_SAMPLE,
                    "cloud %s: PLY header has no element vertex with properties x, y and z",
                    r->name);
}

static alm_status parse_header(reader *r)
{
    word words[WORD_LIMIT];
    size_t count;
    if (r->end - r->at >= 5 && r->at[3] == '\r' && r->at[4] != '\n') {
        return alm_fail(
            ALM_STATUS_SAMPLE,
            "cloud %s: PLY with lines that end in CR only, expected LF; convert it with: "
            "mac2unix FILE.ply",
            r->name);
    }
    ALM_TRY(header_line(r, words, &count)); /* "ply", which alm_cloud_decode has seen */
    for (;;) {
        ALM_TRY(header_line(r, words, &count));
        if (count == 0 || is_word(words[0], "comment") || is_word(words[0], "obj_info")) {
            continue;
        }
        if (is_word(words[0], "end_header")) {
            return check_header(r);
        }
        if (is_word(words[0], "format")) {
            ALM_TRY(parse_format(r, words, count));
        } else if (is_word(words[0], "element")) {
            ALM_TRY(parse_element(r, words, count));
        } else if (is_word(words[0], "property")) {
            ALM_TRY(parse_property(r, words, count));
        } else {
            return fail_line(r, "unknown keyword", words[0]);
        }
    }
}

static alm_status fail_short(const reader *r, const element *e, uint64_t index)
{
    return alm_fail(ALM_STATUS_SAMPLE,
                    "cloud %s: cut short: PLY says %llu of element %s and ends in number %llu",
                    r->name, (unsigned long long)e->count, e->name, (unsigned long long)index);
}

static double scalar_at(const uint8_t *at, scalar type, bool big_endian)
{
    const size_t size = scalar_size[type];
    if (type == SCALAR_F32 || type == SCALAR_F64) {
        return almi_float_at(at, size, big_endian);
    }
    uint32_t bits = 0;
    for (size_t i = 0; i < size; i++) {
        bits = bits << 8 | at[big_endian ? i : size - 1 - i];
    }
    switch (type) {
    case SCALAR_I8: return (double)(int8_t)bits;
    case SCALAR_I16: return (double)(int16_t)bits;
    case SCALAR_I32: return (double)(int32_t)bits;
    default: return (double)bits;
    }
}

static alm_status store_point(reader *r, uint64_t index, const double point[3])
{
    return almi_cloud_store(r->name, (int64_t)index, point, r->xyz + 3 * index);
}

/* One element in a binary file, property by property. */
static alm_status walk_binary(reader *r, const element *e, uint64_t index)
{
    const bool big = r->format == FORMAT_BIG;
    double point[3] = {0, 0, 0};
    for (size_t i = 0; i < e->properties; i++) {
        const property *p = &r->property[e->first + i];
        const size_t left = (size_t)(r->end - r->at);
        uint64_t values = 1;
        size_t before = 0;
        if (p->count != SCALAR_NONE) {
            before = scalar_size[p->count];
            const double n = before <= left ? scalar_at(r->at, p->count, big) : 0;
            if (n < 0) {
                return alm_fail(ALM_STATUS_SAMPLE,
                                "cloud %s: PLY element %s number %llu has %g "
                                "values in a list",
                                r->name, e->name, (unsigned long long)index, n);
            }
            values = (uint64_t)n; /* at most 2^32 */
        }
        if (before > left || values * scalar_size[p->type] > left - before) {
            return fail_short(r, e, index);
        }
        if (p->axis >= 0) {
            point[p->axis] = scalar_at(r->at, p->type, big);
        }
        r->at += before + values * scalar_size[p->type];
    }
    return e->is_vertex ? store_point(r, index, point) : ALM_OK;
}

static alm_status read_binary(reader *r, const element *e)
{
    if (e->properties == 0) {
        return ALM_OK;
    }
    if (!e->has_list) {
        size_t bytes;
        if (__builtin_mul_overflow(e->count, e->stride, &bytes) ||
            bytes > (size_t)(r->end - r->at)) {
            return fail_short(r, e, (uint64_t)(r->end - r->at) / e->stride);
        }
        if (!e->is_vertex) {
            r->at += bytes;
            return ALM_OK;
        }
    }
    /* Every turn consumes a byte at least, so a count that lies ends with the file. */
    for (uint64_t i = 0; i < e->count; i++) {
        ALM_TRY(walk_binary(r, e, i));
    }
    return ALM_OK;
}

/* The next word of an ascii body; count 0 at the end of the file. */
static word next_word(reader *r)
{
    while (r->at < r->end && (is_blank(*r->at) || *r->at == '\n')) {
        r->line += *r->at == '\n';
        r->at++;
    }
    const uint8_t *start = r->at;
    while (r->at < r->end && !is_blank(*r->at) && *r->at != '\n') {
        r->at++;
    }
    return (word){(const char *)start, (size_t)(r->at - start)};
}

static alm_status walk_ascii(reader *r, const element *e, uint64_t index)
{
    double point[3] = {0, 0, 0};
    for (size_t i = 0; i < e->properties; i++) {
        const property *p = &r->property[e->first + i];
        uint64_t values = 1;
        if (p->count != SCALAR_NONE) {
            const word w = next_word(r);
            if (w.count == 0) {
                return fail_short(r, e, index);
            }
            if (!parse_count(w, &values)) {
                return fail_line(r, "expected the length of a list, got", w);
            }
        }
        for (uint64_t j = 0; j < values; j++) {
            const word w = next_word(r);
            double number;
            if (w.count == 0) {
                return fail_short(r, e, index);
            }
            if (!almi_number(w.text, w.count, &number)) {
                return alm_fail(ALM_STATUS_SAMPLE,
                                "cloud %s: PLY line %zu: \"%.*s\" is not a number%s", r->name,
                                r->line, shown(w), w.text, almi_number_hint(w.text, w.count));
            }
            if (p->axis >= 0) {
                point[p->axis] = number;
            }
        }
    }
    return e->is_vertex ? store_point(r, index, point) : ALM_OK;
}

static alm_status read_ascii(reader *r, const element *e)
{
    if (e->properties == 0) {
        return ALM_OK;
    }
    for (uint64_t i = 0; i < e->count; i++) {
        ALM_TRY(walk_ascii(r, e, i));
    }
    return ALM_OK;
}

static alm_status read_body(reader *r)
{
    r->line++; /* the header counts a line when it is taken, the body when it ends */
    for (size_t i = 0; i < r->elements; i++) {
        const element *e = &r->element[i];
        if (e->is_vertex) {
            /* x, y, z are at least a digit and a separator, or a byte, each. */
            if (e->count > (uint64_t)(r->end - r->at) / 3) {
                return fail_short(r, e, (uint64_t)(r->end - r->at) / 3);
            }
            r->count = (size_t)e->count;
            ALM_TRY(alm_alloc(r->count, 3 * sizeof *r->xyz, "a cloud", &r->xyz));
        }
        ALM_TRY(r->format == FORMAT_ASCII ? read_ascii(r, e) : read_binary(r, e));
    }
    const word more = next_word(r);
    if (more.count > 0) {
        return alm_fail(ALM_STATUS_SAMPLE,
                        "cloud %s: PLY goes on for %zu bytes after the last element of its header",
                        r->name, (size_t)(r->end - (const uint8_t *)more.text));
    }
    return ALM_OK;
}

alm_status almi_ply_decode(const uint8_t *data, size_t bytes, const char *name, alm_cloud *out)
{
    reader *r;
    ALM_TRY(alm_calloc(1, sizeof *r, "a PLY header", &r));
    r->name = name;
    r->at = data;
    r->end = data + bytes;
    alm_status status = parse_header(r);
    if (status == ALM_OK) {
        status = read_body(r);
    }
    if (status == ALM_OK) {
        *out = (alm_cloud){.count = (int64_t)r->count, .xyz = r->xyz};
        r->xyz = NULL;
    }
    alm_free(r->xyz);
    alm_free(r->property);
    alm_free(r);
    return status;
}

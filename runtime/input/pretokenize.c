#include "runtime/input/pretokenize.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <utf8proc.h>

#include "kernels/core/memory.h"
#include "runtime/input/utf8.h"

const char alm_qwen_pattern[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
                                " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
                                "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/* The same for PCRE2, whose \s and \S are other sets than Oniguruma's. */
#define SPACE "\\x{09}-\\x{0D}\\x{85}\\p{Zs}\\p{Zl}\\p{Zp}"
static const char pcre_pattern[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^" SPACE
    "\\p{L}\\p{N}]+[\\r\\n]*|[" SPACE "]*[\\r\\n]+|[" SPACE "]+(?![^" SPACE "])|[" SPACE "]+";

/* A run of n spaces costs some n steps; the longest text has 2^20 bytes. The heap holds
 * backtracking points: kilobytes. */
enum { STEP_LIMIT = 50 * 1000 * 1000, HEAP_LIMIT_KIB = 16 * 1024 };

struct alm_splitter {
    pcre2_code *code;
    pcre2_match_context *limits;
};

alm_status alm_splitter_create(alm_splitter **out)
{
    alm_splitter *s;
    int error = 0;
    size_t offset = 0;
    ALM_TRY(alm_calloc(1, sizeof *s, "the pre-tokenizer", &s));
    s->code = pcre2_compile((PCRE2_SPTR)pcre_pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &error,
                            &offset, NULL);
    s->limits = s->code ? pcre2_match_context_create(NULL) : NULL;
    if (!s->limits) {
        const bool is_bug = !s->code && error != PCRE2_ERROR_HEAP_FAILED;
        alm_splitter_destroy(s);
        return is_bug ? alm_fail(ALM_STATUS_INTERNAL,
                                 "the pre-tokenizer's pattern: error %d at %zu", error, offset)
                      : alm_fail(ALM_STATUS_MEMORY, "out of memory: the pre-tokenizer");
    }
    pcre2_set_match_limit(s->limits, STEP_LIMIT);
    pcre2_set_heap_limit(s->limits, HEAP_LIMIT_KIB);
    *out = s;
    return ALM_OK;
}

void alm_splitter_destroy(alm_splitter *splitter)
{
    if (splitter) {
        pcre2_match_context_free(splitter->limits);
        pcre2_code_free(splitter->code);
        alm_free(splitter);
    }
}

/* ---- NFC --------------------------------------------------------------------------------------
 *
 * utf8proc decomposes characters and composes them; the ordering of marks in between is ours,
 * because utf8proc's takes quadratic time on a long run of them. */

typedef struct codes {
    int32_t *code;
    size_t count, capacity;
} codes;

/* Canonical decomposition, unordered. */
static alm_status decompose(const char *text, size_t bytes, codes *out)
{
    enum { LONGEST = 32 }; /* of one character; the longest in Unicode has 4 */
    for (size_t at = 0; at < bytes;) {
        uint32_t code;
        int boundary = 0;
        at += alm_utf8_read(text + at, bytes - at, &code);
        ALM_TRY(alm_reserve(out->count + LONGEST, sizeof *out->code, "a normalised text",
                            &out->code, &out->capacity));
        const utf8proc_ssize_t n =
            utf8proc_decompose_char((utf8proc_int32_t)code, out->code + out->count, LONGEST,
                                    UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &boundary);
        if (n < 0 || n > LONGEST) {
            return alm_fail(ALM_STATUS_INTERNAL, "utf8proc does not decompose U+%04X", code);
        }
        out->count += (size_t)n;
    }
    return ALM_OK;
}

static unsigned mark_class(int32_t code)
{
    const int value = utf8proc_get_property(code)->combining_class;
    return value < 0 || value > 255 ? 0 : (unsigned)value;
}

/* Sorts a run of marks by class, equal ones in their order: counts, then places. spare: as long. */
static void sort_marks(int32_t *code, size_t count, int32_t *spare)
{
    size_t place[257] = {0};
    for (size_t i = 0; i < count; i++) {
        place[mark_class(code[i]) + 1]++;
    }
    for (int i = 0; i < 256; i++) {
        place[i + 1] += place[i];
    }
    memcpy(spare, code, count * sizeof *code);
    for (size_t i = 0; i < count; i++) {
        code[place[mark_class(spare[i])]++] = spare[i];
    }
}

static alm_status order_marks(codes *text)
{
    codes spare = {NULL, 0, 0};
    for (size_t at = 0; at < text->count;) {
        size_t end = at;
        bool sorted = true;
        while (end < text->count && mark_class(text->code[end]) > 0) {
            sorted = sorted &&
                     (end == at || mark_class(text->code[end - 1]) <= mark_class(text->code[end]));
            end++;
        }
        if (!sorted) {
            const alm_status status = alm_reserve(end - at, sizeof *spare.code, "a normalised text",
                                                  &spare.code, &spare.capacity);
            if (status != ALM_OK) {
                alm_free(spare.code);
                return status;
            }
            sort_marks(text->code + at, end - at, spare.code);
        }
        at = end + (end == at);
    }
    alm_free(spare.code);
    return ALM_OK;
}

static alm_status compose(codes *text, char **out, size_t *bytes)
{
    const utf8proc_ssize_t count = utf8proc_normalize_utf32(
        text->code, (utf8proc_ssize_t)text->count, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    if (count < 0) {
        return alm_fail(ALM_STATUS_INTERNAL, "utf8proc does not compose a text");
    }
    char *made;
    size_t used = 0;
    ALM_TRY(alm_alloc((size_t)count, 4, "a normalised text", &made));
    for (utf8proc_ssize_t i = 0; i < count; i++) {
        used += alm_utf8_write((uint32_t)text->code[i], made + used);
    }
    *out = made;
    *bytes = used;
    return ALM_OK;
}

/* *out = NFC(text), owned by the caller. */
static alm_status normalise(const char *text, size_t bytes, char **out, size_t *out_bytes)
{
    codes c = {NULL, 0, 0};
    alm_status status = decompose(text, bytes, &c);
    if (status == ALM_OK) {
        status = order_marks(&c);
    }
    if (status == ALM_OK) {
        status = compose(&c, out, out_bytes);
    }
    alm_free(c.code);
    return status;
}

/* A text without characters from U+0300 on is NFC as it stands. */
static bool is_normal(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if ((unsigned char)text[i] >= 0xCC) {
            return false;
        }
    }
    return true;
}

/* ---- Pieces ---------------------------------------------------------------------------------- */

static alm_status fail_match(int error, size_t at)
{
    if (error == PCRE2_ERROR_NOMEMORY) {
        return alm_fail(ALM_STATUS_MEMORY, "out of memory: the pre-tokenizer");
    }
    if (error == PCRE2_ERROR_MATCHLIMIT || error == PCRE2_ERROR_HEAPLIMIT ||
        error == PCRE2_ERROR_DEPTHLIMIT) {
        return alm_fail(ALM_STATUS_SAMPLE, "the text takes too many steps to split at byte %zu",
                        at);
    }
    return alm_fail(ALM_STATUS_INTERNAL, "the pre-tokenizer: error %d at byte %zu", error, at);
}

static alm_status split(const alm_splitter *s, pcre2_match_data *match, const char *text,
                        size_t bytes, alm_piece_fn *visit, void *context)
{
    for (size_t at = 0; at < bytes;) {
        /* The text is checked once, not from here to its end for every piece. */
        const int found = pcre2_match(s->code, (PCRE2_SPTR)text, bytes, at,
                                      PCRE2_ANCHORED | PCRE2_NO_UTF_CHECK, match, s->limits);
        const size_t end = found < 0 ? 0 : pcre2_get_ovector_pointer(match)[1];
        if (found < 0 || end <= at) {
            return fail_match(found, at);
        }
        ALM_TRY(visit(context, text + at, end - at));
        at = end;
    }
    return ALM_OK;
}

alm_status alm_splitter_run(const alm_splitter *splitter, const char *text, size_t bytes,
                            alm_piece_fn *visit, void *context)
{
    char *normal = NULL;
    if (!is_normal(text, bytes)) {
        ALM_TRY(normalise(text, bytes, &normal, &bytes));
        text = normal;
    }
    alm_status status;
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    if (match) {
        status = split(splitter, match, text, bytes, visit, context);
    } else {
        status = alm_fail(ALM_STATUS_MEMORY, "out of memory: the pre-tokenizer");
    }
    pcre2_match_data_free(match);
    alm_free(normal);
    return status;
}

/* A buffer that is filled by read() as bytes come, so that a pipe's line is seen when it is there.
 */
#include "runtime/input/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "kernels/core/memory.h"

enum { FIRST_BYTES = 64 << 10 };

struct alm_lines {
    char *path;
    int file;
    bool is_stdin, at_end;
    size_t limit;
    char *buffer;
    size_t capacity, begin, end; /* bytes begin to end are not consumed */
    int64_t number;
};

alm_status alm_lines_open(const char *path, size_t limit, alm_lines **out)
{
    alm_lines *l;
    ALM_TRY(alm_calloc(1, sizeof *l, "lines", &l));
    l->is_stdin = strcmp(path, "-") == 0;
    l->limit = limit;
    l->file = l->is_stdin ? STDIN_FILENO : -1;
    alm_status status = alm_strdup(l->is_stdin ? "stdin" : path, "path", &l->path);
    if (status == ALM_OK) {
        status = alm_reserve(FIRST_BYTES, 1, path, &l->buffer, &l->capacity);
    }
    if (status == ALM_OK && !l->is_stdin) {
        l->file = open(path, O_RDONLY | O_CLOEXEC);
        if (l->file < 0) {
            status = alm_fail(ALM_STATUS_SAMPLE, "%s: %s", path, strerror(errno));
        }
    }
    if (status != ALM_OK) {
        alm_lines_close(l);
        return status;
    }
    *out = l;
    return ALM_OK;
}

void alm_lines_close(alm_lines *l)
{
    if (!l) {
        return;
    }
    if (!l->is_stdin && l->file >= 0) {
        close(l->file);
    }
    alm_free(l->path);
    alm_free(l->buffer);
    alm_free(l);
}

/* Reads what is there behind `end`; at_end when there is no more. */
static alm_status fill(alm_lines *l)
{
    if (l->begin > 0) {
        memmove(l->buffer, l->buffer + l->begin, l->end - l->begin);
        l->end -= l->begin;
        l->begin = 0;
    }
    if (l->end == l->capacity) {
        ALM_TRY(alm_reserve(l->capacity + 1, 1, l->path, &l->buffer, &l->capacity));
    }
    ssize_t n;
    do {
        n = read(l->file, l->buffer + l->end, l->capacity - l->end);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return alm_fail(ALM_STATUS_SAMPLE, "%s: %s", l->path, strerror(errno));
    }
    l->at_end = n == 0;
    l->end += (size_t)n;
    return ALM_OK;
}

static bool is_blank(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r') {
            return false;
        }
    }
    return true;
}

alm_status alm_lines_next(alm_lines *l, alm_line *out)
{
    bool is_too_long = false;
    size_t searched = 0; /* bytes of this line that hold no line end */
    for (;;) {
        char *text = l->buffer + l->begin;
        char *line_end = memchr(text + searched, '\n', l->end - l->begin - searched);
        if (line_end || (l->at_end && (l->end > l->begin || is_too_long))) {
            const size_t bytes = line_end ? (size_t)(line_end - text) : l->end - l->begin;
            l->begin += bytes + (line_end != NULL);
            is_too_long = is_too_long || bytes > l->limit;
            *out = (alm_line){.text = text,
                              .bytes = is_too_long ? 0 : bytes,
                              .number = ++l->number,
                              .is_blank = !is_too_long && is_blank(text, bytes),
                              .is_too_long = is_too_long};
            return ALM_OK;
        }
        if (l->at_end) {
            *out = (alm_line){.number = l->number};
            return ALM_OK;
        }
        searched = l->end - l->begin;
        if (searched > l->limit) {
            is_too_long = true;
            l->begin = l->end = 0;
            searched = 0;
        }
        ALM_TRY(fill(l));
    }
}

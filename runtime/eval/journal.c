#include "runtime/eval/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/core/memory.h"
#include "runtime/eval/journal_line.h"

/* Bytes of a journal that stay in memory, about: a long one would fill it otherwise. */
enum { KEPT_BYTES = 8 << 20 };

struct alm_journal {
    char *path;
    int file;
    alm_buffer lines, scratch;
};

static alm_status refuse(const char *path)
{
    return alm_fail(ALM_STATUS_OUTPUT, "%s: %s", path, strerror(errno));
}

/* ---- Reading ---- */

/* The first line is this object? */
static alm_status check_first(const char *path, const char *begins, const char *object,
                              size_t bytes)
{
    if (begins && (strlen(begins) != bytes || memcmp(begins, object, bytes) != 0)) {
        return alm_fail(ALM_STATUS_USAGE, "%s: belongs to %.200s, expected %.200s", path, object,
                        begins);
    }
    return ALM_OK;
}

static alm_status scan(const alm_file_map *map, const char *path, const char *begins,
                       alm_journal_visit_fn *visit, void *context, size_t *good)
{
    const char *const start = (const char *)map->data, *const end = start + map->bytes;
    const char *at = start, *object, *next;
    char *text = NULL;
    size_t bytes, capacity = 0, kept = 0;
    alm_status status = ALM_OK;
    *good = 0;
    while (status == ALM_OK && at < end && alm_journal_object(at, end, &object, &bytes, &next)) {
        if (at == start) {
            status = check_first(path, begins, object, bytes);
        } else {
            alm_journal_entry entry;
            status = alm_journal_entry_read(path, object, bytes, &text, &capacity, &entry);
            if (status == ALM_OK && visit) {
                status = visit(context, (size_t)(at - start), &entry);
            }
        }
        at = next;
        *good = (size_t)(at - start);
        if (*good - kept > KEPT_BYTES) {
            alm_file_map_forget(map, *good);
            kept = *good;
        }
    }
    alm_free(text);
    return status;
}

alm_status alm_journal_scan(const char *path, const char *begins, alm_journal_visit_fn *visit,
                            void *context, size_t *good)
{
    struct stat info;
    *good = 0;
    if (stat(path, &info) == 0 && info.st_size == 0) {
        return ALM_OK; /* killed before its first line */
    }
    alm_file_map map;
    alm_status status = alm_file_map_open(path, &map);
    if (status == ALM_OK) {
        status = scan(&map, path, begins, visit, context, good);
        alm_file_map_close(&map);
    }
    return status == ALM_STATUS_MODEL ? ALM_STATUS_USAGE : status;
}

alm_status alm_journal_map_open(const char *path, alm_journal_map *out)
{
    alm_file_map map;
    const alm_status status = alm_file_map_open(path, &map);
    if (status != ALM_OK) {
        return status == ALM_STATUS_MODEL ? ALM_STATUS_USAGE : status;
    }
    *out = (alm_journal_map){.path = path, .map = map};
    return ALM_OK;
}

void alm_journal_map_close(alm_journal_map *map)
{
    alm_file_map_close(&map->map);
    alm_free(map->text);
    *map = (alm_journal_map){0};
}

alm_status alm_journal_map_read(alm_journal_map *map, size_t offset, alm_journal_entry *out)
{
    const char *const start = (const char *)map->map.data, *object, *next;
    size_t bytes;
    if (offset >= map->map.bytes ||
        !alm_journal_object(start + offset, start + map->map.bytes, &object, &bytes, &next)) {
        return alm_fail(ALM_STATUS_USAGE, "%s: byte %zu: no line of a journal starts here",
                        map->path, offset);
    }
    map->touched += bytes;
    if (map->touched > KEPT_BYTES) {
        alm_file_map_forget(&map->map, map->map.bytes);
        map->touched = 0;
    }
    return alm_journal_entry_read(map->path, object, bytes, &map->text, &map->capacity, out);
}

/* ---- Writing ---- */

/* Opens and locks the file; *fresh: it is new, or held nothing. */
static alm_status open_file(alm_journal *j, const char *begins, bool resume,
                            alm_journal_visit_fn *visit, void *context)
{
    struct stat info;
    j->file = open(j->path, O_WRONLY | O_CREAT | O_CLOEXEC | (resume ? 0 : O_EXCL), 0666);
    if (j->file < 0) {
        return refuse(j->path);
    }
    if (flock(j->file, LOCK_EX | LOCK_NB) != 0) {
        return alm_fail(ALM_STATUS_USAGE, "%s: another process writes it", j->path);
    }
    if (fstat(j->file, &info) != 0) {
        return refuse(j->path);
    }
    size_t good = 0;
    if (info.st_size > 0) {
        ALM_TRY(alm_journal_scan(j->path, begins, visit, context, &good));
    }
    if (ftruncate(j->file, (off_t)good) != 0 || lseek(j->file, 0, SEEK_END) < 0) {
        return refuse(j->path);
    }
    if (good == 0) {
        alm_journal_line(&j->lines, begins, strlen(begins));
    }
    return alm_journal_flush(j, true);
}

alm_status alm_journal_open(const char *path, const char *begins, bool resume,
                            alm_journal_visit_fn *visit, void *context, alm_journal **out)
{
    alm_journal *j;
    ALM_TRY(alm_calloc(1, sizeof *j, "a journal", &j));
    j->file = -1;
    alm_status status = alm_strdup(path, "path", &j->path);
    if (status == ALM_OK) {
        status = open_file(j, begins, resume, visit, context);
    }
    if (status != ALM_OK) {
        alm_journal_close(j);
        return status;
    }
    *out = j;
    return ALM_OK;
}

alm_status alm_journal_add(alm_journal *j, const alm_journal_entry *entry)
{
    alm_journal_entry_line(&j->lines, &j->scratch, entry);
    return j->lines.status;
}

alm_status alm_journal_flush(alm_journal *j, bool sync)
{
    ALM_TRY(j->lines.status);
    for (size_t at = 0; at < j->lines.count;) {
        const ssize_t n = write(j->file, j->lines.data + at, j->lines.count - at);
        if (n < 0 && errno != EINTR) {
            return refuse(j->path);
        }
        at += n > 0 ? (size_t)n : 0;
    }
    j->lines.count = 0;
    return sync && fdatasync(j->file) != 0 ? refuse(j->path) : ALM_OK;
}

void alm_journal_close(alm_journal *j)
{
    if (j) {
        if (j->file >= 0) {
            close(j->file);
        }
        alm_buffer_free(&j->lines);
        alm_buffer_free(&j->scratch);
        alm_free(j->path);
        alm_free(j);
    }
}

/* Files that appear whole or not at all (file_write.h). */
#include "runtime/output/file_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/core/memory.h"

/* A write may move at most some 2 GB; names that are tried until one is free. */
enum { WRITE_LIMIT = 1 << 30, NAME_TRIES = 1000, SUFFIX_BYTES = 64, ZEROS = 4096 };

struct alm_file_write {
    char *path, *part; /* part NULL: path is written directly */
    int file;
    bool committed;
    uint64_t size;
};

static alm_status refuse(const char *path, int error)
{
    return alm_fail(ALM_STATUS_OUTPUT, "%s: %s", path, strerror(error));
}

static alm_status create_part(alm_file_write *w)
{
    const size_t bytes = strlen(w->path) + SUFFIX_BYTES;
    ALM_TRY(alm_alloc(bytes, 1, "path", &w->part));
    for (int i = 0; i < NAME_TRIES; i++) {
        snprintf(w->part, bytes, "%s.part-%ld-%d", w->path, (long)getpid(), i);
        w->file = open(w->part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (w->file >= 0 || errno != EEXIST) {
            break;
        }
    }
    if (w->file < 0) {
        const int error = errno;
        /* Nothing was created, so nothing is to be removed. */
        alm_free(w->part);
        w->part = NULL;
        return refuse(w->path, error);
    }
    return ALM_OK;
}

static alm_status create_partial(alm_file_write *w)
{
    const size_t bytes = strlen(w->path) + SUFFIX_BYTES;
    char *name;
    ALM_TRY(alm_alloc(bytes, 1, "path", &name));
    snprintf(name, bytes, "%s.partial", w->path);
    /* Removed first: a link of that name must not lead elsewhere. */
    w->file = unlink(name) == 0 || errno == ENOENT
                  ? open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666)
                  : -1;
    if (w->file < 0) {
        const int error = errno;
        alm_free(name);
        return refuse(w->path, error);
    }
    w->part = name;
    return ALM_OK;
}

static alm_status create(alm_file_write *w, alm_status (*create_other)(alm_file_write *))
{
    struct stat about;
    if (stat(w->path, &about) != 0 || S_ISREG(about.st_mode)) {
        return create_other(w);
    }
    w->file = open(w->path, O_WRONLY | O_CLOEXEC);
    return w->file >= 0 ? ALM_OK : refuse(w->path, errno);
}

static alm_status begin(const char *path, alm_status (*create_other)(alm_file_write *),
                        alm_file_write **out)
{
    alm_file_write *w;
    ALM_TRY(alm_calloc(1, sizeof *w, "output file", &w));
    w->file = -1;
    alm_status status = alm_strdup(path, "path", &w->path);
    if (status == ALM_OK) {
        status = create(w, create_other);
    }
    if (status != ALM_OK) {
        alm_file_write_end(w);
        return status;
    }
    *out = w;
    return ALM_OK;
}

alm_status alm_file_write_begin(const char *path, alm_file_write **out)
{
    return begin(path, create_part, out);
}

alm_status alm_file_write_begin_partial(const char *path, alm_file_write **out)
{
    return begin(path, create_partial, out);
}

alm_status alm_file_write_add(alm_file_write *w, const void *data, size_t bytes)
{
    const char *at = data;
    while (bytes) {
        const ssize_t n = write(w->file, at, bytes < WRITE_LIMIT ? bytes : WRITE_LIMIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return refuse(w->path, n < 0 ? errno : EIO);
        }
        at += n;
        bytes -= (size_t)n;
        w->size += (uint64_t)n;
    }
    return ALM_OK;
}

alm_status alm_file_write_zeros(alm_file_write *w, size_t bytes)
{
    static const char zeros[ZEROS];
    for (size_t n; bytes; bytes -= n) {
        n = bytes < ZEROS ? bytes : ZEROS;
        ALM_TRY(alm_file_write_add(w, zeros, n));
    }
    return ALM_OK;
}

alm_status alm_file_write_patch(alm_file_write *w, uint64_t at, const void *data, size_t bytes)
{
    const char *from = data;
    while (bytes) {
        const ssize_t n = pwrite(w->file, from, bytes, (off_t)at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return refuse(w->path, n < 0 ? errno : EIO);
        }
        from += n;
        at += (uint64_t)n;
        bytes -= (size_t)n;
    }
    return ALM_OK;
}

alm_status alm_file_write_read(alm_file_write *w, uint64_t at, void *data, size_t bytes)
{
    char *to = data;
    while (bytes) {
        const ssize_t n = pread(w->file, to, bytes, (off_t)at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return refuse(w->path, errno);
        }
        if (n == 0) {
            memset(to, 0, bytes);
            return ALM_OK;
        }
        to += n;
        at += (uint64_t)n;
        bytes -= (size_t)n;
    }
    return ALM_OK;
}

uint64_t alm_file_write_size(const alm_file_write *w)
{
    return w->size;
}

alm_status alm_file_write_commit(alm_file_write *w)
{
    const int file = w->file;
    w->file = -1;
    /* Some systems tell only here that the disk is full. */
    if (close(file) != 0 && errno != EINTR) {
        return refuse(w->path, errno);
    }
    if (w->part && rename(w->part, w->path) != 0) {
        return refuse(w->path, errno);
    }
    w->committed = true;
    return ALM_OK;
}

void alm_file_write_end(alm_file_write *w)
{
    if (!w) {
        return;
    }
    if (w->file >= 0) {
        close(w->file);
    }
    if (w->part && !w->committed) {
        unlink(w->part);
    }
    alm_free(w->part);
    alm_free(w->path);
    alm_free(w);
}

alm_status alm_file_write_all(const char *path, const void *data, size_t bytes)
{
    alm_file_write *w;
    ALM_TRY(alm_file_write_begin(path, &w));
    alm_status status = alm_file_write_add(w, data, bytes);
    if (status == ALM_OK) {
        status = alm_file_write_commit(w);
    }
    alm_file_write_end(w);
    return status;
}

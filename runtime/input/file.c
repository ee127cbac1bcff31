/* One read for everything that comes from outside: regular files, pipes, stdin. The size that the
 * system tells is a first guess only. What is refused: file.h. */
#include "runtime/input/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/core/memory.h"

enum { FIRST_BYTES = 1 << 16 };

static alm_status fail_system(const char *path, int error)
{
    char reason[128];
    if (strerror_r(error, reason, sizeof reason) != 0) {
        return alm_fail(ALM_STATUS_SAMPLE, "%s: system error %d", path, error);
    }
    return alm_fail(ALM_STATUS_SAMPLE, "%s: %s", path, reason);
}

static alm_status fail_limit(const char *path, size_t limit)
{
    return alm_fail(ALM_STATUS_SAMPLE, "%s: more than %zu bytes, the limit for this kind of file",
                    path, limit);
}

/* Reads until the end, whatever size was guessed: files grow, and pipes have none. */
static alm_status read_all(int file, const char *path, size_t limit, size_t guess, char **data,
                           size_t *bytes)
{
    size_t capacity = 0, count = 0;
    ALM_TRY(alm_reserve(guess + 1, 1, path, data, &capacity));
    for (;;) {
        if (count + 1 >= capacity) {
            ALM_TRY(alm_reserve(capacity + FIRST_BYTES, 1, path, data, &capacity));
        }
        const ssize_t got = read(file, *data + count, capacity - 1 - count);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail_system(path, errno);
        }
        if (got == 0) {
            break;
        }
        count += (size_t)got;
        if (count > limit) {
            return fail_limit(path, limit);
        }
    }
    (*data)[count] = '\0';
    *bytes = count;
    return ALM_OK;
}

static alm_status read_open(int file, const char *path, size_t limit, char **data, size_t *bytes)
{
    struct stat about;
    if (fstat(file, &about) != 0) {
        return fail_system(path, errno);
    }
    if (S_ISDIR(about.st_mode)) {
        return alm_fail(ALM_STATUS_SAMPLE, "%s: is a folder, expected a file", path);
    }
    size_t guess = FIRST_BYTES;
    if (S_ISREG(about.st_mode) && about.st_size >= 0) {
        if ((uint64_t)about.st_size > limit) {
            return alm_fail(ALM_STATUS_SAMPLE,
                            "%s: %lld bytes, more than %zu, the limit for this kind of file", path,
                            (long long)about.st_size, limit);
        }
        /* One more than the size: the read that finds the end needs room to ask for. */
        guess = (size_t)about.st_size + 1;
    }
    return read_all(file, path, limit, guess, data, bytes);
}

alm_status alm_file_read(const char *path, size_t limit, void **data, size_t *bytes)
{
    const int is_stdin = strcmp(path, "-") == 0;
    int file = STDIN_FILENO;
    if (!is_stdin) {
        do {
            file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        } while (file < 0 && errno == EINTR);
        if (file < 0) {
            return fail_system(path, errno);
        }
    }
    char *block = NULL;
    const alm_status status = read_open(file, is_stdin ? "stdin" : path, limit, &block, bytes);
    if (!is_stdin) {
        close(file);
    }
    if (status != ALM_OK) {
        alm_free(block);
        return status;
    }
    *data = block;
    return ALM_OK;
}

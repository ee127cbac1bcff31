#include "runtime/input/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/core/memory.h"

/* Reads exactly `bytes` bytes; a file that shrinks meanwhile is an error. */
static alm_status read_all(int file, const char *path, char *text, size_t bytes)
{
    size_t have = 0;
    while (have < bytes) {
        const ssize_t n = read(file, text + have, bytes - have);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return alm_fail(ALM_STATUS_MODEL, "%s: cannot be read: %s", path, strerror(errno));
        }
        if (n == 0) {
            return alm_fail(ALM_STATUS_MODEL, "%s: ends after %zu of %zu bytes", path, have, bytes);
        }
        have += (size_t)n;
    }
    return ALM_OK;
}

static alm_status read_open(int file, const char *path, size_t limit, char **out, size_t *bytes)
{
    struct stat facts;
    if (fstat(file, &facts) != 0) {
        return alm_fail(ALM_STATUS_MODEL, "%s: cannot be examined: %s", path, strerror(errno));
    }
    if (!S_ISREG(facts.st_mode)) {
        return alm_fail(ALM_STATUS_MODEL, "%s: is not a regular file", path);
    }
    const size_t size = (size_t)facts.st_size;
    if (size > limit) {
        return alm_fail(ALM_STATUS_MODEL, "%s: has %zu bytes, at most %zu are allowed", path, size,
                        limit);
    }
    char *text;
    ALM_TRY(alm_alloc(size + 1, 1, path, &text));
    const alm_status status = read_all(file, path, text, size);
    if (status != ALM_OK) {
        alm_free(text);
        return status;
    }
    text[size] = '\0';
    *out = text;
    *bytes = size;
    return ALM_OK;
}

alm_status alm_text_file_read(const char *path, size_t limit, char **text, size_t *bytes)
{
    /* Without O_NONBLOCK, opening a named pipe would wait for a writer. */
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) {
        return alm_fail(ALM_STATUS_MODEL, "%s: cannot be opened: %s", path, strerror(errno));
    }
    const alm_status status = read_open(file, path, limit, text, bytes);
    close(file);
    return status;
}

alm_status alm_path_join(const char *folder, const char *name, char **path)
{
    const size_t a = strlen(folder), b = strlen(name);
    const bool slash = a > 0 && folder[a - 1] != '/';
    size_t bytes;
    char *joined;
    ALM_TRY(alm_add_size(a, b, "a path", &bytes));
    ALM_TRY(alm_add_size(bytes, 2, "a path", &bytes));
    ALM_TRY(alm_alloc(bytes, 1, "a path", &joined));
    memcpy(joined, folder, a);
    if (slash) {
        joined[a] = '/';
    }
    memcpy(joined + a + slash, name, b + 1);
    *path = joined;
    return ALM_OK;
}

bool alm_is_folder(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

bool alm_is_file(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISREG(facts.st_mode);
}

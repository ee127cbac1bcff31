/* Maps files (file_map.h). */
#include "runtime/input/file_map.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static alm_status refuse(const char *path)
{
    return alm_fail(errno == ENOMEM ? ALM_STATUS_MEMORY : ALM_STATUS_MODEL, "%s: %s", path,
                    strerror(errno));
}

static alm_status map(int file, const char *path, alm_file_map *out)
{
    struct stat about;
    if (fstat(file, &about) != 0) {
        return refuse(path);
    }
    if (!S_ISREG(about.st_mode)) {
        return alm_fail(ALM_STATUS_MODEL, "%s: is no regular file", path);
    }
    if (about.st_size <= 0) {
        return alm_fail(ALM_STATUS_MODEL, "%s: is empty", path);
    }
    void *data = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (data == MAP_FAILED) {
        return refuse(path);
    }
    *out = (alm_file_map){.data = data, .bytes = (size_t)about.st_size};
    return ALM_OK;
}

alm_status alm_file_map_open(const char *path, alm_file_map *out)
{
    /* Without O_NONBLOCK, opening a pipe would wait for its writer. */
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) {
        return refuse(path);
    }
    const alm_status status = map(file, path, out);
    close(file);
    return status;
}

void alm_file_map_forget(const alm_file_map *map, size_t end)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = end / page * page;
    if (map->data && whole && whole <= map->bytes) {
        madvise((void *)(uintptr_t)map->data, whole, MADV_DONTNEED); /* advice: it may fail */
    }
}

void alm_file_map_close(alm_file_map *map)
{
    if (map->data) {
        munmap((void *)(uintptr_t)map->data, map->bytes);
    }
    *map = (alm_file_map){0};
}

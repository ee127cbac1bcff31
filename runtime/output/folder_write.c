/* Folders that appear whole or not at all (folder_write.h). */
#include "runtime/output/folder_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernels/core/memory.h"

enum { NAME_TRIES = 1000, SUFFIX_BYTES = 64, DEPTH_LIMIT = 16 };

struct alm_folder_write {
    char *path, *part; /* part NULL: not made */
    bool force, committed;
};

static alm_status refuse(const char *path, int error)
{
    return alm_fail(ALM_STATUS_OUTPUT, "%s: %s", path, strerror(error));
}

/* What the system call getdents64 writes. */
typedef struct folder_entry {
    uint64_t inode;
    int64_t offset;
    uint16_t bytes;
    uint8_t type;
    char name[];
} folder_entry;

/* Removes an entry and, when it is a folder and no link, all below; what cannot be removed stays.
 * (Not with opendir, which allocates: this also cleans up when there is no memory.) */
static void remove_tree(int parent, const char *name, int depth)
{
    _Alignas(folder_entry) char buffer[4096];
    struct stat about;
    if (fstatat(parent, name, &about, AT_SYMLINK_NOFOLLOW) != 0) {
        return;
    }
    if (!S_ISDIR(about.st_mode)) {
        unlinkat(parent, name, 0);
        return;
    }
    const int file = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0) {
        return;
    }
    for (long n;
         depth < DEPTH_LIMIT && (n = syscall(SYS_getdents64, file, buffer, sizeof buffer)) > 0;) {
        for (long at = 0; at < n;) {
            const folder_entry *e = (const folder_entry *)(buffer + at);
            if (strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0) {
                remove_tree(file, e->name, depth + 1);
            }
            at += e->bytes;
        }
    }
    close(file);
    unlinkat(parent, name, AT_REMOVEDIR);
}

static bool is_empty(const char *path)
{
    DIR *dir = opendir(path);
    int entries = 0;
    if (!dir) {
        return false;
    }
    while (entries < 3 && readdir(dir)) {
        entries++;
    }
    closedir(dir);
    return entries <= 2; /* "." and ".." */
}

static bool has_config(const char *path)
{
    struct stat about;
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool found = folder >= 0 && fstatat(folder, "config.yaml", &about, 0) == 0;
    if (folder >= 0) {
        close(folder);
    }
    return found;
}

/* Asked before the work, so that it is not done in vain. */
static alm_status check_target(const alm_folder_write *w)
{
    struct stat about;
    if (lstat(w->path, &about) != 0) {
        return errno == ENOENT ? ALM_OK : refuse(w->path, errno);
    }
    if (!S_ISDIR(about.st_mode)) {
        return alm_fail(ALM_STATUS_OUTPUT, "%s: exists and is no folder", w->path);
    }
    if (is_empty(w->path)) {
        return ALM_OK;
    }
    if (!w->force) {
        return alm_fail(ALM_STATUS_OUTPUT, "%s: exists; --force replaces it", w->path);
    }
    return has_config(w->path)
               ? ALM_OK
               : alm_fail(ALM_STATUS_OUTPUT,
                          "%s: exists and is no model folder (no config.yaml): not replaced",
                          w->path);
}

static alm_status make_part(alm_folder_write *w)
{
    const size_t bytes = strlen(w->path) + SUFFIX_BYTES;
    char *part;
    int error = EEXIST;
    ALM_TRY(alm_alloc(bytes, 1, "path", &part));
    for (int i = 0; i < NAME_TRIES && error == EEXIST; i++) {
        /* A replaced folder that could not be removed keeps the name that ends in ".old". */
        snprintf(part, bytes, "%s.part-%ld-%d.old", w->path, (long)getpid(), i);
        if (access(part, F_OK) == 0) {
            continue;
        }
        part[strlen(part) - strlen(".old")] = '\0';
        error = mkdir(part, 0777) == 0 ? 0 : errno;
    }
    if (error) {
        alm_free(part);
        return refuse(w->path, error);
    }
    w->part = part;
    return ALM_OK;
}

alm_status alm_folder_write_begin(const char *path, bool force, alm_folder_write **out)
{
    alm_folder_write *w;
    ALM_TRY(alm_calloc(1, sizeof *w, "output folder", &w));
    w->force = force;
    alm_status status = alm_strdup(path, "path", &w->path);
    if (status == ALM_OK) {
        for (size_t n = strlen(w->path); n > 1 && w->path[n - 1] == '/'; n--) {
            w->path[n - 1] = '\0';
        }
        status = check_target(w);
    }
    status = status != ALM_OK ? status : make_part(w);
    if (status != ALM_OK) {
        alm_folder_write_end(w);
        return status;
    }
    *out = w;
    return ALM_OK;
}

const char *alm_folder_write_part(const alm_folder_write *w)
{
    return w->part;
}

/* The old folder steps aside first and is removed last. */
static alm_status replace(alm_folder_write *w)
{
    const size_t bytes = strlen(w->part) + 8;
    char *old;
    ALM_TRY(alm_alloc(bytes, 1, "path", &old));
    snprintf(old, bytes, "%s.old", w->part);
    alm_status status = ALM_OK;
    if (rename(w->path, old) != 0) {
        status = refuse(w->path, errno);
    } else if (rename(w->part, w->path) != 0) {
        status = refuse(w->path, errno);
        /* When even this fails, the old folder keeps the longer name; nothing is lost. */
        if (rename(old, w->path) != 0) {
            status = alm_fail_context(status, "the old folder is now %s", old);
        }
    } else {
        remove_tree(AT_FDCWD, old, 0);
    }
    alm_free(old);
    return status;
}

alm_status alm_folder_write_commit(alm_folder_write *w)
{
    ALM_TRY(check_target(w));
    if (rename(w->part, w->path) != 0) {
        if (!w->force || (errno != EEXIST && errno != ENOTEMPTY)) {
            return refuse(w->path, errno);
        }
        ALM_TRY(replace(w));
    }
    w->committed = true;
    return ALM_OK;
}

void alm_folder_write_end(alm_folder_write *w)
{
    if (!w) {
        return;
    }
    if (w->part && !w->committed) {
        remove_tree(AT_FDCWD, w->part, 0);
    }
    alm_free(w->part);
    alm_free(w->path);
    alm_free(w);
}

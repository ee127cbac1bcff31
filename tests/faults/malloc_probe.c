#define _GNU_SOURCE /* dladdr */
#include "tests/faults/malloc_probe.h"

#include <pthread.h>
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <string.h>
#include <unwind.h>

#include "kernels/core/memory.h"

/* glibc's allocator under its internal names. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *block);

void *memalign(size_t alignment, size_t bytes);
void *valloc(size_t bytes);

static atomic_bool counting;
static atomic_bool stick;
static atomic_llong calls, failed, live, bytes_now, bytes_peak;
static atomic_llong fail_number = PROBE_NEVER;

static uint64_t *path_hash;
static int64_t path_capacity;

enum { PATH_DEPTH = 24 };

typedef struct walk {
    uint64_t hash;
    int depth;
} walk;

static _Unwind_Reason_Code step(struct _Unwind_Context *context, void *data)
{
    walk *w = data;
    w->hash = (w->hash ^ _Unwind_GetIP(context)) * 0x9E3779B97F4A7C15u;
    w->hash ^= w->hash >> 29;
    return ++w->depth < PATH_DEPTH ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static const char *spared;

static bool is_spared(const void *caller)
{
    Dl_info about;
    return spared && dladdr(caller, &about) != 0 && strstr(about.dli_fname, spared);
}

/* Whether this allocation, of the code at `caller`, is to fail. */
static bool enter(const void *caller)
{
    static _Thread_local bool inside;
    if (alm_guard_is_up()) {
        alm_guard_violate();
    }
    if (!atomic_load_explicit(&counting, memory_order_relaxed) || inside || is_spared(caller)) {
        return false;
    }
    const int64_t number = atomic_fetch_add(&calls, 1);
    if (path_hash && number < path_capacity) {
        inside = true; /* unwinding may allocate the first time */
        walk w = {0};
        _Unwind_Backtrace(step, &w);
        path_hash[number] = w.hash;
        inside = false;
    }
    const int64_t limit = atomic_load(&fail_number);
    if (limit == PROBE_NEVER || number < limit || (number > limit && !atomic_load(&stick))) {
        return false;
    }
    atomic_fetch_add(&failed, 1);
    errno = ENOMEM;
    return true;
}

static void *gained(void *block)
{
    if (block && atomic_load_explicit(&counting, memory_order_relaxed)) {
        atomic_fetch_add(&live, 1);
        const long long size = (long long)malloc_usable_size(block);
        const long long now = atomic_fetch_add(&bytes_now, size) + size;
        long long peak = atomic_load(&bytes_peak);
        while (now > peak && !atomic_compare_exchange_weak(&bytes_peak, &peak, now)) {
        }
    }
    return block;
}

static void lost(void *block)
{
    if (block && atomic_load_explicit(&counting, memory_order_relaxed)) {
        atomic_fetch_sub(&live, 1);
        atomic_fetch_sub(&bytes_now, (long long)malloc_usable_size(block));
    }
}

/* Exported, so that the libraries' calls come here. */
#define PROBE_EXPORT __attribute__((visibility("default")))

PROBE_EXPORT void *malloc(size_t bytes)
{
    return enter(__builtin_return_address(0)) ? NULL : gained(__libc_malloc(bytes));
}

PROBE_EXPORT void *calloc(size_t count, size_t size)
{
    return enter(__builtin_return_address(0)) ? NULL : gained(__libc_calloc(count, size));
}

PROBE_EXPORT void *realloc(void *block, size_t bytes)
{
    if (enter(__builtin_return_address(0))) {
        return NULL;
    }
    lost(block);
    void *moved = __libc_realloc(block, bytes);
    gained(moved ? moved : (bytes ? block : NULL));
    return moved;
}

PROBE_EXPORT void free(void *block)
{
    lost(block);
    __libc_free(block);
}

static void *aligned(const void *caller, size_t alignment, size_t bytes)
{
    return enter(caller) ? NULL : gained(__libc_memalign(alignment, bytes));
}

PROBE_EXPORT void *memalign(size_t alignment, size_t bytes)
{
    return aligned(__builtin_return_address(0), alignment, bytes);
}

PROBE_EXPORT void *aligned_alloc(size_t alignment, size_t bytes)
{
    return aligned(__builtin_return_address(0), alignment, bytes);
}

PROBE_EXPORT void *valloc(size_t bytes)
{
    return aligned(__builtin_return_address(0), 4096, bytes);
}

PROBE_EXPORT int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    void *block = aligned(__builtin_return_address(0), alignment, bytes);
    if (!block) {
        return ENOMEM;
    }
    *out = block;
    return 0;
}

void probe_begin(int64_t fail_at, bool sticky)
{
    atomic_store(&calls, 0);
    atomic_store(&failed, 0);
    atomic_store(&live, 0);
    atomic_store(&bytes_now, 0);
    atomic_store(&bytes_peak, 0);
    atomic_store(&stick, sticky);
    atomic_store(&fail_number, fail_at);
    atomic_store(&counting, true);
}

probe_report probe_end(void)
{
    atomic_store(&counting, false);
    atomic_store(&fail_number, PROBE_NEVER);
    return (probe_report){
        .calls = atomic_load(&calls),
        .failed = atomic_load(&failed),
        .live = atomic_load(&live),
        .peak_bytes = atomic_load(&bytes_peak),
    };
}

void probe_paths(uint64_t *hash, int64_t capacity)
{
    path_hash = hash;
    path_capacity = capacity;
}

void probe_spare(const char *library)
{
    spared = library;
}

static void disarm(void)
{
    (void)probe_end();
}

void probe_spare_children(void)
{
    static bool done;
    if (!done) {
        done = pthread_atfork(NULL, NULL, disarm) == 0;
    }
}

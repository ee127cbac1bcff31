#include "kernels/core/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local int guard_depth;
static atomic_uint_fast64_t violations;

alm_status alm_mul_size(size_t a, size_t b, const char *what, size_t *out)
{
    if (__builtin_mul_overflow(a, b, out)) {
        return alm_fail(ALM_STATUS_MEMORY, "%s: %zu times %zu bytes is more than memory can hold",
                        what, a, b);
    }
    return ALM_OK;
}

alm_status alm_add_size(size_t a, size_t b, const char *what, size_t *out)
{
    if (__builtin_add_overflow(a, b, out)) {
        return alm_fail(ALM_STATUS_MEMORY, "%s: %zu plus %zu bytes is more than memory can hold",
                        what, a, b);
    }
    return ALM_OK;
}

static alm_status check_guard(size_t bytes, const char *what)
{
    if (guard_depth > 0) {
        alm_guard_violate();
        return alm_fail(ALM_STATUS_INTERNAL, "allocation of %zu bytes for %s during a run", bytes,
                        what);
    }
    return ALM_OK;
}

/* The pointer to the caller's pointer comes as void *, so that any type of block can be asked for
 * without a cast. */
static void store(void *out, void *block)
{
    memcpy(out, &block, sizeof block);
}

alm_status alm_alloc(size_t count, size_t size, const char *what, void *out)
{
    size_t bytes, padded;
    ALM_TRY(alm_mul_size(count, size, what, &bytes));
    ALM_TRY(alm_add_size(bytes, ALM_ALIGNMENT, what, &padded));
    ALM_TRY(check_guard(bytes, what));
    void *block = aligned_alloc(ALM_ALIGNMENT, padded / ALM_ALIGNMENT * ALM_ALIGNMENT);
    if (!block) {
        return alm_fail(ALM_STATUS_MEMORY, "out of memory: %zu bytes for %s", bytes, what);
    }
    store(out, block);
    return ALM_OK;
}

alm_status alm_calloc(size_t count, size_t size, const char *what, void *out)
{
    void *block;
    ALM_TRY(alm_alloc(count, size, what, &block));
    memset(block, 0, count * size);
    store(out, block);
    return ALM_OK;
}

alm_status alm_realloc(size_t count, size_t size, const char *what, void *inout)
{
    size_t bytes;
    void *block;
    ALM_TRY(alm_mul_size(count, size, what, &bytes));
    ALM_TRY(check_guard(bytes, what));
    memcpy(&block, inout, sizeof block);
    /* realloc may give up the 64-byte alignment; growing arrays of the host do not need it. */
    block = realloc(block, bytes ? bytes : 1);
    if (!block) {
        return alm_fail(ALM_STATUS_MEMORY, "out of memory: %zu bytes for %s", bytes, what);
    }
    store(inout, block);
    return ALM_OK;
}

alm_status alm_reserve(size_t need, size_t size, const char *what, void *inout, size_t *capacity)
{
    if (need <= *capacity) {
        return ALM_OK;
    }
    size_t larger = *capacity < 8 ? 8 : *capacity + *capacity / 2;
    larger = larger < need ? need : larger;
    ALM_TRY(alm_realloc(larger, size, what, inout));
    *capacity = larger;
    return ALM_OK;
}

alm_status alm_strdup(const char *text, const char *what, char **out)
{
    const size_t bytes = strlen(text) + 1;
    char *copy;
    ALM_TRY(alm_alloc(bytes, 1, what, &copy));
    memcpy(copy, text, bytes);
    *out = copy;
    return ALM_OK;
}

void alm_free(void *block)
{
    free(block);
}

void alm_guard_begin(void)
{
    guard_depth++;
}

void alm_guard_end(void)
{
    guard_depth--;
}

bool alm_guard_is_up(void)
{
    return guard_depth > 0;
}

uint64_t alm_guard_violations(void)
{
    return atomic_load(&violations);
}

void alm_guard_violate(void)
{
    atomic_fetch_add(&violations, 1);
}

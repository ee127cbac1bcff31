#include "kernels/core/desc.h"

#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [ALM_DTYPE_NONE] = {"none", 0}, [ALM_DTYPE_F32] = {"F32", 4},   [ALM_DTYPE_BF16] = {"BF16", 2},
    [ALM_DTYPE_F16] = {"F16", 2},   [ALM_DTYPE_F64] = {"F64", 8},   [ALM_DTYPE_I64] = {"I64", 8},
    [ALM_DTYPE_I32] = {"I32", 4},   [ALM_DTYPE_I16] = {"I16", 2},   [ALM_DTYPE_I8] = {"I8", 1},
    [ALM_DTYPE_U8] = {"U8", 1},     [ALM_DTYPE_BOOL] = {"BOOL", 1},
};

enum { DTYPE_COUNT = sizeof dtypes / sizeof dtypes[0] };

size_t alm_dtype_size(alm_dtype dtype)
{
    return dtypes[dtype].size;
}

const char *alm_dtype_name(alm_dtype dtype)
{
    return dtypes[dtype].name;
}

alm_dtype alm_dtype_from_name(const char *name)
{
    for (int i = 1; i < DTYPE_COUNT; i++) {
        if (strcmp(dtypes[i].name, name) == 0) {
            return (alm_dtype)i;
        }
    }
    return ALM_DTYPE_NONE;
}

bool alm_desc_equal(const alm_desc *a, const alm_desc *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank) {
        return false;
    }
    for (int i = 0; i < a->rank; i++) {
        if (a->dim[i] != b->dim[i]) {
            return false;
        }
    }
    return true;
}

static int64_t product(const alm_desc *desc, int from)
{
    int64_t n = 1;
    for (int i = from; i < desc->rank; i++) {
        n *= desc->dim[i];
    }
    return n;
}

int64_t alm_desc_count(const alm_desc *desc)
{
    return product(desc, 0);
}

int64_t alm_desc_row(const alm_desc *desc)
{
    return product(desc, 1);
}

alm_status alm_desc_bytes(const alm_desc *desc, const char *what, size_t *out)
{
    size_t bytes = alm_dtype_size(desc->dtype);
    for (int i = 0; i < desc->rank; i++) {
        ALM_TRY(alm_mul_size(bytes, (size_t)desc->dim[i], what, &bytes));
    }
    if (bytes > (size_t)PTRDIFF_MAX) {
        return alm_fail(ALM_STATUS_MEMORY, "%s: %zu bytes is more than memory can hold", what,
                        bytes);
    }
    *out = bytes;
    return ALM_OK;
}

const char *alm_desc_text(const alm_desc *desc, char text[ALM_DESC_TEXT])
{
    int at = snprintf(text, ALM_DESC_TEXT, "%s [", alm_dtype_name(desc->dtype));
    for (int i = 0; i < desc->rank; i++) {
        at += snprintf(text + at, (size_t)(ALM_DESC_TEXT - at), i ? ", %lld" : "%lld",
                       (long long)desc->dim[i]);
    }
    snprintf(text + at, (size_t)(ALM_DESC_TEXT - at), "]");
    return text;
}

/* Element types and shapes. Row-major; dimension 0 is the row. */
#ifndef ALM_KERNELS_CORE_DESC_H
#define ALM_KERNELS_CORE_DESC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/core/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum alm_dtype {
    ALM_DTYPE_NONE = 0, /* an optional input that is absent */
    ALM_DTYPE_F32,
    ALM_DTYPE_BF16,
    ALM_DTYPE_F16,
    ALM_DTYPE_F64,
    ALM_DTYPE_I64,
    ALM_DTYPE_I32,
    ALM_DTYPE_I16,
    ALM_DTYPE_I8,
    ALM_DTYPE_U8,
    ALM_DTYPE_BOOL
} alm_dtype;

enum { ALM_MAX_RANK = 6 };

typedef struct alm_desc {
    alm_dtype dtype;
    int rank;
    int64_t dim[ALM_MAX_RANK]; /* capacities; entries from rank on are 0 */
} alm_desc;

/* Bytes of one element; 0 for ALM_DTYPE_NONE. */
size_t alm_dtype_size(alm_dtype dtype);

/* The name in safetensors headers: "F32", "BF16", ... */
const char *alm_dtype_name(alm_dtype dtype);

/* ALM_DTYPE_NONE when the name is not known. */
alm_dtype alm_dtype_from_name(const char *name);

/* alm_desc_make(ALM_DTYPE_F32, 2, rows, columns). The dimensions are int64_t. */
#define alm_desc_1(type, a) ((alm_desc){.dtype = (type), .rank = 1, .dim = {(a)}})
#define alm_desc_2(type, a, b) ((alm_desc){.dtype = (type), .rank = 2, .dim = {(a), (b)}})
#define alm_desc_3(type, a, b, c) ((alm_desc){.dtype = (type), .rank = 3, .dim = {(a), (b), (c)}})

bool alm_desc_equal(const alm_desc *a, const alm_desc *b);

/* Product of the dimensions: of all, and of all but the first. For descriptors that were checked
 * when made. */
int64_t alm_desc_count(const alm_desc *desc);
int64_t alm_desc_row(const alm_desc *desc);

/* Bytes of a packed tensor; checks the product. Error: ALM_STATUS_MEMORY. */
alm_status alm_desc_bytes(const alm_desc *desc, const char *what, size_t *out);

/* "BF16 [2048, 6144]" into text; returns text. */
enum { ALM_DESC_TEXT = 160 };
const char *alm_desc_text(const alm_desc *desc, char text[ALM_DESC_TEXT]);

#ifdef __cplusplus
}
#endif

#endif

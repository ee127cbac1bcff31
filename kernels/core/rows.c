#include "kernels/core/rows.h"

#include <string.h>

#include "kernels/core/numeric.h"

typedef struct loop {
    const alm_op_args *a;
    int64_t rows, chunk;
    alm_rows_fn *fn;
} loop;

static void run_chunk(void *context, int64_t index, int thread)
{
    (void)thread;
    const loop *l = context;
    const int64_t begin = index * l->chunk, end = begin + l->chunk;
    l->fn(l->a, begin, end < l->rows ? end : l->rows);
}

void alm_for_rows(const alm_exec *x, const alm_op_args *a, int64_t rows, int64_t chunk,
                  alm_rows_fn *fn)
{
    loop l = {.a = a, .rows = rows, .chunk = chunk, .fn = fn};
    alm_parallel_for(x->pool, (rows + chunk - 1) / chunk, run_chunk, &l);
}

int64_t alm_rows_chunk(int64_t row)
{
    const int64_t elements = 16384;
    return row >= elements ? 1 : elements / (row < 1 ? 1 : row);
}

void alm_copy_row(const alm_tensor *from, int64_t i, const alm_tensor *to, int64_t j)
{
    const int64_t n = alm_desc_row(&from->desc), a = i * from->stride, b = j * to->stride;
    const bool from_bf16 = from->desc.dtype == ALM_DTYPE_BF16;
    const bool to_bf16 = to->desc.dtype == ALM_DTYPE_BF16;
    if (from_bf16 == to_bf16) {
        const size_t size = alm_dtype_size(from->desc.dtype);
        memmove((char *)to->data + (size_t)b * size, (const char *)from->data + (size_t)a * size,
                (size_t)n * size);
        return;
    }
    for (int64_t c = 0; c < n; c++) {
        alm_value_store(to_bf16, to->data, b + c, alm_weight_at(from_bf16, from->data, a + c));
    }
}

#include "kernels/core/rows.h"

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

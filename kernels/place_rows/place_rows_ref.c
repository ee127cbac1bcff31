/* Copies rows; in place only the new ones. */
#include "kernels/core/rows.h"
#include "kernels/place_rows/place_rows.h"

static void copy(const alm_tensor *from, int64_t rows, const alm_tensor *to, int64_t offset)
{
    for (int64_t r = 0; r < rows; r++) {
        alm_copy_row(from, r, to, offset + r);
    }
}

alm_status alm_place_rows_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    const int64_t rows = alm_rows(&a->in[1]), offset = *(const int32_t *)a->in[2].data;
    const int64_t room = a->out[0].desc.dim[0];
    if (offset < 0 || offset > room || rows > room - offset) {
        return alm_fail(ALM_STATUS_INTERNAL, "place_rows: rows %lld to %lld of %lld",
                        (long long)offset, (long long)(offset + rows), (long long)room);
    }
    if (a->out[0].data != a->in[0].data) {
        copy(&a->in[0], alm_rows(&a->in[0]), &a->out[0], 0);
    }
    copy(&a->in[1], rows, &a->out[0], offset);
    return ALM_OK;
}

/* Cosines and sines in double, rounded once: float32 angles of a few thousand would be off by more
 * than the model forgives. Runs once a pose. */
#include <math.h>

#include "kernels/core/rows.h"
#include "kernels/rotary_table/rotary_table.h"

static void rows(const alm_op_args *a, int64_t begin, int64_t end)
{
    const double *frequency = a->in[1].data;
    const int32_t *axis = a->in[2].data;
    for (int64_t r = begin; r < end; r++) {
        const int32_t *position = alm_row(const int32_t, &a->in[0], r);
        float *cosine = alm_row(float, &a->out[0], r), *sine = alm_row(float, &a->out[1], r);
        for (int64_t f = 0; f < a->in[1].desc.dim[0]; f++) {
            const double angle = (double)position[axis[f]] * frequency[f];
            cosine[f] = (float)cos(angle);
            sine[f] = (float)sin(angle);
        }
    }
}

alm_status alm_rotary_table_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    const int32_t *axis = a->in[2].data;
    const int64_t axes = a->in[0].desc.dim[1];
    for (int64_t f = 0; f < a->in[2].desc.dim[0]; f++) {
        if (axis[f] < 0 || axis[f] >= axes) {
            return alm_fail(ALM_STATUS_INTERNAL,
                            "rotary_table: axis %d of frequency %lld, positions have %lld axes",
                            axis[f], (long long)f, (long long)axes);
        }
    }
    alm_for_rows(x, a, alm_rows(&a->in[0]), 16, rows);
    return ALM_OK;
}

/* Contract of film. Refuses: rows that are not four equal branches, other widths. */
#include "kernels/film/film.h"

static alm_status check(const alm_op_args *a)
{
    ALM_TRY(alm_check_dtype("film", "h", &a->in[0], ALM_DTYPE_F32));
    ALM_TRY(alm_check_shape("film", "h", &a->in[0], ALM_SHAPE(-1, -1)));
    const int64_t rows = a->in[0].desc.dim[0], width = a->in[0].desc.dim[1];
    if (rows % 4 != 0) {
        return alm_fail(ALM_STATUS_MODEL, "film: h has %lld rows, expected a multiple of 4",
                        (long long)rows);
    }
    ALM_TRY(alm_check_dtype("film", "position", &a->in[1], ALM_DTYPE_F32));
    ALM_TRY(alm_check_shape("film", "position", &a->in[1], ALM_SHAPE(rows, width)));
    ALM_TRY(alm_check_weight("film", "type", &a->in[2]));
    ALM_TRY(alm_check_shape("film", "type", &a->in[2], ALM_SHAPE(4, width)));
    ALM_TRY(alm_check_dtype("film", "film", &a->in[3], ALM_DTYPE_F32));
    return alm_check_shape("film", "film", &a->in[3], ALM_SHAPE(1, 2 * width));
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = a->in[0].desc;
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "film_f32_ref",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_GENERIC,
     .run = alm_film_f32_ref},
    {0},
};

const alm_op_def alm_op_film = {
    .name = "film",
    .in_min = 4,
    .in_max = 4,
    .out_count = 1,
    .count_from = 0,
    .in_place = 0,
    .check = check,
    .infer = infer,
    .kernels = kernels,
};

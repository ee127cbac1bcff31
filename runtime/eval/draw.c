#include "runtime/eval/draw.h"

#include <math.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/metrics.h"
#include "runtime/eval/random.h"

enum { POINTS = ALM_DRAW_POINTS, SMALL_CLOUD = 4096 };

uint32_t alm_draw_seed(uint32_t run_seed, int64_t idx)
{
    return (uint32_t)(((uint64_t)run_seed + (uint64_t)idx) % 0xFFFFFFFFu);
}

/* NumPy's masked rejection: the low bits of a word, again while above `most`. No word is drawn for
 * most = 0. */
static uint32_t draw_at_most(alm_mt19937 *generator, uint32_t most)
{
    if (most == 0) {
        return 0;
    }
    const uint32_t mask = 0xFFFFFFFFu >> __builtin_clz(most);
    uint32_t j;
    do {
        j = alm_mt19937_next(generator) & mask;
    } while (j > most);
    return j;
}

/* permutation(n)[:1024], n > 1024. */
static alm_status draw_without(alm_mt19937 *generator, int64_t n, uint32_t *index)
{
    uint32_t small[SMALL_CLOUD], *order = small;
    if (n > SMALL_CLOUD) {
        ALM_TRY(alm_alloc((size_t)n, sizeof *order, "the order of a cloud's points", &order));
    }
    for (int64_t i = 0; i < n; i++) {
        order[i] = (uint32_t)i;
    }
    for (int64_t i = n - 1; i > 0; i--) {
        const uint32_t j = draw_at_most(generator, (uint32_t)i);
        const uint32_t last = order[i];
        order[i] = order[j];
        order[j] = last;
    }
    memcpy(index, order, POINTS * sizeof *index);
    if (order != small) {
        alm_free(order);
    }
    return ALM_OK;
}

/* Resamples one cloud [n, 3] into [1024, 3]. */
static alm_status draw_cloud(alm_mt19937 *generator, const char *name, const float *cloud,
                             int64_t n, bool *drawn, uint32_t *index, float *out)
{
    if (n < 1 || n > (int64_t)UINT32_MAX) {
        return alm_fail_param(alm_fail(ALM_STATUS_SAMPLE,
                                       "%s cloud: %lld points, expected 1 to 2^32 - 1", name,
                                       (long long)n),
                              name);
    }
    *drawn = n != POINTS;
    if (n > POINTS) {
        ALM_TRY(draw_without(generator, n, index));
    } else {
        for (uint32_t i = 0; i < POINTS; i++) {
            index[i] = n == POINTS ? i : draw_at_most(generator, (uint32_t)(n - 1));
        }
    }
    for (int i = 0; i < POINTS; i++) {
        memcpy(out + 3 * i, cloud + 3 * (int64_t)index[i], 3 * sizeof *out);
    }
    return ALM_OK;
}

/* PyTorch's rand(6) in float32, then the rotation. The second rand(6), for the fixed cloud, is
 * thrown away by the evaluator, and nothing is drawn behind it. */
static void draw_rotation(uint32_t seed, float rotation[9])
{
    alm_mt19937 generator;
    alm_mt19937_seed(&generator, seed);
    float six[6];
    for (int i = 0; i < 6; i++) {
        six[i] = (float)(alm_mt19937_next(&generator) & 0xFFFFFFu) * 0x1p-24f;
    }
    alm_rotation_from_6d(six, rotation);
}

alm_status alm_draw_sample(uint32_t sample_seed, const float *moving, int64_t moving_points,
                           const float *fixed, int64_t fixed_points, alm_draw *out)
{
    alm_mt19937 generator;
    alm_mt19937_seed(&generator, sample_seed);
    ALM_TRY(draw_cloud(&generator, "moving", moving, moving_points, &out->moving_drawn,
                       out->moving_index, out->moving));
    ALM_TRY(draw_cloud(&generator, "fixed", fixed, fixed_points, &out->fixed_drawn,
                       out->fixed_index, out->fixed));
    draw_rotation(sample_seed, out->rotation);

    /* Row after row in float32: another order gives other bits. */
    float sum[3] = {0, 0, 0};
    for (int i = 0; i < POINTS; i++) {
        for (int c = 0; c < 3; c++) {
            sum[c] += out->moving[3 * i + c];
        }
    }
    const float *r = out->rotation;
    for (int c = 0; c < 3; c++) {
        out->centre[c] = sum[c] / POINTS;
        out->pose[c] = out->centre[c];
        out->pose[3 + c] = r[3 * c];
        out->pose[6 + c] = r[3 * c + 1];
    }
    float overflow = 0; /* NaN when a value is not finite */
    for (int i = 0; i < POINTS; i++) {
        float p[3];
        for (int c = 0; c < 3; c++) {
            p[c] = out->moving[3 * i + c] - out->centre[c];
        }
        for (int c = 0; c < 3; c++) {
            const float v = r[3 * c] * p[0] + r[3 * c + 1] * p[1] + r[3 * c + 2] * p[2];
            out->randomised[3 * i + c] = v;
            overflow += v * 0.0f;
        }
    }
    if (!(overflow == 0)) {
        return alm_fail_param(alm_fail(ALM_STATUS_SAMPLE,
                                       "moving cloud: its coordinates overflow float32 when the "
                                       "part is centred and turned"),
                              "moving");
    }
    return ALM_OK;
}

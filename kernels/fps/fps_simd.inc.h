/* fps, written once for AVX-512 and AVX2.
 *
 * The coordinates and the running distances lie apart in the workspace: 16 bytes a point, which the
 * first-level cache holds for 1024 points. One pass a choice takes the minimum with the distances
 * to the last choice and the maximum of all; a second finds the first point that has it.
 */
#include "kernels/core/simd.h"
#include "kernels/fps/fps.h"

#include <math.h>

enum { W = ALM_VF_WIDTH };

#if defined(__AVX512F__)

static inline float largest_of(alm_vf v)
{
    return _mm512_reduce_max_ps(v);
}

/* Bit i: lane i of a equals lane i of b. */
static inline uint32_t equal_lanes(alm_vf a, alm_vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}

#else

static inline float largest_of(alm_vf v)
{
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

static inline uint32_t equal_lanes(alm_vf a, alm_vf b)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_EQ_OQ));
}

#endif

/* Rounded up to whole vectors. */
static int64_t padded(int64_t n)
{
    return (n + W - 1) / W * W;
}

/* x, y, z and the distance, [padded(N)] each */
size_t ALM_SIMD_NAME(alm_fps_workspace)(const alm_op_args *a, const alm_device *device)
{
    (void)device;
    return (size_t)padded(a->in[0].desc.dim[0]) * 4 * sizeof(float);
}

/* One vector of points: the distance becomes the minimum with that to p. */
static inline alm_vf nearer(const float *x, int64_t m, int64_t i, float *distance,
                            const alm_vf p[3])
{
    const alm_vf dx = alm_vf_load(x + i) - p[0], dy = alm_vf_load(x + m + i) - p[1],
                 dz = alm_vf_load(x + 2 * m + i) - p[2];
    const alm_vf v = alm_vf_min(dx * dx + dy * dy + dz * dz, alm_vf_load(distance + i));
    alm_vf_store(distance + i, v);
    return v;
}

/* Takes point `last` as chosen; returns the point farthest from all chosen. x: [3][m] */
static int32_t next_of(const float *x, int64_t m, float *distance, int32_t last)
{
    const alm_vf p[3] = {alm_vf_set1(x[last]), alm_vf_set1(x[m + last]),
                         alm_vf_set1(x[2 * m + last])};
    alm_vf even = nearer(x, m, 0, distance, p), odd = even;
    int64_t i = W;
    for (; i + W < m; i += 2 * W) {
        even = alm_vf_max(even, nearer(x, m, i, distance, p));
        odd = alm_vf_max(odd, nearer(x, m, i + W, distance, p));
    }
    if (i < m) {
        even = alm_vf_max(even, nearer(x, m, i, distance, p));
    }
    const alm_vf farthest = alm_vf_set1(largest_of(alm_vf_max(even, odd)));
    for (i = 0; i < m; i += W) {
        const uint32_t lanes = equal_lanes(alm_vf_load(distance + i), farthest);
        if (lanes) {
            return (int32_t)i + __builtin_ctz(lanes);
        }
    }
    return 0;
}

alm_status ALM_SIMD_NAME(alm_fps_f32)(const alm_exec *exec, const alm_op_args *a)
{
    (void)exec;
    const alm_fps_attr *attr = a->attr;
    const alm_tensor *xyz = &a->in[0];
    const int64_t n = alm_rows(xyz), m = padded(n);
    float *x = a->workspace, *distance = x + 3 * m;
    for (int64_t i = 0; i < m; i++) { /* lanes that are over repeat point 0, which wins the tie */
        const float *p = alm_row(const float, xyz, i < n ? i : 0);
        for (int c = 0; c < 3; c++) {
            x[c * m + i] = p[c];
        }
        distance[i] = INFINITY;
    }
    int32_t chosen = alm_fps_start(xyz, n);
    for (int64_t t = 0; t < attr->count; t++) {
        *alm_row(int32_t, &a->out[0], t) = chosen;
        chosen = n > 0 ? next_of(x, m, distance, chosen) : 0;
    }
    return ALM_OK;
}

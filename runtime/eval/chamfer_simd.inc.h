/* alm_chamfer_nearest, written once for SSE2, AVX2 and AVX-512. All three make the same float32
 * operations in the same order, so that their results, ties included, are the same. */
#include "runtime/eval/chamfer.h"
#include "runtime/eval/chamfer_vector.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum {
    W = ALM_VF_WIDTH,
    BLOCK = ALM_CHAMFER_BLOCK,
    VECTORS = BLOCK / W,
    INDEX_BITS = ALM_CHAMFER_BLOCKS - 1 /* the low bits of a key */
};

typedef int32_t vi __attribute__((vector_size(sizeof(alm_vf))));

/* A block of queries and what is known of them. */
typedef struct queries {
    alm_vf x[3][VECTORS];
    alm_vf least[VECTORS];
    alm_vf nearest[VECTORS]; /* bits of an int32: the place */
} queries;

/* key[j]: the squared distance of the boxes of block i and block j, its lowest bits replaced by j:
 * still a lower bound, and all keys differ. As floats they are finite and order like it. Padding
 * boxes have the last keys. */
static void block_keys(const alm_chamfer_cloud *from, int i, const alm_chamfer_cloud *to,
                       float *key)
{
    const vi clear = (vi){0} + ~(int32_t)INDEX_BITS;
    vi index;
    for (int l = 0; l < W; l++) {
        index[l] = l;
    }
    for (int j = 0; j < to->blocks; j += W, index += W) {
        alm_vf sum = alm_vf_zero();
        for (int c = 0; c < 3; c++) {
            const alm_vf over = alm_vf_load(to->low[c] + j) - alm_vf_set1(from->high[c][i]);
            const alm_vf under = alm_vf_set1(from->low[c][i]) - alm_vf_load(to->high[c] + j);
            const alm_vf gap = alm_vf_max(alm_vf_max(over, under), alm_vf_zero());
            sum = sum + gap * gap;
        }
        sum = alm_vf_min(sum, alm_vf_set1(FLT_MAX));
        alm_vf_store(key + j, (alm_vf)(((vi)sum & clear) | index));
    }
}

/* Whether a query of the block may have a point nearer than its minimum in box j. */
static bool reaches(const queries *q, const alm_chamfer_cloud *to, int j)
{
    for (int v = 0; v < VECTORS; v++) {
        alm_vf sum = alm_vf_zero();
        for (int c = 0; c < 3; c++) {
            const alm_vf over = alm_vf_set1(to->low[c][j]) - q->x[c][v];
            const alm_vf under = q->x[c][v] - alm_vf_set1(to->high[c][j]);
            const alm_vf gap = alm_vf_max(alm_vf_max(over, under), alm_vf_zero());
            sum = sum + gap * gap;
        }
        if (almi_any_less(sum, q->least[v])) {
            return true;
        }
    }
    return false;
}

static inline void visit(queries *q, const alm_chamfer_cloud *to, int block, bool want_nearest)
{
    const float *x = to->x[0] + block * BLOCK;
    const float *y = to->x[1] + block * BLOCK;
    const float *z = to->x[2] + block * BLOCK;
    alm_vf least[VECTORS];
    memcpy(least, q->least, sizeof least);
    for (int k = 0; k < BLOCK; k++) {
        const alm_vf a = alm_vf_set1(x[k]), b = alm_vf_set1(y[k]), c = alm_vf_set1(z[k]);
        for (int v = 0; v < VECTORS; v++) {
            const alm_vf dx = q->x[0][v] - a, dy = q->x[1][v] - b, dz = q->x[2][v] - c;
            const alm_vf d = dx * dx + dy * dy + dz * dz;
            if (want_nearest) {
                const vi place = (vi){0} + (block * BLOCK + k);
                q->nearest[v] = alm_vf_select_less(d, least[v], (alm_vf)place, q->nearest[v]);
            }
            least[v] = alm_vf_min(d, least[v]);
        }
    }
    memcpy(q->least, least, sizeof least);
}

static inline float largest_least(const queries *q)
{
    alm_vf m = q->least[0];
    for (int v = 1; v < VECTORS; v++) {
        m = alm_vf_max(m, q->least[v]);
    }
    return almi_largest(m);
}

static inline void search(const alm_chamfer_cloud *from, const alm_chamfer_cloud *to, float *least,
                          int32_t *nearest)
{
    float key[ALM_CHAMFER_BLOCKS];
    for (int i = 0; i < from->blocks; i++) {
        queries q;
        for (int v = 0; v < VECTORS; v++) {
            for (int c = 0; c < 3; c++) {
                q.x[c][v] = alm_vf_load(from->x[c] + i * BLOCK + v * W);
            }
            q.least[v] = alm_vf_load(least + i * BLOCK + v * W);
            q.nearest[v] =
                nearest ? alm_vf_load((const float *)nearest + i * BLOCK + v * W) : alm_vf_zero();
        }
        float limit = largest_least(&q);
        block_keys(from, i, to, key);
        for (int visits = 0; visits < to->blocks; visits++) {
            alm_vf m = alm_vf_load(key);
            for (int j = W; j < to->blocks; j += W) {
                m = alm_vf_min(m, alm_vf_load(key + j));
            }
            const float first = almi_smallest(m);
            int32_t bits;
            memcpy(&bits, &first, sizeof bits);
            const int block = bits & INDEX_BITS;
            bits &= ~(int32_t)INDEX_BITS;
            float bound;
            memcpy(&bound, &bits, sizeof bound);
            if (!(bound < limit)) {
                break;
            }
            key[block] = INFINITY;
            if (reaches(&q, to, block)) {
                visit(&q, to, block, nearest != NULL);
                limit = largest_least(&q);
            }
        }
        for (int v = 0; v < VECTORS; v++) {
            alm_vf_store(least + i * BLOCK + v * W, q.least[v]);
            if (nearest) {
                alm_vf_store((float *)nearest + i * BLOCK + v * W, q.nearest[v]);
            }
        }
    }
}

void ALM_SIMD_NAME(alm_chamfer_nearest)(const alm_chamfer_cloud *from, const alm_chamfer_cloud *to,
                                        float *least, int32_t *nearest)
{
    if (nearest) {
        search(from, to, least, nearest);
    } else {
        search(from, to, least, NULL);
    }
}

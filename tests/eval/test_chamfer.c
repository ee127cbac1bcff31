/* Nearest distances have the bits of the double loop, for every instruction set of this machine. */
#include <jansson.h>
#include <stdlib.h>

#include "kernels/core/op.h"
#include "runtime/eval/chamfer.h"
#include "tests/eval/tensor_file.h"
#include "tests/shim/alm_test.h"

enum { LARGEST = 2000 };

typedef struct variant {
    const char *name;
    int arch;
    alm_chamfer_nearest_fn *run;
} variant;

static const variant variants[] = {
    {"sse2", ALM_CPU_GENERIC, alm_chamfer_nearest_sse2},
    {"avx2", ALM_CPU_AVX2, alm_chamfer_nearest_avx2},
    {"avx512", ALM_CPU_AVX512, alm_chamfer_nearest_avx512},
};

/* The same bits, so that also NaN and −0 would be seen. */
static int differing(const float *a, const float *b, int n)
{
    for (int i = 0; i < n; i++) {
        if (memcmp(a + i, b + i, sizeof *a) != 0) {
            return i;
        }
    }
    return -1;
}

/* One direction with one variant; results by point. */
static void run_variant(const variant *v, const float *a, int n, const float *b, int m, float *out,
                        int *nearest)
{
    static alm_chamfer_order order_a, order_b;
    static alm_chamfer_cloud cloud_a, cloud_b;
    static float least[ALM_CHAMFER_POINTS];
    static int32_t place[ALM_CHAMFER_POINTS];
    alm_chamfer_sort(a, n, &order_a);
    alm_chamfer_sort(b, m, &order_b);
    alm_chamfer_load(a, &order_a, &cloud_a);
    alm_chamfer_load(b, &order_b, &cloud_b);
    for (int i = 0; i < ALM_CHAMFER_POINTS; i++) {
        least[i] = INFINITY;
        place[i] = -1;
    }
    v->run(&cloud_a, &cloud_b, least, nearest ? place : NULL);
    for (int i = 0; i < n; i++) {
        out[order_a.index[i]] = least[i];
        if (nearest) {
            const int at = place[i];
            nearest[order_a.index[i]] = at < 0 ? -1 : order_b.index[at < m ? at : m - 1];
        }
    }
}

static void check_pair(const char *what, const float *a, int n, const float *b, int m)
{
    static float want[2][LARGEST], got[LARGEST], forth[LARGEST], back[LARGEST];
    static int nearest[LARGEST];
    const float cd = alm_chamfer_plain(a, n, b, m, want[0], want[1]);
    const float fast = alm_chamfer(a, n, b, m, forth, back);
    if (memcmp(&cd, &fast, sizeof cd) != 0 || differing(forth, want[0], n) >= 0 ||
        differing(back, want[1], m) >= 0) {
        ALM_FAIL("%s, %d x %d: alm_chamfer is %.9g, expected %.9g", what, n, m, (double)fast,
                 (double)cd);
    }
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        if (variants[v].arch > alm_cpu_arch()) {
            continue;
        }
        for (int way = 0; way < 2; way++) {
            const float *from = way ? b : a, *to = way ? a : b;
            const int count = way ? m : n, others = way ? n : m;
            run_variant(&variants[v], from, count, to, others, got, NULL);
            int at = differing(got, want[way], count);
            if (at >= 0) {
                ALM_FAIL("%s, %d x %d, %s: minimum %d is %.9g, expected %.9g", what, count, others,
                         variants[v].name, at, (double)got[at], (double)want[way][at]);
            }
            run_variant(&variants[v], from, count, to, others, got, nearest);
            at = differing(got, want[way], count);
            ALM_CHECK_INT(at, -1);
            for (int i = 0; i < count; i++) {
                const int j = nearest[i];
                if (j < 0) { /* nothing is below infinity */
                    ALM_CHECK(isinf(want[way][i]));
                    continue;
                }
                const float dx = from[3 * i] - to[3 * j], dy = from[3 * i + 1] - to[3 * j + 1];
                const float dz = from[3 * i + 2] - to[3 * j + 2];
                ALM_CHECK(dx * dx + dy * dy + dz * dz == want[way][i]);
            }
        }
    }
}

typedef enum kind {
    CLOUD,
    LINE,
    POINT,    /* all equal */
    DIAGONAL, /* a line of few different points */
    PLANE,
    SPHERE,
    LATTICE, /* many ties */
    KINDS
} kind;

static void make(kind k, int n, float size, const float shift[3], float *xyz)
{
    for (int i = 0; i < n; i++, xyz += 3) {
        float p[3] = {alm_test_uniform(), alm_test_uniform(), alm_test_uniform()};
        const float length = sqrtf(p[0] * p[0] + p[1] * p[1] + p[2] * p[2]);
        for (int c = 0; c < 3; c++) {
            switch (k) {
            case LINE: p[c] = c == 1 ? p[c] : 0.5f; break;
            case POINT: p[c] = 0.25f; break;
            case DIAGONAL: p[c] = (float)(i % 7); break;
            case PLANE: p[c] = c == 2 ? 0 : p[c]; break;
            case SPHERE: p[c] /= length; break;
            case LATTICE: p[c] = roundf(4 * p[c]); break;
            default: break;
            }
            xyz[c] = size * p[c] + shift[c];
        }
    }
}

static float a[LARGEST * 3], b[LARGEST * 3];

ALM_TEST(chamfer, equals_double_loop)
{
    const int sizes[] = {1, 2, 15, 16, 17, 31, 33, 100, 255, 257, 1000, 1024};
    const float zero[3] = {0, 0, 0}, near[3] = {0.1f, -0.2f, 0.05f}, far[3] = {40, -90, 6};
    const float *shifts[3] = {zero, near, far};
    for (int k = 0; k < KINDS; k++) {
        for (int s = 0; s < 3; s++) {
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                const int n = sizes[i], m = sizes[alm_test_random() % 12];
                make((kind)k, n, 1, zero, a);
                make((kind)(alm_test_random() % 3 ? k : CLOUD), m, 1, shifts[s], b);
                check_pair("shifted", a, n, b, m);
            }
        }
    }
}

ALM_TEST(chamfer, every_size)
{
    const float zero[3] = {0, 0, 0};
    for (int n = 1; n <= 100; n++) {
        make(SPHERE, n, 1, zero, a);
        make(CLOUD, 101 - n, 1, zero, b);
        check_pair("every size", a, n, b, 101 - n);
    }
    for (int i = 0; i < 40; i++) {
        const int n = 1 + (int)(alm_test_random() % LARGEST);
        const int m = i == 0 ? LARGEST : 1 + (int)(alm_test_random() % LARGEST);
        make(SPHERE, n, 1, zero, a);
        make(SPHERE, m, 1.1f, zero, b);
        check_pair("any size", a, n, b, m);
    }
}

ALM_TEST(chamfer, equal_clouds)
{
    const float zero[3] = {0, 0, 0};
    for (int k = 0; k < KINDS; k++) {
        make((kind)k, 1000, 1, zero, a);
        check_pair("equal", a, 1000, a, 1000);
        ALM_CHECK(alm_chamfer(a, 1000, a, 1000, NULL, NULL) == 0);
    }
}

/* Differences that underflow, squares that underflow, squares that overflow, differences that
 * overflow; clouds of very different sizes. */
ALM_TEST(chamfer, huge_and_tiny)
{
    const float zero[3] = {0, 0, 0};
    const float sizes[] = {1e-45f, 1e-38f, 1e-30f, 1e-23f, 1e-19f, 1e10f, 1e19f, 1e25f, 3e38f};
    for (int k = 0; k < KINDS; k++) {
        for (int i = 0; i < 9; i++) {
            if ((k == DIAGONAL || k == LATTICE) && sizes[i] > 1e30f) {
                continue; /* their points would be at infinity */
            }
            make((kind)k, 300, sizes[i], zero, a);
            make((kind)k, 257, sizes[i], zero, b);
            check_pair("one size", a, 300, b, 257);
            make(CLOUD, 257, sizes[(i + 3) % 9], zero, b);
            check_pair("two sizes", a, 300, b, 257);
        }
    }
    for (int i = 0; i < 1000 * 3; i++) { /* any exponent */
        a[i] = ldexpf(alm_test_uniform(), (int)(alm_test_random() % 250) - 125);
        b[i] = ldexpf(alm_test_uniform(), (int)(alm_test_random() % 250) - 125);
    }
    check_pair("any exponent", a, 1000, b, 999);
}

/* A bound from the pairs, and a moved cloud. */
ALM_TEST(chamfer, pairs)
{
    static alm_chamfer_order order;
    static alm_chamfer_cloud cloud, moved;
    const float zero[3] = {0, 0, 0},
                r[9] = {0.36f, 0.48f, -0.8f, -0.8f, 0.6f, 0, 0.48f, 0.64f, 0.6f};
    for (int i = 0; i < 60; i++) {
        const int n = i % 3 ? 1024 : 1 + (int)(alm_test_random() % LARGEST);
        const float size = i % 5 ? 0.01f : 2, t[3] = {size * alm_test_uniform(), 0, size};
        float identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
        const float *turn = i % 2 ? r : identity;
        make((kind)(i % KINDS), n, 1, zero, a);
        for (int p = 0; p < n; p++) {
            for (int c = 0; c < 3; c++) {
                b[3 * p + c] = turn[c] * a[3 * p] + turn[3 + c] * a[3 * p + 1] +
                               turn[6 + c] * a[3 * p + 2] + t[c];
            }
        }
        alm_chamfer_sort(a, n, &order);
        alm_chamfer_load(a, &order, &cloud);
        alm_chamfer_move(&cloud, turn, t, &moved);
        for (int p = 0; p < n; p++) {
            for (int c = 0; c < 3; c++) {
                ALM_CHECK(moved.x[c][p] == b[3 * order.index[p] + c]);
            }
        }
        const float want = alm_chamfer_plain(a, n, b, n, NULL, NULL);
        ALM_CHECK(alm_chamfer_pair(&cloud, &moved, &order) == want);
    }
}

/* Every point once, whatever the cloud. */
ALM_TEST(chamfer, order_is_a_permutation)
{
    static alm_chamfer_order order;
    const float zero[3] = {0, 0, 0};
    for (int k = 0; k < KINDS; k++) {
        for (int n = 1; n <= ALM_CHAMFER_POINTS; n += n < 70 ? 1 : 97) {
            static float xyz[ALM_CHAMFER_POINTS * 3];
            uint8_t seen[ALM_CHAMFER_POINTS] = {0};
            make((kind)k, n, 1, zero, xyz);
            alm_chamfer_sort(xyz, n, &order);
            ALM_CHECK_INT(order.count, n);
            for (int i = 0; i < n; i++) {
                ALM_REQUIRE(order.index[i] < n && !seen[order.index[i]]++);
            }
        }
    }
}

ALM_TEST(chamfer, golden_pairs)
{
    json_t *root = json_load_file(alm_test_golden("assembench/anchors.json"), 0, NULL), *row;
    tensor_file file = tensor_file_open(alm_test_golden("assembench/anchors.safetensors"));
    ALM_REQUIRE(root && file.bytes);
    size_t i;
    json_array_foreach(json_object_get(root, "chamfer"), i, row)
    {
        char name[64];
        int64_t n = 0, m = 0;
        static float forth[LARGEST], back[LARGEST];
        snprintf(name, sizeof name, "chamfer/%zu/a", i);
        const float *pa = tensor_file_find(&file, name, "F32", -1, &n);
        snprintf(name, sizeof name, "chamfer/%zu/b", i);
        const float *pb = tensor_file_find(&file, name, "F32", -1, &m);
        ALM_REQUIRE(pa && pb);
        n /= 3;
        m /= 3;
        snprintf(name, sizeof name, "chamfer/%zu/a_to_b", i);
        const float *a_to_b = tensor_file_find(&file, name, "F32", n, NULL);
        snprintf(name, sizeof name, "chamfer/%zu/b_to_a", i);
        const float *b_to_a = tensor_file_find(&file, name, "F32", m, NULL);
        ALM_REQUIRE(a_to_b && b_to_a);
        const double cd = (double)alm_chamfer(pa, (int)n, pb, (int)m, forth, back);
        check_pair("golden", pa, (int)n, pb, (int)m);
        /* Contraction may change last bits there: 1e-5 relative + 2e-8. */
        for (int k = 0; k < n; k++) {
            ALM_CHECK_NEAR(forth[k], a_to_b[k], 1e-5 * (double)a_to_b[k] + 2e-8);
        }
        for (int k = 0; k < m; k++) {
            ALM_CHECK_NEAR(back[k], b_to_a[k], 1e-5 * (double)b_to_a[k] + 2e-8);
        }
        const double want = json_real_value(json_object_get(row, "CD"));
        ALM_CHECK_NEAR(cd, want, 1e-5 * want + 2e-8);
        const double exact = json_real_value(json_object_get(row, "CD_float64"));
        ALM_CHECK_NEAR(cd, exact, 1e-5 * exact + 2e-8);
    }
    ALM_CHECK(i == 3);
    tensor_file_close(&file);
    json_decref(root);
}

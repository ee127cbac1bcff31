/* Sizes, order of patches, and what the position embedding gets. The integers of the resize are
 * tested in test_image.c against golden data. */
#include <stdlib.h>

#include "runtime/input/image.h"
#include "tests/shim/alm_test.h"

static const alm_page_rule release = {16, 2, 2, 65536, 16777216};

static void check_grid(const alm_page_rule *rule, int width, int height, int rows, int columns)
{
    alm_grid grid = {0, 0};
    ALM_REQUIRE_OK(alm_page_grid(rule, width, height, "p", &grid));
    ALM_CHECK_INT(grid.rows, rows);
    ALM_CHECK_INT(grid.columns, columns);
}

ALM_TEST(patches, grid_follows_the_areas)
{
    check_grid(&release, 576, 576, 36, 36);
    check_grid(&release, 31, 17, 12, 22); /* 192×352: published check value */
    check_grid(&release, 1, 1, 16, 16);
    check_grid(&release, 8000, 8000, 256, 256);
    /* Halves go to the even multiple: 16/32 to 0, 48/32 to 2, 80/32 to 2. */
    const alm_page_rule any = {16, 2, 2, 1, 16777216};
    check_grid(&any, 80, 48, 4, 4);
    check_grid(&any, 112, 112, 8, 8);
    /* A side never gets below one block. */
    const alm_page_rule small = {16, 2, 2, 1, 1024};
    check_grid(&small, 1000, 100, 2, 6);
    const alm_page_rule hostile = {16, 2, 2, INT64_MAX, INT64_MAX};
    alm_grid grid;
    ALM_CHECK_STATUS(alm_page_grid(&hostile, 10, 10, "p", &grid), ALM_STATUS_SAMPLE);
}

/* A page at its own size, each pixel telling its place: column, row and 64·channel. */
static alm_image telling_page(int width, int height)
{
    alm_image image = {width, height, malloc((size_t)(width * height * 3))};
    for (int i = 0; i < width * height; i++) {
        image.rgb[3 * i] = (uint8_t)(i % width);
        image.rgb[3 * i + 1] = (uint8_t)(i / width);
        image.rgb[3 * i + 2] = (uint8_t)(i % 251);
    }
    return image;
}

static void check_order(const alm_page_rule rule, int rows, int columns)
{
    const alm_grid grid = {rows, columns};
    const int p = rule.patch, width = columns * p, n = rows * columns;
    const int bytes = 3 * rule.temporal_patch * p * p;
    alm_image image = telling_page(width, rows * p);
    uint8_t *got = malloc((size_t)(n * bytes));
    int32_t *index = malloc((size_t)n * 4 * sizeof *index);
    float *weight = malloc((size_t)n * 4 * sizeof *weight);
    int32_t *position = malloc((size_t)n * 2 * sizeof *position);
    ALM_REQUIRE_OK(alm_page_patches(&rule, &image, grid, got));
    alm_page_positions(&rule, 48, grid, index, weight, position);
    /* The order of qwen3vl.md 1.4, as four nested loops. */
    int r = 0, wrong = 0;
    for (int by = 0; by < rows / rule.merge; by++) {
        for (int bx = 0; bx < columns / rule.merge; bx++) {
            for (int inside = 0; inside < rule.merge * rule.merge; inside++, r++) {
                const int py = by * rule.merge + inside / rule.merge;
                const int px = bx * rule.merge + inside % rule.merge;
                ALM_CHECK_INT(position[2 * r], py);
                ALM_CHECK_INT(position[2 * r + 1], px);
                for (int e = 0; e < bytes; e++) {
                    const int x = e % p, y = e / p % p, c = e / (p * p * rule.temporal_patch);
                    const int pixel = (py * p + y) * width + px * p + x;
                    wrong += got[r * bytes + e] != image.rgb[3 * pixel + c];
                }
            }
        }
    }
    ALM_CHECK_INT(r, n);
    ALM_CHECK_INT(wrong, 0);
    free(got);
    free(index);
    free(weight);
    free(position);
    alm_image_free(&image);
}

ALM_TEST(patches, come_in_merge_block_order)
{
    check_order((alm_page_rule){16, 2, 2, 1, 1 << 20}, 4, 6);
    check_order((alm_page_rule){8, 1, 3, 1, 1 << 20}, 3, 9);
    check_order((alm_page_rule){14, 3, 1, 1, 1 << 20}, 3, 2);
}

ALM_TEST(patches, positions_of_36)
{
    /* qwen3vl.md 2.2: the coordinates of 36 patches in a table of 48, and their floors. */
    enum { N = 36, SIDE = 48 };
    static const int floors[] = {0, 1, 2, 4, 5, 6, 8, 9, 10, 12};
    const alm_page_rule rule = {16, 2, 1, 1, 1 << 20};
    static int32_t index[N * N * 4], position[N * N * 2];
    static float weight[N * N * 4];
    alm_page_positions(&rule, SIDE, (alm_grid){N, N}, index, weight, position);
    for (int i = 0; i < 10; i++) {
        ALM_CHECK_INT(index[4 * i] % SIDE, floors[i]);     /* along the first row */
        ALM_CHECK_INT(index[4 * i * N] / SIDE, floors[i]); /* and the first column */
    }
    const int last = N * N - 1;
    for (int k = 0; k < 4; k++) {
        ALM_CHECK_INT(index[4 * last + k], SIDE * SIDE - 1); /* the corner is clamped */
    }
    ALM_CHECK(weight[4 * last] == 1.0f);
    for (int i = 0; i < N; i++) {
        /* Row 0: the weight of the right neighbour is the fraction of the coordinate. The step is
         * f32(47/35); the product is rounded once. */
        const double exact = 47.0 / 35 * i;
        const double x = index[4 * i] % SIDE + (double)weight[4 * i + 1];
        ALM_CHECK_NEAR(x, exact, 4e-6); /* an ulp of 47 in float32 */
    }
    for (int r = 0; r < N * N; r++) {
        const float *w = weight + 4 * r;
        const int32_t *at = index + 4 * r;
        ALM_CHECK_NEAR(w[0] + w[1] + w[2] + w[3], 1, 3e-7); /* five roundings of numbers below 1 */
        ALM_CHECK(at[1] == at[0] + (at[0] % SIDE < SIDE - 1));
        ALM_CHECK(at[2] == at[0] + (at[0] / SIDE < SIDE - 1 ? SIDE : 0));
        ALM_CHECK(at[3] == at[2] + at[1] - at[0]);
    }
}

/* The second half of the coordinates is end - step·k, rounded once. Exact in integers: step is
 * m·2^e, so that the only rounding is the one to float32. */
ALM_TEST(patches, coordinates_are_rounded_once)
{
    const alm_page_rule rule = {16, 2, 1, 1, 1 << 20};
    static int32_t index[4 * 400], position[2 * 400];
    static float weight[4 * 400];
    for (int n = 2; n <= 400; n++) {
        alm_page_positions(&rule, 48, (alm_grid){1, n}, index, weight, position);
        const float step = 47.0f / (float)(n - 1);
        for (int i = 0; i < n; i++) {
            /* Fewer than 24 + 9 bits, and the difference needs fewer than 53. */
            const double product = (double)step * (i < n / 2 ? i : n - 1 - i);
            const float x = (float)(i < n / 2 ? product : 47.0 - product);
            ALM_CHECK_INT(index[4 * i], (int)x);
            ALM_CHECK(weight[4 * i + 1] == x - (float)(int)x);
        }
    }
}

ALM_TEST(patches, a_flat_page_stays_flat)
{
    /* Weights sum to 2^p only up to rounding; a flat colour must survive both passes. */
    for (int size = 1; size < 200; size += 13) {
        alm_image image = {size, size + 5, malloc((size_t)(size * (size + 5) * 3))};
        memset(image.rgb, 200, (size_t)(size * (size + 5) * 3));
        const alm_grid grid = {4, 6};
        const alm_page_rule rule = {16, 1, 2, 1, 1 << 20};
        static uint8_t rows[24 * 768];
        ALM_REQUIRE_OK(alm_page_patches(&rule, &image, grid, rows));
        int wrong = 0;
        for (size_t i = 0; i < sizeof rows; i++) {
            wrong += rows[i] != 200;
        }
        ALM_CHECK_INT(wrong, 0);
        alm_image_free(&image);
    }
}

/* The picture: read back, each colour where its cloud is; the same scene gives the same bytes;
 * nothing is overwritten or left half-written. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/input/image.h"
#include "runtime/output/canvas.h"
#include "runtime/output/picture.h"
#include "tests/shim/alm_test.h"

enum { POINTS = 300 };

/* Two balls of points; `lift` is how far the transform raises the moving one. */
static void make_scene(alm_picture_scene *scene, float *fixed, float *moving, double lift)
{
    for (int i = 0; i < 3 * POINTS; i++) {
        fixed[i] = 0.3f * alm_test_uniform();
        moving[i] = 0.3f * alm_test_uniform();
    }
    *scene = (alm_picture_scene){.fixed = fixed,
                                 .fixed_count = POINTS,
                                 .moving = moving,
                                 .moving_count = POINTS,
                                 .matrix = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, lift, 0, 0, 0, 1},
                                 .title = "Ärger, part 7/8 (x)"};
}

/* Number and mean height of the orange and of the grey pixels of a panel; y from its top. */
typedef struct tally {
    double orange, grey, orange_y, grey_y;
} tally;

static tally count_colours(const alm_image *image, int row, int column)
{
    tally t = {0};
    const int left = column * 600 + 30, top = 110 + row * 393, height = 300;
    for (int y = 0; y < height; y++) {
        for (int x = 120; x < 540; x++) {
            const uint8_t *p =
                image->rgb + 3 * ((size_t)(top + y) * (size_t)image->width + (size_t)(left + x));
            if (p[0] > p[2] + 60) {
                t.orange++;
                t.orange_y += y;
            } else if (p[0] < 230 && p[2] >= p[0]) {
                t.grey++;
                t.grey_y += y;
            }
        }
    }
    t.orange_y /= t.orange;
    t.grey_y /= t.grey;
    return t;
}

ALM_TEST(picture, shows_both_clouds_before_and_after)
{
    alm_picture_scene scene;
    static float fixed[3 * POINTS], moving[3 * POINTS];
    make_scene(&scene, fixed, moving, 0.8);
    const char *path = alm_test_path(alm_test_folder(), "p.png");
    ALM_REQUIRE_OK(alm_picture_write(&scene, path, false));
    alm_image image;
    ALM_REQUIRE_OK(alm_image_read(path, &image));
    ALM_CHECK_INT(image.width, 1200);
    ALM_CHECK_INT(image.height, 900);
    for (int row = 0; row < 2; row++) {
        const tally before = count_colours(&image, row, 0), after = count_colours(&image, row, 1);
        ALM_CHECK(before.orange > 500 && before.grey > 500);
        ALM_CHECK(after.orange > 500 && after.grey > 500);
        /* Before, the clouds lie in each other; after, the moving one is above the fixed one, which
         * has not moved. */
        ALM_CHECK_NEAR(before.orange_y, before.grey_y, 25);
        ALM_CHECK(after.orange_y < after.grey_y - 80);
        ALM_CHECK_NEAR(after.grey_y, before.grey_y, 10);
    }
    alm_image_free(&image);
}

ALM_TEST(picture, is_the_same_every_time)
{
    alm_picture_scene scene;
    static float fixed[3 * POINTS], moving[3 * POINTS];
    make_scene(&scene, fixed, moving, -0.2);
    char path[2][256];
    void *data[2];
    size_t bytes[2];
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof path[i], "%s/p.png", alm_test_folder());
        ALM_REQUIRE_OK(alm_picture_write(&scene, path[i], false));
        data[i] = alm_test_read(path[i], &bytes[i]);
        ALM_REQUIRE(data[i]);
    }
    ALM_CHECK(bytes[0] == bytes[1] && memcmp(data[0], data[1], bytes[0]) == 0);
    free(data[0]);
    free(data[1]);
}

ALM_TEST(picture, overwrites_with_force_only)
{
    alm_picture_scene scene;
    static float fixed[3 * POINTS], moving[3 * POINTS];
    make_scene(&scene, fixed, moving, 0);
    char path[256], none[300];
    snprintf(path, sizeof path, "%s/p.png", alm_test_folder());
    snprintf(none, sizeof none, "%s.d/p.png", path);
    alm_test_write(path, "mine", 4);
    ALM_CHECK_STATUS(alm_picture_write(&scene, path, false), ALM_STATUS_OUTPUT);
    ALM_CHECK_TEXT(alm_error_message(), path);
    ALM_CHECK_TEXT(alm_error_message(), "--force");
    /* A picture that cannot be drawn leaves what is there. */
    scene.matrix[3] = (double)NAN;
    ALM_CHECK_STATUS(alm_picture_write(&scene, path, true), ALM_STATUS_SAMPLE);
    size_t bytes;
    void *data = alm_test_read(path, &bytes);
    ALM_CHECK(data && bytes == 4);
    free(data);
    scene.matrix[3] = 0;
    ALM_CHECK_STATUS(alm_picture_write(&scene, path, true), ALM_OK);
    alm_image image = {0};
    ALM_CHECK_STATUS(alm_image_read(path, &image), ALM_OK);
    alm_image_free(&image);
    ALM_CHECK_STATUS(alm_picture_write(&scene, none, false), ALM_STATUS_OUTPUT);
    ALM_CHECK_TEXT(alm_error_message(), none);
}

ALM_TEST(picture, draws_odd_clouds)
{
    /* One place, a line, far away, tiny, a flat sheet; more points than are drawn. */
    static float xyz[3 * 250000];
    const char *path = alm_test_path(alm_test_folder(), "p.png");
    for (int kind = 0; kind < 6; kind++) {
        const int count = kind == 5 ? 250000 : 20;
        for (int i = 0; i < count; i++) {
            const float u = alm_test_uniform(), v = alm_test_uniform();
            const float points[6][3] = {
                {1, 2, 3}, {u, 0, 0},    {1e15f, 1e15f * u, -1e15f}, {1e-40f * u, 1e-40f * v, 0},
                {u, v, 5}, {u, v, u * v}};
            memcpy(xyz + 3 * i, points[kind], sizeof points[kind]);
        }
        const alm_picture_scene scene = {
            .fixed = xyz,
            .fixed_count = count,
            .moving = xyz,
            .moving_count = count,
            .matrix = {0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1},
        };
        ALM_CHECK_STATUS(alm_picture_write(&scene, path, true), ALM_OK);
    }
}

ALM_TEST(canvas, keeps_inside)
{
    alm_canvas canvas;
    ALM_REQUIRE_OK(alm_canvas_create(20, 10, &canvas));
    const alm_colour black = {0, 0, 0};
    alm_canvas_line(&canvas, -1e6, 5, 1e6, 5, 1, black);
    alm_canvas_disc(&canvas, 20, 10, 3, black);
    alm_canvas_disc(&canvas, -50, -50, 3, black);
    ALM_CHECK_INT(canvas.rgb[3 * (5 * 20 + 10)], 128); /* half of a pixel is covered */
    ALM_CHECK_INT(canvas.rgb[3 * (9 * 20 + 19)], 0);
    ALM_CHECK_INT(canvas.rgb[0], 255);
    alm_canvas_free(&canvas);
}

ALM_TEST(canvas, writes_every_letter)
{
    alm_canvas canvas;
    ALM_REQUIRE_OK(alm_canvas_create(900, 20, &canvas));
    const alm_colour black = {0, 0, 0};
    const char *text = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.,:/()+='?";
    alm_canvas_text(&canvas, 2, 15, 9, text, black);
    const double width = alm_canvas_text_width(9, text);
    ALM_CHECK(width > 300 && width < 890);
    ALM_CHECK(alm_canvas_text_width(9, "a") == alm_canvas_text_width(9, "A"));
    ALM_CHECK(alm_canvas_text_width(9, "ä") == alm_canvas_text_width(9, "?"));
    ALM_CHECK(alm_canvas_text_width(9, "") == 0);
    int dark = 0, outside = 0;
    for (int i = 0; i < 900 * 20; i++) {
        dark += canvas.rgb[3 * i] < 128;
        outside += canvas.rgb[3 * i] < 255 && i % 900 > 2 + width + 2;
    }
    ALM_CHECK(dark > 400);
    ALM_CHECK_INT(outside, 0);
    alm_canvas_free(&canvas);
}

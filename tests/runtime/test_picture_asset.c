/* A picture within a picture, and the picture of an asset: read back, each colour in its place. */
#include <stdio.h>

#include "runtime/output/canvas.h"
#include "runtime/output/picture_asset.h"
#include "tests/shim/alm_test.h"

static const uint8_t *pixel_of(const uint8_t *rgb, int width, int x, int y)
{
    return rgb + 3 * ((size_t)y * (size_t)width + (size_t)x);
}

static void check_colour(const uint8_t *pixel, int red, int green, int blue, const char *where)
{
    if (pixel[0] != red || pixel[1] != green || pixel[2] != blue) {
        ALM_FAIL("%s: %d %d %d, expected %d %d %d", where, pixel[0], pixel[1], pixel[2], red, green,
                 blue);
    }
}

ALM_TEST(picture_asset, means_and_places)
{
    alm_canvas canvas;
    ALM_REQUIRE_OK(alm_canvas_create(8, 8, &canvas));
    /* 4×2 to a box of 2×2 at (3, 2): two pixels in the middle rows, each the mean of 2×2. */
    const uint8_t rgb[4 * 2 * 3] = {10, 0, 0, 20, 0, 0, 0, 0, 7, 0, 0, 7,
                                    30, 0, 0, 41, 0, 0, 0, 0, 7, 0, 0, 7};
    alm_canvas_picture(&canvas, 3, 2, 2, 2, rgb, 4, 2);
    check_colour(pixel_of(canvas.rgb, 8, 3, 2), 25, 0, 0, "mean of 10, 20, 30 and 41");
    check_colour(pixel_of(canvas.rgb, 8, 4, 2), 0, 0, 7, "mean of what is the same");
    int white = 0;
    for (int i = 0; i < 64; i++) {
        white += canvas.rgb[3 * i] == 255 && canvas.rgb[3 * i + 1] == 255;
    }
    ALM_CHECK_INT(white, 62);
    /* A single pixel fills its box; a line of 1×9 keeps one column. */
    const uint8_t one[3] = {1, 2, 3};
    alm_canvas_picture(&canvas, 0, 0, 8, 8, one, 1, 1);
    check_colour(pixel_of(canvas.rgb, 8, 0, 0), 1, 2, 3, "first");
    check_colour(pixel_of(canvas.rgb, 8, 7, 7), 1, 2, 3, "last");
    uint8_t line[9 * 3];
    memset(line, 9, sizeof line);
    alm_canvas_picture(&canvas, 0, 0, 8, 8, line, 1, 9);
    check_colour(pixel_of(canvas.rgb, 8, 3, 0), 9, 9, 9, "top of the line");
    check_colour(pixel_of(canvas.rgb, 8, 3, 7), 9, 9, 9, "foot of the line");
    check_colour(pixel_of(canvas.rgb, 8, 4, 4), 1, 2, 3, "beside the line");
    alm_canvas_free(&canvas);
}

ALM_TEST(picture_asset, pages_above_clouds_below)
{
    float moving[3] = {1, 0, 0}, fixed[6] = {0, 0, 0, -1, 0, 0};
    uint8_t red[2 * 2 * 3], blue[2 * 2 * 3];
    for (int i = 0; i < 12; i++) {
        red[i] = i % 3 == 0 ? 200 : 0;
        blue[i] = i % 3 == 2 ? 200 : 0;
    }
    alm_asset asset = {.moving = moving,
                       .moving_points = 1,
                       .fixed = fixed,
                       .fixed_points = 2,
                       .page = {{2, 2, red}, {2, 2, blue}}};
    const char *path = alm_test_path(alm_test_folder(), "a.png");
    alm_image image;
    ALM_REQUIRE_OK(alm_picture_asset_write(&asset, "a/b", path, false));
    ALM_CHECK_STATUS(alm_picture_asset_write(&asset, "a/b", path, false), ALM_STATUS_OUTPUT);
    ALM_REQUIRE_OK(alm_image_read(path, &image));
    ALM_CHECK_INT(image.width, 1200);
    ALM_CHECK_INT(image.height, 1280);
    check_colour(pixel_of(image.rgb, 1200, 300, 400), 200, 0, 0, "base page");
    check_colour(pixel_of(image.rgb, 1200, 900, 400), 0, 0, 200, "assembled page");
    int orange[2] = {0, 0}, grey[2] = {0, 0};
    for (int y = 700; y < 1250; y++) {
        for (int x = 30; x < 1170; x++) {
            const uint8_t *p = pixel_of(image.rgb, 1200, x, y);
            orange[x > 600] += p[0] > p[2] + 60;
            grey[x > 600] += p[2] >= p[0] && p[0] < 200;
        }
    }
    for (int k = 0; k < 2; k++) {
        ALM_CHECK(orange[k] > 50 && grey[k] > orange[k]); /* two balls against one */
    }
    alm_image_free(&image);
    asset.moving[1] = 2e30f;
    ALM_CHECK_STATUS(alm_picture_asset_write(&asset, "a", path, true), ALM_STATUS_SAMPLE);
    asset = (alm_asset){.page = {{2, 2, red}}}; /* only what there is */
    ALM_REQUIRE_OK(alm_picture_asset_write(&asset, "a", path, true));
}

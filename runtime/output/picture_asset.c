#include "runtime/output/picture_asset.h"

#include <math.h>
#include <stdio.h>

#include "runtime/output/balls.h"
#include "runtime/output/canvas.h"
#include "runtime/output/file_write.h"
#include "runtime/output/overwrite.h"

enum {
    MARGIN = 24,
    GAP = 14,
    WIDTH = 1200,
    SIDE = (WIDTH - 2 * MARGIN - GAP) / 2, /* of a square panel */
    TOP = 104,                             /* of the pages */
    BELOW = TOP + SIDE + GAP,              /* of the views */
    HEIGHT = BELOW + SIDE + MARGIN,
    VIEWS = ALM_BALLS_VIEWS
};

static const alm_colour ink = {52, 58, 68};

static int left_of(int column)
{
    return MARGIN + column * (SIDE + GAP);
}

static void draw_words(alm_canvas *canvas, const char *title)
{
    static const char *const heads[2] = {"BASE", "ASSEMBLED"};
    static const char *const names[2] = {"MOVING PART", "FIXED PART"};
    const alm_colour colours[2] = {alm_balls_orange, alm_balls_grey};
    char text[41]; /* what fits beside the legend */
    snprintf(text, sizeof text, "%s", title);
    alm_canvas_text(canvas, MARGIN, 48, 18, text, ink);
    double x = WIDTH - MARGIN;
    for (int k = 0; k < 2; k++) {
        const double middle = left_of(k) + SIDE / 2.0;
        alm_canvas_text(canvas, middle - alm_canvas_text_width(14, heads[k]) / 2, TOP - 12, 14,
                        heads[k], ink);
        x -= alm_canvas_text_width(12, names[k]);
        alm_canvas_text(canvas, x, 46, 12, names[k], ink);
        alm_canvas_disc(canvas, x - 16, 40, 6, colours[k]);
        x -= 52;
    }
}

static alm_status draw_clouds(const alm_asset *asset, alm_balls_panel *panel, alm_canvas *canvas)
{
    const alm_balls_layer layers[2] = {
        alm_balls_layer_of(asset->fixed, asset->fixed_points, NULL, alm_balls_grey),
        alm_balls_layer_of(asset->moving, asset->moving_points, NULL, alm_balls_orange)};
    double points = 0;
    for (int k = 0; k < 2; k++) {
        points += (double)(layers[k].count / layers[k].step);
    }
    const double radius = ALM_BALLS_FINE * fmin(fmax(215 / sqrt(points), 1), 6);
    for (int v = 0; v < VIEWS; v++) {
        alm_balls_view view = alm_balls_view_from(v);
        if (!alm_balls_include(&view, &layers[0]) || !alm_balls_include(&view, &layers[1])) {
            return alm_fail(ALM_STATUS_SAMPLE, "picture: a coordinate is beyond 1e30");
        }
        alm_balls_fit(&view, panel, radius);
        alm_balls_draw(panel, &view, layers, 2, radius);
        alm_balls_place(panel, canvas, left_of(v), BELOW);
    }
    return ALM_OK;
}

static alm_status draw(const alm_asset *asset, const char *title, alm_canvas *canvas)
{
    alm_balls_panel panel = {0};
    draw_words(canvas, title);
    alm_status status = ALM_OK;
    if (asset->moving_points > 0 && asset->fixed_points > 0) {
        status = alm_balls_panel_create(SIDE, SIDE, &panel);
        if (status == ALM_OK) {
            status = draw_clouds(asset, &panel, canvas);
        }
        alm_balls_panel_free(&panel);
    }
    for (int k = 0; k < 2 && status == ALM_OK; k++) {
        const alm_image *page = &asset->page[k];
        if (page->rgb) {
            alm_canvas_picture(canvas, left_of(k), TOP, SIDE, SIDE, page->rgb, page->width,
                               page->height);
        }
        alm_balls_frame(canvas, left_of(k), TOP, SIDE, SIDE);
        alm_balls_frame(canvas, left_of(k), BELOW, SIDE, SIDE);
    }
    return status;
}

alm_status alm_picture_asset_write(const alm_asset *asset, const char *title, const char *path,
                                   bool force)
{
    alm_canvas canvas = {0};
    alm_buffer file = {0};
    ALM_TRY(alm_output_check(path, force));
    alm_status status = alm_canvas_create(WIDTH, HEIGHT, &canvas);
    if (status == ALM_OK) {
        status = draw(asset, title, &canvas);
    }
    if (status == ALM_OK) {
        status = alm_canvas_png(&canvas, &file);
    }
    if (status == ALM_OK) {
        status = alm_file_write_all(path, file.data, file.count);
    }
    alm_buffer_free(&file);
    alm_canvas_free(&canvas);
    return status;
}

/* The picture of an assembly (picture.h): balls (balls.h) in two rows of two panels; a row is
 * fitted to everything that is in either panel. */
#include "runtime/output/picture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/output/balls.h"
#include "runtime/output/canvas.h"
#include "runtime/output/file_write.h"
#include "runtime/output/overwrite.h"

enum {
    WIDTH = 1200,
    HEIGHT = 900,
    MARGIN = 24,
    GAP = 14,
    TOP = 104, /* of the panels */
    PANEL_WIDTH = (WIDTH - 2 * MARGIN - GAP) / 2,
    PANEL_HEIGHT = (HEIGHT - TOP - MARGIN - GAP) / 2,
    VIEWS = ALM_BALLS_VIEWS
};

static const alm_colour ink = {52, 58, 68};

/* Where the axes of the fixed part point, in the lower left corner of a panel. */
static void draw_axes(alm_canvas *canvas, const alm_balls_view *v, int left, int top)
{
    static const alm_colour colours[3] = {{205, 92, 92}, {86, 158, 96}, {82, 118, 196}};
    static const char *const names[3] = {"X", "Y", "Z"};
    const double x = left + 52, y = top + PANEL_HEIGHT - 40, length = 26;
    for (int c = 0; c < 3; c++) {
        const double dx = v->right[c], dy = -v->up[c];
        alm_canvas_line(canvas, x, y, x + length * dx, y + length * dy, 2, colours[c]);
        const double reach = length + 10;
        alm_canvas_text(canvas, x + reach * dx - 3, y + reach * dy + 4, 8, names[c], colours[c]);
    }
}

static void draw_legend(alm_canvas *canvas)
{
    static const char *const names[2] = {"MOVING PART", "FIXED PART"};
    const alm_colour colours[2] = {alm_balls_orange, alm_balls_grey};
    double x = WIDTH - MARGIN;
    for (int k = 0; k < 2; k++) {
        x -= alm_canvas_text_width(12, names[k]);
        alm_canvas_text(canvas, x, 46, 12, names[k], ink);
        alm_canvas_disc(canvas, x - 16, 40, 6, colours[k]);
        x -= 52;
    }
}

static void draw_words(alm_canvas *canvas, const alm_picture_scene *scene)
{
    char title[41]; /* what fits beside the legend */
    snprintf(title, sizeof title, "%s", scene->title ? scene->title : "");
    alm_canvas_text(canvas, MARGIN, 48, 18, title, ink);
    static const char *const heads[2] = {"BEFORE", "AFTER"};
    for (int k = 0; k < 2; k++) {
        const double middle = MARGIN + k * (PANEL_WIDTH + GAP) + PANEL_WIDTH / 2.0;
        alm_canvas_text(canvas, middle - alm_canvas_text_width(14, heads[k]) / 2, TOP - 12, 14,
                        heads[k], ink);
    }
    draw_legend(canvas);
}

static alm_status draw(const alm_picture_scene *scene, alm_balls_panel *p, alm_canvas *canvas)
{
    const alm_balls_layer base =
        alm_balls_layer_of(scene->fixed, scene->fixed_count, NULL, alm_balls_grey);
    const alm_balls_layer before =
        alm_balls_layer_of(scene->moving, scene->moving_count, NULL, alm_balls_orange);
    alm_balls_layer after = before;
    after.matrix = scene->matrix;
    const alm_balls_layer panels[2][2] = {{base, before}, {base, after}};
    const double points = (double)(base.count / base.step + before.count / before.step);
    const double radius = ALM_BALLS_FINE * fmin(fmax(215 / sqrt(points), 1), 6);
    draw_words(canvas, scene);
    for (int row = 0; row < VIEWS; row++) {
        alm_balls_view v = alm_balls_view_from(row);
        if (!alm_balls_include(&v, &base) || !alm_balls_include(&v, &before) ||
            !alm_balls_include(&v, &after)) {
            return alm_fail(ALM_STATUS_SAMPLE,
                            "picture: a cloud or its place holds NaN, infinity or more than 1e30");
        }
        alm_balls_fit(&v, p, radius);
        for (int column = 0; column < 2; column++) {
            const int left = MARGIN + column * (PANEL_WIDTH + GAP);
            const int top = TOP + row * (PANEL_HEIGHT + GAP);
            alm_balls_draw(p, &v, panels[column], 2, radius);
            alm_balls_place(p, canvas, left, top);
            alm_balls_frame(canvas, left, top, PANEL_WIDTH, PANEL_HEIGHT);
            draw_axes(canvas, &v, left, top);
        }
    }
    return ALM_OK;
}

alm_status alm_picture_write(const alm_picture_scene *scene, const char *path, bool force)
{
    ALM_TRY(alm_output_check(path, force));
    alm_balls_panel p = {0};
    alm_canvas canvas = {0};
    alm_buffer file = {0};
    alm_status status = alm_canvas_create(WIDTH, HEIGHT, &canvas);
    if (status == ALM_OK) {
        status = alm_balls_panel_create(PANEL_WIDTH, PANEL_HEIGHT, &p);
    }
    if (status == ALM_OK) {
        status = draw(scene, &p, &canvas);
    }
    if (status == ALM_OK) {
        status = alm_canvas_png(&canvas, &file);
    }
    if (status == ALM_OK) {
        status = alm_file_write_all(path, file.data, file.count);
    }
    alm_buffer_free(&file);
    alm_balls_panel_free(&p);
    alm_canvas_free(&canvas);
    return status;
}

/* The picture of an evaluated sample: its pages, and the fixed part with the moving part where it
 * belongs (green) and where it was put (orange), from two sides. Where the two agree, their balls
 * mix. */
#include <math.h>
#include <string.h>

#include "runtime/eval/report_parts.h"
#include "runtime/output/balls.h"
#include "runtime/output/canvas.h"

enum {
    MARGIN = 8,
    GAP = 8,
    PAGE = 146, /* width and height that a page may have */
    PANEL = 300,
    LEGEND = 26,
    HEIGHT = 2 * MARGIN + PANEL + LEGEND,
    VIEWS = ALM_BALLS_VIEWS,
    LAYERS = 3
};

static const alm_colour green = {52, 158, 92}, ink = {52, 58, 68};

/* p = Rᵀ·P + t (assembench.md 3). rotation: rows. */
static void matrix_of(const float rotation[9], const float t[3], double out[16])
{
    memset(out, 0, 16 * sizeof *out);
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            out[4 * i + j] = (double)rotation[3 * j + i];
        }
        out[4 * i + 3] = (double)t[i];
    }
    out[15] = 1;
}

static void draw_page(const alm_report_scene *scene, int k, alm_canvas *canvas)
{
    const int width = scene->page[k].width, height = scene->page[k].height;
    const int top = MARGIN + k * (PAGE + GAP);
    if (scene->page[k].rgb && width > 0 && height > 0) {
        alm_canvas_picture(canvas, MARGIN, top, PAGE, PAGE, scene->page[k].rgb, width, height);
        alm_balls_frame(canvas, MARGIN, top, PAGE, PAGE);
    }
}

static void draw_legend(alm_canvas *canvas, int left, bool predicted)
{
    static const char *const names[LAYERS] = {"FIXED PART", "TRUE PLACE", "PREDICTED"};
    const alm_colour colours[LAYERS] = {alm_balls_grey, green, alm_balls_orange};
    double x = left + 8;
    for (int k = 0; k < (predicted ? LAYERS : LAYERS - 1); k++) {
        alm_canvas_disc(canvas, x, HEIGHT - MARGIN - 8, 5, colours[k]);
        alm_canvas_text(canvas, x + 12, HEIGHT - MARGIN - 3, 10, names[k], ink);
        x += 12 + alm_canvas_text_width(10, names[k]) + 30;
    }
}

static alm_status draw_views(const alm_balls_layer *layers, int count, alm_balls_panel *panel,
                             alm_canvas *canvas, int left)
{
    double points = 0;
    for (int k = 0; k < count; k++) {
        points += (double)(layers[k].count / layers[k].step);
    }
    const double radius = ALM_BALLS_FINE * fmin(fmax(130 / sqrt(points), 0.8), 4.5);
    for (int v = 0; v < VIEWS; v++) {
        alm_balls_view view = alm_balls_view_from(v);
        for (int k = 0; k < count; k++) {
            if (!alm_balls_include(&view, &layers[k])) {
                return alm_fail(ALM_STATUS_SAMPLE,
                                "picture: a cloud or its place holds NaN, infinity or more than "
                                "1e30");
            }
        }
        const int at = left + v * (PANEL + GAP);
        alm_balls_fit(&view, panel, radius);
        alm_balls_draw(panel, &view, layers, count, radius);
        alm_balls_place(panel, canvas, at, MARGIN);
        alm_balls_frame(canvas, at, MARGIN, PANEL, PANEL);
    }
    return ALM_OK;
}

alm_status almi_picture_draw(const alm_report_scene *scene, const alm_eval_row *row,
                             alm_buffer *out)
{
    if (scene->fixed_count < 1 || scene->moving_count < 1) {
        return alm_fail(ALM_STATUS_SAMPLE, "picture: a cloud has no points");
    }
    double truth[16], pose[16];
    matrix_of(row->true_r, row->true_t, truth);
    matrix_of(row->pred_r, row->pred_t, pose);
    const alm_balls_layer layers[LAYERS] = {
        alm_balls_layer_of(scene->fixed, scene->fixed_count, NULL, alm_balls_grey),
        alm_balls_layer_of(scene->moving, scene->moving_count, truth, green),
        alm_balls_layer_of(scene->moving, scene->moving_count, pose, alm_balls_orange)};
    const bool pages = scene->page[0].rgb || scene->page[1].rgb;
    const int left = MARGIN + (pages ? PAGE + GAP : 0);
    alm_canvas canvas = {0};
    alm_balls_panel panel = {0};
    alm_status status =
        alm_canvas_create(left + VIEWS * PANEL + (VIEWS - 1) * GAP + MARGIN, HEIGHT, &canvas);
    if (status == ALM_OK) {
        status = alm_balls_panel_create(PANEL, PANEL, &panel);
    }
    if (status == ALM_OK) {
        draw_page(scene, 0, &canvas);
        draw_page(scene, 1, &canvas);
        draw_legend(&canvas, left, row->valid);
        status = draw_views(layers, row->valid ? LAYERS : LAYERS - 1, &panel, &canvas, left);
    }
    if (status == ALM_OK) {
        status = alm_canvas_png(&canvas, out);
    }
    alm_balls_panel_free(&panel);
    alm_canvas_free(&canvas);
    return status;
}

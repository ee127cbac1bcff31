/* Points as small shaded balls with a depth buffer, drawn at twice the size and halved.
 *
 * A view is a turn of the coordinates to (right, up, towards the viewer); a row of panels is fitted
 * to everything that is in either panel. Depth shows in three ways: nearer balls hide others,
 * farther ones fade towards white, and a pixel is darkened where its surroundings are nearer.
 */
#include "runtime/output/picture.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
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
    FINE = 2,       /* finer pixels each way */
    DRAWN = 100000, /* most points of a cloud that are drawn */
    VIEWS = 2
};

static const alm_colour fixed_colour = {126, 139, 158}, moving_colour = {238, 118, 24};
static const alm_colour ink = {52, 58, 68}, faint = {216, 220, 226};

/* Azimuth and elevation of the viewer in degrees. */
static const double view_angle[VIEWS][2] = {{-56, 24}, {38, 32}};

typedef struct view {
    double right[3], up[3], near[3]; /* unit vectors */
    double low[3], high[3];          /* what both panels hold, in these coordinates */
    double scale;                    /* fine pixels a unit */
} view;

/* One of the clouds as one panel shows it. */
typedef struct layer {
    const float *xyz;
    int64_t count, step;  /* every step-th point is drawn */
    const double *matrix; /* NULL: as it is */
    alm_colour colour;
} layer;

typedef struct panel {
    int width, height; /* fine pixels */
    float *depth;      /* [height, width], -FLT_MAX where nothing is */
    alm_colour *colour;
} panel;

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* Radians. */
static const double degree = 0.017453292519943295;

static view view_from(const double angle[2])
{
    const double a = angle[0] * degree, e = angle[1] * degree;
    return (view){.right = {-sin(a), cos(a), 0},
                  .up = {-sin(e) * cos(a), -sin(e) * sin(a), cos(e)},
                  .near = {cos(e) * cos(a), cos(e) * sin(a), sin(e)},
                  .low = {DBL_MAX, DBL_MAX, DBL_MAX},
                  .high = {-DBL_MAX, -DBL_MAX, -DBL_MAX}};
}

/* Point i of a layer in the coordinates of a view. */
static void see(const view *v, const layer *l, int64_t i, double out[3])
{
    double p[3], q[3];
    for (int c = 0; c < 3; c++) {
        p[c] = (double)l->xyz[3 * i + c];
    }
    for (int c = 0; c < 3; c++) {
        const double *m = l->matrix + 4 * c;
        q[c] = l->matrix ? m[0] * p[0] + m[1] * p[1] + m[2] * p[2] + m[3] : p[c];
    }
    out[0] = dot(v->right, q);
    out[1] = dot(v->up, q);
    out[2] = dot(v->near, q);
}

/* Makes room in the view for a layer. False: a coordinate is not finite. */
static bool include(view *v, const layer *l)
{
    for (int64_t i = 0; i < l->count; i += l->step) {
        double p[3];
        see(v, l, i, p);
        for (int c = 0; c < 3; c++) {
            if (!(fabs(p[c]) <= 1e30)) {
                return false;
            }
            v->low[c] = fmin(v->low[c], p[c]);
            v->high[c] = fmax(v->high[c], p[c]);
        }
    }
    return true;
}

static void fit(view *v, const panel *p, double radius)
{
    const double border = radius + 14 * FINE;
    const double wide = fmax(v->high[0] - v->low[0], 1e-30);
    const double high = fmax(v->high[1] - v->low[1], 1e-30);
    v->scale = fmin((p->width - 2 * border) / wide, (p->height - 2 * border) / high);
    /* A line of points towards the viewer must not leave the range of the depth buffer. */
    v->scale = fmin(v->scale, 1e9 / fmax(v->high[2] - v->low[2], 1e-30));
}

/* A ball of this radius in fine pixels; its own roundness counts for the depth. */
static void draw_ball(panel *p, const view *v, const double at[3], double radius, alm_colour colour)
{
    /* Light from the upper left, in front. */
    static const double light[3] = {-0.40, 0.55, 0.735};
    const double x = p->width / 2.0 + (at[0] - (v->low[0] + v->high[0]) / 2) * v->scale;
    const double y = p->height / 2.0 - (at[1] - (v->low[1] + v->high[1]) / 2) * v->scale;
    const double span = fmax(v->high[2] - v->low[2], 1e-30);
    const double far = 0.45 * (v->high[2] - at[2]) / span; /* part of white */
    for (int j = (int)floor(y - radius); j <= (int)ceil(y + radius); j++) {
        for (int i = (int)floor(x - radius); i <= (int)ceil(x + radius); i++) {
            const double dx = (i + 0.5 - x) / radius, dy = (y - j - 0.5) / radius;
            const double square = dx * dx + dy * dy;
            if (square > 1 || i < 0 || j < 0 || i >= p->width || j >= p->height) {
                continue;
            }
            const double dz = sqrt(1 - square);
            const float depth = (float)((at[2] - v->low[2]) * v->scale + dz * radius);
            const size_t pixel = (size_t)j * (size_t)p->width + (size_t)i;
            if (depth <= p->depth[pixel]) {
                continue;
            }
            const double lit = 0.62 + 0.45 * fmax(dx * light[0] + dy * light[1] + dz * light[2], 0);
            const double c[3] = {colour.red * lit, colour.green * lit, colour.blue * lit};
            uint8_t shade[3];
            for (int k = 0; k < 3; k++) {
                const double full = fmin(c[k], 255);
                shade[k] = (uint8_t)lrint(full + (255 - full) * far);
            }
            p->depth[pixel] = depth;
            p->colour[pixel] = (alm_colour){shade[0], shade[1], shade[2]};
        }
    }
}

/* Darkens a pixel by how much nearer the pixels around it are: edges and gaps show. */
static double shadow(const panel *p, int x, int y)
{
    static const int around[8][2] = {{3, 0}, {-3, 0}, {0, 3},  {0, -3},
                                     {6, 6}, {-6, 6}, {6, -6}, {-6, -6}};
    const float own = p->depth[(size_t)y * (size_t)p->width + (size_t)x];
    double sum = 0;
    for (int k = 0; k < 8; k++) {
        const int i = x + around[k][0], j = y + around[k][1];
        if (i >= 0 && j >= 0 && i < p->width && j < p->height) {
            const float other = p->depth[(size_t)j * (size_t)p->width + (size_t)i];
            /* Beyond 24 fine pixels a step in depth is an edge like any other. */
            sum += fmin(fmax((double)other - (double)own - 2, 0), 24) / 24;
        }
    }
    return 1 - 0.55 * sum / 8;
}

/* Halves the panel into the canvas. */
static void place(const panel *p, alm_canvas *canvas, int left, int top)
{
    for (int y = 0; y < p->height / FINE; y++) {
        for (int x = 0; x < p->width / FINE; x++) {
            double sum[3] = {0, 0, 0};
            for (int k = 0; k < FINE * FINE; k++) {
                const int i = x * FINE + k % FINE, j = y * FINE + k / FINE;
                const size_t pixel = (size_t)j * (size_t)p->width + (size_t)i;
                const bool empty = p->depth[pixel] == -FLT_MAX;
                const double dark = empty ? 1 : shadow(p, i, j);
                const alm_colour c = empty ? (alm_colour){255, 255, 255} : p->colour[pixel];
                sum[0] += c.red * dark;
                sum[1] += c.green * dark;
                sum[2] += c.blue * dark;
            }
            uint8_t *to =
                canvas->rgb + 3 * ((size_t)(top + y) * (size_t)canvas->width + (size_t)(left + x));
            for (int c = 0; c < 3; c++) {
                to[c] = (uint8_t)lrint(sum[c] / (FINE * FINE));
            }
        }
    }
}

static void draw_panel(panel *p, const view *v, const layer *layers, double radius)
{
    for (size_t i = 0; i < (size_t)p->width * (size_t)p->height; i++) {
        p->depth[i] = -FLT_MAX;
    }
    for (int k = 0; k < 2; k++) {
        for (int64_t i = 0; i < layers[k].count; i += layers[k].step) {
            double at[3];
            see(v, &layers[k], i, at);
            draw_ball(p, v, at, radius, layers[k].colour);
        }
    }
}

static void draw_frame(alm_canvas *canvas, int left, int top)
{
    const double x0 = left - 0.5, y0 = top - 0.5;
    const double x1 = left + PANEL_WIDTH + 0.5, y1 = top + PANEL_HEIGHT + 0.5;
    alm_canvas_line(canvas, x0, y0, x1, y0, 1, faint);
    alm_canvas_line(canvas, x0, y1, x1, y1, 1, faint);
    alm_canvas_line(canvas, x0, y0, x0, y1, 1, faint);
    alm_canvas_line(canvas, x1, y0, x1, y1, 1, faint);
}

/* Where the axes of the fixed part point, in the lower left corner of a panel. */
static void draw_axes(alm_canvas *canvas, const view *v, int left, int top)
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
    const alm_colour colours[2] = {moving_colour, fixed_colour};
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

static layer layer_of(const float *xyz, int64_t count, const double *matrix, alm_colour colour)
{
    const int64_t step = count > DRAWN ? (count + DRAWN - 1) / DRAWN : 1;
    return (layer){.xyz = xyz, .count = count, .step = step, .matrix = matrix, .colour = colour};
}

static alm_status draw(const alm_picture_scene *scene, panel *p, alm_canvas *canvas)
{
    const layer base = layer_of(scene->fixed, scene->fixed_count, NULL, fixed_colour);
    const layer before = layer_of(scene->moving, scene->moving_count, NULL, moving_colour);
    layer after = before;
    after.matrix = scene->matrix;
    const layer panels[2][2] = {{base, before}, {base, after}};
    const double points = (double)(base.count / base.step + before.count / before.step);
    const double radius = FINE * fmin(fmax(215 / sqrt(points), 1), 6);
    draw_words(canvas, scene);
    for (int row = 0; row < VIEWS; row++) {
        view v = view_from(view_angle[row]);
        if (!include(&v, &base) || !include(&v, &before) || !include(&v, &after)) {
            return alm_fail(ALM_STATUS_SAMPLE,
                            "picture: a cloud or its place holds NaN, infinity or more than 1e30");
        }
        fit(&v, p, radius);
        for (int column = 0; column < 2; column++) {
            const int left = MARGIN + column * (PANEL_WIDTH + GAP);
            const int top = TOP + row * (PANEL_HEIGHT + GAP);
            draw_panel(p, &v, panels[column], radius);
            place(p, canvas, left, top);
            draw_frame(canvas, left, top);
            draw_axes(canvas, &v, left, top);
        }
    }
    return ALM_OK;
}

alm_status alm_picture_write(const alm_picture_scene *scene, const char *path, bool force)
{
    ALM_TRY(alm_output_check(path, force));
    panel p = {.width = PANEL_WIDTH * FINE, .height = PANEL_HEIGHT * FINE};
    alm_canvas canvas = {0};
    alm_buffer file = {0};
    const size_t pixels = (size_t)p.width * (size_t)p.height;
    alm_status status = alm_canvas_create(WIDTH, HEIGHT, &canvas);
    if (status == ALM_OK) {
        status = alm_alloc(pixels, sizeof *p.depth, "a picture", &p.depth);
    }
    if (status == ALM_OK) {
        status = alm_alloc(pixels, sizeof *p.colour, "a picture", &p.colour);
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
    alm_free(p.colour);
    alm_free(p.depth);
    alm_canvas_free(&canvas);
    return status;
}

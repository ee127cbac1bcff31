/* Clouds as small shaded balls with a depth buffer (balls.h). */
#include "runtime/output/balls.h"

#include <float.h>
#include <math.h>

#include "kernels/core/memory.h"

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* Radians. */
static const double degree = 0.017453292519943295;

/* Azimuth and elevation of the viewer in degrees. */
static const double view_angle[ALM_BALLS_VIEWS][2] = {{-56, 24}, {38, 32}};

alm_balls_view alm_balls_view_from(int side)
{
    const double *angle = view_angle[side];
    const double a = angle[0] * degree, e = angle[1] * degree;
    return (alm_balls_view){.right = {-sin(a), cos(a), 0},
                            .up = {-sin(e) * cos(a), -sin(e) * sin(a), cos(e)},
                            .near = {cos(e) * cos(a), cos(e) * sin(a), sin(e)},
                            .low = {DBL_MAX, DBL_MAX, DBL_MAX},
                            .high = {-DBL_MAX, -DBL_MAX, -DBL_MAX}};
}

/* Point i of a layer in the coordinates of a view. */
static void see(const alm_balls_view *v, const alm_balls_layer *l, int64_t i, double out[3])
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

bool alm_balls_include(alm_balls_view *v, const alm_balls_layer *l)
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

void alm_balls_fit(alm_balls_view *v, const alm_balls_panel *p, double radius)
{
    const double border = radius + 14 * ALM_BALLS_FINE;
    const double wide = fmax(v->high[0] - v->low[0], 1e-30);
    const double high = fmax(v->high[1] - v->low[1], 1e-30);
    v->scale = fmin((p->width - 2 * border) / wide, (p->height - 2 * border) / high);
    /* A line of points towards the viewer must not leave the range of the depth buffer. */
    v->scale = fmin(v->scale, 1e9 / fmax(v->high[2] - v->low[2], 1e-30));
}

/* A ball of this radius in fine pixels; its own roundness counts for the depth. */
static void draw_ball(alm_balls_panel *p, const alm_balls_view *v, const double at[3],
                      double radius, alm_colour colour)
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
static double shadow(const alm_balls_panel *p, int x, int y)
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

void alm_balls_place(const alm_balls_panel *p, alm_canvas *canvas, int left, int top)
{
    for (int y = 0; y < p->height / ALM_BALLS_FINE; y++) {
        for (int x = 0; x < p->width / ALM_BALLS_FINE; x++) {
            double sum[3] = {0, 0, 0};
            for (int k = 0; k < ALM_BALLS_FINE * ALM_BALLS_FINE; k++) {
                const int i = x * ALM_BALLS_FINE + k % ALM_BALLS_FINE,
                          j = y * ALM_BALLS_FINE + k / ALM_BALLS_FINE;
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
                to[c] = (uint8_t)lrint(sum[c] / (ALM_BALLS_FINE * ALM_BALLS_FINE));
            }
        }
    }
}

void alm_balls_draw(alm_balls_panel *p, const alm_balls_view *v, const alm_balls_layer *layers,
                    int count, double radius)
{
    for (size_t i = 0; i < (size_t)p->width * (size_t)p->height; i++) {
        p->depth[i] = -FLT_MAX;
    }
    for (int k = 0; k < count; k++) {
        for (int64_t i = 0; i < layers[k].count; i += layers[k].step) {
            double at[3];
            see(v, &layers[k], i, at);
            draw_ball(p, v, at, radius, layers[k].colour);
        }
    }
}

alm_balls_layer alm_balls_layer_of(const float *xyz, int64_t count, const double *matrix,
                                   alm_colour colour)
{
    const int64_t step =
        count > ALM_BALLS_DRAWN ? (count + ALM_BALLS_DRAWN - 1) / ALM_BALLS_DRAWN : 1;
    return (alm_balls_layer){
        .xyz = xyz, .count = count, .step = step, .matrix = matrix, .colour = colour};
}

alm_status alm_balls_panel_create(int width, int height, alm_balls_panel *out)
{
    alm_balls_panel p = {.width = width * ALM_BALLS_FINE, .height = height * ALM_BALLS_FINE};
    const size_t pixels = (size_t)p.width * (size_t)p.height;
    ALM_TRY(alm_alloc(pixels, sizeof *p.depth, "a picture", &p.depth));
    const alm_status status = alm_alloc(pixels, sizeof *p.colour, "a picture", &p.colour);
    if (status != ALM_OK) {
        alm_free(p.depth);
        return status;
    }
    *out = p;
    return ALM_OK;
}

void alm_balls_panel_free(alm_balls_panel *panel)
{
    alm_free(panel->colour);
    alm_free(panel->depth);
    *panel = (alm_balls_panel){0};
}

void alm_balls_frame(alm_canvas *canvas, int left, int top, int width, int height)
{
    static const alm_colour faint = {216, 220, 226};
    const double x0 = left - 0.5, y0 = top - 0.5;
    const double x1 = left + width + 0.5, y1 = top + height + 0.5;
    alm_canvas_line(canvas, x0, y0, x1, y0, 1, faint);
    alm_canvas_line(canvas, x0, y1, x1, y1, 1, faint);
    alm_canvas_line(canvas, x0, y0, x0, y1, 1, faint);
    alm_canvas_line(canvas, x1, y0, x1, y1, 1, faint);
}

/* Clouds as small shaded balls with a depth buffer: what the pictures of poses are made of.
 *
 * A view turns coordinates to (right, up, towards the viewer) and is fitted to every layer that was
 * included. A panel is drawn at twice the size and halved into a canvas. Depth shows in three ways:
 * nearer balls hide others, farther ones fade towards white, and a pixel is darkened where its
 * surroundings are nearer. The same calls give the same pixels.
 */
#ifndef ALM_RUNTIME_OUTPUT_BALLS_H
#define ALM_RUNTIME_OUTPUT_BALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/core/status.h"
#include "runtime/output/canvas.h"

enum {
    ALM_BALLS_VIEWS = 2,     /* sides from which pictures show a scene */
    ALM_BALLS_FINE = 2,      /* finer pixels each way */
    ALM_BALLS_DRAWN = 100000 /* most points of a cloud that are drawn */
};

/* What is fixed, and what is moved; z is up. */
static const alm_colour alm_balls_grey = {126, 139, 158}, alm_balls_orange = {238, 118, 24};

typedef struct alm_balls_view {
    double right[3], up[3], near[3]; /* unit vectors */
    double low[3], high[3];          /* what was included, in these coordinates */
    double scale;                    /* fine pixels a unit */
} alm_balls_view;

/* A cloud as one panel shows it. */
typedef struct alm_balls_layer {
    const float *xyz;     /* [count, 3] */
    int64_t count, step;  /* every step-th point is drawn */
    const double *matrix; /* 4x4 row-major; NULL: as it is */
    alm_colour colour;
} alm_balls_layer;

typedef struct alm_balls_panel {
    int width, height; /* fine pixels */
    float *depth;      /* [height, width], -FLT_MAX where nothing is */
    alm_colour *colour;
} alm_balls_panel;

/* From side number `side` of the ALM_BALLS_VIEWS; nothing included yet. */
alm_balls_view alm_balls_view_from(int side);

/* The layer that draws at most ALM_BALLS_DRAWN points. */
alm_balls_layer alm_balls_layer_of(const float *xyz, int64_t count, const double *matrix,
                                   alm_colour colour);

/* Makes room in the view for a layer. False: a coordinate is not finite, or beyond 1e30. */
bool alm_balls_include(alm_balls_view *view, const alm_balls_layer *layer);

/* Scales the view so that what was included fits; radius: of a ball, in fine pixels. */
void alm_balls_fit(alm_balls_view *view, const alm_balls_panel *panel, double radius);

/* width and height in pixels of the canvas. Error: ALM_STATUS_MEMORY. */
alm_status alm_balls_panel_create(int width, int height, alm_balls_panel *out);
void alm_balls_panel_free(alm_balls_panel *panel); /* resets it */

/* Empties the panel and draws the layers. */
void alm_balls_draw(alm_balls_panel *panel, const alm_balls_view *view,
                    const alm_balls_layer *layers, int count, double radius);

/* Halves the panel into the canvas, which must have room for it. */
void alm_balls_place(const alm_balls_panel *panel, alm_canvas *canvas, int left, int top);

/* A thin frame around a panel of this size in pixels of the canvas. */
void alm_balls_frame(alm_canvas *canvas, int left, int top, int width, int height);

#endif

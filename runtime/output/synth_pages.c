/* Camera, lines and shades of the manual pages (synth_pages.h). */
#include "runtime/output/synth_pages.h"

#include <string.h>

#include "kernels/core/memory.h"

enum {
    FINE = ALM_PAGE_FINE,
    FINE_SIDE = FINE * ALM_PAGE_SIDE,
    TRIAL_SIDE = 96, /* of the pictures from which the view is chosen */
    AZIMUTHS = 6
};

static const double margin = 0.06; /* around the assembly, of the page's side */

alm_status alm_pages_create(alm_pages *out)
{
    alm_pages p = {0};
    alm_status status = alm_raster_create(FINE_SIDE, &p.raster);
    if (status == ALM_OK) {
        status = alm_alloc((size_t)FINE_SIDE * FINE_SIDE, 1, "a page", &p.line);
    }
    if (status == ALM_OK) {
        status = alm_alloc(ALM_PAGE_BYTES, 1, "a page", &p.freestyle);
    }
    if (status == ALM_OK) {
        status = alm_alloc(ALM_PAGE_BYTES, 1, "a page", &p.lineart);
    }
    if (status != ALM_OK) {
        alm_pages_free(&p);
        return status;
    }
    *out = p;
    return ALM_OK;
}

void alm_pages_free(alm_pages *p)
{
    if (p) {
        alm_raster_free(&p->raster);
        alm_free(p->line);
        alm_free(p->freestyle);
        alm_free(p->lineart);
        *p = (alm_pages){0};
    }
}

/* ---- Camera ---------------------------------------------------------------------------------- */

static int pixels_of(const alm_raster *r, int step)
{
    int n = 0;
    for (int i = 0; i < r->size * r->size; i++) {
        n += r->face[i] >= 0 && r->faces[r->face[i]].step == step;
    }
    return n;
}

/* Pixels of the part that is seen worst when it has been put on. */
static alm_status try_view(alm_raster *r, const alm_synth_assembly *a, const alm_camera *camera,
                           int *seen)
{
    *seen = TRIAL_SIDE * TRIAL_SIDE;
    ALM_TRY(alm_raster_aim(r, &a->mesh, camera, TRIAL_SIDE));
    alm_raster_draw(r, &a->mesh, 0, 0);
    for (int step = 1; step <= a->steps; step++) {
        alm_raster_draw(r, &a->mesh, step, step);
        const int n = pixels_of(r, step);
        *seen = n < *seen ? n : *seen;
    }
    return ALM_OK;
}

alm_status alm_pages_camera(alm_pages *p, const alm_synth_assembly *a, alm_camera *out)
{
    alm_random r = alm_random_of(a->seed, a->number, ALM_SYNTH_PURPOSE_CAMERA);
    alm_camera view[2 * AZIMUTHS];
    double worth[2 * AZIMUTHS], best = 0;
    const double turn = alm_random_uniform(&r) / AZIMUTHS;
    const double above = alm_random_between(&r, 0.06, 0.09);
    const double below = -alm_random_between(&r, 0.05, 0.08);
    for (int i = 0; i < 2 * AZIMUTHS; i++) {
        int seen;
        alm_camera_aim(&a->mesh, turn + (double)(i / 2) / AZIMUTHS, i % 2 ? below : above, margin,
                       &view[i]);
        ALM_TRY(try_view(&p->raster, a, &view[i], &seen));
        worth[i] = i % 2 ? 0.6 * seen : seen; /* from below only where it shows much more */
        best = worth[i] > best ? worth[i] : best;
    }
    int chosen = alm_random_below(&r, 2 * AZIMUTHS);
    while (!(worth[chosen] >= 0.75 * best)) {
        chosen = (chosen + 1) % (2 * AZIMUTHS);
    }
    *out = view[chosen];
    return ALM_OK;
}

/* ---- Lines ----------------------------------------------------------------------------------- */

typedef enum seam { SEAM_NONE, SEAM_EDGE, SEAM_SILHOUETTE } seam;

static double plane_at(const double plane[3], double x, double y)
{
    return plane[0] * x + plane[1] * y + plane[2];
}

/* How far the second pixel lies off the plane of the first, as a part of the depth. */
static double leap(const alm_face *f, double x, double y, double nearness)
{
    const double expected = plane_at(f->nearness, x, y) / nearness - 1;
    return expected < 0 ? -expected : expected;
}

/* What runs between the pixel at (x, y) and its neighbour at (x2, y2). */
static seam seam_of(const alm_raster *r, int a, int b, double x, double y, double x2, double y2)
{
    /* Of the depth, which is about 4: some 2 hundredths of the unit. Facets of round sides stay
     * below it. */
    static const double tolerance = 0.005;
    if (a < 0 || b < 0) {
        return SEAM_SILHOUETTE;
    }
    const alm_face *f = &r->faces[a], *g = &r->faces[b];
    const double na = plane_at(f->nearness, x, y), nb = plane_at(g->nearness, x2, y2);
    if (leap(f, x2, y2, nb) > tolerance && leap(g, x, y, na) > tolerance) {
        return SEAM_SILHOUETTE;
    }
    const double cosine =
        f->normal[0] * g->normal[0] + f->normal[1] * g->normal[1] + f->normal[2] * g->normal[2];
    return f->step != g->step || cosine < 0.86 ? SEAM_EDGE : SEAM_NONE;
}

static void mark(uint8_t *line, int x, int y, int around)
{
    for (int j = y - around; j <= y + around; j++) {
        for (int i = x - around; i <= x + around; i++) {
            if (i >= 0 && j >= 0 && i < FINE_SIDE && j < FINE_SIDE) {
                line[(size_t)j * FINE_SIDE + (size_t)i] = 1;
            }
        }
    }
}

static void find_lines(alm_pages *p)
{
    const alm_raster *r = &p->raster;
    memset(p->line, 0, (size_t)FINE_SIDE * FINE_SIDE);
    for (int y = 0; y + 1 < FINE_SIDE; y++) {
        const int *row = r->face + (size_t)y * FINE_SIDE, *next = row + FINE_SIDE;
        for (int x = 0; x + 1 < FINE_SIDE; x++) {
            if (row[x] == row[x + 1] && row[x] == next[x]) {
                continue;
            }
            const double cx = x + 0.5, cy = y + 0.5;
            const seam right = row[x] == row[x + 1]
                                   ? SEAM_NONE
                                   : seam_of(r, row[x], row[x + 1], cx, cy, cx + 1, cy);
            const seam down =
                row[x] == next[x] ? SEAM_NONE : seam_of(r, row[x], next[x], cx, cy, cx, cy + 1);
            if (right != SEAM_NONE) {
                mark(p->line, x, y, right == SEAM_SILHOUETTE);
                mark(p->line, x + 1, y, right == SEAM_SILHOUETTE);
            }
            if (down != SEAM_NONE) {
                mark(p->line, x, y, down == SEAM_SILHOUETTE);
                mark(p->line, x, y + 1, down == SEAM_SILHOUETTE);
            }
        }
    }
}

/* ---- Shades ---------------------------------------------------------------------------------- */

/* Adds the colour of the face at (x, y) of the picture. */
static void add_shade(const alm_pages *p, int face, double x, double y, bool highlight,
                      double sum[3])
{
    static const double plain[3] = {236, 236, 238}, fresh[3] = {255, 205, 112};
    if (face < 0) {
        sum[0] += 255, sum[1] += 255, sum[2] += 255;
        return;
    }
    const alm_face *f = &p->raster.faces[face];
    const double light = plane_at(f->light, x, y),
                 *tint = highlight && f->step == p->step ? fresh : plain;
    const double bright = 0.52 + 0.48 * (0.5 + 0.5 * (light < -1 ? -1 : light > 1 ? 1 : light));
    for (int c = 0; c < 3; c++) {
        sum[c] += tint[c] * bright;
    }
}

static void shade_pixel(alm_pages *p, int x, int y, bool highlight)
{
    static const double ink = 24;
    const size_t at = (size_t)(FINE * y) * FINE_SIDE + (size_t)(FINE * x);
    const size_t pixel = 3 * ((size_t)y * ALM_PAGE_SIDE + (size_t)x);
    const int *face = p->raster.face + at;
    const uint8_t *line = p->line + at;
    double sum[3] = {0, 0, 0};
    int lines = 0;
    for (int j = 0; j < FINE; j++) {
        for (int i = 0; i < FINE; i++) {
            const size_t k = (size_t)j * FINE_SIDE + (size_t)i;
            if (line[k]) {
                lines++;
                sum[0] += ink, sum[1] += ink, sum[2] += ink;
            } else {
                add_shade(p, face[k], FINE * x + i + 0.5, FINE * y + j + 0.5, highlight, sum);
            }
        }
    }
    for (int c = 0; c < 3; c++) {
        p->freestyle[pixel + (size_t)c] = (uint8_t)(sum[c] / (FINE * FINE) + 0.5);
        p->lineart[pixel + (size_t)c] = (uint8_t)(255 - lines * (255 - ink) / (FINE * FINE) + 0.5);
    }
}

static void draw_pages(alm_pages *p, bool highlight)
{
    find_lines(p);
    memset(p->freestyle, 255, ALM_PAGE_BYTES);
    memset(p->lineart, 255, ALM_PAGE_BYTES);
    for (int y = 0; y < ALM_PAGE_SIDE; y++) {
        for (int x = 0; x < ALM_PAGE_SIDE; x++) {
            const size_t at = (size_t)(FINE * y) * FINE_SIDE + (size_t)(FINE * x);
            const int *face = p->raster.face + at;
            const uint8_t *line = p->line + at;
            if (face[0] >= 0 || face[1] >= 0 || face[FINE_SIDE] >= 0 || face[FINE_SIDE + 1] >= 0 ||
                line[0] || line[1] || line[FINE_SIDE] || line[FINE_SIDE + 1]) {
                shade_pixel(p, x, y, highlight);
            }
        }
    }
}

alm_status alm_pages_base(alm_pages *p, const alm_synth_assembly *a, const alm_camera *camera,
                          int step)
{
    ALM_TRY(alm_raster_aim(&p->raster, &a->mesh, camera, FINE_SIDE));
    p->assembly = a;
    p->step = step;
    alm_raster_draw(&p->raster, &a->mesh, 0, step - 1);
    draw_pages(p, false);
    return ALM_OK;
}

void alm_pages_assembled(alm_pages *p)
{
    alm_raster_draw(&p->raster, &p->assembly->mesh, p->step, p->step);
    draw_pages(p, true);
}

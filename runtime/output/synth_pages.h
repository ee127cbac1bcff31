/* Manual pages of a synthetic assembly: the base page shows what was put together before the step,
 * the assembled page the same with the step's part in its place; one camera for all steps.
 *
 * Freestyle: shaded faces with black lines, the new part in yellow. Lineart: black lines on white,
 * hidden ones left out. Lines are silhouettes (drawn wider), edges where faces meet at more than 30
 * degrees, and the seams between parts; they are found on the picture at twice the size, so that
 * solids that touch or overlap look like one.
 */
#ifndef ALM_RUNTIME_OUTPUT_SYNTH_PAGES_H
#define ALM_RUNTIME_OUTPUT_SYNTH_PAGES_H

#include "runtime/output/synth_families.h"
#include "runtime/output/synth_raster.h"

enum {
    ALM_PAGE_SIDE = 576,
    ALM_PAGE_BYTES = ALM_PAGE_SIDE * ALM_PAGE_SIDE * 3,
    ALM_PAGE_FINE = 2 /* pixels of the picture in one of the page, each way */
};

/* For one thread. */
typedef struct alm_pages {
    alm_raster raster;
    uint8_t *line; /* [FINE·SIDE, FINE·SIDE]; 1: a line runs here */
    /* The pages last drawn, each [SIDE, SIDE, 3]. */
    uint8_t *freestyle, *lineart;
    const alm_synth_assembly *assembly;
    int step;
} alm_pages;

alm_status alm_pages_create(alm_pages *out);
void alm_pages_free(alm_pages *pages); /* resets it */

/* The view in which the parts of all steps are seen well: drawn from the best of twelve. */
alm_status alm_pages_camera(alm_pages *pages, const alm_synth_assembly *assembly, alm_camera *out);

/* Draws the base page of the step in both styles. The assembly must live until the next call of
 * alm_pages_assembled, which adds the part and draws the assembled page. */
alm_status alm_pages_base(alm_pages *pages, const alm_synth_assembly *assembly,
                          const alm_camera *camera, int step);
void alm_pages_assembled(alm_pages *pages);

#endif

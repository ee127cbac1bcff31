/* The embedded demo: a small trained model with samples and their true poses
 * (tools/demo/README.md).
 *
 * Its folder is ASSEMLM_DATA_DIR, else <prefix>/share/assemlm/demo beside the program, else
 * tools/demo of the source tree that the program was built from.
 */
#ifndef ALM_TOOLS_DEMO_H
#define ALM_TOOLS_DEMO_H

#include "runtime/assemlm.h"

/* What is shown without arguments. */
#define DEMO_SAMPLE "leg_1"

enum { DEMO_TEXT = 128, DEMO_PATH = 4096 };

typedef struct demo_sample {
    char name[DEMO_TEXT], category[DEMO_TEXT], family[DEMO_TEXT];
    char fixed[DEMO_PATH], moving[DEMO_PATH], page[2][DEMO_PATH];
    double truth[9]; /* translation, first and second column of the rotation that was applied */
} demo_sample;

/* Every failure of these is said; they return the exit code. */

/* The demo's folder. */
alm_status demo_folder(char out[DEMO_PATH]);

/* The model's folder in it. */
alm_status demo_model(char out[DEMO_PATH]);

/* Reads a sample; an unknown name is refused with the list of those there are. */
alm_status demo_load(const char *name, demo_sample *out);

/* The sample as predict takes it: centred, in units of its own. It points into *from. */
alm_sample demo_input(const demo_sample *from);

/* Calls visit for every sample, in the order of their names. */
alm_status demo_list(alm_status (*visit)(void *context, const demo_sample *sample), void *context);

/* Angle in degrees between the model's rotation and the true one, distance of the translations and
 * their root mean square over x, y, z (assembench: GD, RMSE(T)). */
void demo_error(const demo_sample *sample, const alm_result *result, double *degrees,
                double *distance, double *rmse);

#endif

/* Compares the stages and poses of a golden folder with what the engine makes of its samples. */
#ifndef ALM_TESTS_MODELS_GOLDEN_H
#define ALM_TESTS_MODELS_GOLDEN_H

#include "runtime/assemlm.h"

typedef struct alm_golden_limits {
    double stage;      /* max norm over the root mean square of the stage */
    double pose;       /* max norm */
    double frame;      /* of frames and centres, absolute; 0: as any stage */
    double head_input; /* over the rms; 0: as any stage */
    /* Not NULL: what the error of a stage of floats may be instead, its rms and its largest, both
     * over the rms of the stage. False: the limits above hold for it. */
    bool (*of_stage)(void *context, const char *stage, double *rms, double *largest);
    void *context;
    /* Not NULL: for each sample, in their order, the largest error of its pose is stored here. */
    double *pose_error;
} alm_golden_limits;

/* folder: holds samples/ and expected.json. Every sample is predicted on `session`; every stage
 * that its golden file has and that is not left out as dead work must be in the dump. Failures are
 * reported to the running test. Returns the number of stages compared. */
int alm_golden_compare(alm_session *session, const char *folder, alm_golden_limits limits);

/* Engine and session over a model folder; NULLs and a failure when they cannot be made. */
typedef struct alm_test_model {
    alm_engine *engine;
    alm_session *session;
} alm_test_model;
alm_test_model alm_test_open(const char *folder, int threads);
alm_test_model alm_test_open_on(const char *folder, int threads, const char *device,
                                const char *dtype);
void alm_test_close(alm_test_model *model);

/* The same model with every weight as F32, in a folder of its own; NULL and a failure when it
 * cannot be made. Valid until the next call. */
const char *alm_test_f32_model(const char *folder);

/* The samples of expected.json, at most `room`; paths and texts live until the program ends.
 * Returns their number. */
typedef struct alm_golden_row {
    const char *name;
    alm_sample sample; /* clouds as they are: centred, no unit */
    double pose[9];
    int tokens;
} alm_golden_row;
int alm_golden_rows(const char *folder, alm_golden_row *rows, int room);

#endif

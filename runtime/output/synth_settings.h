/* config.yaml and base/ of made-up model folders, in two sizes: tiny, for tests, and the released
 * one. */
#ifndef ALM_RUNTIME_OUTPUT_SYNTH_SETTINGS_H
#define ALM_RUNTIME_OUTPUT_SYNTH_SETTINGS_H

#include "kernels/core/status.h"

/* preset: "tiny" or "release" (else ALM_STATUS_USAGE). folder: exists and is empty. */
alm_status alm_synth_settings_write(const char *folder, const char *preset);

/* Copies config.yaml of the folder `from` and the files of the base folder that are not weights.
 * Errors: ALM_STATUS_MODEL for what cannot be read, ALM_STATUS_OUTPUT. */
alm_status alm_synth_settings_copy(const char *folder, const char *from, const char *base);

#endif

/* Nothing is overwritten without force: asked before the work, so that a long run does not end in a
 * refusal. */
#ifndef ALM_RUNTIME_OUTPUT_OVERWRITE_H
#define ALM_RUNTIME_OUTPUT_OVERWRITE_H

#include <stdbool.h>

#include "kernels/core/status.h"

/* ALM_STATUS_OUTPUT when the path exists and is a regular file or a folder and force is false. */
alm_status alm_output_check(const char *path, bool force);

#endif

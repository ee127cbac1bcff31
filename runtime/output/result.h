/* What programs read: one JSON object for a result, a failed sample, an error (README, "The result
 * line"). Doubles have 17 significant digits, so that they read back as the same bits.
 */
#ifndef ALM_RUNTIME_OUTPUT_RESULT_H
#define ALM_RUNTIME_OUTPUT_RESULT_H

#include <jansson.h>

#include "runtime/assemlm.h"

/* {"code", "message", "param"} of this thread's last error; NULL when there is no memory. */
json_t *alm_error_object(alm_status status);

/* {"error": {...}}, owned by the caller (alm_text_free). Error: ALM_STATUS_MEMORY. */
alm_status alm_error_json(alm_status status, char **out);

/* The text of a JSON value, which is released in any case; NULL (no memory) is accepted. */
alm_status alm_json_text(json_t *root, char **out);

#endif

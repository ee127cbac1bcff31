/* The settings that a results file repeats: config.yaml as it stands, `${...}` unresolved, and the
 * data sets that were evaluated. Refused: what yaml.h refuses.
 */
#ifndef ALM_RUNTIME_EVAL_EVAL_CONFIG_H
#define ALM_RUNTIME_EVAL_EVAL_CONFIG_H

#include "runtime/input/tree.h"

/* *out: alm_tree_clear it in any case; it borrows the path. Error: ALM_STATUS_MODEL. */
alm_status alm_eval_config_load(const char *path, alm_tree *out);

/* Puts the data set (a name or a mixture) where the reference's launcher does:
 * datasets.assemble_data.train_mix and test_mix. Maps that are missing are made. */
alm_status alm_eval_config_mix(alm_tree *config, const char *mix);

#endif

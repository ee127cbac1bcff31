/* Collects the stages of one run and writes them as safetensors (names: golden data, README
 * "Debugging a model"). */
#ifndef ALM_RUNTIME_DUMP_H
#define ALM_RUNTIME_DUMP_H

#include "runtime/runner.h"

typedef struct alm_dump alm_dump;

/* Starts with what the prepared sample holds: ids, positions, mask, grids. The session must be
 * reserved for it. */
alm_status alm_dump_begin(const alm_runner *runner, const alm_prepared *prepared, alm_dump **out);
/* An alm_observe_fn; context: the dump. Copies the stages that the node made, the rows in use of
 * each. */
alm_status alm_dump_node(void *context, int node);
alm_status alm_dump_write(const alm_dump *dump, const char *path);
void alm_dump_end(alm_dump *dump);

#endif

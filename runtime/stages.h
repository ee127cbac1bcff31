/* The part of a node name that times are summed under. */
#ifndef ALM_RUNTIME_STAGES_H
#define ALM_RUNTIME_STAGES_H

/* "points", "vision", "language" or "head". Static storage. */
const char *alm_node_stage(const char *node);

#endif

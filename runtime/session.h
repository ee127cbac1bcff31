/* Inside of a session: one timeline with its graph, plan, memory and threads. */
#ifndef ALM_RUNTIME_SESSION_H
#define ALM_RUNTIME_SESSION_H

#include "graph/models/assemlm2.h"
#include "runtime/assemlm.h"
#include "runtime/backend_cpu.h"
#include "runtime/engine.h"
#include "runtime/sample.h"

struct alm_session {
    alm_engine *engine;
    alm_pool *pool;
    alm_device device;
    alm_shape_class shape; /* of the graph that is planned; zeros before the first sample */
    alm_assemlm2 model;
    alm_plan *plan;
    alm_executor *executor;
    char *dump; /* file for the stages of the next prediction; NULL: none */
};

/* Makes the graph, plan and memory for samples of this size; keeps those that it has when they are
 * large enough. */
alm_status alm_session_reserve(alm_session *session, int64_t patches, int64_t tokens);

/* What the bench shows of a node. */
typedef struct alm_node_info {
    const char *name, *op, *kernel;
    double ms;   /* of the last run */
    double flop; /* of the last run: 2·multiply-adds of linear and attention; 0 for the others */
} alm_node_info;

int alm_session_nodes(const alm_session *session);
alm_node_info alm_session_node(const alm_session *session, int node);

/* Runs the prepared sample: copies it into the inputs and executes; pose: the head's numbers. The
 * part of alm_session_predict behind the reading, for repeated measurement. */
alm_status alm_session_run(alm_session *session, const alm_prepared *prepared, double pose[9]);

/* The part of a node name that timings are summed under: "points", "vision", "language", "head".
 * Static storage. */
const char *alm_node_stage(const char *node);

#endif

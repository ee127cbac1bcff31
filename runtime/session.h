/* Inside of a session: one timeline with its graph, plan, memory and threads. */
#ifndef ALM_RUNTIME_SESSION_H
#define ALM_RUNTIME_SESSION_H

#include "runtime/assemlm.h"
#include "runtime/runner.h"
#include "runtime/stages.h"

/* The manual whose keys and values the session holds: compared byte by byte, so no two are ever
 * taken for one. */
typedef struct alm_manual {
    bool valid;
    int tokens; /* before the first point */
    alm_grid grid[ALM_PAGES];
    int32_t page[ALM_PAGES][4]; /* alm_resize; zeros with patch bytes */
    uint8_t *bytes;             /* patch bytes of both pages, or on a GPU their pixels */
    size_t size, capacity;
} alm_manual;

struct alm_session {
    alm_engine *engine;
    alm_timeline *timeline;
    alm_runner cold, warm;
    alm_runner *last; /* the one that ran last; NULL before the first sample */
    void *state;      /* keys and values of both */
    alm_manual manual;
    bool time_nodes;
    char *dump; /* file for the stages of the next prediction; NULL: none */
};

/* Makes the cold graph, its plan and memory for samples of this size whose pages have about their
 * size already; keeps those that it has when they are large enough. */
alm_status alm_session_reserve(alm_session *session, int64_t patches, int64_t tokens);

/* A session on device number `index` of the engine's. */
alm_status alm_session_create_on(alm_engine *engine, int index, int threads, alm_session **out);

/* Asks for the time of every node in the runs that come (backend.h). */
void alm_session_time_nodes(alm_session *session, bool on);

/* The grids of two pages of this size (0: 576) and a prompt for them: what plans are shown for. */
alm_status alm_inspect_prompt(const alm_engine *engine, int width, int height, alm_grid *grid,
                              alm_prompt **out);

/* What is known of a node after a run (profile.c). */
typedef struct alm_node_info {
    const char *name, *op, *kernel;
    double ms; /* of the last run */
} alm_node_info;

int alm_session_nodes(const alm_session *session);
alm_node_info alm_session_node(const alm_session *session, int node);
/* Of the last run (cost.h). */
double alm_session_node_flop(const alm_session *session, int node);

/* Runs the prepared sample: copies it into the inputs and executes, warm when its manual is the one
 * before; pose: the head's numbers. The part of alm_session_predict behind the reading, for
 * repeated measurement. */
alm_status alm_session_run(alm_session *session, const alm_prepared *prepared, double pose[9]);

#endif

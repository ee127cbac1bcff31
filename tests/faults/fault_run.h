/* Runs a scenario with every allocation failing in turn.
 *
 * A scenario makes something, uses it, frees it, and returns the status of the first call that
 * failed; when all went well it says whether the result was right. The runner demands: with one
 * failed allocation, ALM_STATUS_MEMORY and a message (or ALM_OK with the right result, where a
 * library does without); nothing leaked; no allocation under the guard; and the run after the last
 * failure is right.
 */
#ifndef ALM_TESTS_FAULTS_FAULT_RUN_H
#define ALM_TESTS_FAULTS_FAULT_RUN_H

#include <stdbool.h>

#include "kernels/core/status.h"

typedef struct fault_scenario {
    const char *name;
    /* *right: set when the status is ALM_OK. Must not use googletest. */
    alm_status (*run)(void *context, bool *right);
    void *context;
    double seconds; /* what the scenario may take; 0: 10. */
} fault_scenario;

/* Tries the scenario and returns the number of things that are wrong; text gets a line for each of
 * the first. When trying all n would take longer than allowed, every call path is tried at its
 * first (where there is time: its second and last) allocation, the rest with a stride; the output
 * says what was done. ASSEMLM_FAULTS_ALL=1 tries all. */
enum { FAULT_TEXT = 4096 };
int fault_problems(const fault_scenario *scenario, char text[FAULT_TEXT]);

/* The same; a test fails when something is wrong. */
void fault_run(const fault_scenario *scenario);

#endif

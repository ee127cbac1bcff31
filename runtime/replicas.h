/* One session a device of the engine, each in a thread of its own: jobs are dealt out in turn and
 * finished in the order in which they came, as soon as those before them are. */
#ifndef ALM_RUNTIME_REPLICAS_H
#define ALM_RUNTIME_REPLICAS_H

#include "runtime/session.h"

typedef struct alm_replicas alm_replicas;

/* Does the job; in the thread of the session. */
typedef void alm_job_fn(alm_session *session, void *job);
/* Ends the job and frees it; in order, in one thread more. After an error nothing is submitted any
 * more, and what was is ended by alm_replicas_destroy, done or not. */
typedef alm_status alm_job_done_fn(void *context, void *job);

/* session: that of device 0, which the replicas use and do not own. The ranks compare what their
 * bits depend on: devices that would compute differently are refused (ALM_STATUS_CHECK). */
alm_status alm_replicas_create(alm_session *session, alm_job_fn *work, alm_job_done_fn *done,
                               void *context, alm_replicas **out);
/* Jobs that were submitted and not finished are finished without being done: done() sees them. */
void alm_replicas_destroy(alm_replicas *replicas);

/* Takes the job, whatever it returns; waits until there is room for it. Error: that of done(), with
 * its text. */
alm_status alm_replicas_submit(alm_replicas *replicas, void *job);
/* Waits until all jobs are finished, or done() has returned an error, which it returns. */
alm_status alm_replicas_drain(alm_replicas *replicas);

#endif

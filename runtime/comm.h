/* Ranks that work together, one a device: what they tell each other.
 *
 * comm_local.c: threads of this process through memory; in tests, and where there is no NCCL.
 * comm_nccl.c: GPUs of this process through NCCL, which is opened when it is there.
 * Every rank has its own alm_comm and calls each function once, from its own thread; a call returns
 * when all ranks have called it. After an error on one rank the others get an error too.
 */
#ifndef ALM_RUNTIME_COMM_H
#define ALM_RUNTIME_COMM_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/core/status.h"

enum { ALM_COMM_RANKS = 16, ALM_COMM_BYTES = 4096 };

typedef struct alm_comm alm_comm;

typedef struct alm_comm_ops {
    const char *name; /* "local", "nccl" */
    alm_status (*all_gather)(alm_comm *comm, const void *send, void *receive, size_t bytes);
    void (*leave)(alm_comm *comm);
} alm_comm_ops;

struct alm_comm {
    const alm_comm_ops *ops;
    int rank, size;
    void *group; /* the implementation's */
};

/* Fills comm[0 ... ranks); ranks from 1 to ALM_COMM_RANKS. Errors: ALM_STATUS_MEMORY. */
alm_status alm_comm_local_create(int ranks, alm_comm *comm);

/* The same over the GPUs of these numbers. ALM_STATUS_DEVICE when NCCL is not there. */
alm_status alm_comm_nccl_create(int ranks, const int *devices, alm_comm *comm);

/* receive: [size · bytes], what each rank sent, in the order of the ranks; host memory. bytes is
 * the same on all ranks, at most ALM_COMM_BYTES. */
alm_status alm_comm_all_gather(alm_comm *comm, const void *send, void *receive, size_t bytes);

/* ALM_STATUS_CHECK when the ranks do not all bring the same value: a text that names `what`, the
 * first rank that differs and both values. */
alm_status alm_comm_same(alm_comm *comm, uint64_t value, const char *what);

/* Every rank leaves once; the last one frees what they share. */
void alm_comm_leave(alm_comm *comm);

#endif

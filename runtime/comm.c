#include "runtime/comm.h"

alm_status alm_comm_all_gather(alm_comm *comm, const void *send, void *receive, size_t bytes)
{
    if (bytes > ALM_COMM_BYTES) {
        return alm_fail(ALM_STATUS_INTERNAL, "all_gather of %zu bytes, at most %d", bytes,
                        (int)ALM_COMM_BYTES);
    }
    return comm->ops->all_gather(comm, send, receive, bytes);
}

alm_status alm_comm_same(alm_comm *comm, uint64_t value, const char *what)
{
    uint64_t all[ALM_COMM_RANKS];
    ALM_TRY(alm_comm_all_gather(comm, &value, all, sizeof value));
    for (int r = 1; r < comm->size; r++) {
        if (all[r] != all[0]) {
            return alm_fail(ALM_STATUS_CHECK, "%s: rank %d has %016llx, rank 0 has %016llx", what,
                            r, (unsigned long long)all[r], (unsigned long long)all[0]);
        }
    }
    return ALM_OK;
}

void alm_comm_leave(alm_comm *comm)
{
    if (comm->ops) {
        comm->ops->leave(comm);
        comm->ops = NULL;
    }
}

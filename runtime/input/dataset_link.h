/* The parent's end of a reader: a child process, and a stream to and from it in which nothing waits
 * for ever. Private to runtime/input/dataset*.c.
 */
#ifndef ALM_RUNTIME_INPUT_DATASET_LINK_H
#define ALM_RUNTIME_INPUT_DATASET_LINK_H

#include "runtime/input/dataset_wire.h"

enum { ALMI_LINK_BYTES = 1 << 16 };

typedef struct almi_link {
    int pid; /* 0: there is no child */
    int fd;
    int64_t children; /* started so far */
    /* Requests on their way: bytes [out_at, out_end) of out are still to be sent. */
    uint8_t *out;
    size_t out_at, out_end, out_room;
    /* Answers: bytes [in_at, in_end) of in are here and not yet taken. */
    size_t in_at, in_end;
    uint8_t in[ALMI_LINK_BYTES];
} almi_link;

typedef enum almi_outcome { ALMI_DONE, ALMI_DEAD, ALMI_LATE } almi_outcome;

/* Forks; the child serves (dataset_child.c). child->fd is set here. Errors: ALM_STATUS_MEMORY. */
alm_status almi_link_start(almi_link *link, almi_child *child);

/* Ends the child and waits for it. how: NULL, or gets what is known of a death that was not our
 * doing ("was killed by signal 11 (SIGSEGV)"). */
enum { ALMI_DEATH_BYTES = 64 };
void almi_link_stop(almi_link *link, char how[ALMI_DEATH_BYTES]);

/* Frees what the link holds; stops it first. */
void almi_link_free(almi_link *link);

/* Appends a request and sends what the socket takes now. */
alm_status almi_link_send(almi_link *link, const almi_request *request, const char *text);

/* Exactly `bytes` bytes. *left_ms: time left, which goes down. */
almi_outcome almi_link_get(almi_link *link, void *out, size_t bytes, int *left_ms);

#endif

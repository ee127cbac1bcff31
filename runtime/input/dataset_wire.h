/* What the two processes of a dataset say to each other, and the child's side as a call. Private to
 * runtime/input/dataset*.c.
 *
 * Both are the same program, so structs travel as they are. The child speaks first (an answer to
 * ALMI_OPEN that nobody sent), then answers requests in order. An answer is its head, then the
 * blocks whose sizes the head gives.
 */
#ifndef ALM_RUNTIME_INPUT_DATASET_WIRE_H
#define ALM_RUNTIME_INPUT_DATASET_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include "runtime/input/dataset.h"

enum almi_request_kind { ALMI_OPEN, ALMI_LIST, ALMI_ASSET };

/* Followed by `bytes` of text: the split (ALMI_LIST) or the key (ALMI_ASSET), without NUL. */
typedef struct almi_request {
    uint32_t serial, kind, parts, bytes;
} almi_request;

enum { ALMI_SIZES = 6, ALMI_MESSAGE_BYTES = 1024 };

/* size[]: ALMI_OPEN: objects, train, test, abandon (no blocks). ALMI_LIST: number and text bytes of
 * the keys, the missing and the abandoned names; blocks: the three texts, a NUL behind each name.
 * ALMI_ASSET: moving points, fixed points, width and height of each page; blocks: category, moving,
 * fixed, pages. A status other than ALM_OK: one block, the message. */
typedef struct almi_answer {
    uint32_t serial, status;
    uint32_t message_bytes, category_bytes;
    uint64_t size[ALMI_SIZES];
} almi_answer;

/* Most bytes of each text of a list. */
#define ALMI_NAMES_BYTES (((size_t)1 << 30) + ALM_DATASET_NAME_BYTES + 1)

/* Whether all numbers are finite. Looked at as integers: a sum of floats would wait for each of its
 * additions. */
static inline bool almi_all_finite(const float *value, size_t count)
{
    const uint32_t exponent = UINT32_C(0x7F800000);
    uint32_t found = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &value[i], sizeof bits);
        found |= (bits & exponent) == exponent;
    }
    return found == 0;
}

typedef struct almi_child {
    int fd; /* its end of the socket pair */
    const char *path;
    bool lineart_first;
    bool is_first; /* of this dataset: counts the objects, which takes a walk over all of them */
    size_t memory_bytes;
    int seconds, list_seconds;
} almi_child;

/* Serves requests until the other end closes; never returns. Call it in a forked process only. */
_Noreturn void almi_dataset_child(const almi_child *child);

/* Takes from this process, which must be a forked one, what the reader of a file does not need:
 * descriptors but *fd (which gets another number), signals, memory beyond memory_bytes, core dumps,
 * writing to files, and most system calls. */
alm_status almi_sandbox_enter(int *fd, size_t memory_bytes);
/* Also takes opening files. */
void almi_sandbox_close(void);

#endif

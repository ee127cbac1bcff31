/* Parts of op_test.c that the device side (op_test_cuda.c) shares: the buffers of a run, and the
 * variant that is run. */
#ifndef ALM_TESTS_OPS_OP_SETUP_H
#define ALM_TESTS_OPS_OP_SETUP_H

#include "tests/ops/op_test.h"

enum { ALM_OP_TEST_GUARD = 256 }; /* bytes before and behind the data of a buffer */

/* One way to run a kernel. */
typedef struct variant {
    const char *name;
    const alm_kernel *kernel;
    void *const *values; /* packed elements of the inputs */
    alm_pool *pool;
    int64_t row; /* this row alone; -1: all */
    bool shifted, tight, in_place;
    bool inferred; /* output 0 keeps the type of infer(), whatever the case's out_dtype is */
    uint8_t fill;  /* of outputs and workspace */
    /* Devices only. fresh: memory of exactly the size needed, where outputs, workspace, gaps and
     * unused rows are never written by the tester, so that a memory checker sees what is read too
     * much. overlap: launches may overlap, and the kernel runs twice. */
    bool fresh, overlap;
} variant;

/* Bytes between guards; `before` is a copy of the whole block as it was before the run. */
typedef struct buffer {
    uint8_t *block, *before, *data;
    size_t total, bytes;
} buffer;

/* Everything that one run needs. Pointers are host memory. */
typedef struct setup {
    alm_tensor in[ALM_OP_TEST_INPUTS], out[ALM_OP_TEST_OUTPUTS];
    int32_t count[ALM_OP_TEST_INPUTS];
    buffer in_buffer[ALM_OP_TEST_INPUTS], out_buffer[ALM_OP_TEST_OUTPUTS], workspace;
    alm_op_args args;
} setup;

/* alm_exec.fault_code of every run. */
enum { ALM_OP_TEST_FAULT = 1234567 };

struct alm_op_test_device {
    alm_device device;
    void *own; /* of run */
    /* Runs the variant's kernel on the n prepared setups (2: run_pair) in device memory and brings
     * everything back. *fault: what the kernel left there. */
    alm_status (*run)(const alm_op_test_device *d, const variant *v, setup *const *s, int n,
                      int32_t *fault);
};

/* Fills with NaN, or with 0x7F7F7F7F where the type is an integer. */
void op_poison(alm_dtype dtype, void *at, size_t bytes);

/* Never NULL: the program ends without memory. */
void *op_allocate(size_t bytes);

/* The guards hold NaN in float32 and differ from place to place, so that copies of them are seen.
 * `shift`: bytes between an aligned address and the data. */
void op_buffer_create(buffer *b, size_t bytes, size_t shift);
/* Remembers the block and closes the guards for the sanitizer; opens them again. */
void op_buffer_arm(buffer *b);
void op_buffer_disarm(buffer *b);
void op_buffer_destroy(buffer *b);
/* Whether bytes outside of the rows of `written` (NULL: any byte) changed since op_buffer_arm(). */
bool op_buffer_is_touched(const buffer *b, const alm_tensor *written);

/* The buffer that holds the tensor's data, another's in place; NULL: absent. */
buffer *op_buffer_of(setup *s, const alm_tensor *t);

void op_setup_destroy(setup *s);

#endif

/* Reads a golden safetensors file of any element type (the library's reader knows those of models
 * only). */
#ifndef ALM_TESTS_EVAL_TENSOR_FILE_H
#define ALM_TESTS_EVAL_TENSOR_FILE_H

#include <jansson.h>
#include <stdint.h>

typedef struct tensor_file {
    char *bytes;
    const char *values;
    json_t *header;
} tensor_file;

/* A test failure and bytes = NULL when it cannot be read. */
tensor_file tensor_file_open(const char *path);
void tensor_file_close(tensor_file *file);
/* The values of the tensor with this name, type ("F32", "I64", "U16") and number of elements
 * (count < 0: any; *count_out, if not NULL, gets it). NULL and a test failure when there is none.
 * Little-endian, aligned to 8 bytes only if the file is. */
const void *tensor_file_find(const tensor_file *file, const char *name, const char *type,
                             int64_t count, int64_t *count_out);
/* Whether there is one. */
int tensor_file_has(const tensor_file *file, const char *name);

#endif

#include "tests/eval/tensor_file.h"

#include <stdlib.h>

#include "tests/shim/alm_test.h"

tensor_file tensor_file_open(const char *path)
{
    tensor_file file = {0};
    size_t bytes;
    file.bytes = alm_test_read(path, &bytes);
    uint64_t n = 0;
    if (file.bytes && bytes >= 8) {
        memcpy(&n, file.bytes, 8);
    }
    file.header = n > 0 && n <= bytes - 8 ? json_loadb(file.bytes + 8, n, 0, NULL) : NULL;
    if (!file.header) {
        ALM_FAIL("%s: not a safetensors file", path);
        free(file.bytes);
        return (tensor_file){0};
    }
    file.values = file.bytes + 8 + n;
    return file;
}

void tensor_file_close(tensor_file *file)
{
    json_decref(file->header);
    free(file->bytes);
    *file = (tensor_file){0};
}

int tensor_file_has(const tensor_file *file, const char *name)
{
    return json_object_get(file->header, name) != NULL;
}

const void *tensor_file_find(const tensor_file *file, const char *name, const char *type,
                             int64_t count, int64_t *count_out)
{
    json_t *entry = json_object_get(file->header, name);
    const char *stored = json_string_value(json_object_get(entry, "dtype"));
    json_t *shape = json_object_get(entry, "shape"), *size;
    int64_t n = 1;
    size_t i;
    json_array_foreach(shape, i, size)
    {
        n *= json_integer_value(size);
    }
    if (!stored || strcmp(stored, type) != 0 || (count >= 0 && n != count)) {
        ALM_FAIL("%s: %s with %lld values, expected %s with %lld", name, stored ? stored : "absent",
                 (long long)n, type, (long long)count);
        return NULL;
    }
    if (count_out) {
        *count_out = n;
    }
    return file->values +
           json_integer_value(json_array_get(json_object_get(entry, "data_offsets"), 0));
}

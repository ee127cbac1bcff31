/* Fuzzes the reader of safetensors files and, when the first byte is 'i', of the index of shards.
 * What is accepted must have disjoint ranges that cover the values: their sum is the rest of the
 * file after the header, and sorted by place each starts where the one before ends. */
#include <stdlib.h>

#include "runtime/input/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t bytes_of(const alm_stored_tensor *t)
{
    return (size_t)alm_desc_count(&t->desc) * alm_dtype_size(t->desc.dtype);
}

static int by_place(const void *a, const void *b)
{
    const alm_stored_tensor *x = a, *y = b;
    if (x->data != y->data) {
        return x->data < y->data ? -1 : 1;
    }
    return bytes_of(x) < bytes_of(y) ? -1 : bytes_of(x) > bytes_of(y);
}

static void parse_file(const uint8_t *data, size_t size)
{
    alm_tensor_list list = {0};
    if (alm_safetensors_parse(data, size, "fuzz", &list) == ALM_OK) {
        const uint8_t *end = data + 8;
        for (int i = 0; i < 8; i++) {
            end += (size_t)data[i] << 8 * i;
        }
        qsort(list.tensor, list.count, sizeof *list.tensor, by_place);
        for (size_t i = 0; i < list.count; i++) {
            if (list.tensor[i].data != end) {
                abort();
            }
            end += bytes_of(&list.tensor[i]);
        }
        if (end != data + size) {
            abort();
        }
    }
    alm_tensor_list_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_shard_index index;
    if (size > 0 && data[0] == 'i') {
        if (alm_shard_index_parse(data + 1, size - 1, "fuzz", &index) == ALM_OK) {
            for (size_t i = 0; i < index.places; i++) {
                if (index.place[i].file >= index.files ||
                    alm_shard_index_find(&index, index.place[i].tensor) != &index.place[i]) {
                    abort();
                }
            }
            alm_shard_index_free(&index);
        }
        return 0;
    }
    parse_file(data, size);
    return 0;
}

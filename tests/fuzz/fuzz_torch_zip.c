/* Fuzzes the reader of .pt files. The first byte chooses: the bytes as they are (the container is
 * what is fuzzed), or as the pickle in a container whose CRC is right. What is accepted must be
 * readable to its last element. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "runtime/input/torch_zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(uint8_t *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        to[i] = (uint8_t)(value >> 8 * i);
    }
}

enum { NAME_BYTES = 10, STORAGE_BYTES = 256, LOCAL = 30, CENTRAL = 46, END = 22 };

/* Entry r/data.pkl or r/data/000; both names have ten bytes. Returns the bytes of the header. */
static size_t header(uint8_t *to, int central, const char *name, const uint8_t *data, size_t bytes,
                     size_t at)
{
    const size_t shift = central ? 2 : 0;
    memset(to, 0, CENTRAL);
    memcpy(to, central ? "PK\1\2" : "PK\3\4", 4);
    put(to + 14 + shift, crc32_z(0, data, bytes), 4);
    put(to + 18 + shift, bytes, 4);
    put(to + 22 + shift, bytes, 4);
    put(to + 26 + shift, NAME_BYTES, 2);
    if (central) {
        put(to + 42, at, 4);
    }
    const size_t fixed = central ? CENTRAL : LOCAL;
    memcpy(to + fixed, name, NAME_BYTES);
    return fixed + NAME_BYTES;
}

static uint8_t *wrap(const uint8_t *pickle, size_t size, size_t *out)
{
    static const uint8_t storage[STORAGE_BYTES] = {1};
    uint8_t *zip = malloc(size + STORAGE_BYTES + 4 * (CENTRAL + NAME_BYTES) + END);
    if (!zip) {
        return NULL;
    }
    size_t at = header(zip, 0, "r/data.pkl", pickle, size, 0);
    memcpy(zip + at, pickle, size);
    at += size;
    const size_t second = at;
    at += header(zip + at, 0, "r/data/000", storage, sizeof storage, 0);
    memcpy(zip + at, storage, sizeof storage);
    at += sizeof storage;
    const size_t directory = at;
    at += header(zip + at, 1, "r/data.pkl", pickle, size, 0);
    at += header(zip + at, 1, "r/data/000", storage, sizeof storage, second);
    memset(zip + at, 0, END);
    memcpy(zip + at, "PK\5\6", 4);
    put(zip + at + 8, 2, 2);
    put(zip + at + 10, 2, 2);
    put(zip + at + 12, at - directory, 4);
    put(zip + at + 16, directory, 4);
    *out = at + END;
    return zip;
}

static void parse(const uint8_t *data, size_t size)
{
    alm_tensor_list list = {0};
    volatile uint8_t sum = 0;
    if (alm_torch_zip_parse(data, size, "fuzz", &list) == ALM_OK) {
        for (size_t i = 0; i < list.count; i++) {
            const alm_stored_tensor *t = &list.tensor[i];
            size_t last = 0;
            for (int k = 0; k < t->desc.rank; k++) {
                last += (size_t)(t->stride[k] * (t->desc.dim[k] > 0 ? t->desc.dim[k] - 1 : 0));
            }
            if (alm_desc_count(&t->desc) > 0) {
                const size_t bytes = alm_dtype_size(t->desc.dtype);
                sum = (uint8_t)(sum + t->data[0] + t->data[(last + 1) * bytes - 1]);
            }
        }
    }
    (void)sum;
    alm_tensor_list_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (data[0] != 'p') {
        parse(data, size);
        return 0;
    }
    size_t bytes;
    uint8_t *zip = wrap(data + 1, size - 1, &bytes);
    if (zip) {
        parse(zip, bytes);
        free(zip);
    }
    return 0;
}

/* PNG. The check sums of chunks are made right first, or no change would get past them. */
#include <string.h>
#include <zlib.h>

#include "tests/fuzz/fuzz_image.h"

static void mend(uint8_t *data, size_t size)
{
    size_t at = 8;
    while (size >= 12 && at <= size - 12) {
        const size_t length = (size_t)data[at] << 24 | (size_t)data[at + 1] << 16 |
                              (size_t)data[at + 2] << 8 | data[at + 3];
        if (length > size - 12 - at) {
            return;
        }
        const uint32_t sum = (uint32_t)crc32(0, data + at + 4, (uInt)(length + 4));
        for (size_t i = 0; i < 4; i++) {
            data[at + 8 + length + i] = (uint8_t)(sum >> (24 - 8 * i));
        }
        at += 12 + length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (copy) {
        memcpy(copy, data, size);
        mend(copy, size);
        fuzz_image(copy, size);
        free(copy);
    }
    return 0;
}

/* WebP. The size in the header is made right first. */
#include <string.h>

#include "tests/fuzz/fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (copy) {
        memcpy(copy, data, size);
        for (size_t i = 0; size >= 12 && i < 4; i++) {
            copy[4 + i] = (uint8_t)((size - 8) >> (8 * i));
        }
        fuzz_image(copy, size);
        free(copy);
    }
    return 0;
}

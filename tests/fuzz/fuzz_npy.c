/* NPY. */
#include "tests/fuzz/fuzz_cloud.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_cloud(data, size, "\x93NUMPY");
    return 0;
}

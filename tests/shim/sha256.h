/* SHA-256 (FIPS 180-4) as 64 hexadecimal digits: for golden data that is given by its hash. */
#ifndef ALM_TESTS_SHIM_SHA256_H
#define ALM_TESTS_SHIM_SHA256_H

#include <stddef.h>

void sha256_hex(const void *data, size_t bytes, char out[65]);

#endif

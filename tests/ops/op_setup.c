/* Buffers with guards (op_setup.h). */
#include "tests/ops/op_setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "tests/ops/op_values.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, n) ((void)(at), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(at, n) ((void)(at), (void)(n))
#endif

void op_poison(alm_dtype dtype, void *at, size_t bytes)
{
    memset(at, alm_test_is_float(dtype) ? 0xFF : 0x7F, bytes);
}

void *op_allocate(size_t bytes)
{
    void *block =
        aligned_alloc(ALM_ALIGNMENT, (bytes + 2 * ALM_ALIGNMENT) / ALM_ALIGNMENT * ALM_ALIGNMENT);
    if (!block) {
        fprintf(stderr, "op_test: out of memory: %zu bytes\n", bytes);
        exit(1);
    }
    return block;
}

void op_buffer_create(buffer *b, size_t bytes, size_t shift)
{
    b->bytes = bytes;
    b->total = ALM_OP_TEST_GUARD + shift + bytes + ALM_OP_TEST_GUARD;
    b->block = op_allocate(b->total);
    b->before = op_allocate(b->total);
    b->data = b->block + ALM_OP_TEST_GUARD + shift;
    for (size_t i = 0; i < b->total; i++) {
        const uint32_t word = 0xFFC00000u | (uint32_t)(i / 4 & 0xFFFF);
        b->block[i] = (uint8_t)(word >> 8 * (i % 4));
    }
}

void op_buffer_arm(buffer *b)
{
    memcpy(b->before, b->block, b->total);
    ASAN_POISON_MEMORY_REGION(b->block, (size_t)(b->data - b->block));
    ASAN_POISON_MEMORY_REGION(b->data + b->bytes,
                              b->total - b->bytes - (size_t)(b->data - b->block));
}

void op_buffer_disarm(buffer *b)
{
    if (b->block) {
        ASAN_UNPOISON_MEMORY_REGION(b->block, b->total);
    }
}

void op_buffer_destroy(buffer *b)
{
    op_buffer_disarm(b);
    free(b->block);
    free(b->before);
}

bool op_buffer_is_touched(const buffer *b, const alm_tensor *written)
{
    if (!written) {
        return memcmp(b->block, b->before, b->total) != 0;
    }
    const size_t size = alm_dtype_size(written->desc.dtype);
    const size_t row = (size_t)alm_desc_row(&written->desc) * size;
    for (int64_t r = 0; r < written->desc.dim[0]; r++) {
        const size_t at = (size_t)(b->data - b->block) + (size_t)(r * written->stride) * size;
        memcpy(b->before + at, b->block + at, row);
    }
    return memcmp(b->block, b->before, b->total) != 0;
}

buffer *op_buffer_of(setup *s, const alm_tensor *t)
{
    for (int i = 0; i < ALM_OP_TEST_INPUTS; i++) {
        if (s->in_buffer[i].block && s->in_buffer[i].data == t->data) {
            return &s->in_buffer[i];
        }
    }
    for (int o = 0; o < ALM_OP_TEST_OUTPUTS; o++) {
        if (s->out_buffer[o].block && s->out_buffer[o].data == t->data) {
            return &s->out_buffer[o];
        }
    }
    return NULL;
}

void op_setup_destroy(setup *s)
{
    for (int i = 0; i < ALM_OP_TEST_INPUTS; i++) {
        op_buffer_destroy(&s->in_buffer[i]);
    }
    for (int o = 0; o < ALM_OP_TEST_OUTPUTS; o++) {
        op_buffer_destroy(&s->out_buffer[o]);
    }
    op_buffer_destroy(&s->workspace);
}

/* Writes safetensors files (safetensors_write.h). */
#include "runtime/output/safetensors_write.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/output/buffer.h"
#include "runtime/output/file_write.h"

/* The values start at a multiple of this, as other writers do: a mapped file is aligned then. */
enum { HEADER_MULTIPLE = 8, LENGTH_BYTES = 8 };

struct alm_safetensors_writer {
    alm_file_write *file;
    uint64_t left;  /* bytes of values that are still to come */
    uint64_t begin; /* of the values in the file */
};

/* , "name": {"dtype": ..., "shape": [...], "data_offsets": [...]} */
static void describe(alm_buffer *text, const alm_tensor_entry *entry, uint64_t begin, uint64_t end)
{
    alm_buffer_text(text, ",");
    alm_buffer_json(text, entry->name, strlen(entry->name));
    alm_buffer_format(text, ":{\"dtype\":\"%s\",\"shape\":[", alm_dtype_name(entry->desc.dtype));
    for (int i = 0; i < entry->desc.rank; i++) {
        alm_buffer_format(text, i ? ",%lld" : "%lld", (long long)entry->desc.dim[i]);
    }
    alm_buffer_format(text, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)begin,
                      (unsigned long long)end);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static alm_status check_names(const alm_tensor_entry *entries, size_t count)
{
    const char **name;
    ALM_TRY(alm_alloc(count, sizeof *name, "names of tensors", &name));
    for (size_t i = 0; i < count; i++) {
        name[i] = entries[i].name;
    }
    alm_status status = ALM_OK;
    qsort(name, count, sizeof *name, by_text);
    for (size_t i = 1; status == ALM_OK && i < count; i++) {
        if (strcmp(name[i - 1], name[i]) == 0) {
            status = alm_fail(ALM_STATUS_INTERNAL, "tensor %s is to be written twice", name[i]);
        }
    }
    alm_free(name);
    return status;
}

/* The length, the header and spaces up to a multiple of eight. */
static alm_status make_header(const alm_tensor_entry *entries, size_t count, alm_buffer *out,
                              uint64_t *values)
{
    uint64_t at = 0;
    ALM_TRY(check_names(entries, count));
    alm_buffer_number(out, 0, LENGTH_BYTES);
    alm_buffer_text(out, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        ALM_TRY(alm_desc_bytes(&entries[i].desc, entries[i].name, &bytes));
        describe(out, &entries[i], at, at + bytes);
        at += bytes;
    }
    alm_buffer_text(out, "}");
    while (out->status == ALM_OK && out->count % HEADER_MULTIPLE) {
        alm_buffer_text(out, " ");
    }
    ALM_TRY(out->status);
    for (int i = 0; i < LENGTH_BYTES; i++) {
        out->data[i] = (uint8_t)((uint64_t)(out->count - LENGTH_BYTES) >> 8 * i);
    }
    *values = at;
    return ALM_OK;
}

alm_status alm_safetensors_begin(const char *path, const alm_tensor_entry *entries, size_t count,
                                 alm_safetensors_writer **out)
{
    alm_safetensors_writer *writer;
    ALM_TRY(alm_calloc(1, sizeof *writer, "safetensors writer", &writer));
    alm_buffer header = {0};
    alm_status status = make_header(entries, count, &header, &writer->left);
    status = status != ALM_OK ? status : alm_file_write_begin(path, &writer->file);
    status =
        status != ALM_OK ? status : alm_file_write_add(writer->file, header.data, header.count);
    writer->begin = header.count;
    alm_buffer_free(&header);
    if (status != ALM_OK) {
        alm_safetensors_end(writer);
        return status;
    }
    *out = writer;
    return ALM_OK;
}

alm_status alm_safetensors_add(alm_safetensors_writer *writer, const void *data, size_t bytes)
{
    if (bytes > writer->left) {
        return alm_fail(ALM_STATUS_INTERNAL, "safetensors: %zu bytes to write, room for %llu",
                        bytes, (unsigned long long)writer->left);
    }
    writer->left -= bytes;
    return alm_file_write_add(writer->file, data, bytes);
}

alm_status alm_safetensors_zeros(alm_safetensors_writer *writer)
{
    const uint64_t bytes = writer->left;
    writer->left = 0;
    return alm_file_write_zeros(writer->file, bytes);
}

alm_status alm_safetensors_put(alm_safetensors_writer *writer, uint64_t at, const void *data,
                               size_t bytes)
{
    if (writer->begin + at + bytes > alm_file_write_size(writer->file)) {
        return alm_fail(ALM_STATUS_INTERNAL, "safetensors: byte %llu is behind the values",
                        (unsigned long long)at);
    }
    return alm_file_write_patch(writer->file, writer->begin + at, data, bytes);
}

alm_status alm_safetensors_commit(alm_safetensors_writer *writer)
{
    if (writer->left) {
        return alm_fail(ALM_STATUS_INTERNAL, "safetensors: %llu bytes were not written",
                        (unsigned long long)writer->left);
    }
    return alm_file_write_commit(writer->file);
}

void alm_safetensors_end(alm_safetensors_writer *writer)
{
    if (writer) {
        alm_file_write_end(writer->file);
        alm_free(writer);
    }
}

alm_status alm_safetensors_save(const char *path, const alm_tensor_entry *entries, size_t count)
{
    alm_safetensors_writer *writer;
    ALM_TRY(alm_safetensors_begin(path, entries, count, &writer));
    alm_status status = ALM_OK;
    for (size_t i = 0; status == ALM_OK && i < count; i++) {
        size_t bytes;
        status = alm_desc_bytes(&entries[i].desc, entries[i].name, &bytes);
        status = status != ALM_OK ? status : alm_safetensors_add(writer, entries[i].data, bytes);
    }
    status = status != ALM_OK ? status : alm_safetensors_commit(writer);
    alm_safetensors_end(writer);
    return status;
}

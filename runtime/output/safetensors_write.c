#include "runtime/output/safetensors_write.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/output/file_write.h"

/* The values start at a multiple of this, as other writers do: a mapped file is aligned then. */
enum { HEADER_MULTIPLE = 8 };

struct alm_safetensors_writer {
    alm_file_write *file;
    uint64_t left; /* bytes of values that are still to come */
};

/* {"dtype": ..., "shape": [...], "data_offsets": [...]}; NULL when memory is out. jansson's _new
 * functions take their value over, also when they fail or when either is NULL. */
static json_t *describe(const alm_tensor_entry *entry, uint64_t begin, uint64_t end)
{
    json_t *tree = json_object(), *shape = json_array(), *range = json_array();
    int failed = 0;
    for (int i = 0; i < entry->desc.rank; i++) {
        failed |= json_array_append_new(shape, json_integer(entry->desc.dim[i]));
    }
    failed |= json_array_append_new(range, json_integer((json_int_t)begin));
    failed |= json_array_append_new(range, json_integer((json_int_t)end));
    failed |= json_object_set_new(tree, "dtype", json_string(alm_dtype_name(entry->desc.dtype)));
    failed |= json_object_set_new(tree, "shape", shape);
    failed |= json_object_set_new(tree, "data_offsets", range);
    if (failed) {
        json_decref(tree);
        return NULL;
    }
    return tree;
}

static alm_status describe_all(const alm_tensor_entry *entries, size_t count, json_t *tree,
                               uint64_t *values)
{
    uint64_t at = 0;
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        ALM_TRY(alm_desc_bytes(&entries[i].desc, entries[i].name, &bytes));
        if (json_object_get(tree, entries[i].name)) {
            return alm_fail(ALM_STATUS_INTERNAL, "tensor %s is to be written twice",
                            entries[i].name);
        }
        json_t *entry = describe(&entries[i], at, at + bytes);
        if (!entry || json_object_set_new(tree, entries[i].name, entry) != 0) {
            return alm_fail(ALM_STATUS_MEMORY, "out of memory: header of a safetensors file");
        }
        at += bytes;
    }
    *values = at;
    return ALM_OK;
}

static alm_status write_header(alm_file_write *file, json_t *tree)
{
    char *text = json_dumps(tree, JSON_COMPACT);
    if (!text) {
        return alm_fail(ALM_STATUS_MEMORY, "out of memory: header of a safetensors file");
    }
    const size_t bytes = strlen(text);
    const size_t padding = (HEADER_MULTIPLE - bytes % HEADER_MULTIPLE) % HEADER_MULTIPLE;
    const uint64_t length = bytes + padding;
    uint8_t prefix[8];
    for (int i = 0; i < 8; i++) {
        prefix[i] = (uint8_t)(length >> 8 * i);
    }
    alm_status status = alm_file_write_add(file, prefix, sizeof prefix);
    status = status != ALM_OK ? status : alm_file_write_add(file, text, bytes);
    status = status != ALM_OK ? status : alm_file_write_add(file, "        ", padding);
    free(text); /* jansson's */
    return status;
}

alm_status alm_safetensors_begin(const char *path, const alm_tensor_entry *entries, size_t count,
                                 alm_safetensors_writer **out)
{
    alm_safetensors_writer *writer;
    ALM_TRY(alm_calloc(1, sizeof *writer, "safetensors writer", &writer));
    json_t *tree = json_object(), *about = json_object();
    int failed = json_object_set_new(about, "format", json_string("pt"));
    failed |= json_object_set_new(tree, "__metadata__", about);
    alm_status status =
        failed ? alm_fail(ALM_STATUS_MEMORY, "out of memory: header of a safetensors file")
               : describe_all(entries, count, tree, &writer->left);
    if (status == ALM_OK) {
        status = alm_file_write_begin(path, &writer->file);
    }
    if (status == ALM_OK) {
        status = write_header(writer->file, tree);
    }
    json_decref(tree);
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

#include "runtime/input/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"

enum { LENGTH_BYTES = 8, SHARD_NAME_LIMIT = 255 };

/* jansson takes some 50 to 300 bytes a value, so that a short text can fill the memory: the marks
 * that begin values are counted first (marks inside of strings too, which no real name has). */
static alm_status read_json(const char *text, size_t bytes, const char *name, json_t **out)
{
    size_t values = 0;
    for (size_t i = 0; i < bytes; i++) {
        /* A container is counted five times, as it takes that much more than a number. */
        values += text[i] == '{' || text[i] == '['   ? 5u
                  : text[i] == ',' || text[i] == ':' ? 1u
                                                     : 0u;
    }
    if (values > 5u * ALM_SAFETENSORS_VALUES) {
        return alm_fail(ALM_STATUS_MODEL, "%s: JSON of more than %d values", name,
                        ALM_SAFETENSORS_VALUES);
    }
    json_error_t error;
    json_t *tree = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
    if (!tree) {
        if (json_error_code(&error) == json_error_out_of_memory) {
            return alm_fail(ALM_STATUS_MEMORY, "out of memory: the JSON of %s", name);
        }
        return alm_fail(ALM_STATUS_MODEL, "%s: line %d column %d of the JSON: %s", name, error.line,
                        error.column, error.text);
    }
    if (!json_is_object(tree)) {
        json_decref(tree);
        return alm_fail(ALM_STATUS_MODEL, "%s: its JSON is no object", name);
    }
    *out = tree;
    return ALM_OK;
}

/* ---- Header ---------------------------------------------------------------------------------- */

/* The range of one tensor's values, to find overlaps and holes. */
typedef struct range {
    uint64_t begin, end;
    const char *tensor; /* the header's key */
} range;

typedef struct header {
    const char *file;
    const uint8_t *values;
    size_t bytes; /* of the values */
    json_t *tree;
    range *ranges;
    size_t count;
} header;

static alm_status open_header(const uint8_t *data, size_t bytes, const char *name, header *out)
{
    uint64_t length = 0;
    if (bytes < LENGTH_BYTES) {
        return alm_fail(ALM_STATUS_MODEL, "%s: %zu bytes, a safetensors file has at least %d", name,
                        bytes, LENGTH_BYTES);
    }
    for (int i = LENGTH_BYTES - 1; i >= 0; i--) {
        length = length << 8 | data[i];
    }
    if (length == 0) {
        return alm_fail(ALM_STATUS_MODEL, "%s: its header is empty", name);
    }
    if (length > bytes - LENGTH_BYTES) {
        return alm_fail(ALM_STATUS_MODEL, "%s: its header has %llu bytes, the rest of the file %zu",
                        name, (unsigned long long)length, bytes - LENGTH_BYTES);
    }
    if (length > ALM_SAFETENSORS_HEADER) {
        return alm_fail(ALM_STATUS_MODEL, "%s: its header has %llu bytes, the limit is %d", name,
                        (unsigned long long)length, ALM_SAFETENSORS_HEADER);
    }
    if (data[LENGTH_BYTES] != '{') {
        return alm_fail(ALM_STATUS_MODEL, "%s: its header does not begin with {", name);
    }
    ALM_TRY(read_json((const char *)data + LENGTH_BYTES, (size_t)length, name, &out->tree));
    out->values = data + LENGTH_BYTES + length;
    out->bytes = bytes - LENGTH_BYTES - (size_t)length;
    return ALM_OK;
}

static alm_status read_shape(const header *h, const char *tensor, json_t *shape, alm_desc *desc)
{
    const size_t rank = json_array_size(shape);
    if (!json_is_array(shape) || rank > ALM_MAX_RANK) {
        return alm_fail(ALM_STATUS_MODEL, "%s: %s: shape is not a list of at most %d numbers",
                        h->file, tensor, ALM_MAX_RANK);
    }
    int64_t count = 1;
    desc->rank = (int)rank;
    for (size_t i = 0; i < rank; i++) {
        json_t *n = json_array_get(shape, i);
        if (!json_is_integer(n) || json_integer_value(n) < 0) {
            return alm_fail(ALM_STATUS_MODEL,
                            "%s: %s: entry %zu of shape is not a number from 0 on", h->file, tensor,
                            i);
        }
        desc->dim[i] = json_integer_value(n);
        /* Zeros are left out, so that what follows a zero is checked too. */
        const int64_t factor = desc->dim[i] ? desc->dim[i] : 1;
        if (__builtin_mul_overflow(count, factor, &count) || count > INT64_MAX / 8) {
            return alm_fail(ALM_STATUS_MODEL, "%s: %s: the product of its shape is too large",
                            h->file, tensor);
        }
    }
    return ALM_OK;
}

static alm_status read_range(const header *h, const char *tensor, json_t *offsets, range *out)
{
    json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
        json_integer_value(begin) < 0 || json_integer_value(end) < 0) {
        return alm_fail(ALM_STATUS_MODEL, "%s: %s: data_offsets is not two numbers from 0 on",
                        h->file, tensor);
    }
    *out = (range){.begin = (uint64_t)json_integer_value(begin),
                   .end = (uint64_t)json_integer_value(end),
                   .tensor = tensor};
    if (out->begin > out->end) {
        return alm_fail(ALM_STATUS_MODEL,
                        "%s: %s: data_offsets begin at %llu, after their end %llu", h->file, tensor,
                        (unsigned long long)out->begin, (unsigned long long)out->end);
    }
    if (out->end > h->bytes) {
        return alm_fail(ALM_STATUS_MODEL, "%s: %s: data_offsets end at %llu, the values at %zu",
                        h->file, tensor, (unsigned long long)out->end, h->bytes);
    }
    return ALM_OK;
}

static alm_status read_tensor(header *h, const char *key, json_t *entry, alm_tensor_list *list)
{
    alm_stored_tensor tensor = {0};
    json_t *dtype = json_object_get(entry, "dtype"), *shape = json_object_get(entry, "shape");
    json_t *offsets = json_object_get(entry, "data_offsets");
    range *r = &h->ranges[h->count];
    if (!json_is_string(dtype) || !shape || !offsets || json_object_size(entry) != 3) {
        return alm_fail(ALM_STATUS_MODEL, "%s: %s: its entry is not dtype, shape and data_offsets",
                        h->file, key);
    }
    tensor.desc.dtype = alm_dtype_from_name(json_string_value(dtype));
    if (tensor.desc.dtype == ALM_DTYPE_NONE) {
        return alm_fail(ALM_STATUS_MODEL, "%s: %s: type %s is not known", h->file, key,
                        json_string_value(dtype));
    }
    ALM_TRY(read_shape(h, key, shape, &tensor.desc));
    ALM_TRY(read_range(h, key, offsets, r));
    const uint64_t want =
        (uint64_t)alm_desc_count(&tensor.desc) * alm_dtype_size(tensor.desc.dtype);
    if (r->end - r->begin != want) {
        char text[ALM_DESC_TEXT];
        return alm_fail(ALM_STATUS_MODEL, "%s: %s: %llu bytes of values, %s has %llu", h->file, key,
                        (unsigned long long)(r->end - r->begin), alm_desc_text(&tensor.desc, text),
                        (unsigned long long)want);
    }
    h->count++;
    tensor.data = h->values + r->begin;
    tensor.storage = list->storages++;
    alm_stored_tensor_pack(&tensor);
    return alm_tensor_list_add(list, h->file, key, strlen(key), &tensor);
}

static int by_begin(const void *a, const void *b)
{
    const range *x = a, *y = b;
    if (x->begin != y->begin) {
        return x->begin < y->begin ? -1 : 1;
    }
    return x->end < y->end ? -1 : x->end > y->end;
}

/* Sorted by begin, each range must start where the one before ends: no overlap, no hole. */
static alm_status check_ranges(header *h)
{
    uint64_t at = 0;
    qsort(h->ranges, h->count, sizeof *h->ranges, by_begin);
    for (size_t i = 0; i < h->count; i++) {
        if (h->ranges[i].begin != at) {
            return alm_fail(ALM_STATUS_MODEL, "%s: %s: data_offsets begin at %llu, %s %llu",
                            h->file, h->ranges[i].tensor, (unsigned long long)h->ranges[i].begin,
                            h->ranges[i].begin < at ? "inside of the values before it that end at"
                                                    : "after a hole from",
                            (unsigned long long)at);
        }
        at = h->ranges[i].end;
    }
    if (at != h->bytes) {
        return alm_fail(ALM_STATUS_MODEL, "%s: the tensors end at %llu, the values at %zu", h->file,
                        (unsigned long long)at, h->bytes);
    }
    return ALM_OK;
}

static alm_status read_tensors(header *h, alm_tensor_list *list)
{
    const size_t begin = list->count;
    const char *key;
    json_t *entry;
    ALM_TRY(
        alm_alloc(json_object_size(h->tree), sizeof *h->ranges, "ranges of tensors", &h->ranges));
    json_object_foreach(h->tree, key, entry)
    {
        if (strcmp(key, "__metadata__") != 0) {
            ALM_TRY(read_tensor(h, key, entry, list));
        }
    }
    if (h->count == 0) {
        return alm_fail(ALM_STATUS_MODEL, "%s: holds no tensor", h->file);
    }
    ALM_TRY(check_ranges(h));
    return alm_tensor_list_sort(list, begin, h->file);
}

alm_status alm_safetensors_parse(const void *data, size_t bytes, const char *name,
                                 alm_tensor_list *list)
{
    header h = {.file = name};
    ALM_TRY(open_header(data, bytes, name, &h));
    const alm_status status = read_tensors(&h, list);
    alm_free(h.ranges);
    json_decref(h.tree);
    return status;
}

/* ---- Index ----------------------------------------------------------------------------------- */

static alm_status check_shard(const char *name, const char *tensor, const char *shard)
{
    if (!shard) {
        return alm_fail(ALM_STATUS_MODEL, "%s: %s: its place is no text", name, tensor);
    }
    const size_t bytes = strlen(shard);
    if (bytes == 0 || bytes > SHARD_NAME_LIMIT || strchr(shard, '/') || shard[0] == '.') {
        return alm_fail(ALM_STATUS_MODEL, "%s: %s: shard %.300s is no plain file name", name,
                        tensor, shard);
    }
    return ALM_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_tensor(const void *a, const void *b)
{
    return strcmp(((const alm_shard_place *)a)->tensor, ((const alm_shard_place *)b)->tensor);
}

/* The distinct shards of the map, sorted. */
static alm_status collect_files(json_t *map, alm_shard_index *index)
{
    const char *key, **names;
    json_t *place;
    size_t n = 0;
    ALM_TRY(alm_alloc(json_object_size(map), sizeof *names, "names of shards", &names));
    json_object_foreach(map, key, place)
    {
        names[n++] = json_string_value(place);
    }
    qsort(names, n, sizeof *names, by_text);
    alm_status status = alm_calloc(n, sizeof *index->file, "names of shards", &index->file);
    for (size_t i = 0; status == ALM_OK && i < n; i++) {
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0) {
            status = alm_strdup(names[i], "name of a shard", &index->file[index->files]);
            index->files += status == ALM_OK;
        }
    }
    alm_free(names);
    return status;
}

static alm_status collect_places(json_t *map, const char *name, alm_shard_index *index)
{
    static const char prefix[] = "module.";
    const char *key;
    json_t *place;
    ALM_TRY(alm_calloc(json_object_size(map), sizeof *index->place, "places of tensors",
                       &index->place));
    json_object_foreach(map, key, place)
    {
        const char *shard = json_string_value(place);
        const bool has_prefix = strncmp(key, prefix, sizeof prefix - 1) == 0;
        alm_shard_place *p = &index->place[index->places];
        char **file = bsearch(&shard, index->file, index->files, sizeof *index->file, by_text);
        p->file = (size_t)(file - index->file);
        ALM_TRY(
            alm_strdup(key + (has_prefix ? sizeof prefix - 1 : 0), "name of a tensor", &p->tensor));
        index->places++;
    }
    qsort(index->place, index->places, sizeof *index->place, by_tensor);
    for (size_t i = 1; i < index->places; i++) {
        if (by_tensor(&index->place[i - 1], &index->place[i]) == 0) {
            return alm_fail(ALM_STATUS_MODEL, "%s: tensor %s is there twice", name,
                            index->place[i].tensor);
        }
    }
    return ALM_OK;
}

static alm_status read_index(json_t *tree, const char *name, alm_shard_index *index)
{
    json_t *map = json_object_get(tree, "weight_map"), *place;
    const char *key;
    if (!json_is_object(map) || json_object_size(map) == 0) {
        return alm_fail(ALM_STATUS_MODEL, "%s: weight_map names no tensor", name);
    }
    if (json_object_size(map) > ALM_TENSOR_COUNT_LIMIT) {
        return alm_fail(ALM_STATUS_MODEL, "%s: more than %d tensors", name, ALM_TENSOR_COUNT_LIMIT);
    }
    json_object_foreach(map, key, place)
    {
        ALM_TRY(check_shard(name, key, json_string_value(place)));
    }
    ALM_TRY(collect_files(map, index));
    return collect_places(map, name, index);
}

alm_status alm_shard_index_parse(const void *data, size_t bytes, const char *name,
                                 alm_shard_index *out)
{
    alm_shard_index index = {0};
    json_t *tree;
    if (bytes > ALM_SAFETENSORS_HEADER) {
        return alm_fail(ALM_STATUS_MODEL, "%s: %zu bytes, the limit is %d", name, bytes,
                        ALM_SAFETENSORS_HEADER);
    }
    ALM_TRY(read_json(data, bytes, name, &tree));
    const alm_status status = read_index(tree, name, &index);
    json_decref(tree);
    if (status != ALM_OK) {
        alm_shard_index_free(&index);
        return status;
    }
    *out = index;
    return ALM_OK;
}

alm_shard_place *alm_shard_index_find(const alm_shard_index *index, const char *tensor)
{
    const alm_shard_place key = {.tensor = (char *)(uintptr_t)tensor};
    return bsearch(&key, index->place, index->places, sizeof *index->place, by_tensor);
}

void alm_shard_index_free(alm_shard_index *index)
{
    for (size_t i = 0; i < index->places; i++) {
        alm_free(index->place[i].tensor);
    }
    for (size_t i = 0; i < index->files; i++) {
        alm_free(index->file[i]);
    }
    alm_free(index->place);
    alm_free(index->file);
    *index = (alm_shard_index){0};
}

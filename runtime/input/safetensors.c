/* Reads headers of safetensors files and indexes of shards (safetensors.h) by the pull reader for
 * JSON, so that a hostile header costs no tree.
 */
#include "runtime/input/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/json.h"

enum { LENGTH_BYTES = 8, SHARD_NAME_LIMIT = 255 };

/* ---- Header ---------------------------------------------------------------------------------- */

/* The range of one tensor's values, to find overlaps and holes. */
typedef struct range {
    uint64_t begin, end;
    size_t tensor; /* index into the list, before it is sorted */
} range;

typedef struct header {
    const char *file;
    alm_json json;
    const uint8_t *values;
    size_t bytes; /* of the values */
    range *ranges;
    size_t count, capacity;
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
    alm_json_begin(&out->json, name, (const char *)data + LENGTH_BYTES, (size_t)length);
    out->values = data + LENGTH_BYTES + length;
    out->bytes = bytes - LENGTH_BYTES - (size_t)length;
    return ALM_OK;
}

/* The fields of one entry. The name is a copy, as the reader's own text is overwritten. */
typedef struct item {
    const char *name;
    alm_desc desc;
    uint64_t begin, end;
    bool has_dtype, has_shape, has_offsets;
} item;

static alm_status read_dtype(header *h, item *t)
{
    ALM_TRY(alm_json_string(&h->json));
    t->desc.dtype = alm_dtype_from_name(h->json.text);
    t->has_dtype = true;
    return t->desc.dtype != ALM_DTYPE_NONE
               ? ALM_OK
               : alm_fail(ALM_STATUS_MODEL, "%s: %s: type %.40s is not known", h->file, t->name,
                          h->json.text);
}

static alm_status read_shape(header *h, item *t)
{
    int64_t count = 1;
    bool more;
    t->has_shape = true;
    ALM_TRY(alm_json_open(&h->json, '['));
    for (;;) {
        ALM_TRY(alm_json_item(&h->json, &more));
        if (!more) {
            return ALM_OK;
        }
        if (t->desc.rank == ALM_MAX_RANK) {
            return alm_fail(ALM_STATUS_MODEL, "%s: %s: has more than %d dimensions", h->file,
                            t->name, ALM_MAX_RANK);
        }
        int64_t *dim = &t->desc.dim[t->desc.rank++];
        ALM_TRY(alm_json_whole(&h->json, "a dimension", 0, INT64_MAX, dim));
        /* Zeros are left out, so that what follows a zero is checked too. */
        if (__builtin_mul_overflow(count, *dim ? *dim : 1, &count) || count > INT64_MAX / 8) {
            return alm_fail(ALM_STATUS_MODEL, "%s: %s: the product of its shape is too large",
                            h->file, t->name);
        }
    }
}

static alm_status read_offsets(header *h, item *t)
{
    int64_t offset[2];
    bool more;
    t->has_offsets = true;
    ALM_TRY(alm_json_open(&h->json, '['));
    for (int i = 0; i < 3; i++) {
        ALM_TRY(alm_json_item(&h->json, &more));
        if (more != (i < 2)) {
            return alm_fail(ALM_STATUS_MODEL, "%s: %s: data_offsets is not two numbers", h->file,
                            t->name);
        }
        if (more) {
            ALM_TRY(alm_json_whole(&h->json, "an offset", 0, INT64_MAX, &offset[i]));
        }
    }
    t->begin = (uint64_t)offset[0];
    t->end = (uint64_t)offset[1];
    if (t->begin > t->end) {
        return alm_fail(ALM_STATUS_MODEL,
                        "%s: %s: data_offsets begin at %llu, after their end %llu", h->file,
                        t->name, (unsigned long long)t->begin, (unsigned long long)t->end);
    }
    if (t->end > h->bytes) {
        return alm_fail(ALM_STATUS_MODEL, "%s: %s: data_offsets end at %llu, the values at %zu",
                        h->file, t->name, (unsigned long long)t->end, h->bytes);
    }
    return ALM_OK;
}

static alm_status read_fields(header *h, item *t)
{
    bool more;
    ALM_TRY(alm_json_open(&h->json, '{'));
    for (;;) {
        ALM_TRY(alm_json_key(&h->json, &more));
        if (!more) {
            break;
        }
        if (strcmp(h->json.text, "dtype") == 0 && !t->has_dtype) {
            ALM_TRY(read_dtype(h, t));
        } else if (strcmp(h->json.text, "shape") == 0 && !t->has_shape) {
            ALM_TRY(read_shape(h, t));
        } else if (strcmp(h->json.text, "data_offsets") == 0 && !t->has_offsets) {
            ALM_TRY(read_offsets(h, t));
        } else {
            return alm_fail(ALM_STATUS_MODEL,
                            "%s: %s: field %.40s, expected dtype, shape and data_offsets once",
                            h->file, t->name, h->json.text);
        }
    }
    if (!t->has_dtype || !t->has_shape || !t->has_offsets) {
        return alm_fail(ALM_STATUS_MODEL, "%s: %s: its entry has no %s", h->file, t->name,
                        !t->has_dtype   ? "dtype"
                        : !t->has_shape ? "shape"
                                        : "data_offsets");
    }
    return ALM_OK;
}

static alm_status read_tensor(header *h, char *name, alm_tensor_list *list)
{
    item t = {.name = name};
    ALM_TRY(read_fields(h, &t));
    alm_stored_tensor tensor = {.desc = t.desc, .data = h->values + t.begin};
    const uint64_t want =
        (uint64_t)alm_desc_count(&tensor.desc) * alm_dtype_size(tensor.desc.dtype);
    if (t.end - t.begin != want) {
        char text[ALM_DESC_TEXT];
        return alm_fail(ALM_STATUS_MODEL, "%s: %s: %llu bytes of values, %s has %llu", h->file,
                        name, (unsigned long long)(t.end - t.begin),
                        alm_desc_text(&tensor.desc, text), (unsigned long long)want);
    }
    tensor.storage = list->storages++;
    alm_stored_tensor_pack(&tensor);
    ALM_TRY(alm_tensor_list_add(list, h->file, name, strlen(name), &tensor));
    ALM_TRY(alm_reserve(h->count + 1, sizeof *h->ranges, "ranges of tensors", &h->ranges,
                        &h->capacity));
    h->ranges[h->count++] = (range){t.begin, t.end, list->count - 1};
    return ALM_OK;
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
static alm_status check_ranges(header *h, const alm_tensor_list *list)
{
    uint64_t at = 0;
    qsort(h->ranges, h->count, sizeof *h->ranges, by_begin);
    for (size_t i = 0; i < h->count; i++) {
        const range *r = &h->ranges[i];
        if (r->begin != at) {
            return alm_fail(ALM_STATUS_MODEL, "%s: %s: data_offsets begin at %llu, %s %llu",
                            h->file, list->tensor[r->tensor].name, (unsigned long long)r->begin,
                            r->begin < at ? "inside of the values before that end at"
                                          : "after a hole from",
                            (unsigned long long)at);
        }
        at = r->end;
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
    bool more, has_metadata = false;
    ALM_TRY(alm_json_open(&h->json, '{'));
    for (;;) {
        ALM_TRY(alm_json_key(&h->json, &more));
        if (!more) {
            break;
        }
        if (strcmp(h->json.text, "__metadata__") == 0) {
            if (has_metadata) {
                return alm_fail(ALM_STATUS_MODEL, "%s: __metadata__ is there twice", h->file);
            }
            has_metadata = true;
            ALM_TRY(alm_json_skip(&h->json));
            continue;
        }
        char *name;
        ALM_TRY(alm_strdup(h->json.text, "name of a tensor", &name));
        const alm_status status = read_tensor(h, name, list);
        alm_free(name);
        ALM_TRY(status);
    }
    ALM_TRY(alm_json_end(&h->json));
    if (h->count == 0) {
        return alm_fail(ALM_STATUS_MODEL, "%s: holds no tensor", h->file);
    }
    ALM_TRY(check_ranges(h, list));
    return alm_tensor_list_sort(list, begin, h->file);
}

alm_status alm_safetensors_parse(const void *data, size_t bytes, const char *name,
                                 alm_tensor_list *list)
{
    header h = {.file = name};
    ALM_TRY(open_header(data, bytes, name, &h));
    const alm_status status = read_tensors(&h, list);
    alm_json_close(&h.json);
    alm_free(h.ranges);
    return status;
}

/* ---- Index ----------------------------------------------------------------------------------- */

/* The name and the shard of an entry of weight_map; the shards get their numbers at the end. */
typedef struct index_reader {
    const char *file;
    alm_json json;
    alm_shard_index index;
    size_t place_capacity;
    char **shard; /* [index.places] */
    size_t shard_capacity;
} index_reader;

static alm_status check_shard(const index_reader *r, const char *tensor, const char *shard)
{
    const size_t bytes = strlen(shard);
    if (bytes == 0 || bytes > SHARD_NAME_LIMIT || strchr(shard, '/') || shard[0] == '.') {
        return alm_fail(ALM_STATUS_MODEL, "%s: %s: shard %.300s is no plain file name", r->file,
                        tensor, shard);
    }
    return ALM_OK;
}

static alm_status read_place(index_reader *r)
{
    static const char prefix[] = "module.";
    const char *key = r->json.text;
    alm_shard_index *index = &r->index;
    if (index->places >= ALM_TENSOR_COUNT_LIMIT) {
        return alm_fail(ALM_STATUS_MODEL, "%s: more than %d tensors", r->file,
                        ALM_TENSOR_COUNT_LIMIT);
    }
    ALM_TRY(alm_reserve(index->places + 1, sizeof *index->place, "places of tensors", &index->place,
                        &r->place_capacity));
    ALM_TRY(alm_reserve(index->places + 1, sizeof *r->shard, "places of tensors", &r->shard,
                        &r->shard_capacity));
    alm_shard_place *p = &index->place[index->places];
    *p = (alm_shard_place){0};
    r->shard[index->places] = NULL;
    key += strncmp(key, prefix, sizeof prefix - 1) == 0 ? sizeof prefix - 1 : 0;
    ALM_TRY(alm_strdup(key, "name of a tensor", &p->tensor));
    index->places++;
    ALM_TRY(alm_json_string(&r->json));
    ALM_TRY(check_shard(r, p->tensor, r->json.text));
    return alm_strdup(r->json.text, "name of a shard", &r->shard[index->places - 1]);
}

static alm_status read_map(index_reader *r)
{
    bool more;
    ALM_TRY(alm_json_open(&r->json, '{'));
    for (;;) {
        ALM_TRY(alm_json_key(&r->json, &more));
        if (!more) {
            return ALM_OK;
        }
        ALM_TRY(read_place(r));
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_tensor(const void *a, const void *b)
{
    return strcmp(((const alm_shard_place *)a)->tensor, ((const alm_shard_place *)b)->tensor);
}

/* The distinct shards, sorted, and each tensor's number among them. */
static alm_status number_shards(index_reader *r)
{
    alm_shard_index *index = &r->index;
    char **sorted;
    ALM_TRY(alm_alloc(index->places, sizeof *sorted, "names of shards", &sorted));
    memcpy(sorted, r->shard, index->places * sizeof *sorted);
    qsort(sorted, index->places, sizeof *sorted, by_text);
    alm_status status = alm_calloc(index->places, sizeof *index->file, "shards", &index->file);
    for (size_t i = 0; status == ALM_OK && i < index->places; i++) {
        if (i == 0 || strcmp(sorted[i], sorted[i - 1]) != 0) {
            status = alm_strdup(sorted[i], "name of a shard", &index->file[index->files]);
            index->files += status == ALM_OK;
        }
    }
    alm_free(sorted);
    ALM_TRY(status);
    for (size_t i = 0; i < index->places; i++) {
        char **file =
            bsearch(&r->shard[i], index->file, index->files, sizeof *index->file, by_text);
        index->place[i].file = (size_t)(file - index->file);
    }
    return ALM_OK;
}

static alm_status read_index(index_reader *r)
{
    bool more, has_map = false;
    ALM_TRY(alm_json_open(&r->json, '{'));
    for (;;) {
        ALM_TRY(alm_json_key(&r->json, &more));
        if (!more) {
            break;
        }
        if (strcmp(r->json.text, "weight_map") == 0 && !has_map) {
            has_map = true;
            ALM_TRY(read_map(r));
        } else {
            ALM_TRY(alm_json_skip(&r->json));
        }
    }
    ALM_TRY(alm_json_end(&r->json));
    if (r->index.places == 0) {
        return alm_fail(ALM_STATUS_MODEL, "%s: its weight_map names no tensor", r->file);
    }
    ALM_TRY(number_shards(r));
    qsort(r->index.place, r->index.places, sizeof *r->index.place, by_tensor);
    for (size_t i = 1; i < r->index.places; i++) {
        if (by_tensor(&r->index.place[i - 1], &r->index.place[i]) == 0) {
            return alm_fail(ALM_STATUS_MODEL, "%s: tensor %s is there twice", r->file,
                            r->index.place[i].tensor);
        }
    }
    return ALM_OK;
}

alm_status alm_shard_index_parse(const void *data, size_t bytes, const char *name,
                                 alm_shard_index *out)
{
    index_reader r = {.file = name};
    if (bytes > ALM_SAFETENSORS_HEADER) {
        return alm_fail(ALM_STATUS_MODEL, "%s: %zu bytes, the limit is %d", name, bytes,
                        ALM_SAFETENSORS_HEADER);
    }
    alm_json_begin(&r.json, name, data, bytes);
    const alm_status status = read_index(&r);
    for (size_t i = 0; i < r.index.places; i++) {
        alm_free(r.shard[i]);
    }
    alm_free(r.shard);
    alm_json_close(&r.json);
    if (status != ALM_OK) {
        alm_shard_index_free(&r.index);
        return status;
    }
    *out = r.index;
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

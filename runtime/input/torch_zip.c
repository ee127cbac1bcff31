/* From the pickle of a torch file to its tensors (torch_zip.h): the dictionary, the calls that
 * stand for tensors, the storages that they view.
 */
#include "runtime/input/torch_zip.h"

#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/pickle.h"
#include "runtime/input/zip.h"

enum { ROOT_LIMIT = 256, KEY_LIMIT = 64, PARAMETER_DEPTH = 8 };

/* torch's names of storages. */
static const struct {
    const char *name;
    alm_dtype dtype;
} storages[] = {
    {"BFloat16Storage", ALM_DTYPE_BF16}, {"HalfStorage", ALM_DTYPE_F16},
    {"FloatStorage", ALM_DTYPE_F32},     {"DoubleStorage", ALM_DTYPE_F64},
    {"LongStorage", ALM_DTYPE_I64},      {"IntStorage", ALM_DTYPE_I32},
    {"ShortStorage", ALM_DTYPE_I16},     {"CharStorage", ALM_DTYPE_I8},
    {"ByteStorage", ALM_DTYPE_U8},       {"BoolStorage", ALM_DTYPE_BOOL},
};

typedef struct archive {
    const char *file;
    alm_zip zip;
    char root[ROOT_LIMIT]; /* the folder that all entries lie in, with its / */
    size_t root_bytes;
    alm_tensor_list *list;
    size_t first_storage; /* number of the zip's first entry */
} archive;

/* A tensor's key in the state dictionary, cut to what fits into a message. */
typedef struct label {
    const char *file;
    int bytes;
    const char *name;
} label;

#define REFUSE(l, text, ...)                                                                       \
    alm_fail(ALM_STATUS_MODEL, "%s: %.*s: " text, (l)->file, (l)->bytes, (l)->name, __VA_ARGS__)

/* ---- One tensor ------------------------------------------------------------------------------ */

static alm_status read_sizes(const label *l, const alm_value *value, const char *what, int *rank,
                             int64_t out[ALM_MAX_RANK])
{
    /* A torch.Size may come as a call with the tuple. */
    if (value->kind == ALM_VALUE_CALL && alm_value_is_global(value->first, "torch", "Size") &&
        value->second->count == 1) {
        value = value->second->item[0];
    }
    if (value->kind != ALM_VALUE_TUPLE || value->count > ALM_MAX_RANK) {
        return REFUSE(l, "its %s is not a tuple of at most %d numbers", what, ALM_MAX_RANK);
    }
    for (size_t i = 0; i < value->count; i++) {
        if (value->item[i]->kind != ALM_VALUE_INT || value->item[i]->integer < 0) {
            return REFUSE(l, "entry %zu of its %s is not a number from 0 on", i, what);
        }
        out[i] = value->item[i]->integer;
    }
    *rank = (int)value->count;
    return ALM_OK;
}

/* Type and entry of the storage that a persistent id names: ("storage", type, key, place, count).
 */
static alm_status find_storage(const archive *a, const label *l, const alm_value *reference,
                               alm_dtype *dtype, int64_t *count, const alm_zip_entry **out)
{
    const alm_value *id = reference->kind == ALM_VALUE_REFERENCE ? reference->first : NULL;
    if (!id || id->kind != ALM_VALUE_TUPLE || id->count != 5 ||
        !alm_value_is_text(id->item[0], "storage") || id->item[1]->kind != ALM_VALUE_GLOBAL ||
        id->item[2]->kind != ALM_VALUE_TEXT || id->item[4]->kind != ALM_VALUE_INT) {
        return REFUSE(l, "its storage is not %s", "(\"storage\", type, key, place, count)");
    }
    const alm_value *type = id->item[1], *key = id->item[2];
    for (size_t i = 0; i < sizeof storages / sizeof storages[0]; i++) {
        if (alm_value_is_global(type, "torch", storages[i].name)) {
            *dtype = storages[i].dtype;
        }
    }
    if (*dtype == ALM_DTYPE_NONE) {
        return REFUSE(l, "its storage is a %.*s.%.*s, which no model has",
                      (int)(type->first->count > 40 ? 40 : type->first->count), type->first->text,
                      (int)(type->second->count > 40 ? 40 : type->second->count),
                      type->second->text);
    }
    char path[ROOT_LIMIT + KEY_LIMIT + 8];
    const int key_bytes = (int)(key->count > KEY_LIMIT ? KEY_LIMIT : key->count);
    memcpy(path, a->root, a->root_bytes);
    memcpy(path + a->root_bytes, "data/", 5);
    memcpy(path + a->root_bytes + 5, key->text, (size_t)key_bytes);
    *out = key->count <= KEY_LIMIT ? alm_zip_find(&a->zip, path, a->root_bytes + 5 + key->count)
                                   : NULL;
    if (!*out) {
        return REFUSE(l, "its storage data/%.*s is not in the file", key_bytes, key->text);
    }
    *count = id->item[4]->integer;
    const size_t size = alm_dtype_size(*dtype);
    if (*count < 0 || (uint64_t)*count > (*out)->bytes / size) {
        return REFUSE(l, "its storage data/%.*s holds %zu bytes, %lld values of %s need %zu each",
                      key_bytes, key->text, (*out)->bytes, (long long)*count,
                      alm_dtype_name(*dtype), size);
    }
    return ALM_OK;
}

/* Every element must lie in the storage, and no more elements than it has. */
static alm_status check_view(const label *l, const alm_stored_tensor *t, int64_t offset,
                             int64_t values)
{
    int64_t last = offset, count = 1;
    bool empty = false, overflow = false;
    for (int i = 0; i < t->desc.rank; i++) {
        int64_t step;
        const int64_t n = t->desc.dim[i];
        empty |= n == 0;
        overflow |= __builtin_mul_overflow(count, n ? n : 1, &count);
        overflow |= __builtin_mul_overflow(n ? n - 1 : 0, t->stride[i], &step);
        overflow |= __builtin_add_overflow(last, step, &last);
    }
    if (overflow || offset < 0 || (empty ? offset > values : last >= values)) {
        char text[ALM_DESC_TEXT];
        return REFUSE(l, "%s from value %lld on leaves its storage of %lld values",
                      overflow ? "its shape" : alm_desc_text(&t->desc, text), (long long)offset,
                      (long long)values);
    }
    if (!empty && count > values) {
        return REFUSE(l, "%lld elements view a storage of %lld values: a value has several places",
                      (long long)count, (long long)values);
    }
    return ALM_OK;
}

/* arguments: of torch._utils._rebuild_tensor_v2: storage, offset, size, stride, requires_grad,
 * hooks. */
static alm_status add_tensor(archive *a, const label *l, const alm_value *key,
                             const alm_value *arguments)
{
    alm_stored_tensor t = {0};
    const alm_zip_entry *entry;
    int64_t values;
    int strides;
    if (arguments->count < 4 || arguments->item[1]->kind != ALM_VALUE_INT) {
        return REFUSE(l, "_rebuild_tensor_v2 with arguments that are not %s",
                      "storage, offset, size and stride");
    }
    ALM_TRY(find_storage(a, l, arguments->item[0], &t.desc.dtype, &values, &entry));
    ALM_TRY(read_sizes(l, arguments->item[2], "size", &t.desc.rank, t.desc.dim));
    ALM_TRY(read_sizes(l, arguments->item[3], "stride", &strides, t.stride));
    if (strides != t.desc.rank) {
        return REFUSE(l, "%d sizes and %d strides", t.desc.rank, strides);
    }
    const int64_t offset = arguments->item[1]->integer;
    ALM_TRY(check_view(l, &t, offset, values));
    t.data = entry->data + (size_t)offset * alm_dtype_size(t.desc.dtype);
    t.storage = a->first_storage + (size_t)(entry - a->zip.entry);
    return alm_tensor_list_add(a->list, a->file, key->text, key->count, &t);
}

/* ---- The dictionary -------------------------------------------------------------------------- */

static bool is_mapping(const alm_value *v)
{
    return v->kind == ALM_VALUE_DICT ||
           (v->kind == ALM_VALUE_CALL &&
            alm_value_is_global(v->first, "collections", "OrderedDict"));
}

static bool is_call(const alm_value *v, const char *name)
{
    return v->kind == ALM_VALUE_CALL && alm_value_is_global(v->first, "torch._utils", name);
}

static alm_status read_entry(archive *a, const alm_value *key, const alm_value *value)
{
    const label l = {
        .file = a->file, .bytes = (int)(key->count > 200 ? 200 : key->count), .name = key->text};
    for (int i = 0;
         i < PARAMETER_DEPTH && value->kind == ALM_VALUE_CALL && value->second->count &&
         (is_call(value, "_rebuild_parameter") || is_call(value, "_rebuild_parameter_with_state"));
         i++) {
        value = value->second->item[0];
    }
    if (is_call(value, "_rebuild_tensor_v2")) {
        return add_tensor(a, &l, key, value->second);
    }
    if (value->kind == ALM_VALUE_CALL && value->first->kind == ALM_VALUE_GLOBAL &&
        alm_value_is_text(value->first->first, "torch._utils")) {
        const alm_value *name = value->first->second;
        return REFUSE(&l, "is made by torch._utils.%.*s, expected a plain tensor",
                      (int)(name->count > 60 ? 60 : name->count), name->text);
    }
    /* A number or an object beside the tensors, such as a module's extra state. */
    return ALM_OK;
}

static alm_status read_dictionary(archive *a, const alm_value *root)
{
    static const char *const wrappers[] = {"module", "state_dict", "module"};
    const size_t begin = a->list->count;
    for (size_t i = 0; i < sizeof wrappers / sizeof wrappers[0]; i++) {
        const alm_value *inside = is_mapping(root) ? alm_value_get(root, wrappers[i]) : NULL;
        root = inside && is_mapping(inside) ? inside : root;
    }
    if (!is_mapping(root)) {
        return alm_fail(ALM_STATUS_MODEL, "%s: holds no dictionary of tensors", a->file);
    }
    for (size_t i = 0; i + 1 < root->count; i += 2) {
        if (root->item[i]->kind == ALM_VALUE_TEXT) {
            ALM_TRY(read_entry(a, root->item[i], root->item[i + 1]));
        }
    }
    if (a->list->count == begin) {
        return alm_fail(ALM_STATUS_MODEL,
                        "%s: no tensor in its dictionary (nor in \"module\" or \"state_dict\")",
                        a->file);
    }
    return alm_tensor_list_sort(a->list, begin, a->file);
}

/* ---- The file -------------------------------------------------------------------------------- */

/* The folder of the only data.pkl. */
static alm_status find_root(archive *a, const alm_zip_entry **pickle)
{
    static const char name[] = "/data.pkl";
    const size_t bytes = sizeof name - 1;
    *pickle = NULL;
    for (size_t i = 0; i < a->zip.count; i++) {
        const alm_zip_entry *e = &a->zip.entry[i];
        if (e->name_bytes <= bytes || memcmp(e->name + e->name_bytes - bytes, name, bytes) != 0) {
            continue;
        }
        if (*pickle) {
            return alm_fail(ALM_STATUS_MODEL, "%s: has several data.pkl", a->file);
        }
        a->root_bytes = e->name_bytes - bytes + 1;
        if (a->root_bytes > ROOT_LIMIT) {
            return alm_fail(ALM_STATUS_MODEL,
                            "%s: its folder's name has %zu bytes, the limit is %d", a->file,
                            a->root_bytes, ROOT_LIMIT);
        }
        memcpy(a->root, e->name, a->root_bytes);
        *pickle = e;
    }
    return *pickle ? ALM_OK
                   : alm_fail(ALM_STATUS_MODEL,
                              "%s: has no data.pkl, expected a file of torch.save", a->file);
}

static alm_status check_byte_order(const archive *a)
{
    char path[ROOT_LIMIT + 16];
    memcpy(path, a->root, a->root_bytes);
    memcpy(path + a->root_bytes, "byteorder", 9);
    const alm_zip_entry *e = alm_zip_find(&a->zip, path, a->root_bytes + 9);
    /* torch writes the entry since 2.1; before, files were little-endian where it mattered. */
    if (e && (e->bytes != 6 || memcmp(e->data, "little", 6) != 0)) {
        return alm_fail(ALM_STATUS_MODEL, "%s: its byteorder is %.*s, expected little", a->file,
                        (int)(e->bytes > 10 ? 10 : e->bytes), (const char *)e->data);
    }
    return ALM_OK;
}

static alm_status read_archive(archive *a)
{
    const alm_zip_entry *entry;
    alm_pickle *pickle;
    char name[512];
    ALM_TRY(find_root(a, &entry));
    ALM_TRY(check_byte_order(a));
    ALM_TRY(alm_zip_check(&a->zip, entry));
    snprintf(name, sizeof name, "%.400s: data.pkl", a->file);
    ALM_TRY(alm_pickle_parse(entry->data, entry->bytes, name, &pickle));
    const alm_status status = read_dictionary(a, alm_pickle_root(pickle));
    alm_pickle_free(pickle);
    return status;
}

alm_status alm_torch_zip_parse(const void *data, size_t bytes, const char *name,
                               alm_tensor_list *list)
{
    archive a = {.file = name, .list = list, .first_storage = list->storages};
    ALM_TRY(alm_zip_parse(data, bytes, name, &a.zip));
    const alm_status status = read_archive(&a);
    list->storages += a.zip.count;
    alm_zip_free(&a.zip);
    return status;
}

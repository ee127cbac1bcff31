/* The file as a whole: opening it, the names of its splits, which of them have an object. */
#include "runtime/input/hdf5_file.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/asset_name.h"
#include "runtime/input/hdf5_parts.h"

static const char *const split_names[3] = {"train", "test", "abandon"};

enum { TRAIN, TEST, ABANDON };

/* Names of a split are read in pieces of about PIECE_BYTES; names of a fixed length have at most
 * FIXED_BYTES. */
enum { PIECE_BYTES = 4 << 20, FIXED_BYTES = 65536, CACHE_BYTES = 2 << 20 };

alm_status almi_texts_add(almi_texts *texts, const char *text, size_t bytes)
{
    size_t need;
    ALM_TRY(alm_add_size(texts->bytes, bytes + 1, "names", &need));
    ALM_TRY(alm_reserve(need, 1, "names", &texts->text, &texts->capacity));
    memcpy(texts->text + texts->bytes, text, bytes);
    texts->text[need - 1] = '\0';
    texts->bytes = need;
    texts->count++;
    return ALM_OK;
}

/* *out: where each text begins; owned by the caller. */
static alm_status index_texts(const almi_texts *texts, size_t **out)
{
    size_t *offset, at = 0;
    ALM_TRY(alm_alloc((size_t)texts->count, sizeof *offset, "names", &offset));
    for (int64_t i = 0; i < texts->count; i++) {
        offset[i] = at;
        at += strlen(texts->text + at) + 1;
    }
    *out = offset;
    return ALM_OK;
}

/* ---- Opening */

/* No plugin is loaded, no link into another file is followed. */
static alm_status set_up_library(void)
{
    if (H5open() < 0 || H5Eset_auto2(H5E_DEFAULT, NULL, NULL) < 0 || H5PLset_loading_state(0) < 0 ||
        H5Lunregister(H5L_TYPE_EXTERNAL) < 0) {
        return alm_fail(ALM_STATUS_INTERNAL, "the HDF5 library cannot be set up");
    }
    return ALM_OK;
}

/* A fixed room for headers and indices: left alone, the library takes hundreds of megabytes for
 * files with many objects, each of which is read once. */
static herr_t set_cache(hid_t access)
{
    H5AC_cache_config_t cache = {.version = H5AC__CURR_CACHE_CONFIG_VERSION};
    if (H5Pget_mdc_config(access, &cache) < 0) {
        return -1;
    }
    cache.set_initial_size = 1;
    cache.initial_size = cache.min_size = cache.max_size = CACHE_BYTES;
    cache.incr_mode = H5C_incr__off;
    cache.flash_incr_mode = H5C_flash_incr__off;
    cache.decr_mode = H5C_decr__off;
    return H5Pset_mdc_config(access, &cache);
}

static alm_status open_file(const char *path, hid_t *out)
{
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    /* Where the file system has no locks, none is taken: the file is only read. */
    if (access < 0 || H5Pset_file_locking(access, 1, 1) < 0 || set_cache(access) < 0) {
        return alm_fail(ALM_STATUS_INTERNAL, "the HDF5 library cannot be set up");
    }
    char reason[200];
    const hid_t id = H5Fopen(path, H5F_ACC_RDONLY, access);
    almi_hdf5_reason(reason, sizeof reason); /* before the next call, which forgets it */
    H5Pclose(access);
    if (id >= 0) {
        *out = id;
        return ALM_OK;
    }
    const htri_t is_hdf5 = H5Fis_hdf5(path);
    almi_hdf5_forget();
    if (is_hdf5 == 0) {
        return alm_fail(ALM_STATUS_SAMPLE, "is not an HDF5 file");
    }
    if (strncmp(reason, "truncated file: ", 16) == 0) {
        return alm_fail(ALM_STATUS_SAMPLE, "is cut short: %s", reason + 16);
    }
    return alm_fail(ALM_STATUS_SAMPLE, "cannot be opened: %s", reason);
}

/* A list of names: one dimension of strings. */
static alm_status open_split(almi_hdf5 *file, hid_t group, int which, int64_t *count)
{
    const almi_place place = {.group = "split", .name = split_names[which]};
    hid_t id;
    ALM_TRY(almi_hdf5_dataset(file, group, &place, &id));
    file->split[which] = id;
    const hid_t type = H5Dget_type(id), space = H5Dget_space(id);
    const H5T_class_t kind = H5Tget_class(type);
    const bool is_variable = H5Tis_variable_str(type) > 0;
    const size_t size = H5Tget_size(type);
    const bool is_simple = H5Sget_simple_extent_type(space) == H5S_SIMPLE;
    const int rank = is_simple ? H5Sget_simple_extent_ndims(space) : 0;
    hsize_t length = 0;
    const bool is_known = type >= 0 && space >= 0 &&
                          (rank != 1 || H5Sget_simple_extent_dims(space, &length, NULL) == 1);
    H5Sclose(space);
    H5Tclose(type);
    if (!is_known) {
        return almi_hdf5_fail(&place, "cannot be read");
    }
    if (kind != H5T_STRING) {
        return almi_place_fail(&place, "holds %s, expected strings", almi_hdf5_class_name(kind));
    }
    if (rank != 1) {
        return almi_place_fail(&place, "has %d dimensions, expected 1", rank);
    }
    if (length > ALM_DATASET_NAMES) {
        return almi_place_fail(&place, "has %llu names, more than %d", (unsigned long long)length,
                               ALM_DATASET_NAMES);
    }
    if (!is_variable && size > FIXED_BYTES) {
        return almi_place_fail(&place, "has names of %zu bytes, more than %d", size, FIXED_BYTES);
    }
    *count = (int64_t)length;
    return ALM_OK;
}

static alm_status open_splits(almi_hdf5 *file, alm_dataset_info *info)
{
    hid_t group;
    ALM_TRY(almi_hdf5_group(file->file, &(almi_place){.group = "", .key = "split"}, &group));
    alm_status status = open_split(file, group, TRAIN, &info->train);
    if (status == ALM_OK) {
        status = open_split(file, group, TEST, &info->test);
    }
    const htri_t abandons =
        status == ALM_OK ? H5Lexists(group, split_names[ABANDON], H5P_DEFAULT) : 0;
    if (abandons < 0) {
        status = almi_hdf5_fail(&(almi_place){.group = "split", .name = split_names[ABANDON]},
                                "cannot be opened");
    }
    if (abandons > 0) {
        status = open_split(file, group, ABANDON, &info->abandon);
    }
    H5Gclose(group);
    return status;
}

/* ids of the library live until the process ends, so that only memory is given back on errors. */
static alm_status open_all(almi_hdf5 *file, const char *path, alm_dataset_info *info)
{
    ALM_TRY(set_up_library());
    ALM_TRY(open_file(path, &file->file));
    file->access = H5Pcreate(H5P_DATASET_ACCESS);
    /* Chunks are read once and whole: no cache for them. */
    if (file->access < 0 || H5Pset_chunk_cache(file->access, 1, 0, 1.0) < 0) {
        return alm_fail(ALM_STATUS_INTERNAL, "the HDF5 library cannot be set up");
    }
    ALM_TRY(open_splits(file, info));
    return almi_hdf5_group(file->file, &(almi_place){.group = "", .key = "objs"}, &file->objs);
}

alm_status almi_hdf5_count_objects(const almi_hdf5 *file, int64_t *out)
{
    const almi_place place = {.group = "", .key = "objs"};
    H5G_info_t about;
    if (H5Gget_info(file->objs, &about) < 0) {
        return almi_hdf5_fail(&place, "cannot be read");
    }
    if (about.nlinks > ALM_DATASET_NAMES) {
        return almi_place_fail(&place, "has %llu objects, more than %d",
                               (unsigned long long)about.nlinks, ALM_DATASET_NAMES);
    }
    *out = (int64_t)about.nlinks;
    return ALM_OK;
}

alm_status almi_hdf5_open(const char *path, bool lineart_first, size_t memory_bytes,
                          alm_dataset_info *info, almi_hdf5 **out)
{
    almi_hdf5 *file;
    alm_dataset_info found = {0};
    ALM_TRY(alm_calloc(1, sizeof *file, "a dataset", &file));
    file->split[ABANDON] = H5I_INVALID_HID;
    file->lineart_first = lineart_first;
    file->memory_bytes = memory_bytes;
    const alm_status status = open_all(file, path, &found);
    if (status != ALM_OK) {
        alm_free(file);
        return status;
    }
    *info = found;
    *out = file;
    return ALM_OK;
}

/* ---- Names of a split */

typedef alm_status take_name_fn(void *context, char *text, size_t bytes);

typedef struct name_reader {
    const almi_place *place;
    hid_t dataset, type; /* the file's own type, so that the bytes come as they are stored */
    bool is_variable, ends_at_nul;
    size_t size; /* of an element in memory */
    take_name_fn *take;
    void *context;
} name_reader;

/* `count` elements at buffer, of which the first is number `first`. */
static alm_status take_names(const name_reader *r, char *buffer, hsize_t first, hsize_t count)
{
    for (hsize_t i = 0; i < count; i++) {
        char *text = buffer + i * r->size;
        size_t bytes = r->size;
        if (r->is_variable) {
            memcpy(&text, buffer + i * r->size, sizeof text);
            static char none[1];
            text = text ? text : none;
            bytes = strlen(text);
        } else if (r->ends_at_nul) {
            bytes = strnlen(text, bytes);
        }
        bytes = alm_asset_decode(&text, bytes);
        if (bytes > ALM_DATASET_NAME_BYTES) {
            return almi_place_fail(r->place, "name %llu has %zu bytes, more than %d",
                                   (unsigned long long)(first + i), bytes, ALM_DATASET_NAME_BYTES);
        }
        ALM_TRY(r->take(r->context, text, bytes));
    }
    return ALM_OK;
}

static alm_status read_piece(const name_reader *r, hid_t space, char *buffer, hsize_t first,
                             hsize_t count)
{
    const hid_t memory = H5Screate_simple(1, &count, NULL);
    alm_status status = ALM_OK;
    if (memory < 0 || H5Sselect_hyperslab(space, H5S_SELECT_SET, &first, NULL, &count, NULL) < 0 ||
        H5Dread(r->dataset, r->type, memory, space, H5P_DEFAULT, buffer) < 0) {
        status = almi_hdf5_read_failed(r->dataset, r->place);
    } else {
        status = take_names(r, buffer, first, count);
        if (r->is_variable && H5Dvlen_reclaim(r->type, memory, H5P_DEFAULT, buffer) < 0) {
            status = status != ALM_OK ? status : almi_hdf5_fail(r->place, "cannot be read");
        }
    }
    H5Sclose(memory);
    return status;
}

static alm_status read_names(const almi_hdf5 *file, int which, take_name_fn *take, void *context)
{
    const almi_place place = {.group = "split", .name = split_names[which]};
    name_reader r = {
        .place = &place, .dataset = file->split[which], .take = take, .context = context};
    const hid_t space = H5Dget_space(r.dataset);
    r.type = H5Dget_type(r.dataset);
    r.size = H5Tget_size(r.type);
    r.is_variable = H5Tis_variable_str(r.type) > 0;
    r.ends_at_nul = H5Tget_strpad(r.type) == H5T_STR_NULLTERM;
    hsize_t total = 0;
    char *buffer = NULL;
    alm_status status = ALM_OK;
    if (space < 0 || r.size == 0 || H5Sget_simple_extent_dims(space, &total, NULL) != 1) {
        status = almi_hdf5_fail(&place, "cannot be read");
    }
    const hsize_t piece = PIECE_BYTES / (r.size ? r.size : 1);
    if (status == ALM_OK) {
        status = alm_alloc((size_t)piece, r.size, "names", &buffer);
    }
    for (hsize_t first = 0; status == ALM_OK && first < total; first += piece) {
        const hsize_t left = total - first;
        status = read_piece(&r, space, buffer, first, left < piece ? left : piece);
    }
    alm_free(buffer);
    H5Tclose(r.type);
    H5Sclose(space);
    return status;
}

/* ---- Which names are samples */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The abandoned names, sorted: found by bsearch. */
typedef struct abandon {
    almi_texts names;
    const char **sorted;
} abandon;

static alm_status take_abandoned(void *context, char *text, size_t bytes)
{
    abandon *a = context;
    if (memchr(text, '\0', bytes)) {
        return ALM_OK; /* no object has such a name */
    }
    return almi_texts_add(&a->names, text, bytes);
}

static alm_status read_abandon(const almi_hdf5 *file, abandon *a)
{
    if (file->split[ABANDON] < 0) {
        return ALM_OK;
    }
    ALM_TRY(read_names(file, ABANDON, take_abandoned, a));
    ALM_TRY(alm_alloc((size_t)a->names.count, sizeof *a->sorted, "names", &a->sorted));
    const char *at = a->names.text;
    for (int64_t i = 0; i < a->names.count; i++) {
        a->sorted[i] = at;
        at += strlen(at) + 1;
    }
    if (a->names.count > 0) {
        qsort(a->sorted, (size_t)a->names.count, sizeof *a->sorted, compare_texts);
    }
    return ALM_OK;
}

typedef struct object_list {
    almi_texts *texts;
    alm_status status;
} object_list;

static herr_t take_object(hid_t group, const char *name, const H5L_info_t *link, void *context)
{
    object_list *list = context;
    /* A soft link counts when it leads somewhere; one that breaks does, and reading it says why. */
    if (link->type == H5L_TYPE_SOFT && H5Oexists_by_name(group, name, H5P_DEFAULT) == 0) {
        return 0;
    }
    if (list->texts->bytes > ALMI_NAMES_LIMIT || list->texts->count >= ALM_DATASET_NAMES) {
        list->status = alm_fail(ALM_STATUS_SAMPLE,
                                "objs: more than %d objects or %zu bytes of "
                                "names",
                                ALM_DATASET_NAMES, ALMI_NAMES_LIMIT);
    } else {
        list->status = almi_texts_add(list->texts, name, strlen(name));
    }
    return list->status == ALM_OK ? 0 : -1;
}

/* One walk over the links is much faster than a look for every name. They come in strcmp's order;
 * in a broken file they may not, and then some are not found. */
static alm_status list_objects(almi_hdf5 *file)
{
    if (file->object) {
        return ALM_OK;
    }
    object_list list = {.texts = &file->objects};
    file->objects.bytes = 0;
    file->objects.count = 0;
    hsize_t at = 0;
    if (H5Literate(file->objs, H5_INDEX_NAME, H5_ITER_INC, &at, take_object, &list) < 0) {
        return list.status != ALM_OK
                   ? list.status
                   : almi_hdf5_fail(&(almi_place){.group = "", .key = "objs"}, "cannot be read");
    }
    almi_hdf5_forget();
    return index_texts(&file->objects, &file->object);
}

static bool has_object(const almi_hdf5 *file, const char *key)
{
    int64_t low = 0, high = file->objects.count;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const int order = strcmp(file->objects.text + file->object[middle], key);
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

typedef struct split_list {
    const almi_hdf5 *file;
    const abandon *abandon;
    almi_texts *lists; /* [ALMI_LISTS] */
} split_list;

static alm_status take_listed(void *context, char *text, size_t bytes)
{
    const split_list *s = context;
    bool is_name = true;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '\0') { /* no object has such a name; it is shown with a mark instead */
            is_name = false;
            text[i] = '?';
        }
    }
    /* The list needs a NUL, which the buffer of a fixed-length name may lack. */
    almi_texts *keys = &s->lists[ALMI_KEYS];
    ALM_TRY(almi_texts_add(keys, text, bytes));
    char *name = keys->text + keys->bytes - bytes - 1;
    int list = ALMI_KEYS;
    if (!is_name) {
        list = ALMI_MISSING;
    } else if (s->abandon->names.count > 0 &&
               bsearch(&name, s->abandon->sorted, (size_t)s->abandon->names.count,
                       sizeof *s->abandon->sorted, compare_texts)) {
        list = ALMI_ABANDONED;
    } else {
        alm_asset_key(name, bytes);
        list = has_object(s->file, name) ? ALMI_KEYS : ALMI_MISSING;
    }
    if (list != ALMI_KEYS) {
        keys->bytes -= bytes + 1;
        keys->count--;
        ALM_TRY(almi_texts_add(&s->lists[list], text, bytes));
    }
    if (s->lists[ALMI_KEYS].bytes + s->lists[list].bytes > ALMI_NAMES_LIMIT) {
        return alm_fail(ALM_STATUS_SAMPLE, "split: the names have more than %zu bytes",
                        ALMI_NAMES_LIMIT);
    }
    return ALM_OK;
}

alm_status almi_hdf5_list(almi_hdf5 *file, const char *split, almi_texts lists[ALMI_LISTS])
{
    const int which = strcmp(split, split_names[TRAIN]) == 0 ? TRAIN : TEST;
    ALM_TRY(list_objects(file));
    abandon a = {0};
    alm_status status = read_abandon(file, &a);
    if (status == ALM_OK) {
        split_list s = {.file = file, .abandon = &a, .lists = lists};
        status = read_names(file, which, take_listed, &s);
    }
    alm_free(a.sorted);
    alm_free(a.names.text);
    return status;
}

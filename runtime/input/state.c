/* The tensors of a model folder (state.h): finds the file, maps it, has its container read, and
 * copies the few tensors that cannot be used as they lie.
 *
 * Refused here: several .pt files, shards that do not fit the index, and copies that take far more
 * memory than the file.
 */
#include "runtime/input/state.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "kernels/core/memory.h"
#include "kernels/core/numeric.h"
#include "runtime/input/file_map.h"
#include "runtime/input/safetensors.h"
#include "runtime/input/text_file.h"
#include "runtime/input/torch_zip.h"

/* Copies (of what is not packed, not aligned or in a format that no kernel reads) may take this
 * many times the files' size: F16 to F32 takes 2, and tied tensors take theirs each. */
enum { COPY_FACTOR = 4 };

static const char index_suffix[] = ".safetensors.index.json";

struct alm_state {
    char *path;
    alm_file_map *map; /* [maps] */
    size_t maps;
    alm_tensor_list list; /* owns the names */
    alm_state_tensor *tensor;
    void **copy; /* [copies] */
    size_t copies, copy_capacity, copied_bytes;
    size_t file_bytes;
};

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* ---- Values ---------------------------------------------------------------------------------- */

/* One element as it is, or as float32 where the format is one that no kernel reads. */
static void copy_element(alm_dtype stored, const uint8_t *from, uint8_t *to)
{
    if (stored == ALM_DTYPE_F16) {
        uint16_t half;
        memcpy(&half, from, sizeof half);
        const float value = alm_f16_to_f32(half);
        memcpy(to, &value, sizeof value);
    } else if (stored == ALM_DTYPE_F64) {
        double wide;
        memcpy(&wide, from, sizeof wide);
        const float value = (float)wide;
        memcpy(to, &value, sizeof value);
    } else {
        memcpy(to, from, alm_dtype_size(stored));
    }
}

/* Row-major walk over all elements; a counter a dimension. */
static void copy_elements(const alm_stored_tensor *t, size_t to_size, uint8_t *to)
{
    int64_t at[ALM_MAX_RANK] = {0};
    const size_t size = alm_dtype_size(t->desc.dtype);
    const int64_t count = alm_desc_count(&t->desc);
    int64_t offset = 0;
    for (int64_t i = 0; i < count; i++) {
        copy_element(t->desc.dtype, t->data + (size_t)offset * size, to);
        to += to_size;
        for (int k = t->desc.rank - 1; k >= 0; k--) {
            offset += t->stride[k];
            if (++at[k] < t->desc.dim[k]) {
                break;
            }
            offset -= t->stride[k] * t->desc.dim[k];
            at[k] = 0;
        }
    }
}

static alm_status copy_tensor(alm_state *s, const alm_stored_tensor *from, alm_state_tensor *to)
{
    size_t bytes;
    void *block;
    ALM_TRY(alm_desc_bytes(&to->desc, to->name, &bytes));
    if (bytes > COPY_FACTOR * s->file_bytes - s->copied_bytes) {
        return alm_fail(ALM_STATUS_MODEL,
                        "%s: %s: tensors that are strided, not aligned or of another format take "
                        "more than %d times the file's %zu bytes",
                        s->path, to->name, COPY_FACTOR, s->file_bytes);
    }
    ALM_TRY(alm_reserve(s->copies + 1, sizeof *s->copy, "copies of tensors", &s->copy,
                        &s->copy_capacity));
    ALM_TRY(alm_alloc(bytes, 1, to->name, &block));
    s->copy[s->copies++] = block;
    s->copied_bytes += bytes;
    copy_elements(from, alm_dtype_size(to->desc.dtype), block);
    to->data = block;
    return ALM_OK;
}

static alm_status take_tensor(alm_state *s, const alm_stored_tensor *from, alm_state_tensor *to)
{
    const alm_dtype stored = from->desc.dtype;
    const bool is_read = stored != ALM_DTYPE_F16 && stored != ALM_DTYPE_F64;
    *to = (alm_state_tensor){.name = from->name,
                             .desc = from->desc,
                             .data = from->data,
                             .stored = stored,
                             .storage = from->storage};
    if (!is_read) {
        to->desc.dtype = ALM_DTYPE_F32;
    }
    const bool is_aligned = (uintptr_t)from->data % alm_dtype_size(stored) == 0;
    return is_read && is_aligned && alm_stored_tensor_is_packed(from) ? ALM_OK
                                                                      : copy_tensor(s, from, to);
}

static alm_status take_tensors(alm_state *s)
{
    ALM_TRY(alm_tensor_list_sort(&s->list, 0, s->path));
    ALM_TRY(alm_alloc(s->list.count, sizeof *s->tensor, "tensors", &s->tensor));
    for (size_t i = 0; i < s->list.count; i++) {
        ALM_TRY(take_tensor(s, &s->list.tensor[i], &s->tensor[i]));
    }
    return ALM_OK;
}

/* ---- Files ----------------------------------------------------------------------------------- */

static alm_status map_files(alm_state *s, size_t count)
{
    return alm_calloc(count, sizeof *s->map, "maps of files", &s->map);
}

static alm_status map_file(alm_state *s, const char *path, const alm_file_map **out)
{
    alm_file_map *map = &s->map[s->maps];
    ALM_TRY(alm_file_map_open(path, map));
    s->maps++;
    s->file_bytes += map->bytes;
    *out = map;
    return ALM_OK;
}

static alm_status read_single(alm_state *s, bool is_torch)
{
    const alm_file_map *map;
    ALM_TRY(map_files(s, 1));
    ALM_TRY(map_file(s, s->path, &map));
    return is_torch ? alm_torch_zip_parse(map->data, map->bytes, s->path, &s->list)
                    : alm_safetensors_parse(map->data, map->bytes, s->path, &s->list);
}

static alm_status read_shard(alm_state *s, const alm_shard_index *index, size_t file,
                             const char *path)
{
    const size_t begin = s->list.count;
    const alm_file_map *map;
    ALM_TRY(map_file(s, path, &map));
    ALM_TRY(alm_safetensors_parse(map->data, map->bytes, path, &s->list));
    for (size_t i = begin; i < s->list.count; i++) {
        const char *name = s->list.tensor[i].name;
        alm_shard_place *place = alm_shard_index_find(index, name);
        if (!place) {
            return alm_fail(ALM_STATUS_MODEL, "%s: tensor %s is not in the index %s", path, name,
                            s->path);
        }
        if (place->file != file) {
            return alm_fail(ALM_STATUS_MODEL, "%s: tensor %s is here, the index puts it into %s",
                            path, name, index->file[place->file]);
        }
        place->found = true;
    }
    return ALM_OK;
}

static alm_status refuse_folder(const char *folder)
{
    return alm_fail(errno == ENOMEM ? ALM_STATUS_MEMORY : ALM_STATUS_MODEL, "%s: %s", folder,
                    strerror(errno));
}

/* A shard of another save would be forgotten silently: model-*.safetensors must be in the index. */
static alm_status check_extra_shards(const char *folder, const alm_shard_index *index)
{
    DIR *dir = opendir(folder);
    if (!dir) {
        return refuse_folder(folder);
    }
    alm_status status = ALM_OK;
    for (struct dirent *e; status == ALM_OK && (e = readdir(dir)) != NULL;) {
        bool known = strncmp(e->d_name, "model-", 6) != 0 || !ends_with(e->d_name, ".safetensors");
        for (size_t i = 0; !known && i < index->files; i++) {
            known = strcmp(e->d_name, index->file[i]) == 0;
        }
        if (!known) {
            status = alm_fail(ALM_STATUS_MODEL, "%s/%s: a shard that the index does not name",
                              folder, e->d_name);
        }
    }
    closedir(dir);
    return status;
}

static alm_status read_shards(alm_state *s, const char *folder, const alm_shard_index *index)
{
    ALM_TRY(check_extra_shards(folder, index));
    ALM_TRY(map_files(s, index->files));
    for (size_t i = 0; i < index->files; i++) {
        char *path;
        ALM_TRY(alm_path_join(folder, index->file[i], &path));
        const alm_status status = read_shard(s, index, i, path);
        alm_free(path);
        ALM_TRY(status);
    }
    for (size_t i = 0; i < index->places; i++) {
        if (!index->place[i].found) {
            return alm_fail(ALM_STATUS_MODEL, "%s: tensor %s is not in %s", s->path,
                            index->place[i].tensor, index->file[index->place[i].file]);
        }
    }
    return ALM_OK;
}

static alm_status read_index(alm_state *s)
{
    alm_file_map map = {0};
    alm_shard_index index;
    char *folder;
    ALM_TRY(alm_file_map_open(s->path, &map));
    alm_status status = alm_shard_index_parse(map.data, map.bytes, s->path, &index);
    alm_file_map_close(&map);
    ALM_TRY(status);
    const char *slash = strrchr(s->path, '/');
    status = alm_strdup(slash ? s->path : ".", "path", &folder);
    if (status == ALM_OK) {
        if (slash) {
            folder[slash == s->path ? 1 : slash - s->path] = '\0';
        }
        status = read_shards(s, folder, &index);
        alm_free(folder);
    }
    alm_shard_index_free(&index);
    return status;
}

static alm_status read_file(alm_state *s)
{
    static const char *const torch_ends[] = {".pt", ".pth", ".bin"};
    for (size_t i = 0; i < sizeof torch_ends / sizeof torch_ends[0]; i++) {
        if (ends_with(s->path, torch_ends[i])) {
            return read_single(s, true);
        }
    }
    if (ends_with(s->path, ".safetensors")) {
        return read_single(s, false);
    }
    if (ends_with(s->path, index_suffix)) {
        return read_index(s);
    }
    return alm_fail(ALM_STATUS_MODEL, "%s: is no state file, expected .pt, .safetensors or %s",
                    s->path, index_suffix);
}

/* ---- Search ---------------------------------------------------------------------------------- */

/* Looks for NAME.pt in a folder, which may be absent; *found: the path of the only one. */
static alm_status find_torch_file(const char *folder, char **found)
{
    DIR *dir = opendir(folder);
    if (!dir) {
        return errno == ENOENT || errno == ENOTDIR ? ALM_OK : refuse_folder(folder);
    }
    alm_status status = ALM_OK;
    for (struct dirent *e; status == ALM_OK && (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.' || !ends_with(e->d_name, ".pt")) {
            continue;
        }
        if (*found) {
            status = alm_fail(ALM_STATUS_MODEL,
                              "%s/%s: another state file beside %s; name the one to read", folder,
                              e->d_name, *found);
        } else {
            status = alm_path_join(folder, e->d_name, found);
        }
    }
    closedir(dir);
    return status;
}

static bool exists(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0;
}

static alm_status find_file(const char *folder, char **out)
{
    static const char *const names[] = {"model.safetensors.index.json", "model.safetensors"};
    char *below, *found = NULL;
    ALM_TRY(alm_path_join(folder, "pytorch_model", &below));
    alm_status status = find_torch_file(below, &found);
    alm_free(below);
    if (status == ALM_OK) {
        status = find_torch_file(folder, &found);
    }
    for (size_t i = 0; status == ALM_OK && !found && i < sizeof names / sizeof names[0]; i++) {
        status = alm_path_join(folder, names[i], &found);
        if (status == ALM_OK && !exists(found)) {
            alm_free(found);
            found = NULL;
        }
    }
    if (status == ALM_OK && !found) {
        status = alm_fail(ALM_STATUS_MODEL,
                          "%s: no state file, expected pytorch_model/*.pt, *.pt, %s or %s", folder,
                          names[0], names[1]);
    }
    if (status != ALM_OK) {
        alm_free(found);
        return status;
    }
    *out = found;
    return ALM_OK;
}

static alm_status open_state(const char *folder, alm_state *s)
{
    struct stat about;
    if (stat(folder, &about) != 0) {
        return alm_fail(ALM_STATUS_MODEL, "%s: %s", folder, strerror(errno));
    }
    if (S_ISDIR(about.st_mode)) {
        ALM_TRY(find_file(folder, &s->path));
    } else {
        ALM_TRY(alm_strdup(folder, "path", &s->path));
    }
    ALM_TRY(read_file(s));
    return take_tensors(s);
}

alm_status alm_state_open(const char *folder, alm_state **out)
{
    alm_state *state;
    ALM_TRY(alm_calloc(1, sizeof *state, "state", &state));
    const alm_status status = open_state(folder, state);
    if (status != ALM_OK) {
        alm_state_close(state);
        return alm_fail_param(status, "model");
    }
    *out = state;
    return ALM_OK;
}

void alm_state_close(alm_state *state)
{
    if (!state) {
        return;
    }
    for (size_t i = 0; i < state->copies; i++) {
        alm_free(state->copy[i]);
    }
    for (size_t i = 0; i < state->maps; i++) {
        alm_file_map_close(&state->map[i]);
    }
    alm_tensor_list_free(&state->list);
    alm_free(state->copy);
    alm_free(state->tensor);
    alm_free(state->map);
    alm_free(state->path);
    alm_free(state);
}

/* ---- Queries --------------------------------------------------------------------------------- */

int alm_state_count(const alm_state *state)
{
    return (int)state->list.count;
}

const alm_state_tensor *alm_state_at(const alm_state *state, int index)
{
    return &state->tensor[index];
}

static int by_name(const void *key, const void *tensor)
{
    return strcmp(key, ((const alm_state_tensor *)tensor)->name);
}

const alm_state_tensor *alm_state_find(const alm_state *state, const char *name)
{
    return bsearch(name, state->tensor, state->list.count, sizeof *state->tensor, by_name);
}

int alm_state_index(const alm_state *state, const char *name)
{
    const alm_state_tensor *t = alm_state_find(state, name);
    return t ? (int)(t - state->tensor) : -1;
}

const char *alm_state_path(const alm_state *state)
{
    return state->path;
}

size_t alm_state_file_bytes(const alm_state *state)
{
    return state->file_bytes;
}

void alm_state_prefetch(const alm_state *state)
{
    for (size_t i = 0; i < state->maps; i++) {
        posix_madvise((void *)(uintptr_t)state->map[i].data, state->map[i].bytes,
                      POSIX_MADV_WILLNEED);
    }
}

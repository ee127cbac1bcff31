/* Writes state files of torch (torch_write.h): the pickle, the entries of the zip, its directory.
 */
#include "runtime/output/torch_write.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "kernels/core/memory.h"
#include "runtime/output/buffer.h"
#include "runtime/output/file_write.h"

/* Zip records (APPNOTE.TXT 4.3) and where torch puts storages. */
enum {
    LOCAL_BYTES = 30,
    CENTRAL_BYTES = 46,
    EXTRA_HEADER = 4,
    EXTRA_PADDING = 0x4246, /* "FB", torch's own field */
    EXTRA_ZIP64 = 1,
    STORAGE_MULTIPLE = 64,
    VERSION = 45, /* of zip, that knows zip64 */
    CRC_AT = 14   /* in a local header */
};
static const uint64_t largest_u32 = 0xFFFFFFFF;

typedef struct entry {
    char name[96];
    uint64_t at, bytes; /* of its local header; of its data */
    uint32_t crc;
} entry;

struct alm_torch_writer {
    alm_file_write *file;
    char root[64];
    const alm_tensor_entry *tensors;
    size_t count;
    size_t *storage; /* [count]: number of the tensor's storage */
    size_t storages;
    entry *written; /* [written_count] */
    size_t written_count, written_capacity;
    size_t next, opened; /* tensor to look at next; storages that were opened */
    uint64_t left;       /* bytes that the open storage lacks */
};

/* ---- Pickle ---------------------------------------------------------------------------------- */

static void put_string(alm_buffer *b, const char *text)
{
    alm_buffer_text(b, "X");
    alm_buffer_number(b, strlen(text), 4);
    alm_buffer_text(b, text);
}

/* BININT where it fits, else LONG1 of eight bytes. */
static void put_integer(alm_buffer *b, int64_t value)
{
    const bool is_short = value >= INT32_MIN && value <= INT32_MAX;
    alm_buffer_text(b, is_short ? "J" : "\x8A\x08");
    alm_buffer_number(b, (uint64_t)value, is_short ? 4 : 8);
}

static const char *storage_type(alm_dtype dtype)
{
    switch (dtype) {
    case ALM_DTYPE_BF16: return "BFloat16Storage";
    case ALM_DTYPE_F16: return "HalfStorage";
    case ALM_DTYPE_F32: return "FloatStorage";
    case ALM_DTYPE_F64: return "DoubleStorage";
    case ALM_DTYPE_I64: return "LongStorage";
    case ALM_DTYPE_I32: return "IntStorage";
    case ALM_DTYPE_I16: return "ShortStorage";
    case ALM_DTYPE_I8: return "CharStorage";
    case ALM_DTYPE_U8: return "ByteStorage";
    case ALM_DTYPE_BOOL: return "BoolStorage";
    case ALM_DTYPE_NONE: break;
    }
    return NULL;
}

/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks) */
static void put_tensor(alm_buffer *b, const alm_desc *desc, size_t storage)
{
    char key[24];
    snprintf(key, sizeof key, "%zu", storage);
    alm_buffer_text(b, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_string(b, "storage");
    alm_buffer_text(b, "ctorch\n");
    alm_buffer_text(b, storage_type(desc->dtype));
    alm_buffer_text(b, "\n");
    put_string(b, key);
    put_string(b, "cpu");
    put_integer(b, alm_desc_count(desc));
    alm_buffer_text(b, "tQ");
    put_integer(b, 0);
    alm_buffer_text(b, "(");
    for (int i = 0; i < desc->rank; i++) {
        put_integer(b, desc->dim[i]);
    }
    alm_buffer_text(b, "t(");
    for (int i = 0; i < desc->rank; i++) {
        int64_t stride = 1;
        for (int k = i + 1; k < desc->rank; k++) {
            stride *= desc->dim[k];
        }
        put_integer(b, stride);
    }
    alm_buffer_text(b, "t\x89"
                       "ccollections\nOrderedDict\n)RtR");
}

static void put_pickle(alm_buffer *b, const alm_torch_writer *w)
{
    alm_buffer_text(b, "\x80\x02}(");
    put_string(b, "module");
    alm_buffer_text(b, "ccollections\nOrderedDict\n)R(");
    for (size_t i = 0; i < w->count; i++) {
        put_string(b, w->tensors[i].name);
        put_tensor(b, &w->tensors[i].desc, w->storage[i]);
    }
    alm_buffer_text(b, "u");
    put_string(b, "optimizer");
    alm_buffer_text(b, "N");
    put_string(b, "global_steps");
    put_integer(b, 1);
    alm_buffer_text(b, "u.");
}

/* ---- Zip ------------------------------------------------------------------------------------- */

static alm_status flush(alm_torch_writer *w, alm_buffer *b)
{
    alm_status status = b->status;
    if (status == ALM_OK) {
        status = alm_file_write_add(w->file, b->data, b->count);
    }
    alm_buffer_free(b);
    return status;
}

/* Writes the local header of an entry; its CRC comes when its data are known. */
static alm_status open_entry(alm_torch_writer *w, const char *name, uint64_t bytes)
{
    alm_buffer b = {0};
    ALM_TRY(alm_reserve(w->written_count + 1, sizeof *w->written, "entries of a zip file",
                        &w->written, &w->written_capacity));
    entry *e = &w->written[w->written_count];
    *e = (entry){.at = alm_file_write_size(w->file), .bytes = bytes};
    snprintf(e->name, sizeof e->name, "%s/%s", w->root, name);
    /* A storage of 4 GB and more needs 64-bit sizes. */
    const bool is_large = bytes >= largest_u32;
    const size_t fixed =
        LOCAL_BYTES + strlen(e->name) + (is_large ? EXTRA_HEADER + 16 : 0u) + EXTRA_HEADER;
    const size_t padding =
        (STORAGE_MULTIPLE - (e->at + fixed) % STORAGE_MULTIPLE) % STORAGE_MULTIPLE;
    alm_buffer_text(&b, "PK\3\4");
    alm_buffer_number(&b, VERSION, 2);
    alm_buffer_number(&b, 0, 2); /* flags */
    alm_buffer_number(&b, 0, 2); /* stored */
    alm_buffer_number(&b, 0, 4); /* time, date: the same file every time */
    alm_buffer_number(&b, 0, 4); /* CRC */
    alm_buffer_number(&b, is_large ? largest_u32 : bytes, 4);
    alm_buffer_number(&b, is_large ? largest_u32 : bytes, 4);
    alm_buffer_number(&b, strlen(e->name), 2);
    alm_buffer_number(&b, fixed - LOCAL_BYTES - strlen(e->name) + padding, 2);
    alm_buffer_text(&b, e->name);
    if (is_large) {
        alm_buffer_number(&b, EXTRA_ZIP64, 2);
        alm_buffer_number(&b, 16, 2);
        alm_buffer_number(&b, bytes, 8);
        alm_buffer_number(&b, bytes, 8);
    }
    alm_buffer_number(&b, EXTRA_PADDING, 2);
    alm_buffer_number(&b, padding, 2);
    for (size_t i = 0; i < padding; i++) {
        alm_buffer_text(&b, "Z");
    }
    ALM_TRY(flush(w, &b));
    w->written_count++;
    return ALM_OK;
}

static alm_status add_to_entry(alm_torch_writer *w, const void *data, size_t bytes)
{
    entry *e = &w->written[w->written_count - 1];
    e->crc = (uint32_t)crc32_z(e->crc, data, bytes);
    return alm_file_write_add(w->file, data, bytes);
}

static alm_status close_entry(alm_torch_writer *w)
{
    const entry *e = &w->written[w->written_count - 1];
    uint8_t crc[4];
    for (int i = 0; i < 4; i++) {
        crc[i] = (uint8_t)(e->crc >> 8 * i);
    }
    return alm_file_write_patch(w->file, e->at + CRC_AT, crc, sizeof crc);
}

static alm_status write_entry(alm_torch_writer *w, const char *name, const void *data, size_t bytes)
{
    ALM_TRY(open_entry(w, name, bytes));
    ALM_TRY(add_to_entry(w, data, bytes));
    return close_entry(w);
}

static void put_central(alm_buffer *b, const entry *e)
{
    const bool is_large = e->bytes >= largest_u32, is_far = e->at >= largest_u32;
    const uint64_t wide = (is_large ? 16u : 0u) + (is_far ? 8u : 0u);
    alm_buffer_text(b, "PK\1\2");
    alm_buffer_number(b, VERSION, 2);
    alm_buffer_number(b, VERSION, 2);
    alm_buffer_number(b, 0, 2); /* flags */
    alm_buffer_number(b, 0, 2); /* stored */
    alm_buffer_number(b, 0, 4); /* time, date */
    alm_buffer_number(b, e->crc, 4);
    alm_buffer_number(b, is_large ? largest_u32 : e->bytes, 4);
    alm_buffer_number(b, is_large ? largest_u32 : e->bytes, 4);
    alm_buffer_number(b, strlen(e->name), 2);
    alm_buffer_number(b, wide ? EXTRA_HEADER + wide : 0, 2);
    alm_buffer_number(b, 0, 2); /* comment */
    alm_buffer_number(b, 0, 2); /* disk */
    alm_buffer_number(b, 0, 2); /* internal attributes */
    alm_buffer_number(b, 0, 4); /* external attributes */
    alm_buffer_number(b, is_far ? largest_u32 : e->at, 4);
    alm_buffer_text(b, e->name);
    if (wide) {
        alm_buffer_number(b, EXTRA_ZIP64, 2);
        alm_buffer_number(b, wide, 2);
    }
    if (is_large) {
        alm_buffer_number(b, e->bytes, 8);
        alm_buffer_number(b, e->bytes, 8);
    }
    if (is_far) {
        alm_buffer_number(b, e->at, 8);
    }
}

/* The zip64 records are always there, as in torch's own files. */
static alm_status write_directory(alm_torch_writer *w)
{
    alm_buffer b = {0};
    const uint64_t begin = alm_file_write_size(w->file), count = w->written_count;
    for (size_t i = 0; i < w->written_count; i++) {
        put_central(&b, &w->written[i]);
    }
    const uint64_t bytes = b.count;
    alm_buffer_text(&b, "PK\6\6");
    alm_buffer_number(&b, 44, 8); /* bytes that follow */
    alm_buffer_number(&b, VERSION, 2);
    alm_buffer_number(&b, VERSION, 2);
    alm_buffer_number(&b, 0, 8); /* disks */
    alm_buffer_number(&b, count, 8);
    alm_buffer_number(&b, count, 8);
    alm_buffer_number(&b, bytes, 8);
    alm_buffer_number(&b, begin, 8);
    alm_buffer_text(&b, "PK\6\7");
    alm_buffer_number(&b, 0, 4); /* disk */
    alm_buffer_number(&b, begin + bytes, 8);
    alm_buffer_number(&b, 1, 4); /* disks */
    alm_buffer_text(&b, "PK\5\6");
    alm_buffer_number(&b, 0, 4); /* disks */
    alm_buffer_number(&b, count > 0xFFFF ? 0xFFFF : count, 2);
    alm_buffer_number(&b, count > 0xFFFF ? 0xFFFF : count, 2);
    alm_buffer_number(&b, bytes > largest_u32 ? largest_u32 : bytes, 4);
    alm_buffer_number(&b, begin > largest_u32 ? largest_u32 : begin, 4);
    alm_buffer_number(&b, 0, 2); /* comment */
    return flush(w, &b);
}

/* ---- The writer ------------------------------------------------------------------------------ */

/* Numbers the storages; tensors with the same data share one. */
static alm_status number_storages(alm_torch_writer *w)
{
    ALM_TRY(alm_alloc(w->count, sizeof *w->storage, "storages", &w->storage));
    for (size_t i = 0; i < w->count; i++) {
        size_t same = 0;
        if (!storage_type(w->tensors[i].desc.dtype)) {
            return alm_fail(ALM_STATUS_INTERNAL, "tensor %s has no type", w->tensors[i].name);
        }
        while (same < i && (!w->tensors[i].data || w->tensors[same].data != w->tensors[i].data)) {
            same++;
        }
        w->storage[i] = same < i ? w->storage[same] : w->storages++;
    }
    return ALM_OK;
}

/* torch names the folder inside after the file, without what follows the last dot. */
static void name_root(alm_torch_writer *w, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    const size_t bytes = dot && dot != name ? (size_t)(dot - name) : strlen(name);
    snprintf(w->root, sizeof w->root, "%.*s", (int)(bytes < sizeof w->root ? bytes : 0), name);
    if (w->root[0] == '\0') {
        snprintf(w->root, sizeof w->root, "archive");
    }
}

static alm_status start(alm_torch_writer *w, const char *path)
{
    alm_buffer pickle = {0};
    ALM_TRY(number_storages(w));
    ALM_TRY(alm_file_write_begin(path, &w->file));
    put_pickle(&pickle, w);
    alm_status status = pickle.status;
    if (status == ALM_OK) {
        status = write_entry(w, "data.pkl", pickle.data, pickle.count);
    }
    alm_buffer_free(&pickle);
    ALM_TRY(status);
    return write_entry(w, "byteorder", "little", 6);
}

alm_status alm_torch_begin(const char *path, const alm_tensor_entry *entries, size_t count,
                           alm_torch_writer **out)
{
    alm_torch_writer *w;
    ALM_TRY(alm_calloc(1, sizeof *w, "torch writer", &w));
    w->tensors = entries;
    w->count = count;
    name_root(w, path);
    const alm_status status = start(w, path);
    if (status != ALM_OK) {
        alm_torch_end(w);
        return status;
    }
    *out = w;
    return ALM_OK;
}

/* Opens the next storage that is still to be written; storages without bytes are closed at once. */
static alm_status open_storage(alm_torch_writer *w)
{
    for (; w->left == 0 && w->next < w->count; w->next++) {
        char name[32];
        size_t bytes;
        const alm_tensor_entry *t = &w->tensors[w->next];
        if (w->storage[w->next] != w->opened) {
            continue; /* shares one that was written */
        }
        ALM_TRY(alm_desc_bytes(&t->desc, t->name, &bytes));
        snprintf(name, sizeof name, "data/%zu", w->opened++);
        if (bytes) {
            ALM_TRY(open_entry(w, name, bytes));
            w->left = bytes;
        } else {
            ALM_TRY(write_entry(w, name, "", 0));
        }
    }
    return ALM_OK;
}

alm_status alm_torch_add(alm_torch_writer *w, const void *data, size_t bytes)
{
    const char *at = data;
    while (bytes) {
        ALM_TRY(open_storage(w));
        if (w->left == 0) {
            return alm_fail(ALM_STATUS_INTERNAL, "state file: %zu bytes too many to write", bytes);
        }
        const size_t n = bytes < w->left ? bytes : (size_t)w->left;
        ALM_TRY(add_to_entry(w, at, n));
        at += n;
        bytes -= n;
        w->left -= n;
        if (w->left == 0) {
            ALM_TRY(close_entry(w));
        }
    }
    return ALM_OK;
}

alm_status alm_torch_commit(alm_torch_writer *w)
{
    if (w->left == 0) {
        ALM_TRY(open_storage(w));
    }
    if (w->left) {
        return alm_fail(ALM_STATUS_INTERNAL, "state file: not all values were written");
    }
    ALM_TRY(write_entry(w, "version", "3\n", 2));
    ALM_TRY(write_directory(w));
    return alm_file_write_commit(w->file);
}

void alm_torch_end(alm_torch_writer *w)
{
    if (!w) {
        return;
    }
    alm_file_write_end(w->file);
    alm_free(w->storage);
    alm_free(w->written);
    alm_free(w);
}

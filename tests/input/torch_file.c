#include "tests/input/torch_file.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

void craft_add(craft *c, const void *data, size_t bytes)
{
    if (bytes > CRAFT_BYTES - c->count) {
        abort();
    }
    if (bytes) {
        memcpy(c->data + c->count, data, bytes);
    }
    c->count += bytes;
}

void craft_text(craft *c, const char *text)
{
    craft_add(c, text, strlen(text));
}

void craft_number(craft *c, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        const uint8_t byte = (uint8_t)(value >> 8 * i);
        craft_add(c, &byte, 1);
    }
}

void craft_patch(craft *c, size_t at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        c->data[at + (size_t)i] = (uint8_t)(value >> 8 * i);
    }
}

void craft_string(craft *c, const char *text)
{
    craft_text(c, "X");
    craft_number(c, strlen(text), 4);
    craft_text(c, text);
}

static void craft_integer(craft *c, int64_t value)
{
    craft_text(c, "\x8A\x08");
    craft_number(c, (uint64_t)value, 8);
}

void craft_tuple(craft *c, const int64_t *values, int count)
{
    craft_text(c, "(");
    for (int i = 0; i < count; i++) {
        craft_integer(c, values[i]);
    }
    craft_text(c, "t");
}

void craft_rebuild(craft *c, const craft_tensor *t)
{
    craft_text(c, "ctorch._utils\n_rebuild_tensor_v2\n((");
    craft_string(c, "storage");
    craft_text(c, "ctorch\n");
    craft_text(c, t->type);
    craft_text(c, "\n");
    craft_string(c, t->key);
    craft_string(c, "cpu");
    craft_integer(c, t->values);
    craft_text(c, "tQ");
    craft_integer(c, t->offset);
    craft_tuple(c, t->size, t->rank);
    craft_tuple(c, t->stride, t->rank);
    craft_text(c, "\x89"
                  "ccollections\nOrderedDict\n)RtR");
}

void craft_pickle_one(craft *c, const char *name, const craft_tensor *t)
{
    craft_text(c, "\x80\x02}");
    craft_string(c, name);
    craft_rebuild(c, t);
    craft_text(c, "s.");
}

static void put_header(craft *c, craft_style style, int central, const craft_entry *e,
                       size_t local_at)
{
    const uint16_t flags = style == CRAFT_LATER ? 0x808 : 0;
    const uint32_t crc = (uint32_t)crc32(crc32(0, NULL, 0), e->data, (uInt)e->bytes);
    const int is_known = central || style != CRAFT_LATER;
    craft_text(c, central ? "PK\1\2" : "PK\3\4");
    craft_number(c, 0, central ? 4 : 2); /* versions */
    craft_number(c, flags, 2);
    craft_number(c, 0, 2); /* stored */
    craft_number(c, 0, 4); /* time */
    craft_number(c, is_known ? crc : 0, 4);
    craft_number(c, is_known ? e->bytes : 0, 4);
    craft_number(c, is_known ? e->bytes : 0, 4);
    craft_number(c, strlen(e->name), 2);
    craft_number(c, 0, 2); /* extra */
    if (central) {
        craft_number(c, 0, 2); /* comment */
        craft_number(c, 0, 2); /* disk */
        craft_number(c, 0, 6); /* attributes */
        craft_number(c, local_at, 4);
    }
    craft_text(c, e->name);
}

craft_zip craft_zip_add(craft *c, craft_style style, const craft_entry *entries, int count)
{
    craft_zip z = {{0}, {0}, {0}, 0, 0, 0, 0};
    for (int i = 0; i < count; i++) {
        z.local[i] = c->count;
        put_header(c, style, 0, &entries[i], 0);
        z.data[i] = c->count;
        craft_add(c, entries[i].data, entries[i].bytes);
        if (style == CRAFT_LATER) {
            craft_text(c, "PK\7\10");
            craft_number(c, crc32(crc32(0, NULL, 0), entries[i].data, (uInt)entries[i].bytes), 4);
            craft_number(c, entries[i].bytes, 4);
            craft_number(c, entries[i].bytes, 4);
        }
    }
    z.directory = c->count;
    for (int i = 0; i < count; i++) {
        z.central[i] = c->count;
        put_header(c, style, 1, &entries[i], z.local[i]);
    }
    const size_t bytes = c->count - z.directory;
    z.end64 = c->count;
    if (style == CRAFT_ZIP64) {
        craft_text(c, "PK\6\6");
        craft_number(c, 44, 8);
        craft_number(c, 0, 4);
        craft_number(c, 0, 8);
        craft_number(c, (uint64_t)count, 8);
        craft_number(c, (uint64_t)count, 8);
        craft_number(c, bytes, 8);
        craft_number(c, z.directory, 8);
        z.locator = c->count;
        craft_text(c, "PK\6\7");
        craft_number(c, 0, 4);
        craft_number(c, z.end64, 8);
        craft_number(c, 1, 4);
    }
    z.end = c->count;
    craft_text(c, "PK\5\6");
    craft_number(c, 0, 4);
    craft_number(c, style == CRAFT_ZIP64 ? 0xFFFF : (uint64_t)count, 2);
    craft_number(c, style == CRAFT_ZIP64 ? 0xFFFF : (uint64_t)count, 2);
    craft_number(c, style == CRAFT_ZIP64 ? 0xFFFFFFFF : bytes, 4);
    craft_number(c, style == CRAFT_ZIP64 ? 0xFFFFFFFF : z.directory, 4);
    craft_number(c, 0, 2);
    return z;
}

craft_zip craft_archive(craft *c, craft_style style, const craft *pickle, size_t storage_bytes)
{
    uint8_t values[1024];
    for (size_t i = 0; i < sizeof values; i++) {
        values[i] = (uint8_t)i;
    }
    if (storage_bytes > sizeof values) {
        abort();
    }
    const craft_entry entries[] = {{"r/data.pkl", pickle->data, pickle->count},
                                   {"r/byteorder", "little", 6},
                                   {"r/data/0", values, storage_bytes}};
    return craft_zip_add(c, style, entries, 3);
}

/* What a torch state dictionary may look like, and tensors that it must not hold. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/input/torch_zip.h"
#include "tests/input/torch_file.h"
#include "tests/shim/alm_test.h"

enum { STORAGE_BYTES = 48 };

static const craft_tensor vector = {
    .type = "FloatStorage", .key = "0", .values = 12, .rank = 1, .size = {12}, .stride = {1}};

typedef struct file {
    craft pickle, zip;
    alm_tensor_list list;
} file;

static file *begin(void)
{
    file *f = calloc(1, sizeof *f);
    craft_text(&f->pickle, "\x80\x02");
    return f;
}

static alm_status end(file *f)
{
    craft_text(&f->pickle, ".");
    craft_archive(&f->zip, CRAFT_LATER, &f->pickle, STORAGE_BYTES);
    return alm_torch_zip_parse(f->zip.data, f->zip.count, "f.pt", &f->list);
}

static void finish(file *f)
{
    alm_tensor_list_free(&f->list);
    free(f);
}

/* {name: tensor} as a dictionary in the stream. */
static void put_dictionary(file *f, const char *name, const craft_tensor *t)
{
    craft_text(&f->pickle, "}");
    craft_string(&f->pickle, name);
    craft_rebuild(&f->pickle, t);
    craft_text(&f->pickle, "s");
}

static void put_pair(file *f, const char *name, const craft_tensor *t)
{
    craft_string(&f->pickle, name);
    craft_rebuild(&f->pickle, t);
    craft_text(&f->pickle, "s");
}

static void expect_only(file *f, const char *name)
{
    const alm_status status = end(f);
    if (status != ALM_OK || f->list.count != 1 || strcmp(f->list.tensor[0].name, name) != 0) {
        ALM_FAIL("%zu tensors, %s; expected %s: %s", f->list.count,
                 f->list.count ? f->list.tensor[0].name : "none", name,
                 status == ALM_OK ? "" : alm_error_message());
    } else {
        ALM_CHECK_INT(f->list.tensor[0].desc.dim[0], 12);
        ALM_CHECK_INT(f->list.tensor[0].data[5], 5);
    }
    finish(f);
}

static void expect_refusal(file *f, const char *text)
{
    ALM_CHECK_STATUS(end(f), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), text);
    finish(f);
}

ALM_TEST(torch_tensors, reads_bare_dictionaries)
{
    file *f = begin();
    put_dictionary(f, "w", &vector);
    expect_only(f, "w");
    f = begin();
    put_dictionary(f, "module.w", &vector);
    expect_only(f, "w");
}

ALM_TEST(torch_tensors, reads_ordered_dictionaries_with_metadata)
{
    file *f = begin();
    craft_text(&f->pickle, "ccollections\nOrderedDict\n)R");
    put_pair(f, "w", &vector);
    /* BUILD with {"_metadata": OrderedDict()}, as a module's state_dict has. */
    craft_text(&f->pickle, "}");
    craft_string(&f->pickle, "_metadata");
    craft_text(&f->pickle, "ccollections\nOrderedDict\n)Rsb");
    expect_only(f, "w");
}

ALM_TEST(torch_tensors, reads_wrappers)
{
    static const char *const wrappers[] = {"module", "state_dict"};
    for (int i = 0; i < 2; i++) {
        file *f = begin();
        craft_text(&f->pickle, "}");
        craft_string(&f->pickle, wrappers[i]);
        put_dictionary(f, "w", &vector);
        craft_text(&f->pickle, "s");
        expect_only(f, "w");
    }
    /* {"state_dict": {"module": {...}}} */
    file *f = begin();
    craft_text(&f->pickle, "}");
    craft_string(&f->pickle, "state_dict");
    craft_text(&f->pickle, "}");
    craft_string(&f->pickle, "module");
    put_dictionary(f, "w", &vector);
    craft_text(&f->pickle, "ss");
    expect_only(f, "w");
}

/* Beside "module": an optimizer, a namespace, a numpy scalar, an enum, a function, a set. */
ALM_TEST(torch_tensors, skips_what_deepspeed_adds)
{
    file *f = begin();
    craft_text(&f->pickle, "}");
    craft_string(&f->pickle, "optimizer");
    craft_text(&f->pickle, "}K\1cbuiltins\neval\n(V1+1\ntRss");
    craft_string(&f->pickle, "args");
    craft_text(&f->pickle, "cargparse\nNamespace\n)\x81}Vlr\nK\1sbs");
    craft_string(&f->pickle, "scalar");
    craft_text(&f->pickle, "cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(Vf8\n\x89\x88tR");
    craft_text(&f->pickle, "(K\3V<\nNNNJ\xFF\xFF\xFF\xFFJ\xFF\xFF\xFF\xFF");
    craft_text(&f->pickle, "K\1tbC\1atRs");
    craft_string(&f->pickle, "mode");
    craft_text(&f->pickle, "cenum_module\nMode\nK\1\x85Rs");
    craft_string(&f->pickle, "function");
    craft_text(&f->pickle, "cos\nsystem\ns");
    craft_string(&f->pickle, "names");
    craft_text(&f->pickle, "c__builtin__\nset\n]\x85Rs");
    craft_string(&f->pickle, "module");
    put_dictionary(f, "w", &vector);
    craft_text(&f->pickle, "s");
    expect_only(f, "w");
}

ALM_TEST(torch_tensors, skips_other_values_in_the_dictionary)
{
    file *f = begin();
    put_dictionary(f, "w", &vector);
    craft_string(&f->pickle, "extra_state");
    craft_text(&f->pickle, "Ns");
    craft_text(&f->pickle, "K\7");
    craft_rebuild(&f->pickle, &vector);
    craft_text(&f->pickle, "s");
    expect_only(f, "w");
}

ALM_TEST(torch_tensors, reads_parameters)
{
    static const char *const ends[] = {"_rebuild_parameter", "_rebuild_parameter_with_state"};
    for (int i = 0; i < 2; i++) {
        file *f = begin();
        craft_text(&f->pickle, "}");
        craft_string(&f->pickle, "w");
        craft_text(&f->pickle, "ctorch._utils\n");
        craft_text(&f->pickle, ends[i]);
        craft_text(&f->pickle, "\n(");
        craft_rebuild(&f->pickle, &vector);
        craft_text(&f->pickle, "\x88NtRs");
        expect_only(f, "w");
    }
}

ALM_TEST(torch_tensors, reads_torch_sizes)
{
    file *f = begin();
    craft_text(&f->pickle, "}");
    craft_string(&f->pickle, "w");
    craft_text(&f->pickle, "ctorch._utils\n_rebuild_tensor_v2\n((");
    craft_string(&f->pickle, "storage");
    craft_text(&f->pickle, "ctorch\nFloatStorage\n");
    craft_string(&f->pickle, "0");
    craft_string(&f->pickle, "cpu");
    craft_text(&f->pickle, "K\x0CtQ");
    craft_add(&f->pickle, "K\0", 2);
    craft_text(&f->pickle, "ctorch\nSize\n(K\x0Ct\x85R(K\1t\x89}tRs");
    expect_only(f, "w");
}

ALM_TEST(torch_tensors, share_storages)
{
    const craft_tensor second = {.type = "FloatStorage",
                                 .key = "0",
                                 .values = 12,
                                 .offset = 6,
                                 .rank = 2,
                                 .size = {2, 3},
                                 .stride = {3, 1}};
    file *f = begin();
    put_dictionary(f, "b", &second);
    put_pair(f, "a", &vector);
    ALM_CHECK_STATUS(end(f), ALM_OK);
    ALM_CHECK_INT(f->list.count, 2);
    if (f->list.count == 2) {
        const alm_stored_tensor *a = &f->list.tensor[0], *b = &f->list.tensor[1];
        ALM_CHECK_TEXT(a->name, "a");
        ALM_CHECK(a->storage == b->storage);
        ALM_CHECK(a->storage < f->list.storages);
        ALM_CHECK(b->data == a->data + 24);
        ALM_CHECK(alm_stored_tensor_is_packed(a) && alm_stored_tensor_is_packed(b));
    }
    finish(f);
}

ALM_TEST(torch_tensors, every_type)
{
    static const struct {
        const char *type;
        alm_dtype dtype;
        int64_t values;
    } types[] = {{"BFloat16Storage", ALM_DTYPE_BF16, 24}, {"HalfStorage", ALM_DTYPE_F16, 24},
                 {"FloatStorage", ALM_DTYPE_F32, 12},     {"DoubleStorage", ALM_DTYPE_F64, 6},
                 {"LongStorage", ALM_DTYPE_I64, 6},       {"IntStorage", ALM_DTYPE_I32, 12},
                 {"ShortStorage", ALM_DTYPE_I16, 24},     {"CharStorage", ALM_DTYPE_I8, 48},
                 {"ByteStorage", ALM_DTYPE_U8, 48},       {"BoolStorage", ALM_DTYPE_BOOL, 48}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        craft_tensor t = vector;
        t.type = types[i].type;
        t.values = t.size[0] = types[i].values;
        file *f = begin();
        put_dictionary(f, "w", &t);
        ALM_CHECK_STATUS(end(f), ALM_OK);
        ALM_CHECK(f->list.count == 1 && f->list.tensor[0].desc.dtype == types[i].dtype);
        finish(f);
        /* One value more than the storage holds. */
        t.values++;
        f = begin();
        put_dictionary(f, "w", &t);
        expect_refusal(f, "f.pt: w: its storage data/0 holds 48 bytes, ");
    }
}

static void expect_tensor(const craft_tensor *t, const char *text)
{
    file *f = begin();
    put_dictionary(f, "w", t);
    expect_refusal(f, text);
}

ALM_TEST(torch_tensors, refuses_tensors_that_leave_their_storage)
{
    craft_tensor t = vector;
    t.size[0] = 13;
    expect_tensor(&t, "f.pt: w: F32 [13] from value 0 on leaves its storage of 12 values");
    t = vector;
    t.offset = 1;
    expect_tensor(&t, "f.pt: w: F32 [12] from value 1 on leaves its storage of 12 values");
    t.offset = -1;
    expect_tensor(&t, "f.pt: w: F32 [12] from value -1 on leaves its storage of 12 values");
    t.offset = INT64_MAX;
    expect_tensor(&t, "f.pt: w: its shape from value 9223372036854775807 on leaves its storage");
    t = vector;
    t.stride[0] = INT64_MAX / 2;
    expect_tensor(&t, "f.pt: w: its shape from value 0 on leaves its storage of 12 values");
    t = (craft_tensor){.type = "FloatStorage",
                       .key = "0",
                       .values = 12,
                       .rank = 3,
                       .size = {0, INT64_MAX, 3},
                       .stride = {0, 0, 0}};
    expect_tensor(&t, "f.pt: w: its shape from value 0 on leaves its storage of 12 values");
    t = vector;
    t.stride[0] = 0;
    t.size[0] = 13;
    expect_tensor(&t, "f.pt: w: 13 elements view a storage of 12 values");
}

ALM_TEST(torch_tensors, reads_tensors_without_elements)
{
    craft_tensor t = vector;
    t.size[0] = 0;
    t.offset = 12;
    file *f = begin();
    put_dictionary(f, "w", &t);
    ALM_CHECK_STATUS(end(f), ALM_OK);
    finish(f);
    t.offset = 13;
    expect_tensor(&t, "f.pt: w: F32 [0] from value 13 on leaves its storage of 12 values");
}

ALM_TEST(torch_tensors, refuses_wrong_descriptions)
{
    craft_tensor t = vector;
    t.type = "ComplexFloatStorage";
    expect_tensor(&t, "f.pt: w: its storage is a torch.ComplexFloatStorage, which no model has");
    t = vector;
    t.key = "1";
    expect_tensor(&t, "f.pt: w: its storage data/1 is not in the file");
    t.key = "../0";
    expect_tensor(&t, "f.pt: w: its storage data/../0 is not in the file");
    t.key = "0123456789012345678901234567890123456789012345678901234567890123456789";
    expect_tensor(&t, "f.pt: w: its storage data/01234567890123456789012345678901234567890123456789"
                      "01234567890123 is not in the file");
    t = vector;
    t.values = -1;
    expect_tensor(&t, "f.pt: w: its storage data/0 holds 48 bytes, -1 values of F32 need 4 each");
    t = vector;
    t.values = INT64_MAX;
    expect_tensor(&t, "f.pt: w: its storage data/0 holds 48 bytes, 9223372036854775807 values");
    t = vector;
    t.rank = 7;
    expect_tensor(&t, "f.pt: w: its size is not a tuple of at most 6 numbers");
    t = vector;
    t.size[0] = -1;
    expect_tensor(&t, "f.pt: w: entry 0 of its size is not a number from 0 on");
    t = vector;
    t.stride[0] = -1;
    expect_tensor(&t, "f.pt: w: entry 0 of its stride is not a number from 0 on");
}

/* What stands where the arguments of _rebuild_tensor_v2 should. */
static void expect_arguments(const char *arguments, const char *text)
{
    file *f = begin();
    craft_text(&f->pickle, "}");
    craft_string(&f->pickle, "w");
    craft_text(&f->pickle, "ctorch._utils\n_rebuild_tensor_v2\n");
    craft_text(&f->pickle, arguments);
    craft_text(&f->pickle, "Rs");
    expect_refusal(f, text);
}

ALM_TEST(torch_tensors, refuses_wrong_arguments)
{
    static const char what[] = "f.pt: w: its storage is not (\"storage\", type, key, place, count)";
    expect_arguments(")",
                     "f.pt: w: _rebuild_tensor_v2 with arguments that are not storage, offset");
    expect_arguments("(NNNNt", "f.pt: w: _rebuild_tensor_v2 with arguments that are not storage");
    expect_arguments("(NK\1))t", what);
    expect_arguments("(NQK\1))t", what);
    expect_arguments("()QK\1))t", what);
    expect_arguments("((Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nNtQK\1)N\x85t", what);
    expect_arguments("((Vstorage\nVFloat\nV0\nVcpu\nK\1tQK\1)N\x85t", what);
    expect_arguments("((Vother\nctorch\nFloatStorage\nV0\nVcpu\nK\1tQK\1)N\x85t", what);
    expect_arguments("((Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nK\1tQK\1)(K\1tt",
                     "f.pt: w: 0 sizes and 1 strides");
    expect_arguments("((Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nK\1tQK\1N)t",
                     "f.pt: w: its size is not a tuple");
}

ALM_TEST(torch_tensors, names_tensors_of_other_makers)
{
    file *f = begin();
    craft_text(&f->pickle, "}");
    craft_string(&f->pickle, "w");
    craft_text(&f->pickle, "ctorch._utils\n_rebuild_qtensor\n)Rs");
    expect_refusal(f, "f.pt: w: is made by torch._utils._rebuild_qtensor, expected a plain tensor");
}

ALM_TEST(torch_tensors, refuses_names)
{
    file *f = begin();
    put_dictionary(f, "module.w", &vector);
    put_pair(f, "w", &vector);
    expect_refusal(f, "f.pt: tensor w is there twice");
    f = begin();
    put_dictionary(f, "module.", &vector);
    expect_refusal(f, "f.pt: a tensor has an empty name");
    f = begin();
    put_dictionary(f, "\xFF", &vector);
    expect_refusal(f, "f.pt: a tensor's name is not UTF-8 text: ?");
    char name[1100] = {0};
    memset(name, 'n', sizeof name - 1);
    f = begin();
    put_dictionary(f, name, &vector);
    expect_refusal(f, "f.pt: a tensor's name has 1099 bytes, the limit is 1024: nnn");
    f = begin();
    craft_text(&f->pickle, "}X");
    craft_number(&f->pickle, 3, 4);
    craft_add(&f->pickle, "a\0b", 3);
    craft_rebuild(&f->pickle, &vector);
    craft_text(&f->pickle, "s");
    expect_refusal(f, "f.pt: a tensor's name is not UTF-8 text: a");
}

ALM_TEST(torch_tensors, refuses_what_holds_no_tensor)
{
    static const char *const roots[] = {"N", "]", "cos\nsystem\n)R"};
    for (int i = 0; i < 3; i++) {
        file *f = begin();
        craft_text(&f->pickle, roots[i]);
        expect_refusal(f, "f.pt: holds no dictionary of tensors");
    }
    file *f = begin();
    craft_text(&f->pickle, "}");
    expect_refusal(f, "f.pt: no tensor in its dictionary (nor in \"module\" or \"state_dict\")");
}

/* qkv as the operations that it is made of: what is in between stays float32 in the workspace. */
#include "kernels/gather_rows/gather_rows.h"
#include "kernels/linear/linear.h"
#include "kernels/place_rows/place_rows.h"
#include "kernels/qkv/qkv.h"
#include "kernels/rotary/rotary.h"

static const alm_linear_attr plain = {.epilogue = ALM_EPILOGUE_NONE};

enum { GATHERED = 3 }; /* x, cos, sin */

/* One of q, k, v: up to six steps. An absent step has no kernel. */
typedef struct path {
    alm_tensor gather_in[GATHERED][2], gathered[GATHERED]; /* one row each in the workspace */
    alm_op_args gather[GATHERED];
    alm_tensor linear_in[3], rotary_in[4],
        place_in[3];              /* x, weight, bias; x, cos, sin, norm; ... */
    alm_tensor projected, turned; /* float32 [N, width] in the workspace */
    alm_rotary_attr rotary_attr;
    alm_op_args linear, rotary, place;
    bool gathers, turns, places;
} path;

static bool is_one_row(const alm_op_args *a, int i)
{
    return i == 0 && alm_optional(a, ALM_QKV_ROW);
}

static alm_tensor between(const alm_op_args *a, int i, void *data)
{
    const int64_t width = a->in[ALM_QKV_WEIGHT + i].desc.dim[0];
    const bool one = is_one_row(a, i);
    return (alm_tensor){.data = data,
                        .count = one ? NULL : a->in[0].count,
                        .stride = width,
                        .desc = alm_desc_2(ALM_DTYPE_F32, one ? 1 : a->in[0].desc.dim[0], width)};
}

static size_t rounded(size_t bytes)
{
    return (bytes + 255) / 256 * 256;
}

static size_t between_bytes(const alm_op_args *a, int i)
{
    const alm_tensor t = between(a, i, NULL);
    return rounded((size_t)alm_desc_count(&t.desc) * sizeof(float));
}

static size_t gathered_bytes(const alm_op_args *a, int i)
{
    const alm_tensor *from = &a->in[i == 0 ? ALM_QKV_X : ALM_QKV_COS + i - 1];
    return rounded((size_t)alm_desc_row(&from->desc) * alm_dtype_size(from->desc.dtype));
}

/* Of part i: what its steps hand on. */
static size_t values_bytes(const alm_op_args *a, int i)
{
    size_t bytes = 2 * between_bytes(a, i);
    for (int g = 0; is_one_row(a, i) && g < GATHERED; g++) {
        bytes += gathered_bytes(a, g);
    }
    return bytes;
}

static alm_tensor optional(const alm_op_args *a, int i)
{
    const alm_tensor *t = alm_optional(a, i);
    return t ? *t : (alm_tensor){.desc = {.dtype = ALM_DTYPE_NONE}};
}

/* scratch: as in make_path, behind what is between. */
static void make_gathers(const alm_op_args *a, char *scratch, path *p)
{
    for (int g = 0; g < GATHERED; g++) {
        const alm_tensor *from = &a->in[g == 0 ? ALM_QKV_X : ALM_QKV_COS + g - 1];
        p->gather_in[g][0] = *from;
        p->gather_in[g][1] = a->in[ALM_QKV_ROW];
        p->gathered[g] = (alm_tensor){.data = scratch,
                                      .stride = from->desc.dim[1],
                                      .desc = alm_desc_2(from->desc.dtype, 1, from->desc.dim[1])};
        p->gather[g] =
            (alm_op_args){.in = p->gather_in[g], .n_in = 2, .out = &p->gathered[g], .n_out = 1};
        scratch = scratch ? scratch + gathered_bytes(a, g) : NULL;
    }
}

/* scratch: values_bytes of part i; may be NULL for planning. */
static void make_path(const alm_op_args *a, int i, char *scratch, path *p)
{
    const alm_qkv_attr *attr = a->attr;
    /* q is never placed. */
    const alm_tensor *state = i > 0 ? alm_optional(a, ALM_QKV_STATE + i - 1) : NULL;
    *p = (path){.gathers = is_one_row(a, i), .turns = i < 2, .places = state != NULL};
    p->projected = between(a, i, scratch);
    p->turned = between(a, i, scratch ? scratch + between_bytes(a, i) : NULL);
    if (p->gathers) {
        make_gathers(a, scratch ? scratch + 2 * between_bytes(a, i) : NULL, p);
    }
    p->linear_in[0] = p->gathers ? p->gathered[0] : a->in[0];
    p->linear_in[1] = a->in[ALM_QKV_WEIGHT + i];
    p->linear_in[2] = optional(a, ALM_QKV_BIAS + i);
    const alm_tensor *linear_out = p->turns || p->places ? &p->projected : &a->out[i];
    p->linear =
        (alm_op_args){.in = p->linear_in, .n_in = 3, .out = linear_out, .n_out = 1, .attr = &plain};
    if (p->turns) {
        const int heads = (int)(p->projected.stride / attr->head_dim);
        p->rotary_attr =
            (alm_rotary_attr){.heads = heads, .head_dim = attr->head_dim, .eps = attr->eps};
        p->rotary_in[0] = p->projected;
        p->rotary_in[1] = p->gathers ? p->gathered[1] : a->in[ALM_QKV_COS];
        p->rotary_in[2] = p->gathers ? p->gathered[2] : a->in[ALM_QKV_SIN];
        p->rotary_in[3] = optional(a, ALM_QKV_NORM + i);
        p->rotary = (alm_op_args){.in = p->rotary_in,
                                  .n_in = 4,
                                  .out = p->places ? &p->turned : &a->out[i],
                                  .n_out = 1,
                                  .attr = &p->rotary_attr};
    }
    if (p->places) {
        p->place_in[0] = *state;
        p->place_in[1] = p->turns ? p->turned : p->projected;
        p->place_in[2] = a->in[ALM_QKV_OFFSET];
        p->place = (alm_op_args){.in = p->place_in, .n_in = 3, .out = &a->out[i], .n_out = 1};
    }
}

static size_t step_workspace(const alm_op_def *op, const alm_op_args *a, const alm_device *device,
                             alm_qkv_choose *choose)
{
    const alm_kernel *kernel = choose(op, a, device);
    return kernel && kernel->workspace ? kernel->workspace(a, device) : 0;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t alm_qkv_compose_workspace(const alm_op_args *a, const alm_device *device,
                                 alm_qkv_choose *choose)
{
    size_t values = 0, steps = 0;
    for (int i = 0; i < 3; i++) {
        path p;
        make_path(a, i, NULL, &p);
        values = larger(values, values_bytes(a, i));
        for (int g = 0; p.gathers && g < GATHERED; g++) {
            steps =
                larger(steps, step_workspace(&alm_op_gather_rows, &p.gather[g], device, choose));
        }
        steps = larger(steps, step_workspace(&alm_op_linear, &p.linear, device, choose));
        if (p.turns) {
            steps = larger(steps, step_workspace(&alm_op_rotary, &p.rotary, device, choose));
        }
        if (p.places) {
            steps = larger(steps, step_workspace(&alm_op_place_rows, &p.place, device, choose));
        }
    }
    return values + steps;
}

static alm_status run_step(const alm_exec *x, const alm_op_def *op, alm_op_args *a, void *workspace,
                           alm_qkv_choose *choose)
{
    const alm_kernel *kernel = choose(op, a, x->device);
    if (!kernel) {
        return alm_fail(ALM_STATUS_DEVICE, "qkv: no kernel for its %s", op->name);
    }
    a->workspace = workspace;
    return kernel->run(x, a);
}

alm_status alm_qkv_compose(const alm_exec *x, const alm_op_args *a, alm_qkv_choose *choose)
{
    size_t values = 0;
    for (int i = 0; i < 3; i++) {
        values = larger(values, values_bytes(a, i));
    }
    char *steps = (char *)a->workspace + values;
    for (int i = 0; i < 3; i++) {
        path p;
        make_path(a, i, a->workspace, &p);
        for (int g = 0; p.gathers && g < GATHERED; g++) {
            ALM_TRY(run_step(x, &alm_op_gather_rows, &p.gather[g], steps, choose));
        }
        ALM_TRY(run_step(x, &alm_op_linear, &p.linear, steps, choose));
        if (p.turns) {
            ALM_TRY(run_step(x, &alm_op_rotary, &p.rotary, steps, choose));
        }
        if (p.places) {
            ALM_TRY(run_step(x, &alm_op_place_rows, &p.place, steps, choose));
        }
    }
    return ALM_OK;
}

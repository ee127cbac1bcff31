/* One page after the other: columns into the workspace, then patch by patch. */
#include "kernels/core/rows.h"
#include "kernels/page_patches/page_patches.h"

typedef struct page {
    int64_t rgb, wide, patches; /* where its bytes, its resized columns and its patches begin */
    int64_t span;
    int32_t width, height, out_width, out_height;
} page;

/* *p = page `index`; *p was the one before it. */
static alm_status next_page(const alm_op_args *a, int64_t index, page *p)
{
    const alm_page_patches_attr *attr = a->attr;
    const int32_t *g = (const int32_t *)a->in[1].data + 4 * index;
    if (index > 0) {
        p->rgb += (int64_t)3 * p->width * p->height;
        p->wide += (int64_t)3 * p->out_width * p->height;
        p->span += (int64_t)p->out_width + p->out_height;
        p->patches += (int64_t)(p->out_width / attr->patch) * (p->out_height / attr->patch);
    }
    for (int i = 0; i < 4; i++) {
        if (g[i] < 1 || g[i] > ALM_PAGE_SIDE || (i > 1 && g[i] % attr->patch != 0)) {
            return alm_fail(ALM_STATUS_INTERNAL, "page_patches: page %lld is %d×%d, resized %d×%d",
                            (long long)index, g[0], g[1], g[2], g[3]);
        }
    }
    p->width = g[0];
    p->height = g[1];
    p->out_width = g[2];
    p->out_height = g[3];
    if (p->rgb + (int64_t)3 * p->width * p->height > a->in[0].desc.dim[0] ||
        p->wide + (int64_t)3 * p->out_width * p->height > attr->wide ||
        p->span + p->out_width + p->out_height > a->in[2].desc.dim[0]) {
        return alm_fail(ALM_STATUS_INTERNAL,
                        "page_patches: page %lld, %d×%d, resized %d×%d, has more bytes or spans "
                        "than there is room for",
                        (long long)index, g[0], g[1], g[2], g[3]);
    }
    return ALM_OK;
}

static alm_status check_span(const alm_op_args *a, int64_t index, int32_t lines)
{
    const int32_t *s = (const int32_t *)a->in[2].data + 4 * index;
    const int64_t weights = a->in[3].desc.dim[0];
    if (s[0] < 0 || s[1] < 0 || (int64_t)s[0] + s[1] > lines || s[2] < 0 ||
        (int64_t)s[2] + s[1] > weights || s[3] < 0 || s[3] > ALM_PAGE_PRECISION) {
        return alm_fail(ALM_STATUS_INTERNAL,
                        "page_patches: span %lld takes %d lines from %d on of %d with weights "
                        "from %d on of %lld, precision %d",
                        (long long)index, s[1], s[0], lines, s[2], (long long)weights, s[3]);
    }
    return ALM_OK;
}

static alm_status check_page(const alm_op_args *a, const page *p)
{
    for (int64_t i = 0; i < p->out_width; i++) {
        ALM_TRY(check_span(a, p->span + i, p->width));
    }
    for (int64_t i = 0; i < p->out_height; i++) {
        ALM_TRY(check_span(a, p->span + p->out_width + i, p->height));
    }
    return ALM_OK;
}

/* One byte: lines of the source lie `step` bytes apart. */
static uint8_t resized(const alm_op_args *a, int64_t span, const uint8_t *source, int64_t step)
{
    const int32_t *s = (const int32_t *)a->in[2].data + 4 * span;
    const int32_t *w = (const int32_t *)a->in[3].data + s[2];
    uint32_t sum = (1u << s[3]) >> 1;
    for (int64_t j = 0; j < s[1]; j++) {
        sum += (uint32_t)w[j] * source[(s[0] + j) * step];
    }
    const int32_t v = (int32_t)sum >> s[3];
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void resize_columns(const alm_op_args *a, const page *p)
{
    const uint8_t *rgb = (const uint8_t *)a->in[0].data + p->rgb;
    uint8_t *wide = (uint8_t *)a->workspace + p->wide;
    for (int64_t y = 0; y < p->height; y++) {
        for (int64_t i = 0; i < 3 * (int64_t)p->out_width; i++) {
            wide[y * 3 * p->out_width + i] =
                resized(a, p->span + i / 3, rgb + y * 3 * p->width + i % 3, 3);
        }
    }
}

static alm_status cut(const alm_op_args *a, const page *p, int64_t r)
{
    const alm_page_patches_attr *attr = a->attr;
    const int32_t *at = alm_row(const int32_t, &a->in[4], r);
    const int64_t n = attr->patch, row = 3 * (int64_t)p->out_width;
    if (at[0] < 0 || at[0] >= p->out_height / n || at[1] < 0 || at[1] >= p->out_width / n) {
        return alm_fail(ALM_STATUS_INTERNAL,
                        "page_patches: patch %lld has row %d and column %d in a page of %d×%d",
                        (long long)r, at[0], at[1], p->out_width, p->out_height);
    }
    uint8_t *out = alm_row(uint8_t, &a->out[0], r);
    const uint8_t *wide = (const uint8_t *)a->workspace + p->wide;
    for (int64_t e = 0; e < a->out[0].desc.dim[1]; e++) {
        const int64_t c = e / (n * n * attr->temporal_patch), y = at[0] * n + e / n % n,
                      x = at[1] * n + e % n;
        out[e] = resized(a, p->span + p->out_width + y, wide + 3 * x + c, row);
    }
    return ALM_OK;
}

alm_status alm_page_patches_ref(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    const alm_page_patches_attr *attr = a->attr;
    const int64_t rows = alm_rows(&a->in[4]);
    page p = {0};
    int64_t r = 0;
    for (int64_t i = 0; i < a->in[1].desc.dim[0]; i++) {
        ALM_TRY(next_page(a, i, &p));
        ALM_TRY(check_page(a, &p));
        resize_columns(a, &p);
        const int64_t end =
            p.patches + (int64_t)(p.out_width / attr->patch) * (p.out_height / attr->patch);
        for (; r < rows && r < end; r++) {
            ALM_TRY(cut(a, &p, r));
        }
    }
    if (r < rows) {
        return alm_fail(ALM_STATUS_INTERNAL, "page_patches: the pages have %lld patches, not %lld",
                        (long long)r, (long long)rows);
    }
    return ALM_OK;
}

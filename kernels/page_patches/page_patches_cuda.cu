/* page_patches: the first launch resizes the columns of the pages into the workspace, a row of a
 * page by a block; the second resizes the rows and cuts, a patch by a block. Neighbouring threads
 * make neighbouring pixels, so that what they read and write lies together.
 *
 * Every thread finds its page in the table (a few pages), and believes nothing that stands there:
 * with a broken table nothing of the pages is read and the patches are 0.
 */
#include "kernels/cuda/device.cuh"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/table.h"

extern "C" {
#include "kernels/page_patches/page_patches.h"
}

struct page_set {
    const uint8_t *rgb;
    const int32_t *page, *span, *weight;
    uint8_t *wide;
    int64_t rgb_bytes, wide_bytes, spans, weights;
    int32_t pages, patch;
};

struct page_place {
    int64_t rgb, wide, span;
    int64_t first; /* row of all rows, or patch of all patches, that is the page's first */
    int width, height, out_width, out_height;
};

enum find_result { FOUND, NO_PAGE, BROKEN };

/* The page that has row `wanted` of the rows of all pages, or patch `wanted` of all patches. */
template <bool BY_ROW>
__device__ __forceinline__ find_result find_page(const page_set &s, int64_t wanted, page_place *out)
{
    page_place at = {};
    find_result result = NO_PAGE;
    for (int i = 0; i < s.pages; i++) {
        at.width = s.page[4 * i];
        at.height = s.page[4 * i + 1];
        at.out_width = s.page[4 * i + 2];
        at.out_height = s.page[4 * i + 3];
        if (at.width < 1 || at.height < 1 || at.out_width < 1 || at.out_height < 1 ||
            at.width > ALM_PAGE_SIDE || at.height > ALM_PAGE_SIDE || at.out_width > ALM_PAGE_SIDE ||
            at.out_height > ALM_PAGE_SIDE || at.out_width % s.patch != 0 ||
            at.out_height % s.patch != 0) {
            return BROKEN;
        }
        const int64_t n =
            BY_ROW ? at.height : (int64_t)(at.out_width / s.patch) * (at.out_height / s.patch);
        if (wanted >= at.first && wanted < at.first + n) {
            *out = at;
            result = FOUND;
        }
        at.first += n;
        at.rgb += (int64_t)3 * at.width * at.height;
        at.wide += (int64_t)3 * at.out_width * at.height;
        at.span += (int64_t)at.out_width + at.out_height;
    }
    return at.rgb > s.rgb_bytes || at.wide > s.wide_bytes || at.span > s.spans ? BROKEN : result;
}

struct span_view {
    int first, count, precision;
    const int32_t *weight;
};

/* False, and an empty span, when it leaves its `lines` lines or the weights. */
__device__ __forceinline__ bool load_span(const page_set &s, int64_t index, int lines,
                                          span_view *out)
{
    const int32_t *p = s.span + 4 * index;
    const int first = p[0], count = p[1], weight = p[2], precision = p[3];
    if (first < 0 || count < 0 || (int64_t)first + count > lines || weight < 0 ||
        (int64_t)weight + count > s.weights || precision < 0 || precision > ALM_PAGE_PRECISION) {
        *out = span_view{0, 0, 0, s.weight};
        return false;
    }
    *out = span_view{first, count, precision, s.weight + weight};
    return true;
}

__device__ __forceinline__ uint8_t to_byte(uint32_t sum, int precision)
{
    const int v = (int)sum >> precision;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* The three channels of a pixel: pixels of the source lie `step` bytes apart from `source` on. */
__device__ __forceinline__ void resize_pixel(const span_view &span, const uint8_t *source,
                                             int64_t step, uint8_t (&out)[3])
{
    const uint32_t half = (1u << span.precision) >> 1;
    uint32_t sum[3] = {half, half, half};
    source += span.first * step;
    for (int j = 0; j < span.count; j++, source += step) {
        const uint32_t w = (uint32_t)span.weight[j];
        for (int c = 0; c < 3; c++) {
            sum[c] += w * source[c];
        }
    }
    for (int c = 0; c < 3; c++) {
        out[c] = to_byte(sum[c], span.precision);
    }
}

/* Blocks take the rows of all pages in turn: how many there are is known here only. */
static __global__ void __launch_bounds__(128)
    page_columns_kernel(page_set s, int32_t *fault, int32_t fault_code)
{
    release_dependents();
    wait_for_inputs();
    for (int64_t row = blockIdx.x;; row += gridDim.x) {
        page_place at;
        const find_result found = find_page<true>(s, row, &at);
        if (found != FOUND) {
            if (found == BROKEN && threadIdx.x == 0) {
                report_fault(fault, fault_code);
            }
            return;
        }
        const int64_t y = row - at.first;
        const uint8_t *source = s.rgb + at.rgb + y * 3 * at.width;
        uint8_t *to = s.wide + at.wide + y * 3 * at.out_width;
        for (int x = (int)threadIdx.x; x < at.out_width; x += (int)blockDim.x) {
            span_view span;
            uint8_t pixel[3];
            if (!load_span(s, at.span + x, at.width, &span)) {
                report_fault(fault, fault_code);
            }
            resize_pixel(span, source, 3, pixel);
            for (int c = 0; c < 3; c++) {
                to[3 * x + c] = pixel[c];
            }
        }
    }
}

/* out: [rows, 3·frames·patch²]. Grid: capacity of the rows. */
static __global__ void __launch_bounds__(256)
    page_patches_kernel(page_set s, const int32_t *position, int64_t position_stride, uint8_t *out,
                        int64_t out_stride, alm_row_count rows, int32_t frames, int32_t fault_code,
                        int32_t *fault)
{
    release_dependents();
    wait_for_inputs();
    const int64_t r = blockIdx.x;
    if (r >= rows.get()) {
        return;
    }
    page_place at = {};
    const int row = position[r * position_stride], column = position[r * position_stride + 1];
    const bool good = find_page<false>(s, r, &at) == FOUND && row >= 0 &&
                      row < at.out_height / s.patch && column >= 0 &&
                      column < at.out_width / s.patch;
    if (!good && threadIdx.x == 0) {
        report_fault(fault, fault_code);
    }
    const int area = s.patch * s.patch;
    for (int i = (int)threadIdx.x; i < area; i += (int)blockDim.x) {
        uint8_t pixel[3] = {0, 0, 0};
        if (good) {
            const int y = row * s.patch + i / s.patch, x = column * s.patch + i % s.patch;
            span_view span;
            if (!load_span(s, at.span + at.out_width + y, at.height, &span)) {
                report_fault(fault, fault_code);
            }
            resize_pixel(span, s.wide + at.wide + 3 * x, (int64_t)3 * at.out_width, pixel);
        }
        for (int c = 0; c < 3; c++) {
            for (int t = 0; t < frames; t++) {
                out[r * out_stride + (int64_t)(c * frames + t) * area + i] = pixel[c];
            }
        }
    }
}

static alm_status run(const alm_exec *x, const alm_op_args *args)
{
    enum { BLOCKS_PER_PROCESSOR = 16 };
    const alm_page_patches_attr *attr = (const alm_page_patches_attr *)args->attr;
    const alm_tensor *position = &args->in[4], *out = &args->out[0];
    const page_set s = {(const uint8_t *)args->in[0].data,
                        (const int32_t *)args->in[1].data,
                        (const int32_t *)args->in[2].data,
                        (const int32_t *)args->in[3].data,
                        (uint8_t *)args->workspace,
                        args->in[0].desc.dim[0],
                        attr->wide,
                        args->in[2].desc.dim[0],
                        args->in[3].desc.dim[0],
                        (int32_t)args->in[1].desc.dim[0],
                        attr->patch};
    const int processors =
        x->device && x->device->multiprocessors > 0 ? x->device->multiprocessors : 1;
    ALM_TRY(alm_launch(x, "page_patches columns", page_columns_kernel,
                       dim3((unsigned)(BLOCKS_PER_PROCESSOR * processors)), dim3(128), 0, s,
                       x->fault, x->fault_code));
    return alm_launch(x, "page_patches", page_patches_kernel, dim3(alm_blocks(out->desc.dim[0], 1)),
                      dim3(256), 0, s, (const int32_t *)position->data, position->stride,
                      (uint8_t *)out->data, out->stride, alm_row_count_of(position),
                      attr->temporal_patch, x->fault_code, x->fault);
}

extern "C" const alm_kernel alm_page_patches_cuda_kernels[] = {
    {.name = "page_patches_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .workspace = alm_page_patches_workspace,
     .run = run,
     .launches = 2},
    {.name = nullptr},
};

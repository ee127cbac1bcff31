/* The accuracy of bf16 mode.
 *
 * What it is measured against: bf16_reference.json (made by tests/golden/make_bf16.py) holds, for
 * every stage, how far the published implementation's own bf16 run lies from float64, emulated with
 * a rounding wherever qwen3vl.md has its R(x). Ours rounds in fewer places and must not lie
 * farther, neither in the rms nor in the largest element.
 *
 * What our own roundings allow. Rounding to the nearest of numbers with 8 bits changes x by a
 * uniform error of up to half a unit in the last place: 2^-9 to 2^-8 of |x| at most, and over
 * mantissas as they come 0.8·2^-9 of the rms of a tensor in the rms. We take 2^-9. The errors of
 * different elements are independent, so a product with a matrix passes the relative error of its
 * operand on (signal and error both grow by the norm of the weights), and errors of roundings one
 * after another add in their squares: n of them in series make 2^-9·√n. Norms, activations and
 * softmax pass relative errors on by a factor near 1, and a mean of independent errors (attention)
 * by less.
 *
 * The residual stream is not rounded. A branch with n roundings adds to it; with V the variance of
 * the stream behind the addition and B that of the branch, n·B/V is added to the squares. Weights
 * of golden models by rule make every branch and the first stream about equal, so V grows by B with
 * every addition: block i = 0, 1, ... adds its attention at V = (2i + 2)·B and its MLP at (2i +
 * 3)·B. Attention has 5 roundings in series (norm, projection, rotation, weights of v where a
 * kernel rounds those, result), the MLP 2 (norm, activation). So b blocks add
 *
 *     S(b) = Σ 5/(2i + 2) + 2/(2i + 3), i < b
 *
 * Before them: 1 in the vision tower (pixels); 3 in the bridge (norm and first layer; Fourier
 * features and first layer, at most as much; the FiLM layer). Behind them: 2 in a merger (norm,
 * activation), 1 before the bridge's outputs (norm). The embedding of the language model holds the
 * worse of image and point tokens; table rows are exact. The pose head is float32; nine numbers
 * with a gain (1.9 at most in all samples, of the reference's error and of ours), for which we
 * take 3.
 *
 * Measured, all of tiny and sizes_*: ours is 0.34 to 0.65 times the reference in the rms of a stage
 * that accumulates (0.44 in the middle), and 0.4 to 0.95 times the limit.
 */
#include "tests/models/bf16_limits.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "tests/shim/alm_test.h"

/* Largest over rms of an error. Elements are sums of many roundings, so nearly normal, but rows
 * have scales of their own: up to 7.7 was measured with 10⁵ elements, where the reference has up
 * to 9. */
static const double LARGEST = 8;

/* The error of stages without a rounding: float32, as in f32 mode. */
static const double FLOAT32 = 1e-4;

/* The last digits of bf16_reference.json are rounded; pixels are rounded in both. */
static const double LAST_DIGIT = 1.001;

static double blocks(int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += 5.0 / (2 * i + 2) + 2.0 / (2 * i + 3);
    }
    return sum;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

double alm_bf16_roundings(alm_bf16_sizes s, const char *stage)
{
    const double merger = 1 + blocks(s.vision_blocks) + 2;
    const double tokens = 3 + blocks(s.bridge_layers) + 1;
    const double embed = merger > tokens ? merger : tokens;
    int i = 0;
    if (sscanf(stage, "vision.block.%d", &i) == 1) {
        return 1 + blocks(i + 1);
    }
    if (sscanf(stage, "bridge.layer.%d", &i) == 1) {
        return 3 + blocks(i + 1);
    }
    if (sscanf(stage, "text.layer.%d", &i) == 1) {
        return embed + blocks(i + 1);
    }
    if (strcmp(stage, "vision.merger") == 0 || starts_with(stage, "vision.deepstack.")) {
        return merger; /* taps are somewhere in the tower */
    }
    if (strcmp(stage, "bridge.tokens") == 0 || starts_with(stage, "bridge.deepstack.")) {
        return tokens;
    }
    if (strcmp(stage, "text.norm") == 0 || strcmp(stage, "head.input") == 0) {
        return embed + blocks(s.text_layers);
    }
    if (strcmp(stage, "head.output") == 0) {
        return 9 * (embed + blocks(s.text_layers));
    }
    return strcmp(stage, "text.embed") == 0                                                 ? embed
           : strcmp(stage, "bridge.input") == 0                                             ? 3
           : strcmp(stage, "pixel_values") == 0 || strcmp(stage, "vision.patch_embed") == 0 ? 1
           : strcmp(stage, "vision.pos_embed") == 0                                         ? 0
                                                                                            : -1;
}

double alm_bf16_error(double n)
{
    return 0x1p-9 * sqrt(n) + FLOAT32;
}

/* A folder's part of bf16_reference.json. */
typedef struct reference {
    json_t *stages, *pose;
    alm_bf16_sizes sizes;
    int compared;
} reference;

static int count_stages(const reference *r, const char *format)
{
    int n = 0;
    char name[64];
    while (snprintf(name, sizeof name, format, n), json_object_get(r->stages, name)) {
        n++;
    }
    return n;
}

static bool limit_of(void *context, const char *stage, double *rms, double *largest)
{
    reference *r = context;
    const double n = alm_bf16_roundings(r->sizes, stage);
    const json_t *theirs = json_object_get(r->stages, stage);
    if (n < 0 || !theirs) {
        return false;
    }
    *rms = alm_bf16_error(n);
    *largest = LARGEST * *rms;
    if (strcmp(stage, "head.output") != 0) { /* poses are compared over all samples */
        *rms = fmin(*rms, LAST_DIGIT * json_number_value(json_array_get(theirs, 0)));
        *largest = fmin(*largest, LAST_DIGIT * json_number_value(json_array_get(theirs, 1)));
    }
    r->compared++;
    return true;
}

/* One pose is nine numbers of one network: ours may be worse there by chance. Over the samples of a
 * folder the rms of the poses' largest errors must not be. */
static void compare_poses(const char *name, const reference *r, const double *error)
{
    double ours = 0, theirs = 0;
    const char *sample;
    const json_t *value;
    int n = 0;
    json_object_foreach(r->pose, sample, value)
    {
        theirs += json_number_value(value) * json_number_value(value);
        ours += error[n] * error[n];
        n++;
    }
    if (!(ours <= theirs)) {
        ALM_FAIL("%s: poses are off by %.3g in the rms, the reference's bf16 run by %.3g", name,
                 sqrt(ours / n), sqrt(theirs / n));
    }
}

void alm_bf16_compare(const char *name, const char *device, int threads)
{
    enum { ROOM = 16 };
    double pose_error[ROOM] = {0};
    char at[64], model[80];
    json_error_t error;
    json_t *tree = json_load_file(alm_test_golden("bf16_reference.json"), 0, &error);
    json_t *mine = json_object_get(tree, name);
    reference r = {.stages = json_object_get(mine, "stages"),
                   .pose = json_object_get(mine, "pose")};
    if (!r.stages || !r.pose || json_object_size(r.pose) > ROOM) {
        ALM_FAIL("bf16_reference.json holds no %s: %s", name, tree ? "" : error.text);
        json_decref(tree);
        return;
    }
    r.sizes = (alm_bf16_sizes){.vision_blocks = count_stages(&r, "vision.block.%d"),
                               .bridge_layers = count_stages(&r, "bridge.layer.%d"),
                               .text_layers = count_stages(&r, "text.layer.%d")};
    snprintf(at, sizeof at, "%s", strcmp(name, "demo") == 0 ? "../../tools/demo" : name);
    snprintf(model, sizeof model, "%s/model", at);
    alm_test_model m = alm_test_open_on(alm_test_golden(model), threads, device, "bf16");
    if (m.session) {
        /* Points and positions are float32 in both modes; a pose is compared below. */
        const alm_golden_limits limits = {.stage = FLOAT32,
                                          .pose = (double)INFINITY,
                                          .of_stage = limit_of,
                                          .context = &r,
                                          .pose_error = pose_error};
        (void)alm_golden_compare(m.session, alm_test_golden(at), limits);
        ALM_CHECK(r.compared >= (int)json_object_size(r.stages));
        compare_poses(name, &r, pose_error);
    }
    alm_test_close(&m);
    json_decref(tree);
}

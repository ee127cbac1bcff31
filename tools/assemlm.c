/* The program `assemlm`: the table of its verbs. One file a verb (verb_*.c); options.def holds the
 * options, cli.c parses, help.c explains, console.c speaks and writes. Of the library it includes
 * runtime/assemlm.h only.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/cli.h"
#include "tools/console.h"

#define COMMON_OPTIONS (CLI_BIT(HELP) | CLI_BIT(VERSION) | CLI_BIT(QUIET))
#define MODEL_OPTIONS (CLI_BIT(MODEL) | CLI_BIT(BASE))
#define ENGINE_OPTIONS (MODEL_OPTIONS | CLI_BIT(DEVICE) | CLI_BIT(DTYPE) | CLI_BIT(THREADS))
#define SAMPLE_OPTIONS                                                                             \
    (CLI_BIT(FIXED) | CLI_BIT(MOVING) | CLI_BIT(MANUAL) | CLI_BIT(CATEGORY) | CLI_BIT(UNITS) |     \
     CLI_BIT(CENTRED) | CLI_BIT(SAMPLE))
#define OUT_OPTIONS (CLI_BIT(OUT) | CLI_BIT(FORCE))

const cli_verb cli_verbs[] = {
    {.name = "predict",
     .arguments = "",
     .summary = "the pose of one sample, or of many from a list",
     .text = "Prints where the moving part goes: the rigid transform p_fixed = R*p_moving + t of "
             "the moving cloud as given. Without arguments, the small demo model places a sample "
             "of its own, its error against the truth is printed, and a picture is written "
             "(assemlm-demo-NAME.png; a file of that name is kept unless --force).\n"
             "With --list, one result line a sample is written in the order of the list; a bad "
             "line gets ok:false and the others their poses (exit code 8).",
     .examples = "  assemlm predict\n"
                 "  assemlm predict --model DIR --fixed base.ply --moving part.ply \\\n"
                 "      --manual page1.png page2.png --category chair --render placed.png\n"
                 "  assemlm predict --model DIR --list samples.jsonl --out poses.jsonl\n",
     .options = COMMON_OPTIONS | ENGINE_OPTIONS | SAMPLE_OPTIONS | OUT_OPTIONS | CLI_BIT(ID) |
                CLI_BIT(LIST_SAMPLES) | CLI_BIT(LIST) | CLI_BIT(JSON) | CLI_BIT(RENDER) |
                CLI_BIT(DUMP),
     .run = verb_predict},
    {.name = "bench",
     .arguments = "",
     .summary = "time of a prediction: median and spread, by stage and by node",
     .text = "Runs one sample again and again. The sample is given as for predict, or is one of "
             "the demo's, or consists of random pages and clouds when --pages is given. Without "
             "--model the demo model is measured.",
     .examples = "  assemlm bench --repeats 20 --nodes\n"
                 "  assemlm bench --model DIR --pages 576x576 --threads 2 --json\n",
     .options = COMMON_OPTIONS | ENGINE_OPTIONS | SAMPLE_OPTIONS | OUT_OPTIONS | CLI_BIT(PAGES) |
                CLI_BIT(WARMUP) | CLI_BIT(REPEATS) | CLI_BIT(COLD) | CLI_BIT(WARM) |
                CLI_BIT(NODES) | CLI_BIT(JSON) | CLI_BIT(SEED),
     .run = verb_bench},
    {.name = "inspect plan",
     .arguments = "",
     .summary = "nodes, kernels, offsets, peak and lower bound of the memory plan",
     .text = "Prints the plan of the model for two pages of the given size, or the budget of every "
             "node on a GPU.",
     .examples = "  assemlm inspect plan --model DIR --pages 576x576\n"
                 "  assemlm inspect plan --model DIR --roofline h200\n",
     .options = COMMON_OPTIONS | ENGINE_OPTIONS | OUT_OPTIONS | CLI_BIT(PAGES) | CLI_BIT(ROOFLINE),
     .run = verb_inspect_plan},
    {.name = "inspect model",
     .arguments = "[DIR]",
     .most_arguments = 1,
     .summary = "every tensor of a model folder: name, shape, dtype, used or not; totals",
     .text = "Prints the tensors of the folder (DIR or --model) and the totals by part.",
     .examples = "  assemlm inspect model DIR\n",
     .options = COMMON_OPTIONS | MODEL_OPTIONS | OUT_OPTIONS,
     .run = verb_inspect_model},
    {.name = "inspect tokens",
     .arguments = "FILE|-",
     .least_arguments = 1,
     .most_arguments = 1,
     .summary = "token ids of texts, one JSON object a line",
     .text = "Reads {\"text\": ...} lines and prints {\"ids\": [...]} lines. Added tokens in the "
             "text are recognised as Hugging Face does; with \"plain\": true they are not. With "
             "--model the four point and pose tokens are known too, with --base alone they are "
             "not. Other keys are ignored.",
     .examples = "  echo '{\"text\": \"a chair\"}' | assemlm inspect tokens --base DIR -\n",
     .options = COMMON_OPTIONS | MODEL_OPTIONS | OUT_OPTIONS,
     .run = verb_inspect_tokens},
    {.name = "inspect image",
     .arguments = "FILE",
     .least_arguments = 1,
     .most_arguments = 1,
     .summary = "what the vision tower gets of a page, as safetensors",
     .text = "Writes the tensors rgb (the decoded page), grid_thw and patch_bytes (the resized "
             "page in patch order) to the file that --out names.",
     .examples = "  assemlm inspect image page1.png --base DIR --out page1.safetensors\n",
     .options = COMMON_OPTIONS | MODEL_OPTIONS | OUT_OPTIONS,
     .run = verb_inspect_image},
    {.name = "inspect",
     .arguments = "",
     .summary = "with --env: every environment knob; else see inspect plan, model, tokens, image",
     .text = "Looks inside: name a subject (plan, model, tokens, image), or give --env for the "
             "environment knobs below the level of options.",
     .examples = "  assemlm inspect --env\n",
     .options = COMMON_OPTIONS | OUT_OPTIONS | CLI_BIT(ENV),
     .run = verb_inspect},
    {.name = "synth model",
     .arguments = "",
     .summary = "a model folder with random weights by rule, in the released layout",
     .text = "Writes a model folder whose weights follow the rule of the README bit for bit. With "
             "--from, config.yaml and base/ are taken from a folder; otherwise they are made. The "
             "release preset is 4 GB.",
     .examples = "  assemlm synth model --preset tiny --seed 1 --to /tmp/tiny\n",
     .options = COMMON_OPTIONS | CLI_BIT(PRESET) | CLI_BIT(SEED) | CLI_BIT(FROM) | CLI_BIT(TO) |
                CLI_BIT(CONTAINER) | CLI_BIT(FORCE) | CLI_BIT(THREADS),
     .run = verb_synth_model},
    {.name = "help",
     .arguments = "[VERB]",
     .most_arguments = 2,
     .summary = "help of a verb; manual page; shell completion",
     .text = "Prints the help of a verb, or the list of verbs. The manual page and the completion "
             "come from the same tables.",
     .examples = "  assemlm help inspect plan\n"
                 "  assemlm help --man > assemlm.1\n"
                 "  assemlm help --completion bash > /etc/bash_completion.d/assemlm\n",
     .options = COMMON_OPTIONS | CLI_BIT(MAN) | CLI_BIT(COMPLETION),
     .run = verb_help},
    {.name = "version",
     .arguments = "",
     .summary = "version and commit",
     .text = "Prints the version and the commit that it was built from.",
     .examples = "",
     .options = COMMON_OPTIONS,
     .run = verb_version},
};
const int cli_verb_count = (int)(sizeof cli_verbs / sizeof cli_verbs[0]);

int main(int argc, char **argv)
{
    console_init();
    int code = cli_main(argc - 1, argv + 1);
    /* What help and version print is checked here, results where they are written. */
    if (fflush(stdout) != 0 && code == ALM_OK) {
        console_error("stdout: cannot be written: %s", strerror(errno));
        code = ALM_STATUS_OUTPUT;
    }
    return code;
}

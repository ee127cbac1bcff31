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
    {.name = "eval",
     .arguments = "",
     .summary = "the AssemBench protocol: a model, or given poses, scored as the reference does",
     .text =
         "Evaluates samples of AssemBench files, drawn and scored exactly as the published "
         "evaluator does, and writes its result files and folders, "
         "OUT/CHECKPOINT/TIMESTAMP/DATASET/seed_N/SPLIT/TIMESTAMP/eval_results.json and the "
         "aggregates, with reports beside them (report.html, report.md, report.tex, *.csv). "
         "Without --model the demo model is evaluated.\n"
         "Every finished sample goes to a journal first. --resume goes on after any end; the "
         "files are then the same, byte for byte, as those of an undisturbed run. A sample that "
         "cannot be evaluated is a row with its reason, and the run goes on (exit code 8).\n"
         "--shard I/N evaluates a part; merge joins the parts, which need the same "
         "--timestamp.",
     .examples = "  assemlm eval --model DIR --data DATA --datasets biasassembly,ikea,partnet,"
                 "twobytwo \\\n"
                 "      --split train,test --seeds 0-9 --shuffle --num-samples protocol\n"
                 "  assemlm eval --data DATA --predictions poses.jsonl --seeds 0-9\n"
                 "  assemlm eval --data DATA --seeds 0-9 --export-draws draws.safetensors\n"
                 "  assemlm eval --model DIR --data DATA --resume\n",
     .options = COMMON_OPTIONS | ENGINE_OPTIONS | OUT_OPTIONS | CLI_BIT(DATA) | CLI_BIT(DATASETS) |
                CLI_BIT(SPLIT) | CLI_BIT(SEEDS) | CLI_BIT(NUM_SAMPLES) | CLI_BIT(SHUFFLE) |
                CLI_BIT(NO_SYMMETRY) | CLI_BIT(SHARD) | CLI_BIT(RESUME) | CLI_BIT(BATCH) |
                CLI_BIT(PREDICTIONS) | CLI_BIT(EXPORT_DRAWS) | CLI_BIT(TIMESTAMP) |
                CLI_BIT(CHECKPOINT) | CLI_BIT(CONFIG) | CLI_BIT(FORMAT),
     .run = verb_eval},
    {.name = "merge",
     .arguments = "RUN...",
     .least_arguments = 1,
     .most_arguments = CLI_MOST_ARGUMENTS,
     .summary = "joins the shards of a run; aggregates; compares two runs",
     .text = "Reads run folders of eval. Proves that every expected sample is there exactly once, "
             "names what is missing, refuses what does not belong together (other models, splits, "
             "seeds), and writes results, aggregates and reports to --out (default: the first run "
             "folder). A folder that holds results of another evaluator only gets its aggregates.\n"
             "--compare RUN pairs the samples of two runs and tests their differences.",
     .examples = "  assemlm merge results/model.pt/20260101_000000 --strict\n"
                 "  assemlm merge node0/run node1/run --out merged\n"
                 "  assemlm merge run --compare other_run --format md,html\n",
     .options = COMMON_OPTIONS | CLI_BIT(OUT) | CLI_BIT(EXPECT) | CLI_BIT(STRICT) |
                CLI_BIT(FORMAT) | CLI_BIT(COMPARE),
     .run = verb_merge},
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
    {.name = "inspect data",
     .arguments = "FILE",
     .least_arguments = 1,
     .most_arguments = 1,
     .summary = "an AssemBench file: counts, sizes, splits, categories, bad samples",
     .text = "Reads every sample of an HDF5 file of AssemBench and prints what it holds; samples "
             "that cannot be read are listed with their reasons (exit code 8). With --sample, "
             "prints one, and --render draws its pages and both clouds in place.",
     .examples =
         "  assemlm inspect data assemlm_partnet.hdf5\n"
         "  assemlm inspect data assemlm_ikea.hdf5 --sample Chair_bekvam_1 --render b.png\n",
     .options = COMMON_OPTIONS | OUT_OPTIONS | CLI_BIT(SAMPLE) | CLI_BIT(RENDER) | CLI_BIT(JSON),
     .run = verb_inspect_data},
    {.name = "inspect device",
     .arguments = "",
     .summary = "what --device can name here: CPU, GPUs, driver, libraries",
     .text =
         "Prints a line for the CPU, for CUDA, the driver and the optional libraries, for every "
         "GPU (with the reason where it cannot be used), and what --device auto takes.",
     .examples = "  assemlm inspect device\n",
     .options = COMMON_OPTIONS | OUT_OPTIONS,
     .run = verb_inspect_device},
    {.name = "inspect",
     .arguments = "",
     .summary =
         "with --env: every environment knob; else inspect plan, model, tokens, image, data, "
         "device",
     .text = "Looks inside: name a subject (plan, model, tokens, image, data, device), or give "
             "--env for the environment knobs below the level of options.",
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
    {.name = "synth data",
     .arguments = "",
     .summary = "an AssemBench file of synthetic assemblies: clouds, manual pages, plans, splits",
     .text =
         "Writes an HDF5 file in the layout of AssemBench: parts that fit (pegs, slots, dowels, "
         "brackets, bolts, gears, joints, furniture), a sample for every step of their "
         "assembly. The same seed gives the same values on every machine, with any number of "
         "threads; sample i does not depend on how many there are.",
     .examples = "  assemlm synth data --samples 10000 --seed 1 --to data/assemlm_synth.hdf5\n",
     .options = COMMON_OPTIONS | CLI_BIT(SAMPLES) | CLI_BIT(SEED) | CLI_BIT(TO) | CLI_BIT(STYLE) |
                CLI_BIT(FORCE) | CLI_BIT(THREADS),
     .run = verb_synth_data},
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

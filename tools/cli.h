/* The command line: one table of options (options.def), one table of verbs, and everything that
 * comes from them: parsing, environment twins, help, manual page, shell completion.
 *
 * Every option has an environment twin: --list-samples is ASSEMLM_LIST_SAMPLES (--help, --version
 * and --env have none). The option wins. Refused, by name: what is unknown (with the nearest name),
 * given twice, without its value, out of range, or in conflict.
 */
#ifndef ALM_TOOLS_CLI_H
#define ALM_TOOLS_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/assemlm.h"

typedef enum cli_option_id {
#define CLI_OPTION(ID, name, kind, value, least, most, help) CLI_##ID,
#include "tools/options.def"
#undef CLI_OPTION
    CLI_OPTION_COUNT
} cli_option_id;

typedef enum cli_kind {
    CLI_FLAG,
    CLI_TEXT,
    CLI_CHOICE, /* one of the words of `value`, which '|' separates */
    CLI_COUNT,  /* digits only */
    CLI_PAIR    /* two values; in the environment twin ':' stands between them */
} cli_kind;

typedef struct cli_option {
    const char *name, *value, *help;
    cli_kind kind;
    int64_t least, most;
} cli_option;

typedef struct cli_args cli_args;

typedef struct cli_verb {
    const char *name;      /* one or two words: "inspect plan" */
    const char *arguments; /* what stands after the options: "FILE|-"; "" for none */
    int least_arguments, most_arguments;
    const char *summary;               /* one line */
    const char *text;                  /* paragraphs, wrapped by the help */
    const char *examples;              /* lines */
    uint64_t options;                  /* bit CLI_<ID> of every option it takes */
    alm_status (*run)(cli_args *args); /* returns the exit code */
} cli_verb;

#define CLI_BIT(ID) (UINT64_C(1) << CLI_##ID)
_Static_assert(CLI_OPTION_COUNT <= 64, "a verb's options are bits of one word");

enum { CLI_MOST_ARGUMENTS = 256 };

struct cli_args {
    const cli_verb *verb;
    const char *value[CLI_OPTION_COUNT]; /* NULL: not given; "" for a flag that is */
    const char *second[CLI_OPTION_COUNT];
    int64_t count[CLI_OPTION_COUNT];
    bool from_environment[CLI_OPTION_COUNT];
    const char *argument[CLI_MOST_ARGUMENTS];
    int arguments;
    char *owned; /* halves of a pair from the environment */
};

extern const cli_option cli_options[CLI_OPTION_COUNT];
extern const cli_verb cli_verbs[];
extern const int cli_verb_count;

/* Finds the verb, parses what follows and runs it. Returns the exit code. */
int cli_main(int argc, char **argv);

static inline bool cli_given(const cli_args *args, cli_option_id option)
{
    return args->value[option] != NULL;
}

/* The count of an option, or what stands for it when it is not given. */
int64_t cli_count(const cli_args *args, cli_option_id option, int64_t otherwise);

/* Index of the choice in the option's list, or `otherwise`. */
int cli_choice(const cli_args *args, cli_option_id option, int otherwise);

/* "W x H" of --pages; 576x576 when it is not given. */
alm_status cli_pages(const cli_args *args, int *width, int *height);

/* One line to stderr, "assemlm <verb>: <text>", and where to find help. Returns
 * ALM_STATUS_USAGE. */
alm_status cli_usage(const cli_args *args, const char *format, ...) ALM_PRINTF(2, 3);

/* Of two options that exclude each other, drops the one that only the environment gives; refuses
 * both otherwise. */
alm_status cli_conflict(cli_args *args, cli_option_id a, cli_option_id b);

/* Says which of these options are not given (in one message), when any is not. */
alm_status cli_need(const cli_args *args, uint64_t options);

/* An environment variable; NULL when not set or empty. The only getenv of the program. */
const char *cli_environment(const char *name);

/* "ASSEMLM_LIST_SAMPLES" of --list-samples; "" where there is no twin. */
void cli_twin(cli_option_id option, char out[64]);

/* help.c */
void cli_help_overview(FILE *to);
void cli_help_verb(const cli_verb *verb, FILE *to);
void cli_help_man(FILE *to);
void cli_help_bash(FILE *to);

/* The verbs. */
alm_status verb_predict(cli_args *args);
alm_status verb_bench(cli_args *args);
alm_status verb_inspect(cli_args *args);
alm_status verb_inspect_device(cli_args *args);
alm_status verb_inspect_plan(cli_args *args);
alm_status verb_inspect_model(cli_args *args);
alm_status verb_inspect_tokens(cli_args *args);
alm_status verb_inspect_image(cli_args *args);
alm_status verb_inspect_data(cli_args *args);
alm_status verb_eval(cli_args *args);
alm_status verb_merge(cli_args *args);
alm_status verb_synth_model(cli_args *args);
alm_status verb_synth_data(cli_args *args);
alm_status verb_help(cli_args *args);
alm_status verb_version(cli_args *args);

#endif

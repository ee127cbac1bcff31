/* Help, manual page and shell completion, all made from the tables of verbs and options: an option
 * that is in no table cannot be given, one that is in a table cannot be left out of the help. */
#include "tools/cli.h"

#include <string.h>

enum { COLUMNS = 80, OPTION_COLUMN = 30 };

static const char *const exit_codes[][2] = {
    {"0", "done"},
    {"1", "internal error (a bug)"},
    {"2", "wrong usage"},
    {"3", "invalid sample: a cloud, a page, the category, a list"},
    {"4", "invalid or unsupported model folder"},
    {"5", "no usable device"},
    {"6", "out of memory"},
    {"7", "output could not be written, or exists and --force is not given"},
    {"8", "finished, but some samples failed"},
    {"9", "a check failed"},
    {"75", "restart: the device is lost"},
};
enum { EXIT_CODES = sizeof exit_codes / sizeof exit_codes[0] };

/* Prints words with line breaks; `at` is the column that the cursor stands at. */
static void wrap(FILE *to, const char *text, size_t indent, size_t at)
{
    bool first = true;
    while (*text) {
        const size_t n = strcspn(text, " \n");
        const bool is_paragraph = text[n] == '\n';
        if (!first && at + 1 + n > COLUMNS) {
            fprintf(to, "\n%*s", (int)indent, "");
            at = indent;
            first = true;
        }
        fprintf(to, "%s%.*s", first ? "" : " ", (int)n, text);
        at += n + !first;
        first = false;
        text += n + (text[n] != '\0');
        if (is_paragraph) {
            fprintf(to, "\n%*s", (int)indent, "");
            at = indent;
            first = true;
        }
    }
    fputc('\n', to);
}

void cli_help_overview(FILE *to)
{
    fputs("assemlm: from two manual pages, two point clouds and a category to the pose of the "
          "moving part\n\nUsage: assemlm VERB [options]\n\n",
          to);
    for (int v = 0; v < cli_verb_count; v++) {
        const int n = fprintf(to, "  %-16s ", cli_verbs[v].name);
        wrap(to, cli_verbs[v].summary, 19, (size_t)(n > 0 ? n : 0));
    }
    fputs("\nassemlm VERB --help tells more, assemlm help --man prints the manual page.\n"
          "Without arguments, `assemlm predict` shows the demo model at work.\n",
          to);
}

/* "--manual PAGE1 PAGE2" */
static int option_head(const cli_option *option, char *out, size_t bytes)
{
    return snprintf(out, bytes, "--%s%s%s", option->name, option->value ? " " : "",
                    option->value ? option->value : "");
}

void cli_help_verb(const cli_verb *verb, FILE *to)
{
    fprintf(to, "Usage: assemlm %s%s%s%s\n\n", verb->name, verb->options ? " [options]" : "",
            verb->arguments[0] ? " " : "", verb->arguments);
    wrap(to, verb->text, 0, 0);
    fputs("\nOptions:\n", to);
    for (int o = 0; o < CLI_OPTION_COUNT; o++) {
        if (!(verb->options >> o & 1)) {
            continue;
        }
        char head[80];
        option_head(&cli_options[o], head, sizeof head);
        fprintf(to, "  %-*s", OPTION_COLUMN - 3, head);
        if (strlen(head) > OPTION_COLUMN - 3) {
            fprintf(to, "\n%*s", OPTION_COLUMN - 1, "");
        }
        fputc(' ', to);
        wrap(to, cli_options[o].help, OPTION_COLUMN, OPTION_COLUMN);
    }
    fputs("\nEvery option but --help, --version and --env has an environment twin, such as\n"
          "ASSEMLM_LIST_SAMPLES=1 for --list-samples; the option wins. '-' is stdin or stdout.\n",
          to);
    if (verb->examples[0]) {
        fprintf(to, "\nExamples:\n%s", verb->examples);
    }
    fputs("\nExit codes:\n", to);
    for (int i = 0; i < EXIT_CODES; i++) {
        fprintf(to, "  %-3s %s\n", exit_codes[i][0], exit_codes[i][1]);
    }
}

/* ---- Manual page */

/* Text for troff: '-' and '\' escaped; a line never starts with a control character. */
static void troff(FILE *to, const char *text)
{
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\'')) {
            fputs("\\&", to);
        }
        line_start = *text == '\n';
        if (*text == '-') {
            fputs("\\-", to);
        } else if (*text == '\\') {
            fputs("\\e", to);
        } else {
            fputc(*text, to);
        }
    }
    fputc('\n', to);
}

void cli_help_man(FILE *to)
{
    fprintf(to, ".TH ASSEMLM 1 \"\" \"assemlm %s\" \"User Commands\"\n.SH NAME\n", alm_version());
    fputs("assemlm \\- poses of parts from manual pages and point clouds (AssemLM 2.0)\n"
          ".SH SYNOPSIS\n.B assemlm\n.I verb\n[options]\n.SH DESCRIPTION\n",
          to);
    fputs("Results go to stdout, everything for people to stderr. Every option has an environment "
          "twin,\n.B ASSEMLM_MODEL\nfor\n.BR \\-\\-model ;\nthe option wins. A single \\- is stdin "
          "or stdout.\n",
          to);
    for (int v = 0; v < cli_verb_count; v++) {
        const cli_verb *verb = &cli_verbs[v];
        fprintf(to, ".SH \"assemlm %s\"\n.B assemlm %s\n", verb->name, verb->name);
        if (verb->arguments[0]) {
            troff(to, verb->arguments);
        }
        fputs(".PP\n", to);
        troff(to, verb->text);
        for (int o = 0; o < CLI_OPTION_COUNT; o++) {
            if (verb->options >> o & 1) {
                char head[80];
                option_head(&cli_options[o], head, sizeof head);
                fputs(".TP\n.B ", to);
                troff(to, head);
                troff(to, cli_options[o].help);
            }
        }
        if (verb->examples[0]) {
            fputs(".PP\nExamples:\n.nf\n", to);
            troff(to, verb->examples);
            fputs(".fi\n", to);
        }
    }
    fputs(".SH \"EXIT STATUS\"\n", to);
    for (int i = 0; i < EXIT_CODES; i++) {
        fprintf(to, ".TP\n.B %s\n", exit_codes[i][0]);
        troff(to, exit_codes[i][1]);
    }
    fputs(".SH ENVIRONMENT\n", to);
    for (int o = 0; o < CLI_OPTION_COUNT; o++) {
        char twin[64];
        cli_twin((cli_option_id)o, twin);
        if (twin[0]) {
            fprintf(to, ".TP\n.B %s\n", twin);
            fprintf(to, "as \\-\\-%s%s\n", cli_options[o].name,
                    cli_options[o].kind == CLI_FLAG   ? ": 1 or 0"
                    : cli_options[o].kind == CLI_PAIR ? ": two values with ':' between them"
                                                      : "");
        }
    }
    fputs(".PP\nKnobs below the level of options: assemlm inspect \\-\\-env.\n", to);
}

/* ---- Completion */

static void bash_options(FILE *to, const cli_verb *verb)
{
    for (int o = 0; o < CLI_OPTION_COUNT; o++) {
        if (verb->options >> o & 1) {
            fprintf(to, " --%s", cli_options[o].name);
        }
    }
}

/* The words that may follow one option; file names where the value is one. */
static void bash_values(FILE *to)
{
    for (int o = 0; o < CLI_OPTION_COUNT; o++) {
        const cli_option *option = &cli_options[o];
        if (option->kind != CLI_CHOICE) {
            continue;
        }
        fprintf(to, "        --%s) COMPREPLY=($(compgen -W \"", option->name);
        for (const char *c = option->value; *c; c++) {
            fputc(*c == '|' ? ' ' : *c, to);
        }
        fputs("\" -- \"$word\")); return ;;\n", to);
    }
    fprintf(to,
            "        --%s) COMPREPLY=($(compgen -W \"$(assemlm predict --list-samples "
            "2>/dev/null | cut -d' ' -f1)\" -- \"$word\")); return ;;\n",
            cli_options[CLI_SAMPLE].name);
    for (int o = 0; o < CLI_OPTION_COUNT; o++) {
        const cli_option *option = &cli_options[o];
        const bool is_words = o == CLI_CATEGORY || o == CLI_ID || o == CLI_PAGES;
        if (option->kind == CLI_COUNT || is_words) {
            fprintf(to, "        --%s) return ;;\n", option->name);
        }
    }
}

void cli_help_bash(FILE *to)
{
    fputs("# bash completion for assemlm, made by `assemlm help --completion bash`\n"
          "_assemlm() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local verb=${COMP_WORDS[1]} options words=\"\"\n"
          "    case \"$last\" in\n",
          to);
    bash_values(to);
    fputs("    esac\n    case \"$verb ${COMP_WORDS[2]}\" in\n", to);
    /* Verbs of two words stand before those of one, whose pattern fits them as well. */
    for (int words = 2; words >= 1; words--) {
        for (int v = 0; v < cli_verb_count; v++) {
            const bool has_two = strchr(cli_verbs[v].name, ' ') != NULL;
            if (has_two != (words == 2)) {
                continue;
            }
            fprintf(to, "        \"%s\"%s) options=\"", cli_verbs[v].name, has_two ? "" : "\\ *");
            bash_options(to, &cli_verbs[v]);
            fputs("\" ;;\n", to);
        }
    }
    fputs("    esac\n    if [[ $COMP_CWORD == 1 ]]; then\n        words=\"", to);
    for (int v = 0; v < cli_verb_count; v++) {
        if (!strchr(cli_verbs[v].name, ' ')) {
            fprintf(to, "%s ", cli_verbs[v].name);
        }
    }
    fputs("synth\"\n    elif [[ $COMP_CWORD == 2 ]]; then\n        case \"$verb\" in\n", to);
    static const char *const groups[] = {"inspect", "synth"};
    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        const size_t n = strlen(groups[g]);
        fprintf(to, "            %s) words=\"", groups[g]);
        for (int v = 0; v < cli_verb_count; v++) {
            if (strncmp(cli_verbs[v].name, groups[g], n) == 0 && cli_verbs[v].name[n] == ' ') {
                fprintf(to, "%s ", cli_verbs[v].name + n + 1);
            }
        }
        fputs("\" ;;\n", to);
    }
    fputs("        esac\n    fi\n"
          "    COMPREPLY=($(compgen -W \"$words $options\" -- \"$word\"))\n"
          "    [[ $word != -* && $COMP_CWORD -gt 1 ]] && COMPREPLY+=($(compgen -f -- \"$word\"))\n"
          "}\n"
          "complete -o filenames -F _assemlm assemlm\n",
          to);
}

alm_status verb_version(cli_args *args)
{
    (void)args;
    const char *commit = alm_version_commit();
    printf("assemlm %s%s%s%s\n", alm_version(), commit[0] ? " (" : "", commit,
           commit[0] ? ")" : "");
    return ALM_OK;
}

alm_status verb_help(cli_args *args)
{
    if (cli_given(args, CLI_MAN) && cli_given(args, CLI_COMPLETION)) {
        return cli_conflict(args, CLI_MAN, CLI_COMPLETION);
    }
    if (cli_given(args, CLI_MAN)) {
        cli_help_man(stdout);
        return ALM_OK;
    }
    if (cli_given(args, CLI_COMPLETION)) {
        cli_help_bash(stdout);
        return ALM_OK;
    }
    if (args->arguments == 0) {
        cli_help_overview(stdout);
        return ALM_OK;
    }
    /* A name of two words comes in one argument from `VERB --help`, in two from `help inspect
     * plan`. */
    char name[64];
    snprintf(name, sizeof name, "%s%s%s", args->argument[0], args->arguments > 1 ? " " : "",
             args->arguments > 1 ? args->argument[1] : "");
    bool found = false;
    for (int v = 0; v < cli_verb_count; v++) {
        const size_t n = strlen(name);
        const bool is_it = strcmp(cli_verbs[v].name, name) == 0;
        const bool is_member =
            strncmp(cli_verbs[v].name, name, n) == 0 && cli_verbs[v].name[n] == ' ';
        if (is_it || is_member) {
            if (found) {
                puts("\n--------\n");
            }
            cli_help_verb(&cli_verbs[v], stdout);
            found = true;
        }
    }
    return found ? ALM_OK : cli_usage(args, "unknown verb '%s'", name);
}

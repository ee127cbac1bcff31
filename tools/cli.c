/* Finds the verb, parses its options and arguments, fills in environment twins, runs it. */
#include "tools/cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tools/console.h"

const cli_option cli_options[CLI_OPTION_COUNT] = {
#define CLI_OPTION(ID, option_name, option_kind, option_value, at_least, at_most, option_help)     \
    [CLI_##ID] = {.name = option_name,                                                             \
                  .value = option_value,                                                           \
                  .help = option_help,                                                             \
                  .kind = option_kind,                                                             \
                  .least = at_least,                                                               \
                  .most = at_most},
#include "tools/options.def"
#undef CLI_OPTION
};

const char *cli_environment(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

void cli_twin(cli_option_id option, char out[64])
{
    out[0] = '\0';
    if (option == CLI_HELP || option == CLI_VERSION || option == CLI_ENV) {
        return;
    }
    snprintf(out, 64, "ASSEMLM_%s", cli_options[option].name);
    for (char *c = out; *c; c++) {
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    }
}

alm_status cli_usage(const cli_args *args, const char *format, ...)
{
    char before[64] = "";
    const char *verb = args->verb ? args->verb->name : NULL;
    if (verb) {
        snprintf(before, sizeof before, " %s", verb);
    }
    va_list list;
    va_start(list, format);
    console_errorv(before, format, list);
    va_end(list);
    fprintf(stderr, "Try: assemlm %s%s--help\n", verb ? verb : "", verb ? " " : "");
    return ALM_STATUS_USAGE;
}

/* ---- The nearest name */

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap neighbours) that make b of a; names of 31 bytes at most. */
static int edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 31 };
    int row[3][LONGEST + 1];
    const size_t n = strlen(a), m = strlen(b);
    if (n > LONGEST || m > LONGEST) {
        return LONGEST;
    }
    for (size_t j = 0; j <= m; j++) {
        row[0][j] = (int)j;
    }
    for (size_t i = 1; i <= n; i++) {
        int *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                now[j] = least(now[j], before[j - 2] + 1);
            }
        }
    }
    return row[n % 3][m];
}

/* Keeps the name that is nearest to `text` so far, when it is near at all. */
static void consider(const char *text, const char *name, const char **nearest, int *distance)
{
    const int d = edit_distance(text, name);
    const int limit = strlen(text) > 5 ? 3 : 2;
    const bool is_beginning = strlen(text) >= 3 && strncmp(text, name, strlen(text)) == 0;
    if ((d <= limit || is_beginning) && d < *distance) {
        *nearest = name;
        *distance = d;
    }
}

static alm_status unknown_option(const cli_args *args, const char *name, size_t bytes)
{
    char text[40];
    snprintf(text, sizeof text, "%.*s", (int)bytes, name);
    const char *nearest = NULL;
    int distance = INT32_MAX;
    for (int o = 0; o < CLI_OPTION_COUNT; o++) {
        if (args->verb->options >> o & 1) {
            consider(text, cli_options[o].name, &nearest, &distance);
        }
    }
    if (nearest) {
        return cli_usage(args, "unknown option --%s: did you mean --%s?", text, nearest);
    }
    for (int o = 0; o < CLI_OPTION_COUNT; o++) {
        if (strcmp(cli_options[o].name, text) == 0) {
            return cli_usage(args, "--%s is no option of this verb", text);
        }
    }
    return cli_usage(args, "unknown option --%s", text);
}

/* Whether the word begins verbs of two words. */
static bool is_group(const char *word)
{
    const size_t n = strlen(word);
    for (int v = 0; v < cli_verb_count; v++) {
        if (strncmp(cli_verbs[v].name, word, n) == 0 && cli_verbs[v].name[n] == ' ') {
            return true;
        }
    }
    return false;
}

static alm_status unknown_verb(const cli_args *args, const char *word, const char *next)
{
    char text[40];
    const char *nearest = NULL;
    int distance = INT32_MAX;
    const bool has_two = next && is_group(word);
    snprintf(text, sizeof text, "%s%s%s", word, has_two ? " " : "", has_two ? next : "");
    for (int v = 0; v < cli_verb_count; v++) {
        consider(text, cli_verbs[v].name, &nearest, &distance);
    }
    return nearest ? cli_usage(args, "unknown verb '%s': did you mean '%s'?", text, nearest)
                   : cli_usage(args, "unknown verb '%s'", text);
}

/* ---- Values */

/* Digits only, so that signs, blanks, exponents and locales have no part in it. */
static bool parse_count(const char *text, int64_t *out)
{
    int64_t value = 0;
    if (!text[0]) {
        return false;
    }
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *c - '0', &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}

/* Index of the word in "a|b|c"; -1 when it is not one of them. */
static int choice_index(const char *choices, const char *word)
{
    const size_t n = strlen(word);
    for (int index = 0;; index++) {
        const size_t length = strcspn(choices, "|");
        if (length == n && strncmp(choices, word, n) == 0) {
            return index;
        }
        if (!choices[length]) {
            return -1;
        }
        choices += length + 1;
    }
}

/* Checks one value; name: "--units" or its twin. */
static alm_status check_value(cli_args *args, cli_option_id id, const char *name, const char *value)
{
    const cli_option *option = &cli_options[id];
    if (!value[0] && option->kind != CLI_FLAG && id != CLI_CATEGORY && id != CLI_ID) {
        return cli_usage(args, "%s: empty, expected %s", name, option->value);
    }
    if (option->kind == CLI_CHOICE && choice_index(option->value, value) < 0) {
        return cli_usage(args, "%s: '%s', expected one of %s", name, value, option->value);
    }
    if (option->kind == CLI_COUNT) {
        int64_t count;
        if (!parse_count(value, &count) || count < option->least || count > option->most) {
            return cli_usage(args, "%s: '%s', expected a number from %lld to %lld", name, value,
                             (long long)option->least, (long long)option->most);
        }
        args->count[id] = count;
    }
    return ALM_OK;
}

static alm_status take_option(cli_args *args, int argc, char **argv, int *at)
{
    const char *word = argv[*at] + 2;
    const char *equals = strchr(word, '=');
    const size_t bytes = equals ? (size_t)(equals - word) : strlen(word);
    int id = 0;
    while (id < CLI_OPTION_COUNT &&
           (strlen(cli_options[id].name) != bytes ||
            memcmp(cli_options[id].name, word, bytes) != 0 || !(args->verb->options >> id & 1))) {
        id++;
    }
    if (id == CLI_OPTION_COUNT) {
        return unknown_option(args, word, bytes);
    }
    const cli_option *option = &cli_options[id];
    char name[40];
    snprintf(name, sizeof name, "--%s", option->name);
    if (args->value[id]) {
        return cli_usage(args, "%s is given twice", name);
    }
    if (option->kind == CLI_FLAG) {
        if (equals) {
            return cli_usage(args, "%s takes no value", name);
        }
        args->value[id] = "";
        return ALM_OK;
    }
    const int wanted = option->kind == CLI_PAIR ? 2 : 1;
    if (equals && wanted == 2) {
        return cli_usage(args, "%s takes two values: %s %s", name, name, option->value);
    }
    const char *value[2] = {equals ? equals + 1 : NULL, NULL};
    for (int i = equals ? 1 : 0; i < wanted; i++) {
        const char *next = *at + 1 < argc ? argv[*at + 1] : NULL;
        if (!next || strncmp(next, "--", 2) == 0) {
            return cli_usage(args, "%s lacks %s: %s %s", name,
                             i == 1 ? "its second value" : "its value", name, option->value);
        }
        value[i] = next;
        *at += 1;
    }
    for (int i = 0; i < wanted; i++) {
        ALM_TRY(check_value(args, (cli_option_id)id, name, value[i]));
    }
    args->value[id] = value[0];
    args->second[id] = value[1];
    return ALM_OK;
}

/* Fills in what the command line leaves open. */
static alm_status take_environment(cli_args *args)
{
    for (int id = 0; id < CLI_OPTION_COUNT; id++) {
        char name[64];
        cli_twin((cli_option_id)id, name);
        if (!(args->verb->options >> id & 1) || args->value[id] || !name[0]) {
            continue;
        }
        const char *value = cli_environment(name);
        if (!value) {
            continue;
        }
        const cli_option *option = &cli_options[id];
        if (option->kind == CLI_FLAG) {
            if (choice_index("0|false|no|off", value) >= 0) {
                continue;
            }
            if (choice_index("1|true|yes|on", value) < 0) {
                return cli_usage(args, "%s: '%s', expected 1 or 0", name, value);
            }
            value = "";
        } else if (option->kind == CLI_PAIR) {
            const char *colon = strchr(value, ':');
            if (!colon || colon == value || !colon[1]) {
                return cli_usage(args, "%s: '%s', expected two values with ':' between them", name,
                                 value);
            }
            /* There is one pair among the options, so one copy is enough. */
            free(args->owned);
            args->owned = strdup(value);
            if (!args->owned) {
                console_error("out of memory");
                return ALM_STATUS_MEMORY;
            }
            args->owned[colon - value] = '\0';
            args->second[id] = args->owned + (colon - value) + 1;
            value = args->owned;
        } else {
            ALM_TRY(check_value(args, (cli_option_id)id, name, value));
        }
        args->value[id] = value;
        args->from_environment[id] = true;
    }
    return ALM_OK;
}

static alm_status parse(cli_args *args, int argc, char **argv)
{
    bool options_end = false;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (!options_end && strcmp(word, "--") == 0) {
            options_end = true;
        } else if (!options_end && strcmp(word, "-h") == 0) {
            args->value[CLI_HELP] = "";
        } else if (!options_end && strncmp(word, "--", 2) == 0) {
            ALM_TRY(take_option(args, argc, argv, &i));
        } else if (!options_end && word[0] == '-' && word[1]) {
            return cli_usage(args, "unknown option %s: options start with --", word);
        } else if (args->arguments >= args->verb->most_arguments) {
            return cli_usage(args, "unexpected argument '%s'", word);
        } else {
            args->argument[args->arguments++] = word;
        }
    }
    if (cli_given(args, CLI_HELP) || cli_given(args, CLI_VERSION)) {
        return ALM_OK;
    }
    if (args->arguments < args->verb->least_arguments) {
        return cli_usage(args, "missing argument %s", args->verb->arguments);
    }
    return take_environment(args);
}

/* ---- What verbs ask for */

int64_t cli_count(const cli_args *args, cli_option_id option, int64_t otherwise)
{
    return cli_given(args, option) ? args->count[option] : otherwise;
}

int cli_choice(const cli_args *args, cli_option_id option, int otherwise)
{
    return cli_given(args, option) ? choice_index(cli_options[option].value, args->value[option])
                                   : otherwise;
}

alm_status cli_pages(const cli_args *args, int *width, int *height)
{
    enum { LONGEST = 65535 };
    *width = *height = 576;
    const char *text = args->value[CLI_PAGES];
    if (!text) {
        return ALM_OK;
    }
    char first[16];
    int64_t w = 0, h = 0;
    const char *cross = strchr(text, 'x');
    if (!cross || (size_t)(cross - text) >= sizeof first) {
        return cli_usage(args, "--pages: '%s', expected WIDTHxHEIGHT, such as 576x576", text);
    }
    snprintf(first, sizeof first, "%.*s", (int)(cross - text), text);
    if (!parse_count(first, &w) || !parse_count(cross + 1, &h) || w < 1 || h < 1 || w > LONGEST ||
        h > LONGEST) {
        return cli_usage(args, "--pages: '%s', expected two numbers from 1 to %d: 576x576", text,
                         LONGEST);
    }
    *width = (int)w;
    *height = (int)h;
    return ALM_OK;
}

alm_status cli_conflict(cli_args *args, cli_option_id a, cli_option_id b)
{
    if (!cli_given(args, a) || !cli_given(args, b)) {
        return ALM_OK;
    }
    if (args->from_environment[a] == args->from_environment[b]) {
        return cli_usage(args, "--%s and --%s exclude each other", cli_options[a].name,
                         cli_options[b].name);
    }
    args->value[args->from_environment[a] ? a : b] = NULL;
    return ALM_OK;
}

alm_status cli_need(const cli_args *args, uint64_t options)
{
    char text[512] = "";
    size_t n = 0;
    for (int id = 0; id < CLI_OPTION_COUNT; id++) {
        if ((options >> id & 1) && !args->value[id] && n < sizeof text) {
            n += (size_t)snprintf(text + n, sizeof text - n, "%s --%s %s", n ? "," : "",
                                  cli_options[id].name, cli_options[id].value);
        }
    }
    return n ? cli_usage(args, "missing%s", text) : ALM_OK;
}

/* ---- Dispatch */

/* The verb that the first words name, the longest name first; *words: how many of them it took. */
static const cli_verb *find_verb(int argc, char **argv, int *words)
{
    for (int n = 2; n >= 1; n--) {
        char name[64];
        if (n > argc) {
            continue;
        }
        snprintf(name, sizeof name, "%s%s%s", argv[0], n == 2 ? " " : "", n == 2 ? argv[1] : "");
        for (int v = 0; v < cli_verb_count; v++) {
            if (strcmp(cli_verbs[v].name, name) == 0) {
                *words = n;
                return &cli_verbs[v];
            }
        }
    }
    return NULL;
}

int cli_main(int argc, char **argv)
{
    cli_args args = {0};
    if (argc < 1) {
        cli_help_overview(stderr);
        return ALM_STATUS_USAGE;
    }
    static char *help[] = {"help"}, *version[] = {"version"};
    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
        argv = help;
        argc = 1;
    } else if (strcmp(argv[0], "--version") == 0 || strcmp(argv[0], "-V") == 0) {
        argv = version;
        argc = 1;
    }
    int words = 0;
    const cli_verb *verb = find_verb(argc, argv, &words);
    if (!verb) {
        if (argv[0][0] == '-') {
            return cli_usage(&args, "%s: expected a verb first", argv[0]);
        }
        return unknown_verb(&args, argv[0], argc > 1 ? argv[1] : NULL);
    }
    /* `inspect plam`: the second word is meant to name one of the group. */
    if (words == 1 && verb->most_arguments == 0 && argc > 1 && argv[1][0] != '-' &&
        is_group(verb->name)) {
        return unknown_verb(&args, argv[0], argv[1]);
    }
    args.verb = verb;
    alm_status status = parse(&args, argc - words, argv + words);
    if (status == ALM_OK) {
        console_quiet(cli_given(&args, CLI_QUIET));
        if (cli_given(&args, CLI_VERSION)) {
            status = verb_version(&args);
        } else if (cli_given(&args, CLI_HELP)) {
            args.argument[0] = verb->name;
            args.arguments = 1;
            status = verb_help(&args);
        } else {
            status = verb->run(&args);
        }
    }
    free(args.owned);
    return (int)status;
}

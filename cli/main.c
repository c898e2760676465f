#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run_command(const options *o)
{
    static const struct {
        const char *name;
        int (*run)(const options *o);
    } table[] = {
        {"describe", cmd_describe}, {"ocr", cmd_describe},       {"ask", cmd_ask},         {"run", cmd_run},
        {"chat", cmd_chat},         {"bench", cmd_bench},        {"eval", cmd_eval},       {"inspect", cmd_inspect},
        {"convert", cmd_convert},   {"tokenize", cmd_tokenize},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, o->command) == 0) return table[i].run(o);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    if (!name) {
        help_print(NULL);
        return EXIT_USAGE;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        printf("galago %s\n", galago_version());
        return EXIT_DONE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        help_print(argc > 2 && command_exists(argv[2]) ? argv[2] : NULL);
        return EXIT_DONE;
    }
    if (!command_exists(name)) {
        fprintf(stderr, "galago: there is no command \"%s\"\nSee: galago --help\n", name);
        return EXIT_USAGE;
    }
    options o = {.command = name};
    int status = options_parse(&o, argc - 2, argv + 2);
    if (!status && o.help) help_print(name);
    else if (!status) status = run_command(&o);
    free(o.args);
    /* A full disk behind a redirected answer shows only here. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == EXIT_DONE) {
        fprintf(stderr, "galago: the answer could not be written to standard output\n");
        status = EXIT_INPUT;
    }
    return status;
}

/* Prints a completion script for wsgi-once: `completion bash|zsh|fish`. It runs at build time, so
 * that shells offer the options of the program's table. wsgi-once.bash completes the script for
 * bash. */

#include "options/help.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* Prints text inside single quotes; a single quote in it becomes '\'', which all three shells
 * understand. Special characters get a backslash in front. */
static void print_quoted(const char *text, const char *special)
{
    for (; *text; text++) {
        if (strchr(special, *text))
            putchar('\\');
        fputs(*text == '\'' ? "'\\''" : (char[]){*text, '\0'}, stdout);
    }
}

static void print_words(const char *const *words)
{
    for (; *words; words++)
        printf("%s%s", *words, words[1] ? " " : "");
}

/* ---- bash ----------------------------------------------------------------------------------- */

/* An element of an associative array: what may follow the "=" of an option. */
static void print_bash(const struct options_entry *entry)
{
    printf("    [--%s%s]='", entry->name, entry->argument ? "=" : "");
    if (entry->values == OPTIONS_VALUES_DIRECTORIES)
        printf("DIRECTORY");
    else if (entry->values == OPTIONS_VALUES_WORDS)
        print_words(entry->words);
    printf("'\n");
}

/* ---- zsh ------------------------------------------------------------------------------------ */

/* An argument of _arguments, see zshcompsys(1): '*--option=[help]:argument:action'. */
static void print_zsh(const struct options_entry *entry)
{
    const char *before = entry->stands_alone ? "(- *)" : entry->is_list ? "*" : "";

    printf("  '%s--%s%s[", before, entry->name, entry->argument ? "=" : "");
    print_quoted(entry->help, "[]:\\");
    printf("]");
    if (entry->argument)
        printf(":%s:", entry->argument);
    if (entry->values == OPTIONS_VALUES_DIRECTORIES)
        printf("_files -/");
    else if (entry->values == OPTIONS_VALUES_WORDS) {
        printf("(");
        print_words(entry->words);
        printf(")");
    }
    printf("' \\\n");
}

/* ---- fish ----------------------------------------------------------------------------------- */

static void print_fish(const struct options_entry *entry)
{
    printf("complete -c wsgi-once -l %s", entry->name);
    if (entry->argument)
        printf(" -x");
    if (entry->values == OPTIONS_VALUES_DIRECTORIES)
        printf(" -a '(__fish_complete_directories (commandline -ct))'");
    else if (entry->values == OPTIONS_VALUES_WORDS) {
        printf(" -a '");
        print_words(entry->words);
        printf("'");
    }
    printf(" -d '");
    print_quoted(entry->help, "\\");
    printf("'\n");
}

/* ---- a whole script ------------------------------------------------------------------------- */

static const struct shell {
    const char *name, *begin, *end;
    void (*print)(const struct options_entry *entry);
} shells[] = {
    {"bash",
        "# bash completion of wsgi-once, made from its table of options\n\n"
        "declare -gA _wsgi_once_options=(\n",
        ")\n\n", print_bash},
    {"zsh", "#compdef wsgi-once\n# Made from the program's table of options.\n\n_arguments \\\n",
        "  '1:application:_files -g \"*.(wsgi|py)(-.)\"'\n", print_zsh},
    {"fish",
        "# Made from the program's table of options.\n\ncomplete -c wsgi-once -f\n"
        "complete -c wsgi-once -n 'not string match -q -- \"-*\" (commandline -ct)' "
        "-a '(__fish_complete_suffix .wsgi; __fish_complete_suffix .py)'\n",
        "", print_fish},
};

static void print_script(const struct shell *shell)
{
    struct options_entry entry;

    fputs(shell->begin, stdout);
    for (size_t cursor = 0; options_next(&cursor, &entry);)
        shell->print(&entry);
    fputs(shell->end, stdout);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof(shells) / sizeof(shells[0]); i++)
        if (strcmp(argv[1], shells[i].name) == 0) {
            print_script(&shells[i]);
            return fflush(stdout) == 0 ? 0 : EX_IOERR;
        }
    fputs("usage: completion bash|zsh|fish\n", stderr);
    return EX_USAGE;
}

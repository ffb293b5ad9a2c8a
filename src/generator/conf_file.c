#include "generator/conf_file.h"

#include "http/syntax.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct conf_file *file;
    struct diagnostics *diagnostics;
    char *next; /* the rest of the text */
    unsigned physical_line;
    unsigned line; /* the first physical line of the last logical line */
    const char *section;
};

/* ---- characters ----------------------------------------------------------------------------- */

static bool is_continuation(unsigned char byte)
{
    return byte >= 0x80 && byte <= 0xBF;
}

/* Returns the size of the UTF-8 sequence that begins here (RFC 3629 §4), or 0 if it is invalid.
 * Like systemd, it rejects noncharacters: U+FDD0 to U+FDEF, and the last two of each plane. */
static size_t utf8_length(const char *text)
{
    static const uint32_t least[] = {[2] = 0x80, [3] = 0x800, [4] = 0x10000};
    const unsigned char *byte = (const unsigned char *)text;
    size_t length = byte[0] < 0xE0 ? 2 : byte[0] < 0xF0 ? 3 : 4;
    uint32_t character = byte[0] & (0x7FU >> length);

    if (byte[0] < 0x80)
        return 1;
    if (byte[0] < 0xC2 || byte[0] > 0xF4)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if (!is_continuation(byte[i]))
            return 0;
        character = character << 6 | (byte[i] & 0x3F);
    }
    bool is_surrogate = character >= 0xD800 && character <= 0xDFFF;
    bool is_noncharacter =
        (character >= 0xFDD0 && character <= 0xFDEF) || (character & 0xFFFE) == 0xFFFE;
    bool is_out_of_range = character < least[length] || character > 0x10FFFF;
    return is_out_of_range || is_surrogate || is_noncharacter ? 0 : length;
}

/* systemd ignores lines that are not UTF-8. Control characters are there by mistake. */
static bool is_text(const char *line)
{
    for (size_t length; *line; line += length) {
        length = utf8_length(line);
        if (length == 0 || ((unsigned char)*line < ' ' && *line != '\t') || *line == '\x7f')
            return false;
    }
    return true;
}

static char *skip_blanks(char *text)
{
    while (syntax_is_blank(*text))
        text++;
    return text;
}

static char *trim(char *text)
{
    size_t size;

    text = skip_blanks(text);
    size = strlen(text);
    while (size > 0 && syntax_is_blank(text[size - 1]))
        size--;
    text[size] = '\0';
    return text;
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* Returns the next line of the file, or NULL at the end. */
static char *next_physical_line(struct reader *reader)
{
    char *line = reader->next, *end = line + strcspn(line, "\n");

    if (!*line)
        return NULL;
    reader->physical_line++;
    reader->next = *end ? end + 1 : end;
    *end = '\0';
    if (end > line && end[-1] == '\r')
        end[-1] = '\0';
    return line;
}

/* Returns whether the next line continues this one: it ends with a backslash that is not escaped by
 * another one. Replaces that backslash by a space. */
static bool take_backslash(char *line)
{
    size_t size = strlen(line), backslashes = 0;

    while (backslashes < size && line[size - 1 - backslashes] == '\\')
        backslashes++;
    if (backslashes % 2 == 0)
        return false;
    line[size - 1] = ' ';
    return true;
}

static bool is_comment(char *line)
{
    char first = *skip_blanks(line);
    return first == '#' || first == ';';
}

/* Returns the next line joined with its continuation lines, or NULL at the end. Comments between
 * them are skipped. */
static char *next_logical_line(struct reader *reader)
{
    char *line, *start = NULL, *end = NULL;

    while ((line = next_physical_line(reader))) {
        if (is_comment(line))
            continue;
        bool is_continued = take_backslash(line);
        size_t size = strlen(line);
        if (!start) {
            start = end = line;
            reader->line = reader->physical_line;
        }
        memmove(end, line, size + 1);
        end += size;
        if (!is_continued)
            break;
    }
    return start;
}

/* ---- sections and assignments --------------------------------------------------------------- */

static void syntax_error(struct reader *reader, const char *what)
{
    diagnostics_error(reader->diagnostics, reader->file->path, reader->line, "%s", what);
}

static void add_assignment(struct reader *reader, const char *key, const char *value)
{
    struct conf_file *file = reader->file;
    size_t size = (file->count + 1) * sizeof(*file->assignments);
    struct assignment *assignments = realloc(file->assignments, size);

    if (!assignments) {
        syntax_error(reader, "out of memory");
        return;
    }
    file->assignments = assignments;
    assignments[file->count++] = (struct assignment){
        .line = reader->line,
        .section = reader->section,
        .key = key,
        .value = value,
    };
}

static void take_section(struct reader *reader, char *line)
{
    size_t size = strlen(line);

    if (size < 3 || line[size - 1] != ']') {
        syntax_error(reader, "invalid section: write it as [Section]");
        return;
    }
    line[size - 1] = '\0';
    reader->section = line + 1;
}

static void take_assignment(struct reader *reader, char *line)
{
    char *equals = strchr(line, '=');

    if (!equals || equals == line) {
        syntax_error(reader, "neither a section, an assignment (Key=value) nor a comment");
        return;
    }
    if (!reader->section) {
        syntax_error(reader, "assignment before the first section");
        return;
    }
    *equals = '\0';
    add_assignment(reader, trim(line), trim(equals + 1));
}

void conf_file_parse(
    struct conf_file *file, const char *path, char *text, struct diagnostics *diagnostics)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    bool has_mark = strncmp(text, byte_order_mark, strlen(byte_order_mark)) == 0;
    struct reader reader = {
        .file = file,
        .diagnostics = diagnostics,
        .next = text + (has_mark ? strlen(byte_order_mark) : 0),
    };
    char *line;

    *file = (struct conf_file){.path = path};
    while ((line = next_logical_line(&reader))) {
        line = trim(line);
        if (!is_text(line))
            syntax_error(&reader, "contains a control character, or is not UTF-8");
        else if (*line == '[')
            take_section(&reader, line);
        else if (*line)
            take_assignment(&reader, line);
    }
}

void conf_file_done(struct conf_file *file)
{
    free(file->assignments);
    *file = (struct conf_file){0};
}

const char *conf_file_get(const struct conf_file *file, const char *section, const char *key)
{
    for (size_t i = file->count; i > 0; i--) {
        const struct assignment *assignment = &file->assignments[i - 1];
        if (strcmp(assignment->section, section) == 0 && strcmp(assignment->key, key) == 0)
            return assignment->value;
    }
    return NULL;
}

bool conf_file_is_replaced(
    const struct conf_file *file, const struct assignment *assignment, bool is_list)
{
    const struct assignment *end = file->assignments + file->count;

    for (const struct assignment *later = assignment + 1; later < end; later++)
        if (strcmp(later->section, assignment->section) == 0 &&
            strcmp(later->key, assignment->key) == 0 && (!is_list || !*later->value))
            return true;
    return false;
}

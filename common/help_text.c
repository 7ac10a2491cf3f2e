#include "help_text.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* A part of the text that is filled as one: its lines' words in one column. */
struct block {
    const char *text, *end;
    size_t indent; /* of every line but the first */
    bool usage;
};

static size_t columns_of(const char *text, size_t bytes)
{
    size_t columns = 0;
    for (size_t i = 0; i < bytes; i++)
        columns += (text[i] & 0xC0) != 0x80;
    return columns;
}

static size_t line_bytes(const char *line)
{
    return strcspn(line, "\n");
}

static const char *next_line(const char *line)
{
    line += line_bytes(line);
    return *line == '\n' ? line + 1 : line;
}

static size_t lead_of(const char *line)
{
    return strspn(line, " ");
}

static bool begins_usage(const char *line)
{
    return strncmp(line, "usage: ", 7) == 0 || (lead_of(line) == 7 && strncmp(line + 7, "farmgate", 8) == 0);
}

static bool begins_option(const char *line)
{
    return lead_of(line) >= 2 && lead_of(line) <= 6 && line[lead_of(line)] == '-';
}

/* Behind the program and its command. */
static size_t usage_indent(const char *line)
{
    const char *at = line + strlen("usage: ");
    while (islower((unsigned char)*at)) {
        while (islower((unsigned char)*at) || *at == '-')
            at++;
        at += lead_of(at);
    }
    return columns_of(line, (size_t)(at - line));
}

/* Where an option's text begins: behind two spaces; with a long value, behind one and where the one before
 * it has its. */
static size_t option_indent(const char *line, size_t before)
{
    const char *at = line + lead_of(line);
    for (; *at && *at != '\n'; at++) {
        if (at[0] == ' ' && at[1] == ' ') {
            at += lead_of(at);
            return columns_of(line, (size_t)(at - line));
        }
    }
    return before;
}

/* The block that begins with this line, behind another one. */
static struct block find_block(const char *line, size_t indent_before)
{
    struct block block = {.text = line, .usage = begins_usage(line)};
    const char *next = next_line(line);
    block.end = next;
    if (line_bytes(line) == 0)
        return block;
    bool flat = lead_of(line) == 0 && !block.usage;
    if (block.usage)
        block.indent = usage_indent(line);
    else if (begins_option(line))
        block.indent = option_indent(line, indent_before);
    else if (strncmp(line, "exit codes: ", 12) == 0)
        block.indent = 12;
    else if (!flat)
        block.indent = lead_of(line);
    bool filled = flat || block.usage || begins_option(line);
    while (filled && *next && *next != '\n' &&
           (flat ? lead_of(next) == block.indent : lead_of(next) > 6 && !begins_usage(next)))
        next = next_line(next);
    block.end = next;
    return block;
}

static bool is_too_wide(const struct block *block)
{
    for (const char *line = block->text; line < block->end; line = next_line(line))
        if (columns_of(line, line_bytes(line)) > HELP_COLUMNS)
            return true;
    return false;
}

/* The bytes of what stays on one line: a word, "78 configuration"; of a usage also "[--user NAME]", "--user
 * NAME". */
static size_t part_bytes(const struct block *block, const char *at)
{
    size_t bytes = 0;
    int depth = 0;
    bool goes_on = block->usage ? at[0] == '-' : isdigit((unsigned char)at[0]) != 0;
    for (; at + bytes < block->end && at[bytes] != '\n'; bytes++) {
        depth += block->usage ? (at[bytes] == '[') - (at[bytes] == ']') : 0;
        if (at[bytes] != ' ' || depth > 0)
            continue;
        if (!goes_on || (block->usage && !isupper((unsigned char)at[bytes + 1])))
            break;
        goes_on = false;
    }
    return bytes;
}

static void fill(FILE *file, const struct block *block)
{
    size_t column = 0;
    for (const char *at = block->text; at < block->end;) {
        size_t spaces = strspn(at, " \n"), bytes = part_bytes(block, at + spaces);
        size_t wide = columns_of(at + spaces, bytes);
        size_t gap = memchr(at, '\n', spaces) ? 1 : spaces;
        if (bytes == 0)
            break;
        if (column > block->indent && column + gap + wide > HELP_COLUMNS) {
            (void)fprintf(file, "\n%*s", (int)block->indent, "");
            column = block->indent;
            gap = 0;
        }
        (void)fprintf(file, "%*s%.*s", (int)gap, "", (int)bytes, at + spaces);
        column += gap + wide;
        at += spaces + bytes;
    }
    (void)fputc('\n', file);
}

static void write_as_is(FILE *file, const struct block *block)
{
    (void)fwrite(block->text, 1, (size_t)(block->end - block->text), file);
    if (block->end[-1] != '\n')
        (void)fputc('\n', file);
}

void help_print(FILE *file, const char *text)
{
    size_t indent = 0;
    while (*text) {
        struct block block = find_block(text, indent);
        if (is_too_wide(&block))
            fill(file, &block);
        else
            write_as_is(file, &block);
        indent = block.indent;
        text = block.end;
    }
}

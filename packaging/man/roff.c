#include "roff.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define LINE_BYTES 1024

/* False: there was no such line. */
static bool fill(FILE *page, const char *mark, void (*print)(FILE *out))
{
    char line[LINE_BYTES];
    bool filled = false;
    while (fgets(line, sizeof(line), page)) {
        bool here = strncmp(line, mark, strlen(mark)) == 0 && line[strlen(mark)] == '\n';
        if (here)
            print(stdout);
        else
            (void)fputs(line, stdout);
        filled |= here;
    }
    return filled;
}

int roff_fill(int argc, char **argv, const char *mark, void (*print)(FILE *out))
{
    FILE *page = argc == 2 ? fopen(argv[1], "re") : NULL;
    if (!page) {
        (void)fprintf(stderr, "%s: wants a manual page that can be read\n", argv[0]);
        return 64;
    }
    bool filled = fill(page, mark, print), written = !ferror(page) && fflush(stdout) == 0 && !ferror(stdout);
    if (!filled)
        (void)fprintf(stderr, "%s: no line %s\n", argv[1], mark);
    if (!written)
        perror(argv[1]);
    (void)fclose(page);
    return filled && written ? 0 : 1;
}

static void put_escaped(FILE *out, char byte)
{
    switch (byte) {
    case '\\':
        (void)fputs("\\e", out);
        break;
    case '"':
        (void)fputs("\\(dq", out);
        break;
    case '-':
        (void)fputs("\\-", out);
        break;
    default:
        (void)fputc(byte, out);
    }
}

/* The length of a name in braces, 0 if there is none: braces stand in samples of configuration, too. */
static size_t braced_name(const char *text)
{
    size_t bytes = strspn(text + 1, "abcdefghijklmnopqrstuvwxyz_");
    return text[0] == '{' && bytes > 0 && text[bytes + 1] == '}' ? bytes : 0;
}

void roff_text(FILE *out, const char *text)
{
    bool literal = false;
    size_t bytes;
    while (*text) {
        if ((bytes = braced_name(text)) > 0) {
            (void)fprintf(out, "\\fI%.*s\\fP", (int)bytes, text + 1);
            text += bytes + 2;
        } else if (*text == '`') {
            (void)fputs((literal = !literal) ? "\\fB" : "\\fP", out);
            text++;
        } else if (strncmp(text, ". ", 2) == 0) {
            (void)fputs(".\n", out);
            text += 2;
        } else {
            put_escaped(out, *text++);
        }
    }
}

void roff_line(FILE *out, const char *text)
{
    if (text[0] == '.' || text[0] == '\'')
        (void)fputs("\\&", out);
    roff_text(out, text);
    (void)fputc('\n', out);
}

void roff_sentence(FILE *out, const char *text)
{
    char sentence[LINE_BYTES];
    size_t word = strcspn(text, " ,.;:"), bytes = strlen(text);
    bool plain = word > 0 && text[word] != ':' && isalpha((unsigned char)text[0]);
    (void)snprintf(sentence, sizeof(sentence), "%s%s", text, bytes > 0 && text[bytes - 1] == '.' ? "" : ".");
    if (plain)
        sentence[0] = (char)toupper((unsigned char)sentence[0]);
    roff_line(out, sentence);
}

void roff_macro(FILE *out, const char *macro, const char *text, const char *punctuation)
{
    (void)fprintf(out, ".%s \"", macro);
    for (; *text; text++)
        put_escaped(out, *text);
    (void)fprintf(out, "\"%s%s\n", punctuation[0] ? " " : "", punctuation);
}

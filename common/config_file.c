#include "config_file.h"

#include "file.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A walk over a file's text, past strings and comments as libconfig's scanner sees them. */
struct walk {
    const char *file, *directory; /* NULL: lines that no file has */
    int depth;
    unsigned line;
    const char *at;
    struct error_detail *detail;
};

static int check(const char *path, const char *directory, int depth, char **ret_text,
                 struct error_detail *detail);

static int refuse(const struct walk *walk, const char *what)
{
    if (walk->file)
        error_detail_set(walk->detail, "%s:%u: %s", walk->file, walk->line, what);
    else
        error_detail_set(walk->detail, "%s", what);
    return ERROR_CONFIGURATION;
}

void config_file_directory(const char *path, char ret[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        (void)snprintf(ret, PATH_MAX, ".");
    else
        (void)snprintf(ret, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

/* Goes on to the character `stop` or the end, counting lines. */
static void skip_to(struct walk *walk, const char *stop)
{
    const char *end = stop ? stop : walk->at + strlen(walk->at);
    for (; walk->at < end; walk->at++)
        walk->line += *walk->at == '\n' ? 1 : 0;
}

static void skip_comment_block(struct walk *walk)
{
    const char *end = strstr(walk->at + 2, "*/");
    skip_to(walk, end ? end + 2 : NULL);
}

static void skip_string(struct walk *walk)
{
    const char *end = walk->at + 1;
    while (*end && *end != '"')
        end += *end == '\\' && end[1] ? 2 : 1;
    skip_to(walk, *end ? end + 1 : end);
}

static void skip_name(struct walk *walk)
{
    while (isalnum((unsigned char)*walk->at) || (*walk->at && strchr("-_*", *walk->at)))
        walk->at++;
}

/* libconfig 1.5 takes the low 32 bits of an integer that has no L at its end. */
static int check_number(struct walk *walk)
{
    const char *start = walk->at;
    bool hexadecimal = start[0] == '0' && (start[1] == 'x' || start[1] == 'X');
    char *end;
    errno = 0;
    unsigned long long value = strtoull(start, &end, hexadecimal ? 16 : 10);
    bool plain = !*end || !strchr(".eElL", *end);
    walk->at = end > start ? end : start + 1;
    while (isalnum((unsigned char)*walk->at) || *walk->at == '.')
        walk->at++;
    if (errno == ERANGE)
        return refuse(walk, "the number is too large");
    if (plain && value > INT_MAX)
        return refuse(walk, "a number past 2147483647 needs an L at its end");
    return 0;
}

/* What libconfig's scanner would open ends the process if it is a directory, and waits for ever if it is a
 * FIFO. Of a missing file it does not tell the name. */
static int check_include(struct walk *walk)
{
    char path[PATH_MAX];
    struct stat status;
    char *text;
    const char *name = walk->at + strlen("@include");
    name += strspn(name, " \t");
    if (!walk->file)
        return refuse(walk, "@include has no place in a value");
    if (*name != '"')
        return refuse(walk, "@include wants a file's name in quotes");
    size_t bytes = strcspn(name + 1, "\"\\\n");
    if (bytes == 0 || name[1 + bytes] != '"')
        return refuse(walk, "@include wants a file's name in quotes, without a backslash");
    walk->at = name + 1 + bytes + 1;
    if (snprintf(path, sizeof(path), "%s/%.*s", walk->directory, (int)bytes, name + 1) >= (int)sizeof(path))
        return refuse(walk, "the name of the included file is too long");
    if (stat(path, &status) != 0) {
        error_detail_set(walk->detail, "%s:%u: @include: %s: %s", walk->file, walk->line, path,
                         strerror(errno));
        return ERROR_CONFIGURATION;
    }
    if (walk->depth == CONFIG_INCLUDE_DEPTH_MAX)
        return refuse(walk, "files include each other more than 10 deep");
    int error = check(path, walk->directory, walk->depth + 1, &text, walk->detail);
    if (error == 0)
        free(text);
    return error;
}

static int check_token(struct walk *walk)
{
    const char *at = walk->at;
    if (*at == '#' || (at[0] == '/' && at[1] == '/'))
        skip_to(walk, strchr(at, '\n'));
    else if (at[0] == '/' && at[1] == '*')
        skip_comment_block(walk);
    else if (*at == '"')
        skip_string(walk);
    else if (isdigit((unsigned char)*at))
        return check_number(walk);
    else if (isalpha((unsigned char)*at) || *at == '*')
        skip_name(walk);
    else if (strncmp(at, "@include", strlen("@include")) == 0)
        return check_include(walk);
    else
        skip_to(walk, at + 1);
    return 0;
}

/* What editors and shells of Windows write before or as a text; libconfig would only tell of a syntax error.
 */
static const char *foreign_encoding(const char *text, size_t bytes)
{
    if (bytes >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        return "begins with a byte order mark: save it as UTF-8 without one";
    if (bytes >= 2 && (memcmp(text, "\xFF\xFE", 2) == 0 || memcmp(text, "\xFE\xFF", 2) == 0))
        return "is UTF-16: save it as UTF-8";
    return strlen(text) != bytes ? "contains a NUL byte" : NULL;
}

static int read_text(const char *path, char **ret_text, struct error_detail *detail)
{
    size_t bytes;
    char *text;
    int error = file_read(path, CONFIG_FILE_BYTES_MAX, &text, &bytes, detail);
    if (error == ERROR_TOO_LARGE || error == ERROR_INVALID)
        return ERROR_CONFIGURATION;
    if (error != 0)
        return error;
    const char *foreign = foreign_encoding(text, bytes);
    if (foreign) {
        free(text);
        error_detail_set(detail, "%s: %s", path, foreign);
        return ERROR_CONFIGURATION;
    }
    *ret_text = text;
    return 0;
}

static int check_all(struct walk *walk)
{
    int error = 0;
    while (*walk->at && error == 0)
        error = check_token(walk);
    return error;
}

int config_file_check_value(const char *text, struct error_detail *ret_detail)
{
    struct walk walk = {NULL, NULL, 0, 1, text, ret_detail};
    return check_all(&walk);
}

static int check(const char *path, const char *directory, int depth, char **ret_text,
                 struct error_detail *detail)
{
    char *text;
    int error = read_text(path, &text, detail);
    if (error != 0)
        return error;
    struct walk walk = {path, directory, depth, 1, text, detail};
    error = check_all(&walk);
    if (error != 0) {
        free(text);
        return error;
    }
    *ret_text = text;
    return 0;
}

int config_file_read(const char *path, const char *directory, char **ret_text,
                     struct error_detail *ret_detail)
{
    return check(path, directory, 0, ret_text, ret_detail);
}

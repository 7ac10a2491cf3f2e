#include "cloud/admin/cell.h"

#include "common/rfc3339.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MINUTES_TEXT    16 /* of an RFC 3339 text, to its minutes */
#define DATE_TIME_BREAK 10 /* where the T stands */

static void disarm(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++) {
        if (*at < 0x20 || *at == 0x7f)
            *at = '?';
        else if (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0) /* C1 controls */
            at[0] = at[1] = '?';
    }
}

/* An id that is null: no id is 0. */
static bool is_nothing(const struct json_field *field, const int64_t *number)
{
    return field->min > 0 && *number == 0;
}

void cell_format(const struct json_field *field, const void *line, char ret[CELL_BYTES])
{
    const void *at = (const char *)line + field->offset;
    char time[RFC3339_BYTES];
    if (field->type == JSON_TEXT) {
        (void)snprintf(ret, CELL_BYTES, "%s", *(const char *)at != '\0' ? (const char *)at : CELL_NOTHING);
    } else if (field->type == JSON_TIME && *(const int64_t *)at == 0) {
        (void)snprintf(ret, CELL_BYTES, CELL_NOTHING);
    } else if (field->type == JSON_TIME) {
        (void)snprintf(ret, CELL_BYTES, "%.*s", MINUTES_TEXT, rfc3339_format(*(const int64_t *)at, time));
        ret[DATE_TIME_BREAK] = ' ';
    } else if (field->type == JSON_BOOLEAN) {
        (void)snprintf(ret, CELL_BYTES, "%s", *(const bool *)at ? "yes" : "no");
    } else if (is_nothing(field, at)) {
        (void)snprintf(ret, CELL_BYTES, CELL_NOTHING);
    } else {
        (void)snprintf(ret, CELL_BYTES, "%lld", (long long)*(const int64_t *)at);
    }
    disarm(ret);
}

size_t cell_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* The bytes of its first `width` characters. */
static size_t bytes_of(const char *text, size_t width)
{
    size_t bytes = 0;
    while (text[bytes] != '\0') {
        if (((unsigned char)text[bytes] & 0xc0) != 0x80 && width-- == 0)
            break;
        bytes++;
    }
    return bytes;
}

void cell_print(const char *text, size_t width, bool last)
{
    size_t whole = cell_width(text);
    if (whole > width && width > 2)
        (void)printf("%.*s..", (int)bytes_of(text, width - 2), text);
    else
        (void)printf("%s%*s", text, last || whole > width ? 0 : (int)(width - whole), "");
}

static void print_csv_text(const char *text)
{
    bool formula = text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;
    if (!formula && strpbrk(text, "\",\r\n") == NULL) {
        (void)printf("%s", text);
        return;
    }
    (void)printf("\"%s", formula ? "'" : "");
    for (; *text != '\0'; text++)
        (void)printf("%s%c", *text == '"' ? "\"" : "", *text);
    (void)printf("\"");
}

void cell_print_csv(const struct json_field *field, const void *line)
{
    const void *at = (const char *)line + field->offset;
    char time[RFC3339_BYTES];
    if (field->type == JSON_TEXT)
        print_csv_text(at);
    else if (field->type == JSON_TIME)
        (void)printf("%s", *(const int64_t *)at != 0 ? rfc3339_format(*(const int64_t *)at, time) : "");
    else if (field->type == JSON_BOOLEAN)
        (void)printf("%s", *(const bool *)at ? "true" : "false");
    else if (!is_nothing(field, at))
        (void)printf("%lld", (long long)*(const int64_t *)at);
}

size_t cell_terminal_width(void)
{
    struct winsize size = {0};
    if (isatty(STDOUT_FILENO) != 1 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col;
}

#include "offline_file.h"

#include "text_buffer.h"
#include "utf8.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX          "farmgate-offline-"
#define VERSION         "1"
#define CHECKSUM_WORD   "checksum"
#define WORDS_MAX       32 /* of one kind of file */
#define CHECKSUM_RAW    ((OFFLINE_CHECKSUM_BYTES - 1) / 2)
#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

static const char *const kind_names[OFFLINE_KIND_MAX] = {
    [OFFLINE_REQUEST] = "request", [OFFLINE_ANSWER] = "answer"};

const char *offline_fault_code(enum offline_fault fault)
{
#define OFFLINE_FAULT_CODE(name, code, text) [name] = code,
    static const char *const codes[] = {OFFLINE_FAULTS(OFFLINE_FAULT_CODE)};
    return codes[fault];
}

const char *offline_fault_text(enum offline_fault fault)
{
#define OFFLINE_FAULT_TEXT(name, code, text) [name] = text,
    static const char *const texts[] = {OFFLINE_FAULTS(OFFLINE_FAULT_TEXT)};
    return texts[fault];
}

static void checksum_of(const char *text, size_t bytes, char ret[OFFLINE_CHECKSUM_BYTES])
{
    unsigned char raw[CHECKSUM_RAW];
    (void)crypto_generichash(raw, sizeof(raw), (const unsigned char *)text, bytes, NULL, 0);
    (void)sodium_bin2hex(ret, OFFLINE_CHECKSUM_BYTES, raw, sizeof(raw));
}

static void digest_of(const char *text, size_t bytes, unsigned char ret[OFFLINE_DIGEST_BYTES])
{
    (void)crypto_generichash(ret, OFFLINE_DIGEST_BYTES, (const unsigned char *)text, bytes, NULL, 0);
}

/* ---- writing ---- */

struct offline_writer {
    struct text_buffer file;
};

struct offline_writer *offline_writer_create(enum offline_kind kind)
{
    struct offline_writer *writer = calloc(1, sizeof(*writer));
    if (!writer)
        return NULL;
    text_buffer_print(&writer->file, PREFIX "%s-" VERSION "\n", kind_names[kind]);
    return writer;
}

void offline_writer_destroy(struct offline_writer *writer)
{
    if (!writer)
        return;
    text_buffer_finish(&writer->file);
    free(writer);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7F;
}

/* From `start` to the end of the text: control characters and outer blanks go. */
static void clean(struct text_buffer *file, size_t start)
{
    size_t to = start;
    for (size_t from = start; from < file->bytes; from++) {
        char c = file->text[from];
        if (!is_control(c) && (to > start || !is_blank(c)))
            file->text[to++] = c;
    }
    while (to > start && is_blank(file->text[to - 1]))
        to--;
    file->bytes = to > start ? to : start - 1; /* an empty value has no space before it */
}

void offline_write(struct offline_writer *writer, const char *word, const char *format, ...)
{
    struct text_buffer *file = &writer->file;
    va_list arguments;
    text_buffer_print(file, "%s ", word);
    size_t start = file->bytes;
    va_start(arguments, format);
    text_buffer_vprint(file, format, arguments);
    va_end(arguments);
    if (!file->failed)
        clean(file, start);
    text_buffer_add(file, "\n", 1);
}

void offline_writer_digest(const struct offline_writer *writer, unsigned char ret[OFFLINE_DIGEST_BYTES])
{
    digest_of(writer->file.text, writer->file.bytes, ret);
}

/* Of a value with blanks some would get lost at a line's end, of letters beyond ASCII halves would stand
 * there. */
static bool may_fold(const char *line, size_t bytes)
{
    size_t spaces = 0;
    for (size_t i = 0; i < bytes; i++) {
        spaces += line[i] == ' ';
        if ((unsigned char)line[i] >= 0x80 || spaces > 1)
            return false;
    }
    return true;
}

static void fold_line(struct text_buffer *to, const char *line, size_t bytes)
{
    bool folds = may_fold(line, bytes);
    while (folds && bytes > OFFLINE_LINE_BYTES) {
        text_buffer_add(to, line, OFFLINE_LINE_BYTES);
        text_buffer_add(to, "\n ", 2);
        line += OFFLINE_LINE_BYTES;
        bytes -= OFFLINE_LINE_BYTES;
    }
    text_buffer_add(to, line, bytes);
    text_buffer_add(to, "\n", 1);
}

static char *fold(const struct text_buffer *file)
{
    struct text_buffer folded = {.text = NULL};
    const char *end = file->text + file->bytes;
    for (const char *line = file->text; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        fold_line(&folded, line, (size_t)(newline - line));
        line = newline + 1;
    }
    return text_buffer_take(&folded);
}

char *offline_writer_take(struct offline_writer *writer, char ret_checksum[OFFLINE_CHECKSUM_BYTES])
{
    char *text = NULL, checksum[OFFLINE_CHECKSUM_BYTES];
    if (writer && !writer->file.failed) {
        checksum_of(writer->file.text, writer->file.bytes, checksum);
        offline_write(writer, CHECKSUM_WORD, "%s", checksum);
    }
    if (writer && !writer->file.failed)
        text = fold(&writer->file);
    if (text && ret_checksum)
        memcpy(ret_checksum, checksum, sizeof(checksum));
    offline_writer_destroy(writer);
    return text;
}

/* ---- reading: the lines as they were before folding ---- */

struct piece {
    const char *text;
    size_t bytes;
};

/* The next line without what does not matter at its ends; `folded`: it belongs to the one before. */
static struct piece next_piece(const char **at, const char *end, bool *ret_folded)
{
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    const char *line = *at, *stop = newline ? newline : end;
    *at = newline ? newline + 1 : end;
    *ret_folded = line < stop && (*line == ' ' || *line == '\t');
    while (line < stop && is_blank(*line))
        line++;
    while (stop > line && is_blank(stop[-1]))
        stop--;
    return (struct piece){line, (size_t)(stop - line)};
}

/* Writes the lines unfolded, each ended by a newline, to ret (room for bytes + 2). The number of lines. */
static size_t unfold(const char *text, size_t bytes, char *ret, size_t *ret_bytes)
{
    const char *at = text, *end = text + bytes;
    size_t used = 0, lines = 0;
    if (bytes >= strlen(BYTE_ORDER_MARK) && memcmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
        at += strlen(BYTE_ORDER_MARK);
    while (at < end) {
        bool folded;
        struct piece piece = next_piece(&at, end, &folded);
        if (piece.bytes == 0)
            continue;
        if (!folded || lines == 0) {
            used += lines > 0;
            lines++;
        }
        memcpy(ret + used, piece.text, piece.bytes);
        used += piece.bytes;
        ret[used] = '\n'; /* unless more follows */
    }
    *ret_bytes = used + (lines > 0);
    ret[*ret_bytes] = '\0';
    return lines;
}

static bool is_plain_text(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (is_control(text[i]) && text[i] != '\n')
            return false;
    return utf8_valid(text, bytes);
}

/* ---- reading: what it is, and whether it is whole ---- */

static enum offline_fault fault(enum offline_fault fault, struct error_detail *ret_detail)
{
    error_detail_set(ret_detail, "%s", offline_fault_text(fault));
    return fault;
}

static enum offline_fault check_header(enum offline_kind kind, const char *text,
                                       struct error_detail *ret_detail)
{
    const char *name = text + strlen(PREFIX);
    size_t line_bytes = strcspn(text, "\n");
    if (strncmp(text, PREFIX, strlen(PREFIX)) != 0)
        return fault(OFFLINE_NO_FILE, ret_detail);
    for (int i = 0; i < OFFLINE_KIND_MAX; i++) {
        size_t bytes = strlen(kind_names[i]);
        if (strncmp(name, kind_names[i], bytes) != 0 || name[bytes] != '-')
            continue;
        if (i != (int)kind) {
            error_detail_set(ret_detail, "this is an offline %s; what is wanted here is an offline %s",
                             kind_names[i], kind_names[kind]);
            return OFFLINE_OTHER_KIND;
        }
        const char *version = name + bytes + 1;
        size_t version_bytes = line_bytes - (size_t)(version - text);
        bool known = version_bytes == strlen(VERSION) && memcmp(version, VERSION, version_bytes) == 0;
        return known ? OFFLINE_GOOD : fault(OFFLINE_NEWER, ret_detail);
    }
    return fault(OFFLINE_NO_FILE, ret_detail);
}

/* The last line must be the checksum of those before. */
static enum offline_fault check_whole(const char *text, size_t bytes, size_t *ret_body_bytes,
                                      struct error_detail *ret_detail)
{
    static const char word[] = CHECKSUM_WORD " ";
    char checksum[OFFLINE_CHECKSUM_BYTES];
    size_t start = bytes - 1; /* of the last line */
    while (start > 0 && text[start - 1] != '\n')
        start--;
    const char *line = text + start;
    if (strncmp(line, word, strlen(word)) != 0 ||
        bytes - 1 - start < strlen(word) + OFFLINE_CHECKSUM_BYTES - 1)
        return fault(OFFLINE_CUT, ret_detail);
    checksum_of(text, start, checksum);
    if (bytes - 1 - start != strlen(word) + OFFLINE_CHECKSUM_BYTES - 1 ||
        memcmp(line + strlen(word), checksum, OFFLINE_CHECKSUM_BYTES - 1) != 0)
        return fault(OFFLINE_DAMAGED, ret_detail);
    *ret_body_bytes = start;
    return OFFLINE_GOOD;
}

/* Takes the body apart in place; the first line is the header. */
static void split(struct offline_file *file, size_t body_bytes)
{
    char *end = file->text + body_bytes, *last = file->text;
    for (char *line = strchr(file->text, '\n') + 1; line < end;) {
        char *newline = strchr(line, '\n');
        last = line;
        line = newline + 1;
    }
    digest_of(file->text, last > file->text ? (size_t)(last - file->text) : body_bytes, file->digest);
    for (char *line = strchr(file->text, '\n') + 1; line < end;) {
        char *newline = strchr(line, '\n');
        *newline = '\0';
        char *space = strchr(line, ' ');
        if (space)
            *space = '\0';
        file->lines[file->count++] = (struct offline_line){line, space ? space + 1 : newline};
        line = newline + 1;
    }
}

enum offline_fault offline_file_read(enum offline_kind kind, const char *text, size_t bytes, size_t bytes_max,
                                     struct offline_file *ret, struct error_detail *ret_detail)
{
    struct offline_file file = {.text = NULL};
    size_t unfolded_bytes, body_bytes = 0;
    if (bytes > bytes_max)
        return fault(OFFLINE_TOO_LARGE, ret_detail);
    file.text = malloc(bytes + 2);
    if (!file.text)
        return fault(OFFLINE_NO_MEMORY, ret_detail);
    size_t lines = unfold(text, bytes, file.text, &unfolded_bytes);
    enum offline_fault found = OFFLINE_GOOD;
    if (lines == 0)
        found = fault(OFFLINE_NO_FILE, ret_detail);
    if (found == OFFLINE_GOOD)
        found = check_header(kind, file.text, ret_detail);
    if (found == OFFLINE_GOOD)
        found = check_whole(file.text, unfolded_bytes, &body_bytes, ret_detail);
    if (found == OFFLINE_GOOD && !is_plain_text(file.text, unfolded_bytes))
        found = fault(OFFLINE_DAMAGED, ret_detail);
    if (found == OFFLINE_GOOD && !(file.lines = calloc(lines, sizeof(*file.lines))))
        found = fault(OFFLINE_NO_MEMORY, ret_detail);
    if (found != OFFLINE_GOOD) {
        offline_file_finish(&file);
        return found;
    }
    checksum_of(file.text, body_bytes, file.checksum);
    split(&file, body_bytes);
    *ret = file;
    return OFFLINE_GOOD;
}

void offline_file_finish(struct offline_file *file)
{
    free(file->lines);
    free(file->text);
    *file = (struct offline_file){.text = NULL};
}

/* ---- reading: what it says ---- */

static enum offline_fault invalid(const char *word, const char *what, struct error_detail *ret_detail)
{
    error_detail_set(ret_detail, "%s: %s", word, what);
    return OFFLINE_INVALID;
}

enum offline_fault offline_file_take(const struct offline_file *file, const struct offline_word *words,
                                     size_t count, void *of, struct error_detail *ret_detail)
{
    bool seen[WORDS_MAX] = {false};
    for (size_t i = 0; i < file->count; i++) {
        const struct offline_line *line = &file->lines[i];
        size_t at = 0;
        while (at < count && strcmp(words[at].word, line->word) != 0)
            at++;
        if (at == count)
            continue;
        if (seen[at] && !words[at].repeated)
            return invalid(line->word, "there twice", ret_detail);
        seen[at] = true;
        if (!words[at].take(of, line->value))
            return invalid(line->word, "not what it must be", ret_detail);
    }
    for (size_t at = 0; at < count; at++)
        if (words[at].required && !seen[at])
            return invalid(words[at].word, "missing", ret_detail);
    return OFFLINE_GOOD;
}

bool offline_number(const char **text, char end, int64_t min, int64_t max, int64_t *ret)
{
    char *stop;
    if (**text != '-' && (**text < '0' || **text > '9'))
        return false;
    errno = 0;
    long long value = strtoll(*text, &stop, 10);
    if (stop == *text || *stop != end || errno != 0 || value < min || value > max)
        return false;
    *text = stop + (end != '\0');
    *ret = value;
    return true;
}

bool offline_text(const char *value, char *ret, size_t ret_bytes)
{
    size_t bytes = strlen(value);
    if (bytes == 0 || bytes >= ret_bytes)
        return false;
    memcpy(ret, value, bytes + 1);
    return true;
}

#include "log.h"

#include "json.h"
#include "utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOG_TEXT_BYTES_MAX 2048                           /* of one line, before escaping */
#define LOG_LINE_BYTES_MAX (4 * LOG_TEXT_BYTES_MAX + 128) /* "\x1b" takes four */
#define SEVERITY_DEBUG     7
#define SEVERITY_WARNING   4

static const char *const severity_names[] = {"emergency", "alert",  "critical",    "error",
                                             "warning",   "notice", "information", "debug"};

/* systemd sets JOURNAL_STREAM to the device and inode of what it has connected; a redirected stderr differs.
 */
static bool is_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat status;
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(fd, &status) == 0 &&
           status.st_dev == device && status.st_ino == inode;
}

void log_init(struct log *log, const char *program)
{
    *log = (struct log){.severity_max = 6, .fd = STDERR_FILENO, .program = program};
    log->format = is_journal(log->fd) ? LOG_FORMAT_SYSTEMD : LOG_FORMAT_HUMAN;
}

/* Copies `text` so that it is one line and moves no terminal's cursor. */
static size_t escape(const char *text, char *ret, size_t ret_bytes)
{
    size_t length = 0, bytes = strlen(text);
    for (size_t i = 0; i < bytes;) {
        unsigned char byte = (unsigned char)text[i];
        size_t character = utf8_character(text + i, bytes - i);
        bool c1_control = character == 2 && byte == 0xC2 && (unsigned char)text[i + 1] < 0xA0;
        if (length + 8 >= ret_bytes)
            break;
        if (byte == '\n') {
            length += (size_t)sprintf(ret + length, "\\n");
            i++;
        } else if (character == 0 || byte < 0x20 || byte == 0x7F || c1_control) {
            length += (size_t)sprintf(ret + length, "\\x%02x", byte);
            i++;
        } else {
            memcpy(ret + length, text + i, character);
            length += character;
            i += character;
        }
    }
    return length;
}

static void write_all(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(fd, bytes, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        bytes += written;
        count -= (size_t)written;
    }
}

static void write_line(const struct log *log, int severity, const char *text)
{
    char line[LOG_LINE_BYTES_MAX];
    int prefix;
    if (log->format == LOG_FORMAT_SYSTEMD)
        prefix = snprintf(line, sizeof(line), "<%d>", severity);
    else if (severity <= SEVERITY_WARNING)
        prefix = snprintf(line, sizeof(line), "%.64s: %s: ", log->program, severity_names[severity]);
    else
        prefix = snprintf(line, sizeof(line), "%.64s: ", log->program);
    size_t length = (size_t)prefix;
    length += escape(text, line + length, sizeof(line) - length - 1);
    line[length++] = '\n';
    write_all(log->fd, line, length);
}

static bool write_json(const struct log *log, int severity, const char *text)
{
    struct json_writer *writer = json_writer_create(false);
    struct timespec now = {0};
    const char *object;
    size_t bytes;
    if (!writer)
        return false;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    json_open_object(writer, NULL);
    json_time(writer, "at", (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    json_text(writer, "program", log->program);
    json_text(writer, "severity", severity_names[severity]);
    json_text(writer, "text", text);
    json_close_object(writer);
    char line[LOG_LINE_BYTES_MAX * 2];
    bool fits = json_writer_finish(writer, &object, &bytes) == 0 && bytes < sizeof(line);
    if (fits) { /* in one write: lines of several processes must not mix */
        memcpy(line, object, bytes);
        line[bytes] = '\n';
        write_all(log->fd, line, bytes + 1);
    }
    json_writer_destroy(writer);
    return fits;
}

void log_line(const struct log *log, int severity, const char *format, ...)
{
    char text[LOG_TEXT_BYTES_MAX];
    int level = severity < 0 ? 0 : severity > SEVERITY_DEBUG ? SEVERITY_DEBUG : severity;
    if (level > log->severity_max)
        return;
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (wanted < 0)
        return;
    if ((size_t)wanted >= sizeof(text))
        utf8_cut(text);
    if (log->format != LOG_FORMAT_JSON || !write_json(log, level, text))
        write_line(log, level, text);
}

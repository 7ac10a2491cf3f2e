#include "cloud/api/admin_backup.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BYTES (64 * 1024)

static_assert(PIECE_BYTES <= HTTP_STREAM_BYTES_MAX, "a piece is taken whole");

/* A backup under way: first being made (exchange), then being sent (stream). */
struct backup {
    struct api_context *context;
    struct http_exchange *exchange;
    struct http_stream *stream; /* NULL: the client has gone */
    uv_fs_t reading;
    int fd;
    bool is_reading;
    int64_t sent_bytes;
    char piece[PIECE_BYTES];
};

static void end(struct backup *backup)
{
    (void)close(backup->fd);
    free(backup);
}

/* --- sending -------------------------------------------------------------------------------------------- */

static void read_piece(struct backup *backup);

static void on_sent(void *data)
{
    read_piece(data);
}

static void on_gone(void *data)
{
    struct backup *backup = data;
    backup->stream = NULL;
    log_line(&backup->context->log, 4, "a backup was broken off after %" PRId64 " bytes", backup->sent_bytes);
    if (!backup->is_reading)
        end(backup);
}

/* A disk that cannot be read ends the stream early; the file's own head tells the client that it is cut. */
static void end_stream(struct backup *backup, ssize_t result)
{
    if (result < 0)
        log_line(&backup->context->log, 3, "a backup cannot be read: %s", uv_strerror((int)result));
    else
        log_line(&backup->context->log, 5, "the ledger was backed up (%" PRId64 " bytes)",
                 backup->sent_bytes);
    http_stream_end(backup->stream);
    end(backup);
}

static void on_read(uv_fs_t *reading)
{
    struct backup *backup = reading->data;
    ssize_t result = reading->result;
    uv_fs_req_cleanup(reading);
    backup->is_reading = false;
    if (backup->stream == NULL) {
        end(backup);
    } else if (result <= 0) {
        end_stream(backup, result);
    } else {
        backup->sent_bytes += result;
        if (http_stream_write(backup->stream, backup->piece, (size_t)result) == 0)
            http_stream_when_sent(backup->stream, on_sent);
    }
}

static void read_piece(struct backup *backup)
{
    uv_buf_t buffer = uv_buf_init(backup->piece, sizeof backup->piece);
    backup->reading.data = backup;
    backup->is_reading = true;
    /* fails only without a callback */
    (void)uv_fs_read(backup->context->loop, &backup->reading, backup->fd, &buffer, 1, backup->sent_bytes,
                     on_read);
}

/* --- making --------------------------------------------------------------------------------------------- */

static void refuse(struct backup *backup, int error, const char *detail)
{
    char text[ERROR_DETAIL_BYTES];
    (void)snprintf(text, sizeof text, "no backup was made: %s",
                   detail[0] != '\0' ? detail : error_text(error));
    log_line(&backup->context->log, 3, "%s", text);
    http_problem(backup->exchange, 503, "backup_failed", text, NULL);
    free(backup);
}

/* The file has no name any more while it is sent: nobody has to remember to remove it. */
static void on_copied(void *data, int error, const char *detail)
{
    struct backup *backup = data;
    const char *path = backup->context->backup_file;
    if (error == 0) {
        backup->fd = open(path, O_RDONLY | O_CLOEXEC);
        error = backup->fd < 0 ? ERROR_IO : 0;
        (void)unlink(path);
    }
    if (error != 0) {
        refuse(backup, error, detail);
        return;
    }
    backup->stream = http_stream_begin(backup->exchange, "application/vnd.sqlite3", on_gone, backup);
    if (backup->stream != NULL)
        read_piece(backup);
    else
        end(backup);
}

void admin_backup_send(struct api_context *context, struct http_exchange *exchange)
{
    struct backup *backup = calloc(1, sizeof *backup);
    if (backup == NULL) {
        api_answer_json(exchange, 503, NULL);
        return;
    }
    backup->context = context;
    backup->exchange = exchange;
    int error = store_copy(context->store, context->backup_file, on_copied, backup);
    if (error == 0)
        return;
    free(backup);
    if (error == ERROR_BUSY)
        http_problem(exchange, 409, "backup_running", "another backup is being made; try again", NULL);
    else
        api_answer_json(exchange, 503, NULL);
}

/* Windows event logs as Windows keeps them: .evtx, a header and chunks of 64 KB, each with its records.
 *
 * A log that is full goes on in its oldest chunk, so that the newest records stand before the oldest. Which
 * chunk is the oldest the header says; what stands before it is held until the rest has been given.
 *
 * The last chunk of a file that was copied while it was written has checksums of before. It is read all the
 * same: a record has to be well formed to be taken. */
#include "evtx_xml.h"
#include "windows_input.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define HEADER_BYTES         4096
#define HEADER_CHECKED_BYTES 120
#define CHUNK_HEADER_BYTES   512
#define RECORD_HEADER_BYTES  24
#define RECORD_BYTES_MIN     (RECORD_HEADER_BYTES + 4)

static const unsigned char file_signature[8] = "ElfFile", chunk_signature[8] = "ElfChnk",
                           record_signature[4] = {0x2a, 0x2a, 0, 0};

struct reader {
    struct windows_input input;
    struct windows_walk walk;
    unsigned char block[EVTX_CHUNK_BYTES]; /* the header, then chunk by chunk */
    size_t block_bytes;
    uint64_t block_offset; /* in the file */
    uint64_t chunk, oldest_chunk;
    struct windows_hold newer; /* than what follows in the file */
    bool is_evtx;
};

static uint64_t number_at(const unsigned char *bytes, size_t count)
{
    uint64_t number = 0;
    for (size_t i = count; i-- > 0;)
        number = number << 8 | bytes[i];
    return number;
}

static void repair_at(struct reader *reader, uint64_t offset, enum repair repair, const char *what)
{
    reader->input.place.number = offset;
    windows_input_repair(&reader->input, repair, what);
}

/* ---- records ------------------------------------------------------------------------------------------- */

static int take_record(struct reader *reader, size_t at, size_t bytes)
{
    struct windows_input *input = &reader->input;
    struct windows_event event;
    input->place.number = reader->block_offset + at;
    windows_walk_begin(&reader->walk, &input->record);
    if (!evtx_xml_walk(reader->block, at + RECORD_HEADER_BYTES, at + bytes - 4, &reader->walk)) {
        windows_input_repair(input, REPAIR_NOT_UNDERSTOOD, NULL);
        return 0;
    }
    if (!windows_input_read(input, &event))
        return 0;
    if (reader->chunk < reader->oldest_chunk)
        return windows_hold_add(&reader->newer, &event, &input->place);
    return windows_sessions_take(input->sessions, &event, &input->place);
}

/* The bytes of the record at `at`; 0 if there is none. */
static size_t record_bytes(const unsigned char *chunk, size_t at, size_t end)
{
    if (end - at < RECORD_BYTES_MIN || memcmp(chunk + at, record_signature, sizeof record_signature) != 0)
        return 0;
    uint64_t bytes = number_at(chunk + at + 4, 4);
    if (bytes < RECORD_BYTES_MIN || bytes > end - at || number_at(chunk + at + bytes - 4, 4) != bytes)
        return 0;
    return (size_t)bytes;
}

/* ---- chunks -------------------------------------------------------------------------------------------- */

static size_t end_of_records(const unsigned char *chunk)
{
    uint64_t free_space = number_at(chunk + 48, 4);
    return free_space < CHUNK_HEADER_BYTES || free_space > EVTX_CHUNK_BYTES ? EVTX_CHUNK_BYTES
                                                                            : (size_t)free_space;
}

static bool checksums_fit(const unsigned char *chunk)
{
    size_t end = end_of_records(chunk);
    uLong header = crc32(crc32(0, chunk, HEADER_CHECKED_BYTES), chunk + 128, CHUNK_HEADER_BYTES - 128);
    uLong records = crc32(0, chunk + CHUNK_HEADER_BYTES, (uInt)(end - CHUNK_HEADER_BYTES));
    return header == number_at(chunk + 124, 4) && records == number_at(chunk + 52, 4);
}

/* A chunk that no record was ever written to is empty, and says nothing. */
static bool is_empty(const unsigned char *chunk, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (chunk[i] != 0)
            return false;
    return true;
}

/* Records follow each other without a gap. Behind the last one may stand others that were there before. */
static int take_chunk(struct reader *reader, size_t end)
{
    const unsigned char *chunk = reader->block;
    bool fits = end == EVTX_CHUNK_BYTES && checksums_fit(chunk);
    size_t at = CHUNK_HEADER_BYTES, bytes, told_end = end_of_records(chunk);
    if (end == EVTX_CHUNK_BYTES && !fits)
        repair_at(reader, reader->block_offset, REPAIR_CHECKSUM, NULL);
    if (fits && told_end < end)
        end = told_end;
    int code = 0;
    while (code == 0 && at < end && (bytes = record_bytes(chunk, at, end)) > 0) {
        code = take_record(reader, at, bytes);
        at += bytes;
    }
    bool is_cut = end < EVTX_CHUNK_BYTES && !fits;
    if (code == 0 && at < told_end && (is_cut || !is_empty(chunk + at, end - at)))
        repair_at(reader, reader->block_offset + at, REPAIR_TORN, NULL);
    return code;
}

static void take_header(struct reader *reader)
{
    const unsigned char *header = reader->block;
    reader->is_evtx = memcmp(header, file_signature, sizeof file_signature) == 0;
    if (!reader->is_evtx) {
        repair_at(reader, 0, REPAIR_NOT_UNDERSTOOD, "no header");
        return;
    }
    if (crc32(0, header, HEADER_CHECKED_BYTES) != number_at(header + 124, 4))
        repair_at(reader, 0, REPAIR_CHECKSUM, NULL);
    else
        reader->oldest_chunk = number_at(header + 8, 8);
}

static int take_block(struct reader *reader)
{
    size_t bytes = reader->block_bytes;
    int code = 0;
    if (reader->block_offset == 0) {
        take_header(reader);
    } else {
        if (bytes >= CHUNK_HEADER_BYTES &&
            memcmp(reader->block, chunk_signature, sizeof chunk_signature) == 0)
            code = take_chunk(reader, bytes);
        else if (!is_empty(reader->block, bytes))
            repair_at(reader, reader->block_offset, REPAIR_NOT_UNDERSTOOD, "no chunk");
        reader->chunk++;
    }
    reader->block_offset += bytes;
    reader->block_bytes = 0;
    return code;
}

/* ---- the reader ---------------------------------------------------------------------------------------- */

static enum recognised recognise(const char *head, size_t bytes, bool whole)
{
    (void)whole;
    return bytes >= sizeof file_signature && memcmp(head, file_signature, sizeof file_signature) == 0
               ? RECOGNISED_YES
               : RECOGNISED_NO;
}

static void destroy(struct reader *reader)
{
    if (reader == NULL)
        return;
    windows_hold_finish(&reader->newer);
    windows_input_finish(&reader->input);
    free(reader);
}

static struct reader *create(const struct reader_settings *settings)
{
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL || windows_input_init(&reader->input, settings, false))
        return reader;
    destroy(reader);
    return NULL;
}

static int begin_file(struct reader *reader, const char *file)
{
    windows_input_begin_file(&reader->input, file);
    reader->block_bytes = 0;
    reader->block_offset = reader->chunk = reader->oldest_chunk = 0;
    reader->is_evtx = true;
    return 0;
}

static int feed(struct reader *reader, const char *bytes, size_t count)
{
    int code = 0;
    while (count > 0 && code == 0 && reader->is_evtx) {
        size_t room = (reader->block_offset == 0 ? HEADER_BYTES : EVTX_CHUNK_BYTES) - reader->block_bytes;
        size_t taken = count < room ? count : room;
        memcpy(reader->block + reader->block_bytes, bytes, taken);
        reader->block_bytes += taken;
        bytes += taken;
        count -= taken;
        if (taken == room)
            code = take_block(reader);
    }
    return code;
}

static int end_file(struct reader *reader)
{
    int code = 0;
    if (reader->block_offset > 0 && reader->block_bytes >= CHUNK_HEADER_BYTES)
        code = take_block(reader);
    else if (reader->block_bytes > 0)
        repair_at(reader, reader->block_offset, REPAIR_TORN, NULL);
    struct windows_input *input = &reader->input;
    return code == 0 ? windows_hold_give(&reader->newer, false, input->sessions, &input->place) : code;
}

static int end(struct reader *reader)
{
    (void)reader;
    return 0;
}

static uint64_t understood(const struct reader *reader)
{
    return reader->input.understood;
}

static uint64_t place(const struct reader *reader)
{
    return reader->input.place.number;
}

const struct reader_format reader_evtx = {
    .name = "Windows event log (.evtx)",
    .in_utc = true,
    .recognise = recognise,
    .create = create,
    .begin_file = begin_file,
    .feed = feed,
    .end_file = end_file,
    .end = end,
    .destroy = destroy,
    .understood = understood,
    .place = place,
    .place_is_line = false,
};

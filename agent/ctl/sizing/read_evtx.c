/* Windows event logs as Windows keeps them: .evtx, a header and chunks of 64 KB, each with its records.
 *
 * A log that is full goes on in its oldest chunk, so that the newest records stand before the oldest. Which
 * chunk is the oldest the header says; what stands before it is held until the rest has been given.
 *
 * The last chunk of a file that was copied while it was written has checksums of before. It is read all the
 * same: a record has to be well formed to be taken. */
#include "blocks.h"
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

struct evtx_reader {
    struct reader base;
    struct windows_input input;
    struct windows_walk walk;
    struct blocks blocks;  /* the header, then chunk by chunk */
    uint64_t block_offset; /* in the file */
    uint64_t chunk, oldest_chunk;
    struct windows_hold newer; /* than what follows in the file */
    bool is_evtx;
};

static struct evtx_reader *own(struct reader *base)
{
    return (struct evtx_reader *)base;
}

static uint64_t number_at(const unsigned char *bytes, size_t count)
{
    uint64_t number = 0;
    for (size_t i = count; i-- > 0;)
        number = number << 8 | bytes[i];
    return number;
}

static void repair_at_offset(struct evtx_reader *reader, uint64_t offset, enum repair repair,
                             const char *what)
{
    reader->base.place.number = offset;
    reader_repair(&reader->base, repair, what);
}

/* ---- records ------------------------------------------------------------------------------------------- */

static int take_record(struct evtx_reader *reader, const unsigned char *chunk, size_t at, size_t bytes)
{
    struct windows_input *input = &reader->input;
    struct windows_event event;
    reader->base.place.number = reader->block_offset + at;
    windows_walk_begin(&reader->walk, &input->record);
    if (!evtx_xml_walk(chunk, at + RECORD_HEADER_BYTES, at + bytes - 4, &reader->walk)) {
        reader_repair(&reader->base, REPAIR_NOT_UNDERSTOOD, NULL);
        return 0;
    }
    if (!windows_input_read(input, &event))
        return 0;
    if (reader->chunk < reader->oldest_chunk)
        return windows_hold_add(&reader->newer, &event, &reader->base.place);
    return windows_sessions_take(input->sessions, &event, &reader->base.place);
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
static int take_chunk(struct evtx_reader *reader, const unsigned char *chunk, size_t end)
{
    bool fits = end == EVTX_CHUNK_BYTES && checksums_fit(chunk);
    size_t at = CHUNK_HEADER_BYTES, bytes, told_end = end_of_records(chunk);
    if (end == EVTX_CHUNK_BYTES && !fits)
        repair_at_offset(reader, reader->block_offset, REPAIR_CHECKSUM, NULL);
    if (fits && told_end < end)
        end = told_end;
    int code = 0;
    while (code == 0 && at < end && (bytes = record_bytes(chunk, at, end)) > 0) {
        code = take_record(reader, chunk, at, bytes);
        at += bytes;
    }
    bool is_cut = end < EVTX_CHUNK_BYTES && !fits;
    if (code == 0 && at < told_end && (is_cut || !is_empty(chunk + at, end - at)))
        repair_at_offset(reader, reader->block_offset + at, REPAIR_TORN, NULL);
    return code;
}

static void take_header(struct evtx_reader *reader, const unsigned char *header)
{
    reader->is_evtx = memcmp(header, file_signature, sizeof file_signature) == 0;
    if (!reader->is_evtx) {
        repair_at_offset(reader, 0, REPAIR_NOT_UNDERSTOOD, "no header");
        return;
    }
    if (crc32(0, header, HEADER_CHECKED_BYTES) != number_at(header + 124, 4))
        repair_at_offset(reader, 0, REPAIR_CHECKSUM, NULL);
    else
        reader->oldest_chunk = number_at(header + 8, 8);
}

static int take_block(struct evtx_reader *reader, const unsigned char *block, size_t bytes)
{
    int code = 0;
    if (reader->block_offset == 0) {
        take_header(reader, block);
    } else {
        if (bytes >= CHUNK_HEADER_BYTES && memcmp(block, chunk_signature, sizeof chunk_signature) == 0)
            code = take_chunk(reader, block, bytes);
        else if (!is_empty(block, bytes))
            repair_at_offset(reader, reader->block_offset, REPAIR_NOT_UNDERSTOOD, "no chunk");
        reader->chunk++;
    }
    reader->block_offset += bytes;
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

static void destroy(struct reader *base)
{
    if (base == NULL)
        return;
    struct evtx_reader *reader = own(base);
    windows_hold_finish(&reader->newer);
    windows_input_finish(&reader->input);
    blocks_finish(&reader->blocks);
    free(reader);
}

static struct reader *create(const struct reader_settings *settings)
{
    struct evtx_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    reader_init(&reader->base, settings, false);
    if (windows_input_init(&reader->input, &reader->base) && blocks_init(&reader->blocks, EVTX_CHUNK_BYTES))
        return &reader->base;
    destroy(&reader->base);
    return NULL;
}

static int begin_file(struct reader *base, const char *file)
{
    struct evtx_reader *reader = own(base);
    windows_input_begin_file(&reader->input);
    reader->blocks.begun_bytes = 0;
    reader->block_offset = reader->chunk = reader->oldest_chunk = 0;
    reader->is_evtx = true;
    return reader_begin_file(base, file);
}

static size_t block_bytes(const struct evtx_reader *reader)
{
    return reader->block_offset == 0 ? HEADER_BYTES : EVTX_CHUNK_BYTES;
}

static int feed(struct reader *base, const char *bytes, size_t count)
{
    struct evtx_reader *reader = own(base);
    const char *block;
    int code = 0;
    while (code == 0 && reader->is_evtx &&
           (block = blocks_next(&reader->blocks, block_bytes(reader), &bytes, &count)) != NULL)
        code = take_block(reader, (const unsigned char *)block, block_bytes(reader));
    return code;
}

static int end_file(struct reader *base)
{
    struct evtx_reader *reader = own(base);
    const struct blocks *rest = &reader->blocks;
    int code = 0;
    if (reader->block_offset > 0 && rest->begun_bytes >= CHUNK_HEADER_BYTES)
        code = take_block(reader, (const unsigned char *)rest->begun, rest->begun_bytes);
    else if (rest->begun_bytes > 0)
        repair_at_offset(reader, reader->block_offset, REPAIR_TORN, NULL);
    return code == 0 ? windows_hold_give(&reader->newer, false, reader->input.sessions, &base->place) : code;
}

const struct reader_format reader_evtx = {
    .name = "Windows event log (.evtx)",
    .in_utc = true,
    .recognise = recognise,
    .create = create,
    .begin_file = begin_file,
    .feed = feed,
    .end_file = end_file,
    .end = reader_end,
    .destroy = destroy,
};

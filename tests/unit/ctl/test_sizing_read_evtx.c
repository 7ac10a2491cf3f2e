/* .evtx files: whole ones (tests/data/sizing/make_evtx wrote them), and what happens to them. */
#include "log_reading.h"

#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define HEADER_BYTES 4096
#define CHUNK_BYTES  65536

#define MORNING                                                                                 \
    "1709625601.250 connect rds1.corp.example lsm:3#1 CORP\\alice rdp\n"                        \
    "1709625900 connect rds1.corp.example lsm:4#2 CORP\\J\xc3\xb6rg \xf0\x9f\x98\x80 console\n" \
    "1709629200 disconnect rds1.corp.example lsm:3#1\n"
#define LATER                                                        \
    "1709632800 connect rds1.corp.example lsm:3#1 CORP\\alice rdp\n" \
    "1709636400 disconnect rds1.corp.example lsm:3#1\n"              \
    "1709640000 logoff rds1.corp.example lsm:3#1\n"                  \
    "1709641800 logoff rds1.corp.example lsm:4#2\n"
#define LATER_ALONE                                                  \
    "1709632800 connect rds1.corp.example lsm:3#1 CORP\\alice rdp\n" \
    "1709636400 disconnect rds1.corp.example lsm:3#1\n"              \
    "1709640000 logoff rds1.corp.example lsm:3#1\n"

static void whole_files_are_read(void **state)
{
    (void)state;
    expect_data(&reader_evtx, "sizing/lsm.evtx", MORNING LATER);
    assert_int_equal(last_understood(), 10);
    expect_data(&reader_evtx, "sizing/security.evtx",
                "1709625600 connect rds1.corp.example security:0x4a1b2#1 CORP\\alice rdp admin\n"
                "1709626200 connect rds1.corp.example security:0x5b000#2 CORP\\bob console no-admin\n"
                "1709629200 disconnect rds1.corp.example security:0x4a1b2#1\n"
                "1709632800 connect rds1.corp.example security:0x4a1b2#1 CORP\\alice rdp admin\n"
                "1709640000 logoff rds1.corp.example security:0x4a1b2#1\n"
                "1709661600 logoff rds1.corp.example security:0x5b000#2\n"
                "! ENDED_BY_BOOT 1\n"
                "! LINKED_LOGON 1\n");
}

/* A file of two chunks, LSM's morning and later. */
struct file {
    unsigned char *bytes, *chunks[2];
    size_t count;
};

static struct file open_file(void)
{
    struct file file;
    file.bytes = (unsigned char *)read_data("sizing/lsm.evtx", &file.count);
    assert_int_equal(file.count, HEADER_BYTES + 2 * CHUNK_BYTES);
    for (size_t i = 0; i < 2; i++)
        file.chunks[i] = file.bytes + HEADER_BYTES + i * CHUNK_BYTES;
    return file;
}

static void put(unsigned char *to, uint64_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = (unsigned char)(number >> 8 * i);
}

static uint32_t get(const unsigned char *from)
{
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static void set_oldest(struct file *file, uint64_t oldest)
{
    put(file->bytes + 8, oldest, 8);
    put(file->bytes + 124, crc32(0, file->bytes, 120), 4);
}

static void swap_chunks(struct file *file)
{
    unsigned char *kept = malloc(CHUNK_BYTES);
    assert_non_null(kept);
    memcpy(kept, file->chunks[0], CHUNK_BYTES);
    memcpy(file->chunks[0], file->chunks[1], CHUNK_BYTES);
    memcpy(file->chunks[1], kept, CHUNK_BYTES);
    free(kept);
}

static void expect_file(struct file *file, const char *expected)
{
    expect_log(&reader_evtx, file->bytes, file->count, expected);
    free(file->bytes);
}

/* A full log goes on in its oldest chunk. */
static void a_file_that_went_round_is_read_from_its_oldest_chunk(void **state)
{
    (void)state;
    struct file file = open_file();
    swap_chunks(&file);
    set_oldest(&file, 1);
    expect_file(&file, MORNING LATER);
}

static void a_copy_of_a_log_in_use_is_read_despite_its_checksums(void **state)
{
    (void)state;
    struct file file = open_file();
    put(file.bytes + 124, 0, 4);
    put(file.chunks[1] + 48, 512, 4); /* as if none of its records were there yet */
    put(file.chunks[1] + 52, 0, 4);
    expect_file(&file, MORNING LATER "! CHECKSUM 2\n");
    assert_string_equal(first_place(REPAIR_CHECKSUM), "one: at byte 0");
}

static void what_lies_behind_the_last_record_is_none(void **state)
{
    (void)state;
    struct file file = open_file();
    size_t end = get(file.chunks[1] + 48);
    memcpy(file.chunks[1] + end, file.chunks[1] + 512, 512);
    expect_file(&file, MORNING LATER);
}

static void chunks_never_written_to_say_nothing(void **state)
{
    (void)state;
    struct file file = open_file();
    memset(file.chunks[1], 0, CHUNK_BYTES);
    expect_file(&file, MORNING);
}

static void a_damaged_chunk_costs_itself(void **state)
{
    (void)state;
    struct file file = open_file();
    file.chunks[0][0] = 'X';
    expect_file(&file, LATER_ALONE "! LOGOFF_UNKNOWN 1\n! NOT_UNDERSTOOD 1\n");
}

/* The second record's offset in a chunk. */
static size_t second_record(const unsigned char *chunk)
{
    return 512 + get(chunk + 512 + 4);
}

#define WITHOUT_21                                                                              \
    "1709625601.300 connect rds1.corp.example lsm:3#1 CORP\\alice rdp\n"                        \
    "1709625900 connect rds1.corp.example lsm:4#2 CORP\\J\xc3\xb6rg \xf0\x9f\x98\x80 console\n" \
    "1709629200 disconnect rds1.corp.example lsm:3#1\n"

static void a_damaged_record_costs_itself(void **state)
{
    (void)state;
    static const unsigned char tokens[] = {0x10, 0x3f, 0xff};
    for (size_t i = 0; i < COUNT(tokens); i++) {
        struct file file = open_file();
        file.chunks[0][second_record(file.chunks[0]) + 24] = tokens[i];
        expect_file(&file, WITHOUT_21 LATER "! NOT_UNDERSTOOD 1\n! CHECKSUM 1\n");
    }
}

static void a_record_without_a_size_ends_its_chunk(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {0, 27, 64, CHUNK_BYTES, UINT32_MAX};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct file file = open_file();
        put(file.chunks[1] + second_record(file.chunks[1]) + 4, sizes[i], 4);
        expect_file(&file, MORNING "1709632800 connect rds1.corp.example lsm:3#1 CORP\\alice rdp\n"
                                   "! TORN 1\n! CHECKSUM 1\n");
    }
}

static void a_file_cut_off_gives_what_is_left(void **state)
{
    (void)state;
    struct file whole = open_file();
    size_t second = HEADER_BYTES + CHUNK_BYTES, record = second + second_record(whole.chunks[1]);
    const struct {
        size_t count;
        const char *heard;
    } rows[] = {
        {100, "! TORN 1\n"},
        {HEADER_BYTES, ""},
        {second, MORNING},
        {second + 100, MORNING "! TORN 1\n"},
        {record, MORNING "1709632800 connect rds1.corp.example lsm:3#1 CORP\\alice rdp\n! TORN 1\n"},
        {record + 30, MORNING "1709632800 connect rds1.corp.example lsm:3#1 CORP\\alice rdp\n! TORN 1\n"},
        {second + get(whole.chunks[1] + 48), MORNING LATER},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_log(&reader_evtx, whole.bytes, rows[i].count, rows[i].heard);
    free(whole.bytes);
}

static void what_is_no_evtx_file_is_none(void **state)
{
    (void)state;
    static char other[2 * HEADER_BYTES];
    memset(other, 'x', sizeof other);
    assert_int_equal(reader_evtx.recognise(other, sizeof other, true), RECOGNISED_NO);
    assert_int_equal(reader_evtx.recognise("ElfFile", 7, true), RECOGNISED_NO);
    assert_int_equal(reader_evtx.recognise("ElfFile\0", 8, true), RECOGNISED_YES);
    expect_log(&reader_evtx, other, sizeof other, "! NOT_UNDERSTOOD 1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_files_are_read),
        cmocka_unit_test(a_file_that_went_round_is_read_from_its_oldest_chunk),
        cmocka_unit_test(a_copy_of_a_log_in_use_is_read_despite_its_checksums),
        cmocka_unit_test(what_lies_behind_the_last_record_is_none),
        cmocka_unit_test(chunks_never_written_to_say_nothing),
        cmocka_unit_test(a_damaged_chunk_costs_itself),
        cmocka_unit_test(a_damaged_record_costs_itself),
        cmocka_unit_test(a_record_without_a_size_ends_its_chunk),
        cmocka_unit_test(a_file_cut_off_gives_what_is_left),
        cmocka_unit_test(what_is_no_evtx_file_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

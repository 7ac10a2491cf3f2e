/* log_reading.h - what a reader makes of a log, as text: a line an event, "1000 connect HOST SESSION USER
 * ROUTE[ admin| no-admin]", "1000.250 logoff HOST SESSION", "1000 disconnect HOST SESSION", "1000 host_end
 * HOST", and then one a kind of repair: "! LINE_REUSED 2". Times are Unix seconds. */
#ifndef FARMGATE_TESTS_LOG_READING_H
#define FARMGATE_TESTS_LOG_READING_H

#include "agent/ctl/sizing/reader.h"

struct log_part {
    const void *bytes;
    size_t count;
};

/* The host is "srv" unless the settings say otherwise; NULL: no settings. */
void expect_files(const struct reader_format *format, const struct reader_settings *settings,
                  const struct log_part *files, size_t file_count, const char *expected);
/* One file, read whole, byte by byte, and in other pieces. */
void expect_log(const struct reader_format *format, const void *bytes, size_t count, const char *expected);
/* The same of a text. */
void expect_text(const struct reader_format *format, const struct reader_settings *settings, const char *text,
                 const char *expected);
/* A file of the tests' data. */
void expect_data(const struct reader_format *format, const char *name, const char *expected);

/* For what is no reader: a sink's take, whose data is the FILE, and the repairs behind it. */
int write_event(void *data, const struct sizing_event *event);
void write_repairs(const struct repairs *repairs, FILE *file);

/* Where the first repair of a kind was, and how many records were understood, of what was read last. */
const char *first_place(enum repair repair);
uint64_t last_understood(void);

/* The bytes of a file of the tests' data; to be freed. */
char *read_data(const char *name, size_t *ret_count);

#endif

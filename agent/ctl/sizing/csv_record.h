/* csv_record.h - cuts bytes that come in pieces into the records of a CSV, and these into fields: separated
 * by commas, semicolons or tabs, quoted where they hold a separator, a quote (doubled) or an end of line. */
#ifndef FARMGATE_CTL_CSV_RECORD_H
#define FARMGATE_CTL_CSV_RECORD_H

#include "reader.h"

#define CSV_FIELDS_MAX       256
#define CSV_RECORD_BYTES_MAX READER_LINE_BYTES_MAX

/* Where quotes may open: at a field's beginning, and right behind one that closed (then it was doubled). */
enum csv_place { CSV_FIELD_BEGINS, CSV_QUOTED, CSV_QUOTE_CLOSED, CSV_UNQUOTED };

struct csv_records {
    char separator; /* '\0': the first record shows it */
    uint64_t line;  /* of the record that is being read, from 1 */
    uint64_t lines; /* begun */
    size_t bytes;
    enum csv_place place;
    bool skipping; /* to the end of a line of a record that is too long */
    char text[CSV_RECORD_BYTES_MAX + 1];
    const char *fields[CSV_FIELDS_MAX];
    size_t count;
};

/* What a byte brings. */
enum csv_step { CSV_GOES_ON, CSV_RECORD, CSV_TOO_LONG, CSV_TOO_MANY_FIELDS };

void csv_records_begin(struct csv_records *records, char separator);

/* Takes bytes up to the end of a record, advancing *bytes and *count. CSV_RECORD: `fields` are its fields,
 * which live until the next call; blanks around those without quotes are not theirs. */
enum csv_step csv_records_feed(struct csv_records *records, const char **bytes, size_t *count);

/* There are no more bytes: the last record needs no end. */
enum csv_step csv_records_end(struct csv_records *records);

#endif

/* fields.h - the fields of the authority's answers, for tables of json.h. */
#ifndef FARMGATE_CLOUD_ADMIN_FIELDS_H
#define FARMGATE_CLOUD_ADMIN_FIELDS_H

#include "common/json.h"

#define FIELD_TEXT_BYTES_MAX 127
#define FIELD_LONG_BYTES_MAX 1023 /* a note, a contract */
#define FIELDS_COUNT(array)  (sizeof(array) / sizeof((array)[0]))

/* A field called as the struct's member; any of them may be null. A number that is never 0 is nothing then.
 */
#define FIELD_OF(of, member, type_, min_, max_)                                                         \
    {                                                                                                   \
        .name = #member, .type = (type_), .offset = offsetof(of, member), .min = (min_), .max = (max_), \
        .nullable = true                                                                                \
    }
#define FIELD_TEXT(of, member)    FIELD_OF(of, member, JSON_TEXT, 0, FIELD_TEXT_BYTES_MAX)
#define FIELD_LONG(of, member)    FIELD_OF(of, member, JSON_TEXT, 0, FIELD_LONG_BYTES_MAX)
#define FIELD_NUMBER(of, member)  FIELD_OF(of, member, JSON_INTEGER, 0, INT64_MAX)
#define FIELD_ID(of, member)      FIELD_OF(of, member, JSON_INTEGER, 1, INT64_MAX)
#define FIELD_TIME(of, member)    FIELD_OF(of, member, JSON_TIME, 0, 0)
#define FIELD_BOOLEAN(of, member) FIELD_OF(of, member, JSON_BOOLEAN, 0, 0)

#endif

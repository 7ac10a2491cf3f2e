/* shape.h - fields of the agent's answers in one line each; every field but those with MUST may be absent or
 * null.
 */
#ifndef FARMGATE_CTL_SHAPE_H
#define FARMGATE_CTL_SHAPE_H

#include "common/json.h"

#include <stdint.h>

#define SHAPE_FIELD(kind, json_name, row, member) \
    .name = (json_name), .type = (kind), .offset = offsetof(row, member), .nullable = true

#define SHAPE_TEXT(json_name, row, member)                                                    \
    {                                                                                         \
        SHAPE_FIELD(JSON_TEXT, json_name, row, member), .max = sizeof(((row *)0)->member) - 1 \
    }
#define SHAPE_NUMBER(json_name, row, member)                                \
    {                                                                       \
        SHAPE_FIELD(JSON_INTEGER, json_name, row, member), .max = INT64_MAX \
    }
#define SHAPE_NUMBER_MUST(json_name, row, member)                                             \
    {                                                                                         \
        SHAPE_FIELD(JSON_INTEGER, json_name, row, member), .max = INT64_MAX, .required = true \
    }
#define SHAPE_TIME(json_name, row, member)             \
    {                                                  \
        SHAPE_FIELD(JSON_TIME, json_name, row, member) \
    }
#define SHAPE_YES_NO(json_name, row, member)              \
    {                                                     \
        SHAPE_FIELD(JSON_BOOLEAN, json_name, row, member) \
    }
#define SHAPE_PART(json_name, row, member, its_shape)                           \
    {                                                                           \
        SHAPE_FIELD(JSON_OBJECT, json_name, row, member), .shape = &(its_shape) \
    }
/* An array member with a size_t beside it called member##_count. */
#define SHAPE_LIST(json_name, row, member, its_shape)                                \
    {                                                                                \
        SHAPE_FIELD(JSON_ARRAY, json_name, row, member),                             \
            .shape = &(its_shape), .count_offset = offsetof(row, member##_count),    \
            .count_max = sizeof(((row *)0)->member) / sizeof(((row *)0)->member[0]), \
            .element_bytes = sizeof(((row *)0)->member[0])                           \
    }

/* The same of objects that are read later. */
#define SHAPE_SPANS(json_name, row, member)                                          \
    {                                                                                \
        SHAPE_FIELD(JSON_SPANS, json_name, row, member),                             \
            .count_offset = offsetof(row, member##_count),                           \
            .count_max = sizeof(((row *)0)->member) / sizeof(((row *)0)->member[0]), \
            .element_bytes = sizeof(((row *)0)->member[0])                           \
    }
#define SHAPE_SPAN(json_name, row, member)             \
    {                                                  \
        SHAPE_FIELD(JSON_SPAN, json_name, row, member) \
    }

#define SHAPE_OF(fields)                               \
    {                                                  \
        (fields), sizeof(fields) / sizeof((fields)[0]) \
    }

#endif

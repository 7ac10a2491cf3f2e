/* stored_fields.h - rows of a json_shape (common/json.h) for what the agent keeps: every field is required,
 * and a text has the room of its member. */
#ifndef FARMGATE_AGENT_STORED_FIELDS_H
#define FARMGATE_AGENT_STORED_FIELDS_H

#include "clock.h"
#include "common/json.h"

#define STORED_FIELDS(array) (sizeof(array) / sizeof((array)[0]))

#define STORED_TEXT(struct_name, member, json_name, least)                                        \
    {                                                                                             \
        .name = json_name, .type = JSON_TEXT, .offset = offsetof(struct struct_name, member),     \
        .min = (least), .max = sizeof(((struct struct_name *)NULL)->member) - 1, .required = true \
    }
#define STORED_INTEGER(struct_name, member, json_name, least, most)                              \
    {                                                                                            \
        .name = json_name, .type = JSON_INTEGER, .offset = offsetof(struct struct_name, member), \
        .min = (least), .max = (most), .required = true                                          \
    }
#define STORED_INSTANT(struct_name, member, json_name) \
    STORED_INTEGER(struct_name, member, json_name, -CLOCK_MS_MAX, CLOCK_MS_MAX)
#define STORED_BOOLEAN(struct_name, member, json_name)                                           \
    {                                                                                            \
        .name = json_name, .type = JSON_BOOLEAN, .offset = offsetof(struct struct_name, member), \
        .required = true                                                                         \
    }

#endif

#include "evtx_xml.h"

#include "utf16.h"

#include "common/rfc3339.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MORE 0x40 /* of a token: attributes follow, or another of its kind */

enum token {
    TOKEN_END = 0x00,
    TOKEN_OPEN = 0x01,
    TOKEN_CLOSE_START = 0x02,
    TOKEN_CLOSE_EMPTY = 0x03,
    TOKEN_CLOSE = 0x04,
    TOKEN_VALUE = 0x05,
    TOKEN_ATTRIBUTE = 0x06,
    TOKEN_CDATA = 0x07,
    TOKEN_CHARACTER = 0x08,
    TOKEN_ENTITY = 0x09,
    TOKEN_PI_TARGET = 0x0a,
    TOKEN_PI_DATA = 0x0b,
    TOKEN_TEMPLATE = 0x0c,
    TOKEN_SUBSTITUTION = 0x0d,
    TOKEN_OPTIONAL = 0x0e,
    TOKEN_FRAGMENT = 0x0f,
};

enum value_type {
    VALUE_TEXT = 0x01,
    VALUE_BYTES = 0x02,
    VALUE_INT8 = 0x03,
    VALUE_UINT8 = 0x04,
    VALUE_INT16 = 0x05,
    VALUE_UINT16 = 0x06,
    VALUE_INT32 = 0x07,
    VALUE_UINT32 = 0x08,
    VALUE_INT64 = 0x09,
    VALUE_UINT64 = 0x0a,
    VALUE_SIZE = 0x10,
    VALUE_FILETIME = 0x11,
    VALUE_SYSTEMTIME = 0x12,
    VALUE_SID = 0x13,
    VALUE_HEX32 = 0x14,
    VALUE_HEX64 = 0x15,
    VALUE_XML = 0x21,
};

#define FILETIME_UNIX_EPOCH   INT64_C(116444736000000000) /* of 1601, in 100 ns */
#define TEMPLATE_HEADER_BYTES 24
#define SID_AUTHORITIES_MAX   15
#define NAME_BYTES_MAX        255

struct value {
    uint32_t at;
    uint16_t bytes;
    uint8_t type;
};

struct values {
    size_t count;
    struct value of[EVTX_VALUES_MAX];
};

struct parse {
    const unsigned char *chunk;
    struct windows_walk *walk;
    size_t tokens, nesting;
    char attribute[NAME_BYTES_MAX + 1]; /* that is open; empty: none */
    char value[WINDOWS_VALUE_BYTES_MAX];
    size_t value_bytes; /* of the attribute */
};

/* A stretch of the chunk. */
struct cursor {
    const unsigned char *chunk;
    size_t at, end;
};

/* ---- numbers ------------------------------------------------------------------------------------------- */

static bool take(struct cursor *cursor, size_t bytes, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (cursor->end - cursor->at < bytes)
        return false;
    for (size_t i = bytes; i-- > 0;)
        number = number << 8 | cursor->chunk[cursor->at + i];
    cursor->at += bytes;
    *ret_number = number;
    return true;
}

static bool skip(struct cursor *cursor, size_t bytes)
{
    if (cursor->end - cursor->at < bytes)
        return false;
    cursor->at += bytes;
    return true;
}

static uint64_t number_of(const unsigned char *bytes, size_t count)
{
    uint64_t number = 0;
    for (size_t i = count; i-- > 0;)
        number = number << 8 | bytes[i];
    return number;
}

/* ---- texts --------------------------------------------------------------------------------------------- */

static void give(struct parse *parse, const char *text, size_t bytes)
{
    if (*parse->attribute == '\0') {
        windows_walk_text(parse->walk, text, bytes);
        return;
    }
    if (bytes > sizeof parse->value - parse->value_bytes)
        bytes = sizeof parse->value - parse->value_bytes;
    memcpy(parse->value + parse->value_bytes, text, bytes);
    parse->value_bytes += bytes;
}

/* A value beyond what a field can hold is not given whole. */
static void give_utf16(struct parse *parse, const unsigned char *units, size_t count)
{
    struct utf16 utf16 = {0};
    char text[WINDOWS_VALUE_BYTES_MAX + 2 * UTF16_DECODED_BYTES_MAX];
    size_t bytes = 0;
    if (count > WINDOWS_VALUE_BYTES_MAX)
        count = WINDOWS_VALUE_BYTES_MAX;
    while (count > 0 && number_of(units + 2 * (count - 1), 2) == 0)
        count--;
    for (size_t i = 0; i < count && bytes < WINDOWS_VALUE_BYTES_MAX; i++)
        bytes += utf16_decode(&utf16, (uint16_t)number_of(units + 2 * i, 2), text + bytes);
    bytes += utf16_end(&utf16, text + bytes);
    give(parse, text, bytes);
}

static bool give_counted_text(struct parse *parse, struct cursor *cursor, bool is_given)
{
    uint64_t count;
    if (!take(cursor, 2, &count) || cursor->end - cursor->at < 2 * count)
        return false;
    if (is_given)
        give_utf16(parse, cursor->chunk + cursor->at, (size_t)count);
    cursor->at += 2 * count;
    return true;
}

/* A name stands anywhere in the chunk, or, where it is used first, right behind its offset. */
static bool take_name(struct cursor *cursor, char ret_name[NAME_BYTES_MAX + 1])
{
    uint64_t offset, unused, count;
    if (!take(cursor, 4, &offset) || offset > EVTX_CHUNK_BYTES)
        return false;
    struct cursor name = {cursor->chunk, (size_t)offset, EVTX_CHUNK_BYTES};
    bool is_here = offset == cursor->at;
    if (!take(&name, 6, &unused) || !take(&name, 2, &count) || name.end - name.at < 2 * count + 2)
        return false;
    size_t bytes = 0;
    for (size_t i = 0; i < count && bytes < NAME_BYTES_MAX; i++) {
        uint64_t unit = number_of(name.chunk + name.at + 2 * i, 2);
        ret_name[bytes++] =
            unit > 0 && unit < 0x80 ? (char)unit : '?'; /* none of those looked for is wider */
    }
    ret_name[bytes] = '\0';
    return !is_here || skip(cursor, 8 + 2 * (size_t)count + 2);
}

static void end_attribute(struct parse *parse)
{
    if (*parse->attribute == '\0')
        return;
    windows_walk_attribute(parse->walk, parse->attribute, strlen(parse->attribute), parse->value,
                           parse->value_bytes);
    *parse->attribute = '\0';
    parse->value_bytes = 0;
}

/* ---- values -------------------------------------------------------------------------------------------- */

static void give_filetime(struct parse *parse, uint64_t filetime)
{
    char text[RFC3339_BYTES];
    if (filetime > INT64_MAX)
        return;
    rfc3339_format(((int64_t)filetime - FILETIME_UNIX_EPOCH) / 10000, text);
    give(parse, text, strlen(text));
}

static void give_systemtime(struct parse *parse, const unsigned char *parts)
{
    char text[64];
    uint32_t part[8];
    for (size_t i = 0; i < 8; i++)
        part[i] = (uint32_t)number_of(parts + 2 * i, 2);
    int bytes = snprintf(text, sizeof text,
                         "%04" PRIu32 "-%02" PRIu32 "-%02" PRIu32 "T%02" PRIu32 ":%02" PRIu32 ":%02" PRIu32
                         ".%03" PRIu32 "Z",
                         part[0], part[1], part[3], part[4], part[5], part[6], part[7]);
    give(parse, text, (size_t)bytes);
}

/* Its authority is the one number of the other byte order. */
static void give_sid(struct parse *parse, const unsigned char *sid, size_t bytes)
{
    char text[24 + 11 * SID_AUTHORITIES_MAX];
    uint64_t authority = 0;
    if (bytes < 8 || sid[1] > SID_AUTHORITIES_MAX || bytes < 8 + 4u * sid[1])
        return;
    for (size_t i = 2; i < 8; i++)
        authority = authority << 8 | sid[i];
    int used = snprintf(text, sizeof text, "S-%u-%" PRIu64, sid[0], authority);
    for (size_t i = 0; i < sid[1]; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "-%" PRIu64, number_of(sid + 8 + 4 * i, 4));
    give(parse, text, (size_t)used);
}

static void give_unsigned(struct parse *parse, uint64_t number, bool is_hex)
{
    char text[32];
    int bytes = is_hex ? snprintf(text, sizeof text, "0x%" PRIx64, number)
                       : snprintf(text, sizeof text, "%" PRIu64, number);
    give(parse, text, (size_t)bytes);
}

static void give_signed(struct parse *parse, uint64_t number, size_t bytes)
{
    int64_t value = bytes == 8 ? (int64_t)number : (int64_t)(number << (64 - 8 * bytes)) >> (64 - 8 * bytes);
    char text[32];
    int used = snprintf(text, sizeof text, "%" PRId64, value);
    give(parse, text, (size_t)used);
}

static bool walk(struct parse *parse, struct cursor cursor, const struct values *values, bool has_dependency);

/* Of types that no field has, and of lists, nothing is given. */
static bool give_value(struct parse *parse, const struct value *value)
{
    const unsigned char *bytes = parse->chunk + value->at;
    size_t count = value->bytes;
    if (value->type == VALUE_XML)
        return walk(parse, (struct cursor){parse->chunk, value->at, value->at + count}, NULL, false);
    if (value->type == VALUE_TEXT)
        give_utf16(parse, bytes, count / 2);
    else if (value->type == VALUE_BYTES)
        give(parse, (const char *)bytes,
             strnlen((const char *)bytes, count < WINDOWS_VALUE_BYTES_MAX ? count : WINDOWS_VALUE_BYTES_MAX));
    else if (value->type == VALUE_SID)
        give_sid(parse, bytes, count);
    else if (value->type == VALUE_SYSTEMTIME && count == 16)
        give_systemtime(parse, bytes);
    if (count == 0 || count > 8)
        return true;
    uint64_t number = number_of(bytes, count);
    switch (value->type) {
    case VALUE_INT8:
    case VALUE_INT16:
    case VALUE_INT32:
    case VALUE_INT64:
        give_signed(parse, number, count);
        break;
    case VALUE_UINT8:
    case VALUE_UINT16:
    case VALUE_UINT32:
    case VALUE_UINT64:
        give_unsigned(parse, number, false);
        break;
    case VALUE_SIZE:
    case VALUE_HEX32:
    case VALUE_HEX64:
        give_unsigned(parse, number, true);
        break;
    case VALUE_FILETIME:
        give_filetime(parse, number);
        break;
    default:
        break;
    }
    return true;
}

static bool take_substitution(struct parse *parse, struct cursor *cursor, const struct values *values)
{
    uint64_t number, type;
    if (!take(cursor, 2, &number) || !take(cursor, 1, &type))
        return false;
    if (values == NULL || number >= values->count)
        return values != NULL; /* fewer values than places: those are empty */
    return give_value(parse, &values->of[number]);
}

/* ---- templates ----------------------------------------------------------------------------------------- */

static bool take_values(struct cursor *cursor, struct values *values)
{
    uint64_t count, bytes, type;
    if (!take(cursor, 4, &count) || count > EVTX_VALUES_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!take(cursor, 2, &bytes) || !take(cursor, 1, &type) || !skip(cursor, 1))
            return false;
        values->of[i] = (struct value){.bytes = (uint16_t)bytes, .type = (uint8_t)type};
    }
    for (size_t i = 0; i < count; i++) {
        values->of[i].at = (uint32_t)cursor->at;
        if (!skip(cursor, values->of[i].bytes))
            return false;
    }
    values->count = count;
    return true;
}

/* The template stands anywhere in the chunk, or, where it is used first, right behind its offset. */
static bool take_template(struct parse *parse, struct cursor *cursor)
{
    struct values values;
    uint64_t unused, offset, bytes;
    if (!take(cursor, 1, &unused) || !take(cursor, 4, &unused) || !take(cursor, 4, &offset))
        return false;
    if (offset > EVTX_CHUNK_BYTES - TEMPLATE_HEADER_BYTES)
        return false;
    struct cursor form = {cursor->chunk, (size_t)offset + TEMPLATE_HEADER_BYTES - 4, EVTX_CHUNK_BYTES};
    if (!take(&form, 4, &bytes) || form.end - form.at < bytes)
        return false;
    form.end = form.at + bytes;
    if (offset == cursor->at && !skip(cursor, TEMPLATE_HEADER_BYTES + bytes))
        return false;
    return take_values(cursor, &values) && walk(parse, form, &values, true);
}

/* ---- tokens -------------------------------------------------------------------------------------------- */

static bool take_open(struct parse *parse, struct cursor *cursor, bool has_dependency, bool has_attributes)
{
    char name[NAME_BYTES_MAX + 1];
    if (!skip(cursor, has_dependency ? 6 : 4) || !take_name(cursor, name))
        return false;
    return (!has_attributes || skip(cursor, 4)) && windows_walk_open(parse->walk, name, strlen(name));
}

static bool take_entity(struct parse *parse, struct cursor *cursor)
{
    static const struct {
        const char *name, *text;
    } entities[] = {{"amp", "&"}, {"lt", "<"}, {"gt", ">"}, {"quot", "\""}, {"apos", "'"}};
    char name[NAME_BYTES_MAX + 1];
    if (!take_name(cursor, name))
        return false;
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++)
        if (strcmp(name, entities[i].name) == 0)
            give(parse, entities[i].text, 1);
    return true;
}

static bool take_character(struct parse *parse, struct cursor *cursor)
{
    if (cursor->end - cursor->at < 2)
        return false;
    give_utf16(parse, cursor->chunk + cursor->at, 1);
    return skip(cursor, 2);
}

static bool take_token(struct parse *parse, struct cursor *cursor, unsigned token,
                       const struct values *values, bool has_dependency)
{
    char name[NAME_BYTES_MAX + 1];
    switch ((enum token)(token & ~(unsigned)MORE)) {
    case TOKEN_OPEN:
        end_attribute(parse);
        return take_open(parse, cursor, has_dependency, (token & MORE) != 0);
    case TOKEN_ATTRIBUTE:
        end_attribute(parse);
        return take_name(cursor, parse->attribute);
    case TOKEN_CLOSE_START:
        end_attribute(parse);
        return true;
    case TOKEN_CLOSE_EMPTY:
    case TOKEN_CLOSE:
        end_attribute(parse);
        windows_walk_close(parse->walk);
        return true;
    case TOKEN_VALUE:
        return skip(cursor, 1) && give_counted_text(parse, cursor, true);
    case TOKEN_CDATA:
        return give_counted_text(parse, cursor, true);
    case TOKEN_CHARACTER:
        return take_character(parse, cursor);
    case TOKEN_ENTITY:
        return take_entity(parse, cursor);
    case TOKEN_PI_TARGET:
        return take_name(cursor, name);
    case TOKEN_PI_DATA:
        return give_counted_text(parse, cursor, false);
    case TOKEN_TEMPLATE:
        return take_template(parse, cursor);
    case TOKEN_SUBSTITUTION:
    case TOKEN_OPTIONAL:
        return take_substitution(parse, cursor, values);
    case TOKEN_FRAGMENT:
        return skip(cursor, 3);
    case TOKEN_END:
        break;
    }
    return false;
}

static bool walk(struct parse *parse, struct cursor cursor, const struct values *values, bool has_dependency)
{
    uint64_t token;
    if (parse->nesting == EVTX_NESTING_MAX)
        return false;
    parse->nesting++;
    while (take(&cursor, 1, &token) && token != TOKEN_END)
        if (++parse->tokens > EVTX_TOKENS_MAX ||
            !take_token(parse, &cursor, (unsigned)token, values, has_dependency))
            return false;
    parse->nesting--;
    return true;
}

bool evtx_xml_walk(const unsigned char chunk[EVTX_CHUNK_BYTES], size_t at, size_t end,
                   struct windows_walk *walk_to)
{
    struct parse parse = {.chunk = chunk, .walk = walk_to};
    return at <= end && end <= EVTX_CHUNK_BYTES && walk(&parse, (struct cursor){chunk, at, end}, NULL, true);
}

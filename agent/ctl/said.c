#include "said.h"

#include "shape.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CODE_BYTES 64

/* Every field that a sentence may have. */
struct fields {
#define EXPLAIN_TEXT(field, bytes_max) char field[(bytes_max) + 1];
#define EXPLAIN_NUMBER(field)          int64_t field;
#define EXPLAIN_INSTANT(field)         int64_t field;
#include "agent/core/explain.def"
};

static const struct json_field field_fields[] = {
#define EXPLAIN_TEXT(field, bytes_max) SHAPE_TEXT(#field, struct fields, field),
#define EXPLAIN_NUMBER(field)          SHAPE_NUMBER(#field, struct fields, field),
#define EXPLAIN_INSTANT(field)         SHAPE_TIME(#field, struct fields, field),
#include "agent/core/explain.def"
};
static const struct json_shape fields_shape = SHAPE_OF(field_fields);

struct heard {
    int64_t at_ms;
    char code[CODE_BYTES], text[EXPLAIN_SENTENCE_BYTES];
    struct fields fields;
};

static const struct json_field heard_fields[] = {
    SHAPE_TIME("at", struct heard, at_ms),
    SHAPE_TEXT("code", struct heard, code),
    SHAPE_TEXT("text", struct heard, text),
    SHAPE_PART("fields", struct heard, fields, fields_shape),
};
static const struct json_shape heard_shape = SHAPE_OF(heard_fields);

struct said {
    struct json_reader *reader;
    int64_t now_ms;
    struct heard heard; /* the last one */
    char text[EXPLAIN_WHY_MAX * EXPLAIN_SENTENCE_BYTES];
};

struct said *said_create(int64_t now_ms)
{
    struct said *said = calloc(1, sizeof(*said));
    if (!said)
        return NULL;
    said->now_ms = now_ms;
    said->reader = json_reader_create();
    if (!said->reader) {
        free(said);
        return NULL;
    }
    return said;
}

void said_destroy(struct said *said)
{
    if (!said)
        return;
    json_reader_destroy(said->reader);
    free(said);
}

void said_instant(void *data, int64_t unix_ms, char ret[SENTENCE_INSTANT_BYTES])
{
    int64_t distance_ms = unix_ms - *(const int64_t *)data;
    bool near = distance_ms <= SAID_DAYS * DAY_MS && distance_ms >= -SAID_DAYS * DAY_MS;
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm parts = {0};
    (void)localtime_r(&seconds, &parts);
    (void)strftime(ret, SENTENCE_INSTANT_BYTES, near ? "%a %H:%M %Z" : "%Y-%m-%d %H:%M %Z", &parts);
}

const char *said_zone(int64_t now_ms, char ret[SENTENCE_INSTANT_BYTES])
{
    said_instant(&now_ms, now_ms, ret);
    const char *zone = strrchr(ret, ' ') + 1;
    memmove(ret, zone, strlen(zone) + 1);
    return ret;
}

const char *said_cell(int64_t now_ms, int64_t unix_ms, char ret[SENTENCE_INSTANT_BYTES])
{
    char zone[SENTENCE_INSTANT_BYTES];
    said_instant(&now_ms, unix_ms, ret);
    char *its_zone = strrchr(ret, ' ');
    if (strcmp(its_zone + 1, said_zone(now_ms, zone)) == 0)
        *its_zone = '\0';
    return ret;
}

/* The field of that name as the sentence takes it. */
static struct sentence_field field_of(const struct fields *fields, const char *name, size_t name_bytes)
{
    for (size_t i = 0; i < sizeof(field_fields) / sizeof(field_fields[0]); i++) {
        const struct json_field *field = &field_fields[i];
        const void *value = (const char *)fields + field->offset;
        if (strlen(field->name) != name_bytes || memcmp(field->name, name, name_bytes) != 0)
            continue;
        if (field->type == JSON_TEXT)
            return (struct sentence_field){.name = field->name, .text = value};
        return (struct sentence_field){.name = field->name, .number = *(const int64_t *)value};
    }
    return (struct sentence_field){.name = ""};
}

static size_t write_heard(struct said *said, char *ret, size_t ret_bytes)
{
    struct explain_sentence sentence = {.field_count = 0};
    if (!explain_code_parse(said->heard.code, &sentence.code)) {
        size_t bytes = strnlen(said->heard.text, ret_bytes - 1);
        memcpy(ret, said->heard.text, bytes);
        ret[bytes] = '\0';
        return bytes;
    }
    for (const char *name = explain_form(sentence.code)->fields; *name;) {
        size_t bytes = strcspn(name, " ");
        sentence.fields[sentence.field_count++] = field_of(&said->heard.fields, name, bytes);
        name += bytes + (name[bytes] == ' ');
    }
    return explain_write(&sentence, said_instant, &said->now_ms, ret, ret_bytes);
}

const char *said_text(struct said *said, const struct json_span *sentences, size_t count)
{
    size_t used = 0;
    said->text[0] = '\0';
    for (size_t i = 0; i < count && i < EXPLAIN_WHY_MAX; i++) {
        said->heard = (struct heard){.at_ms = 0};
        if (json_reader_read(said->reader, &heard_shape, sentences[i].start, sentences[i].bytes, &said->heard,
                             NULL, NULL) < 0)
            continue;
        if (used > 0)
            said->text[used++] = ' ';
        used += write_heard(said, said->text + used, EXPLAIN_SENTENCE_BYTES - 1); /* and a space */
    }
    return said->text;
}

int64_t said_at_ms(const struct said *said)
{
    return said->heard.at_ms;
}

#include "explain_say.h"

#include <assert.h>
#include <string.h>

const struct explain_form *explain_form(enum explain_code code)
{
    static const struct explain_form forms[] = {
#define EXPLAIN(code, text, fields) {#code, text, fields},
#include "explain.def"
    };
    static_assert(sizeof(forms) / sizeof(forms[0]) == EXPLAIN_MAX, "one table yields them all");
    assert(code < EXPLAIN_MAX);
    return &forms[code];
}

bool explain_code_parse(const char *name, enum explain_code *ret)
{
    for (int code = 0; code < EXPLAIN_MAX; code++) {
        if (strcmp(explain_form((enum explain_code)code)->name, name) == 0) {
            *ret = (enum explain_code)code;
            return true;
        }
    }
    return false;
}

size_t explain_write(const struct explain_sentence *sentence, sentence_instant_fn *instant,
                     void *instant_data, char *ret, size_t ret_bytes)
{
    return sentence_write(explain_form(sentence->code)->text, sentence->fields, sentence->field_count,
                          instant, instant_data, ret, ret_bytes);
}

struct explain_sentence explain_begin(enum explain_code code)
{
    return (struct explain_sentence){.code = code};
}

struct explain_sentence *explain_say(struct explain_why *why, enum explain_code code)
{
    assert(why->count < EXPLAIN_WHY_MAX);
    why->sentences[why->count] = explain_begin(code);
    return &why->sentences[why->count++];
}

static struct sentence_field *add_field(struct explain_sentence *sentence, const char *name)
{
    assert(sentence->field_count < EXPLAIN_FIELDS_MAX);
    assert(sentence_names(explain_form(sentence->code)->fields, name, strlen(name)));
    struct sentence_field *field = &sentence->fields[sentence->field_count++];
    *field = (struct sentence_field){.name = name};
    return field;
}

void explain_text(struct explain_sentence *sentence, const char *name, const char *text)
{
    add_field(sentence, name)->text = text;
}

void explain_number(struct explain_sentence *sentence, const char *name, int64_t number)
{
    add_field(sentence, name)->number = number;
}

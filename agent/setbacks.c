#include "setbacks.h"

#include "agent/core/core_error.h"
#include "agent/core/explain_say.h"
#include "common/utf8.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define HTTP_TOO_MANY_REQUESTS 429

static_assert(SETBACK_WINDOW_REFUSED > 0, "none of the errors, which are negative");

struct line {
    const char *name;
    int error;
    const char *problem;
    enum explain_code what, remedy;
};

static const struct line *line_of(enum setback_code code)
{
    static const struct line lines[] = {
#define SETBACK(name, error, problem, what, remedy) {#name, error, problem, EXPLAIN_##what, EXPLAIN_##remedy},
#include "agent/setbacks.def"
    };
    static_assert(sizeof(lines) / sizeof(lines[0]) == SETBACK_CODE_MAX, "one table yields them all");
    assert(code < SETBACK_CODE_MAX);
    return &lines[code];
}

const char *setback_code_name(enum setback_code code)
{
    return line_of(code)->name;
}

const char *setback_asked_name(enum setback_asked asked)
{
    static const char *const names[] = {[SETBACK_ACTIVATION] = "activation",
                                        [SETBACK_REPORT] = "report",
                                        [SETBACK_RELEASE] = "release",
                                        [SETBACK_WINDOW] = "window"};
    static_assert(sizeof(names) / sizeof(names[0]) == SETBACK_ASKED_MAX, "each has its name");
    return names[asked];
}

/* ---- which it is --------------------------------------------------------------------------------------- */

static bool find(int error, const char *problem, enum setback_code *ret)
{
    for (int code = 0; code < SETBACK_CODE_MAX; code++) {
        const struct line *line = line_of((enum setback_code)code);
        if (line->error == error && strcmp(line->problem, problem) == 0) {
            *ret = (enum setback_code)code;
            return true;
        }
    }
    return false;
}

/* What an HTTP status stands for where no code of the authority's says more; NULL: nothing. */
static const char *class_of(int http_status)
{
    if (http_status >= 300 && http_status < 400)
        return "3xx";
    if (http_status == HTTP_TOO_MANY_REQUESTS)
        return "429";
    return http_status >= 500 ? "5xx" : NULL;
}

static enum setback_code code_of(const struct setback_cause *cause)
{
    const char *problem = cause->problem && *cause->problem ? cause->problem : NULL;
    const char *const words[] = {problem, class_of(cause->http_status), ""};
    enum setback_code code = SETBACK_not_taken;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (words[i] && find(cause->error, words[i], &code))
            break;
    return code;
}

/* ---- what is kept -------------------------------------------------------------------------------------- */

/* Its place: of what was asked, and of a window's reason. NULL: none is kept of it. */
static struct setback *place_of(struct setbacks *setbacks, enum setback_asked asked, enum setback_code code)
{
    for (size_t i = 0; i < setbacks->count; i++) {
        struct setback *setback = &setbacks->kept[i];
        if (setback->asked == asked && (asked != SETBACK_WINDOW || setback->code == code))
            return setback;
    }
    return NULL;
}

/* There is always room: three questions and five reasons. */
static struct setback *new_place(struct setbacks *setbacks)
{
    assert(setbacks->count < SETBACKS_MAX);
    return &setbacks->kept[setbacks->count++];
}

/* Sentences end with a full stop of their own. */
static void keep_words(struct setback *setback, const char *said)
{
    (void)snprintf(setback->said, sizeof(setback->said), "%s", said ? said : "");
    utf8_cut(setback->said);
    size_t bytes = strlen(setback->said);
    if (bytes > 0 && setback->said[bytes - 1] == '.')
        setback->said[bytes - 1] = '\0';
}

const struct setback *setbacks_note(struct setbacks *setbacks, const struct setback_cause *cause,
                                    int64_t now_ms)
{
    enum setback_code code = code_of(cause);
    struct setback *setback = place_of(setbacks, cause->asked, code);
    bool goes_on = setback && setback->code == code;
    if (!setback)
        setback = new_place(setbacks);
    if (!goes_on)
        *setback = (struct setback){.asked = cause->asked, .code = code, .since_ms = now_ms};
    setback->tries++;
    setback->last_ms = now_ms;
    setback->moves_left = cause->moves_left;
    setback->not_before_ms = cause->retry_after_ms > 0 ? now_ms + cause->retry_after_ms : 0;
    keep_words(setback, cause->said);
    return setback;
}

void setbacks_clear(struct setbacks *setbacks)
{
    setbacks->count = 0;
}

/* ---- in words ------------------------------------------------------------------------------------------ */

static enum explain_code lead_of(const struct setback *setback)
{
    static const enum explain_code leads[] = {[SETBACK_ACTIVATION] = EXPLAIN_setback_activation,
                                              [SETBACK_REPORT] = EXPLAIN_setback_report,
                                              [SETBACK_RELEASE] = EXPLAIN_setback_release,
                                              [SETBACK_WINDOW] = EXPLAIN_setback_window};
    static_assert(sizeof(leads) / sizeof(leads[0]) == SETBACK_ASKED_MAX, "each has its lead");
    return leads[setback->asked];
}

/* What the table has for all must not promise what this one cannot keep. */
static enum explain_code remedy_of(const struct setback *setback)
{
    enum explain_code remedy = line_of(setback->code)->remedy;
    if (remedy == EXPLAIN_do_wait_for_agent && setback->asked != SETBACK_REPORT)
        return EXPLAIN_do_try_again;
    if (remedy == EXPLAIN_do_see_network && setback->asked == SETBACK_ACTIVATION)
        return EXPLAIN_do_see_network_and_retry; /* there is no farm yet to report for */
    if (remedy == EXPLAIN_do_take_over && setback->moves_left < 0)
        return EXPLAIN_do_take_over_unnumbered;
    if (remedy == EXPLAIN_do_take_over && setback->moves_left == 0)
        return EXPLAIN_do_reset_moves;
    return remedy;
}

/* Says it with those of a setback's fields that it declares. */
static void say(const struct setback *setback, enum explain_code code, struct explain_why *ret)
{
    const struct sentence_field all[] = {
        {.name = "said", .text = setback->said},
        {.name = "since_at", .number = setback->since_ms},
        {.name = "tries", .number = setback->tries},
        {.name = "windows", .number = setback->tries},
        {.name = "moves_left", .number = setback->moves_left},
        {.name = "retry_at", .number = setback->not_before_ms},
    };
    struct explain_sentence *sentence = explain_say(ret, code);
    const char *declared = explain_form(code)->fields;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (!sentence_names(declared, all[i].name, strlen(all[i].name)))
            continue;
        if (all[i].text)
            explain_text(sentence, all[i].name, all[i].text);
        else
            explain_number(sentence, all[i].name, all[i].number);
    }
}

void setback_explain(const struct setback *setback, bool lead, struct explain_why *ret_why,
                     struct explain_why *ret_remedies)
{
    ret_why->count = ret_remedies->count = 0;
    if (lead)
        say(setback, lead_of(setback), ret_why);
    say(setback, line_of(setback->code)->what, ret_why);
    if (setback->not_before_ms != 0)
        say(setback, EXPLAIN_setback_not_before, ret_why);
    say(setback, remedy_of(setback), ret_remedies);
}

void setback_write(const struct setback *setback, struct error_detail *ret_text)
{
    struct explain_why why, remedies;
    char sentence[sizeof(ret_text->text)];
    size_t used = 0;
    setback_explain(setback, false, &why, &remedies);
    why.sentences[why.count++] = remedies.sentences[0];
    for (size_t i = 0; i < why.count; i++) {
        (void)explain_write(&why.sentences[i], sentence_utc, NULL, sentence, sizeof(sentence));
        int bytes = snprintf(ret_text->text + used, sizeof(ret_text->text) - used, "%s%s", i > 0 ? " " : "",
                             sentence);
        used += (size_t)bytes;
        if (used >= sizeof(ret_text->text))
            break;
    }
    utf8_cut(ret_text->text);
}

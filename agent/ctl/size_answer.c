#include "size_answer.h"

#include "command.h"
#include "term.h"

#include "agent/ctl/sizing/answer.h"

const struct sizing_zone *size_answer_zone(const struct size_answer *settings)
{
    return settings->utc ? NULL : &answer_local_zone;
}

static int print(const struct size_answer *settings, const struct answer *answer)
{
    struct term term;
    switch (settings->form) {
    case SIZE_JSON:
    case SIZE_JSON_FULL:
        return answer_json(answer, settings->form == SIZE_JSON_FULL, stdout);
    case SIZE_CSV:
        return answer_csv(answer, stdout);
    case SIZE_HTML:
        return answer_html(answer, stdout);
    default:
        term_init(&term, stdout);
        return answer_text(answer, &term, answer_unicode());
    }
}

int size_answer(const struct size_answer *settings, const struct sizing_result *result,
                unsigned routes_counted)
{
    struct recommendation recommendation;
    char zone_name[ANSWER_ZONE_BYTES] = "UTC";
    struct error_detail detail;
    recommend(result, &recommendation);
    if (!settings->utc)
        answer_local_zone_name(result->first_at_ms, result->last_at_ms, zone_name);
    const struct answer answer = {.result = result,
                                  .recommendation = &recommendation,
                                  .zone = size_answer_zone(settings),
                                  .zone_name = zone_name,
                                  .routes_counted = routes_counted,
                                  .limit_asked = settings->limit};
    if (settings->html != NULL && answer_html_file(&answer, settings->html, &detail) < 0) {
        fprintf(stderr, "farmgate size: --html: %s\n", detail.text);
        return COMMAND_FAILED;
    }
    int code = print(settings, &answer);
    if (code == 0)
        return COMMAND_OK;
    fprintf(stderr, "farmgate size: %s\n", error_text(code));
    return COMMAND_FAILED;
}

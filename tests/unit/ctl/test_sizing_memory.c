/* Sizing and its answers without memory: wherever it ends, that is said, and nothing is left behind. */
#include "ending_memory.h"
#include "tests/unit/unit.h"

#include "agent/core/tally.h"
#include "agent/ctl/sizing/answer.h"
#include "agent/ctl/term.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0     INT64_C(1767571200000) /* a Monday */
#define MINUTE INT64_C(60000)
#define EVENTS 900
#define USERS  70 /* more than an array has room for at first */

/* ---- a log --------------------------------------------------------------------------------------------- */

static const struct tally_settings settings = {.count_disconnected = true,
                                               .routes_counted = ROUTES_COUNTED_DEFAULT},
                                   absence_frees = {.routes_counted = ROUTES_COUNTED_DEFAULT};

/* All come on; then they leave for lunch, some come back, some leave for good, and one host goes down. */
static int take(struct sizing *sizing, int number)
{
    char user[32], host[16];
    int turn = number / USERS;
    struct sizing_event event = {
        .at_ms = T0 + number * 7 * MINUTE, .host = host, .session = user, .user = user, .route = ROUTE_RDP};
    snprintf(user, sizeof user, "CORP\\User%d", number % USERS);
    snprintf(host, sizeof host, "h%d", number % USERS % 3);
    event.administrator = number % 5 == 0 ? ADMINISTRATOR_YES : ADMINISTRATOR_NO;
    event.type = turn % 3 == 1                      ? SIZING_DISCONNECT
                 : turn % 3 == 2 && number % 4 == 0 ? SIZING_LOGOFF
                                                    : SIZING_CONNECT;
    if (number % 400 == 399) {
        event.type = SIZING_HOST_END;
        event.session = "";
    }
    return sizing_take(sizing, &event);
}

static int size(const struct tally_settings *counting, struct sizing **ret_sizing,
                const struct sizing_result **ret_result)
{
    struct sizing *sizing = sizing_create(counting, NULL);
    int code = sizing == NULL ? ERROR_NO_MEMORY : 0;
    for (int i = 0; i < EVENTS && code == 0; i++)
        code = take(sizing, i);
    if (code == 0)
        code = sizing_finish(sizing, ret_result);
    if (code == 0)
        *ret_sizing = sizing;
    else
        sizing_destroy(sizing);
    return code;
}

static void test_sizing(void **state)
{
    (void)state;
    const struct tally_settings *countings[] = {&settings, &absence_frees};
    for (size_t i = 0; i < COUNT(countings); i++) {
        struct sizing *sizing = NULL;
        const struct sizing_result *result = NULL;
        int refused = 0;
        for (int code = ERROR_NO_MEMORY; code < 0; refused++) {
            memory_ends_after(refused);
            code = size(countings[i], &sizing, &result);
            memory_ends_after(MEMORY_FOREVER);
            assert_true(code == 0 || code == ERROR_NO_MEMORY);
        }
        assert_true(refused > 100);
        assert_true(result->events == EVENTS && result->peak_users > 50 && result->peak_name_count > 50);
        assert_true(result->peak_without_exemptions > result->peak_users);
        assert_true(result->sessions_ended_after[0] > 0);
        sizing_destroy(sizing);
    }
}

/* ---- answers ------------------------------------------------------------------------------------------- */

enum form { TEXT, JSON, HTML, FORM_MAX };

static int tell(const struct answer *answer, enum form form, FILE *file)
{
    const struct term term = {.file = file, .width = 80};
    switch (form) {
    case TEXT:
        return answer_text(answer, &term, true);
    case JSON:
        return answer_json(answer, true, file);
    default:
        return answer_html(answer, file);
    }
}

static void test_answers(void **state)
{
    (void)state;
    struct sizing *sizing = NULL;
    const struct sizing_result *result = NULL;
    struct recommendation recommendation;
    assert_int_equal(size(&settings, &sizing, &result), 0);
    recommend(result, &recommendation);
    const struct answer answer = {.result = result,
                                  .recommendation = &recommendation,
                                  .zone_name = "UTC",
                                  .routes_counted = settings.routes_counted,
                                  .limit_asked = -1};
    FILE *nowhere = fopen("/dev/null", "w");
    assert_non_null(nowhere);
    for (int form = 0; form < FORM_MAX; form++) {
        int refused = 0;
        for (int code = ERROR_NO_MEMORY; code < 0; refused++) {
            memory_ends_after(refused);
            code = tell(&answer, (enum form)form, nowhere);
            memory_ends_after(MEMORY_FOREVER);
            assert_true(code == 0 || code == ERROR_NO_MEMORY);
        }
        assert_true(refused > 1);
    }
    fclose(nowhere);
    sizing_destroy(sizing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizing),
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Setbacks: what came of a question to the authority, as it is kept and as it is said. */
#include "agent/setbacks.h"

#include "agent/core/core_error.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define NOON INT64_C(1767268800000) /* 2026-01-01T12:00:00Z */

static struct setback_cause cause(enum setback_asked asked, int error, int status, const char *problem)
{
    return (struct setback_cause){.asked = asked,
                                  .error = error,
                                  .http_status = status,
                                  .problem = problem,
                                  .said = "as it came.",
                                  .moves_left = -1,
                                  .retry_after_ms = -1};
}

static void outcomes_have_their_code(void **state)
{
    static const struct {
        int error, status;
        const char *problem, *code;
    } rows[] = {
        {ERROR_REFUSED, 404, "unknown_key", "unknown_key"},
        {ERROR_REFUSED, 400, "invalid_key", "invalid_key"},
        {ERROR_REFUSED, 410, "key_deleted", "key_deleted"},
        {ERROR_REFUSED, 403, "subscription_cancelled", "subscription_cancelled"},
        {ERROR_REFUSED, 403, "expired", "expired"},
        {ERROR_REFUSED, 409, "key_in_use", "key_in_use"},
        {ERROR_REFUSED, 409, "moves_exhausted", "moves_exhausted"},
        {ERROR_REFUSED, 403, "trial_used", "trial_used"},
        {ERROR_REFUSED, 429, "trial_cap", "trial_cap"},
        {ERROR_REFUSED, 401, "unauthorized", "unauthorized"},
        {ERROR_REFUSED, 404, "unknown_farm", "unknown_farm"},
        {ERROR_REFUSED, 400, "invalid", "not_understood"},
        {ERROR_REFUSED, 404, "not_found", "not_found"},
        {ERROR_REFUSED, 429, "too_many_activations", "too_many_requests"},
        {ERROR_REFUSED, 429, "", "too_many_requests"},
        {ERROR_REFUSED, 302, "", "redirected"},
        {ERROR_REFUSED, 500, NULL, "unavailable"},
        {ERROR_REFUSED, 503, "store_unavailable", "unavailable"},
        {ERROR_REFUSED, 403, "", "unsigned_refusal"},
        {ERROR_REFUSED, 410, NULL, "unsigned_refusal"},
        {ERROR_REFUSED, 418, "teapot", "unsigned_refusal"},
        {ERROR_UNREACHABLE, 0, "", "unreachable"},
        {ERROR_TIMEOUT, 0, "", "timed_out"},
        {ERROR_CERTIFICATE, 0, "", "certificate"},
        {ERROR_CONFIGURATION, 0, "", "ca_unreadable"},
        {ERROR_TOO_LARGE, 200, "", "too_large"},
        {ERROR_INVALID, 200, "", "not_the_authority"},
        {ERROR_SIGNATURE, 200, "", "signature"},
        {ERROR_UNKNOWN_KEY, 200, "", "unknown_signer"},
        {CORE_NOT_OURS, 200, "", "not_ours"},
        {CORE_OUTDATED, 200, "", "outdated"},
        {CORE_INVALID, 200, "", "not_taken"},
        {ERROR_NO_MEMORY, 0, NULL, "not_taken"},
        {SETBACK_WINDOW_REFUSED, 0, "no_period", "no_period"},
        {SETBACK_WINDOW_REFUSED, 0, "too_long", "too_long"},
        {SETBACK_WINDOW_REFUSED, 0, "in_future", "in_future"},
        {SETBACK_WINDOW_REFUSED, 0, "overlaps", "overlaps"},
        {SETBACK_WINDOW_REFUSED, 0, "on_a_sunday", "window_refused"},
    };
    bool seen[SETBACK_CODE_MAX] = {false};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct setbacks setbacks = {.count = 0};
        const struct setback_cause came =
            cause(SETBACK_REPORT, rows[i].error, rows[i].status, rows[i].problem);
        const struct setback *kept = setbacks_note(&setbacks, &came, NOON);
        assert_string_equal(setback_code_name(kept->code), rows[i].code);
        seen[kept->code] = true;
    }
    for (int code = 0; code < SETBACK_CODE_MAX; code++)
        if (!seen[code])
            fail_msg("nothing comes to %s", setback_code_name((enum setback_code)code));
}

static void tell(const struct setback *setback, bool lead, char *ret, size_t bytes)
{
    struct explain_why why, remedies;
    size_t used = 0;
    setback_explain(setback, lead, &why, &remedies);
    for (size_t i = 0; i < why.count; i++)
        used += explain_write(&why.sentences[i], sentence_utc, NULL, ret + used, bytes - used);
    ret[used++] = '|';
    for (size_t i = 0; i < remedies.count; i++)
        used += explain_write(&remedies.sentences[i], sentence_utc, NULL, ret + used, bytes - used);
    ret[used] = '\0';
}

static void what_is_said(void **state)
{
    static const struct {
        enum setback_asked asked;
        int error, status;
        const char *problem;
        int64_t moves_left, retry_after_ms;
        const char *told;
    } rows[] = {
        {SETBACK_ACTIVATION, ERROR_REFUSED, 409, "key_in_use", 2, -1,
         "The activation has failed since 2026-01-01T12:00:00Z (1 try).This licence key runs another "
         "installation.|Take it over with `farmgate activate KEY --move`: the other installation then "
         "closes. 2 moves are left, and giving it back there first counts as one as well."},
        {SETBACK_ACTIVATION, ERROR_REFUSED, 409, "key_in_use", -1, -1,
         "The activation has failed since 2026-01-01T12:00:00Z (1 try).This licence key runs another "
         "installation.|Take it over with `farmgate activate KEY --move`: the other installation then "
         "closes."},
        {SETBACK_ACTIVATION, ERROR_REFUSED, 409, "key_in_use", 0, -1,
         "The activation has failed since 2026-01-01T12:00:00Z (1 try).This licence key runs another "
         "installation.|Ask whoever manages the subscription to reset the count of moves, then activate "
         "with `farmgate activate KEY --move`."},
        {SETBACK_ACTIVATION, ERROR_REFUSED, 429, "too_many_activations", -1, 90000,
         "The activation has failed since 2026-01-01T12:00:00Z (1 try).The licensing authority was asked "
         "too often, by this farm or from its address.The licensing authority takes no further one before "
         "2026-01-01T12:01:30Z.|Try again in a few minutes; if that lasts, tell whoever runs the licensing "
         "authority."},
        {SETBACK_REPORT, ERROR_REFUSED, 503, "busy", -1, -1,
         "Reports have failed since 2026-01-01T12:00:00Z (1 try).The licensing authority cannot answer at "
         "the moment: as it came.|The agent tries again by itself; if that lasts, tell whoever runs the "
         "licensing authority."},
        {SETBACK_RELEASE, ERROR_REFUSED, 503, "busy", -1, -1,
         "Giving the licence key back has failed since 2026-01-01T12:00:00Z (1 try).The licensing "
         "authority cannot answer at the moment: as it came.|Try again in a few minutes; if that lasts, "
         "tell whoever runs the licensing authority."},
        {SETBACK_WINDOW, SETBACK_WINDOW_REFUSED, 0, "in_future", -1, -1,
         "1 reported window was set aside 2026-01-01T12:00:00Z.The licensing authority refuses a window "
         "that ends more than 24 hours ahead of its clock.|The clock of this machine was wrong. The "
         "windows stay in `farmgate windows`, and later ones are not held up."},
    };
    char told[2048];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct setbacks setbacks = {.count = 0};
        struct setback_cause came = cause(rows[i].asked, rows[i].error, rows[i].status, rows[i].problem);
        came.moves_left = rows[i].moves_left;
        came.retry_after_ms = rows[i].retry_after_ms;
        tell(setbacks_note(&setbacks, &came, NOON), true, told, sizeof(told));
        assert_string_equal(told, rows[i].told);
    }
}

static void in_one_line(void **state)
{
    struct setbacks setbacks = {.count = 0};
    struct setback_cause came = cause(SETBACK_ACTIVATION, ERROR_UNREACHABLE, 0, "");
    struct error_detail line;
    char long_words[600];
    (void)state;
    setback_write(setbacks_note(&setbacks, &came, NOON), &line);
    assert_string_equal(line.text,
                        "The licensing authority cannot be reached: as it came. See to the network, the "
                        "firewall, and `authority.url` and `authority.proxy` in the configuration; then try "
                        "again.");
    came = cause(SETBACK_REPORT, ERROR_UNREACHABLE, 0, "");
    setback_write(setbacks_note(&setbacks, &came, NOON), &line);
    assert_non_null(strstr(line.text, "; `farmgate report` tries at once."));
    came = cause(SETBACK_ACTIVATION, ERROR_UNREACHABLE, 0, "");
    memset(long_words, 'x', sizeof(long_words));
    for (size_t i = 1; i + 2 < sizeof(long_words); i += 2)
        memcpy(long_words + i, "é", 2);
    long_words[sizeof(long_words) - 1] = '\0';
    came.said = long_words;
    const struct setback *kept = setbacks_note(&setbacks, &came, NOON);
    assert_int_equal(strlen(kept->said), EXPLAIN_SAID_BYTES_MAX);
    setback_write(kept, &line);
    assert_true(strlen(line.text) < sizeof(line.text));
    assert_non_null(strstr(line.text, "See to the network"));
    came.said = NULL;
    assert_string_equal(setbacks_note(&setbacks, &came, NOON)->said, "");
}

static void what_is_kept(void **state)
{
    struct setbacks setbacks = {.count = 0};
    const struct setback_cause refused = cause(SETBACK_REPORT, ERROR_REFUSED, 403, "");
    const struct setback_cause unreachable = cause(SETBACK_REPORT, ERROR_UNREACHABLE, 0, "");
    const struct setback_cause activation = cause(SETBACK_ACTIVATION, ERROR_REFUSED, 404, "unknown_key");
    const struct setback_cause release = cause(SETBACK_RELEASE, ERROR_TIMEOUT, 0, "");
    static const char *const reasons[] = {"no_period", "too_long", "in_future", "overlaps", "another"};
    (void)state;
    (void)setbacks_note(&setbacks, &refused, NOON);
    const struct setback *kept = setbacks_note(&setbacks, &refused, NOON + 5);
    assert_int_equal(kept->since_ms, NOON); /* the same goes on */
    assert_int_equal(kept->last_ms, NOON + 5);
    assert_int_equal(kept->tries, 2);
    kept = setbacks_note(&setbacks, &unreachable, NOON + 9); /* another takes its place */
    assert_int_equal(setbacks.count, 1);
    assert_int_equal(kept->since_ms, NOON + 9);
    assert_int_equal(kept->tries, 1);
    (void)setbacks_note(&setbacks, &activation, NOON); /* what else was asked stands beside it */
    (void)setbacks_note(&setbacks, &release, NOON);
    for (size_t i = 0; i < 2 * COUNT(reasons); i++) { /* one for each reason */
        const struct setback_cause window =
            cause(SETBACK_WINDOW, SETBACK_WINDOW_REFUSED, 0, reasons[i % COUNT(reasons)]);
        assert_int_equal(setbacks_note(&setbacks, &window, NOON)->tries, 1 + i / COUNT(reasons));
    }
    assert_int_equal(setbacks.count, SETBACKS_MAX);
    setbacks_clear(&setbacks);
    assert_int_equal(setbacks.count, 0);
    assert_string_equal(setback_asked_name(SETBACK_WINDOW), "window");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes_have_their_code),
        cmocka_unit_test(what_is_said),
        cmocka_unit_test(in_one_line),
        cmocka_unit_test(what_is_kept),
    };
    return cmocka_run_group_tests_name("setbacks", tests, NULL, NULL);
}

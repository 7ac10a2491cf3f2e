#include "common/messages.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void an_activation_goes_there_and_back(void **state)
{
    (void)state;
    static const struct activation_request requests[] = {
        {.license_key = "00000-11111-ABCDE-FGHJK-MNPSF",
         .installation_id = "i-1",
         .farm_name = "Office \"North\"",
         .app_version = "0.1.0",
         .move = true},
        {.trial = true, .installation_id = "i-1"},
    };
    for (size_t i = 0; i < COUNT(requests); i++) {
        struct activation_request back;
        char *text = activation_request_encode(&requests[i]);
        assert_non_null(text);
        assert_int_equal(activation_request_decode(text, strlen(text), &back, NULL, NULL), 0);
        assert_memory_equal(&back, &requests[i], sizeof(back));
        free(text);
    }
}

static void an_activation_names_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *field, *detail;
    } cases[] = {
        {"{\"installation_id\":\"i\"}", "license_key", "license_key: missing"},
        {"{\"installation_id\":\"i\",\"trial\":false}", "license_key", "license_key: missing"},
        {"{\"installation_id\":\"i\",\"trial\":true,\"license_key\":\"x\"}", "trial",
         "trial: not together with license_key"},
        {"{\"trial\":true}", "installation_id", "installation_id: missing"},
        {"{\"trial\":1,\"installation_id\":\"i\"}", "trial", "trial: not true or false"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct activation_request request;
        struct error_detail detail;
        char field[JSON_PATH_BYTES];
        assert_int_equal(
            activation_request_decode(cases[i].text, strlen(cases[i].text), &request, &detail, field),
            ERROR_INVALID);
        assert_string_equal(field, cases[i].field);
        assert_string_equal(detail.text, cases[i].detail);
    }
}

static void an_activations_answer_goes_there_and_back(void **state)
{
    (void)state;
    struct activation_answer answer = {.farm_id = "f-1", .farm_token = "secret", .entitlement = "fg1.k.p.s"},
                             back;
    char *text = activation_answer_encode(&answer);
    assert_string_equal(text,
                        "{\"farm_id\":\"f-1\",\"farm_token\":\"secret\",\"entitlement\":\"fg1.k.p.s\"}");
    assert_int_equal(activation_answer_decode(text, strlen(text), &back, NULL), 0);
    assert_memory_equal(&back, &answer, sizeof(back));
    free(text);
}

static void a_report_is_spelt_as_the_design_says(void **state)
{
    (void)state;
    static const struct report_window window = {.sequence = 7,
                                                .start_ms = 0,
                                                .end_ms = 1200000,
                                                .peak_at_ms = 5,
                                                .peak_users = 3,
                                                .users_at_end = 2,
                                                .exempt_peak = 1,
                                                .hosts = 4};
    char *text = report_request_encode("f-1", "0.1.0", "k2", &window, 1);
    assert_string_equal(
        text,
        "{\"farm_id\":\"f-1\",\"app_version\":\"0.1.0\",\"trusted_key\":\"k2\",\"windows\":[{\"sequence\":7,"
        "\"start\":\"1970-01-01T00:00:00.000Z\",\"end\":\"1970-01-01T00:20:00.000Z\","
        "\"peak_users\":3,\"peak_at\":\"1970-01-01T00:00:00.005Z\",\"users_at_end\":2,"
        "\"exempt_peak\":1,\"hosts\":4}]}");
    free(text);
}

static void a_full_report_goes_there_and_back(void **state)
{
    (void)state;
    struct report_window windows[MESSAGE_WINDOWS_MAX + 1];
    struct report_request *back = malloc(sizeof(*back));
    struct error_detail detail;
    char field[JSON_PATH_BYTES];
    for (int64_t i = 0; i <= MESSAGE_WINDOWS_MAX; i++)
        windows[i] = (struct report_window){.sequence = i + 1,
                                            .start_ms = i * 1200000,
                                            .end_ms = (i + 1) * 1200000,
                                            .peak_users = 4294967295};
    char *text = report_request_encode("f-1", "0.1.0", "k2", windows, MESSAGE_WINDOWS_MAX);
    assert_int_equal(report_request_decode(text, strlen(text), back, NULL, NULL), 0);
    assert_int_equal(back->window_count, MESSAGE_WINDOWS_MAX);
    assert_memory_equal(back->windows, windows, sizeof(back->windows));
    free(text);
    text = report_request_encode("f-1", "0.1.0", "k2", windows, MESSAGE_WINDOWS_MAX + 1);
    assert_int_equal(report_request_decode(text, strlen(text), back, &detail, field), ERROR_TOO_LARGE);
    assert_string_equal(field, "windows[216]");
    free(text);
    static const char wrong[] = "{\"farm_id\":\"f\",\"windows\":[{\"sequence\":1,\"start\":5}]}";
    assert_int_equal(report_request_decode(wrong, sizeof(wrong) - 1, back, &detail, field), ERROR_INVALID);
    assert_string_equal(detail.text, "windows[0].start: not a time");
    windows[0].sequence = MESSAGE_SEQUENCE_MAX;
    windows[1].sequence = MESSAGE_SEQUENCE_MAX + 1;
    text = report_request_encode("f-1", "0.1.0", "k2", windows, 2);
    assert_int_equal(report_request_decode(text, strlen(text), back, &detail, field), ERROR_INVALID);
    assert_string_equal(detail.text, "windows[1].sequence: not between 1 and 4503599627370496");
    free(text);
    free(back);
}

static void a_reports_answer_goes_there_and_back(void **state)
{
    (void)state;
    struct report_answer *answer = calloc(1, sizeof(*answer)), *back = calloc(1, sizeof(*back));
    answer->accepted_through = 12;
    answer->server_time_ms = 1767225600123;
    answer->refused_count = 1;
    answer->refused[0].sequence = 9;
    strcpy(answer->refused[0].reason, "overlaps");
    strcpy(answer->entitlement, "fg1.k.p.s");
    char *text = report_answer_encode(answer);
    assert_int_equal(report_answer_decode(text, strlen(text), back, NULL), 0);
    assert_memory_equal(back, answer, sizeof(*back));
    free(text);
    answer->refused_count = 0;
    text = report_answer_encode(answer);
    assert_string_equal(
        text, "{\"accepted_through\":12,\"refused\":[],\"server_time\":\"2026-01-01T00:00:00.123Z\","
              "\"entitlement\":\"fg1.k.p.s\"}");
    free(text);
    free(answer);
    free(back);
}

static void new_keys_come_with_any_answer(void **state)
{
    (void)state;
    static const char *const keys[] = {"fgkey1.a", "fgkey1.b", "fgkey1.c"};
    struct activation_answer activation = {
        .farm_id = "f", .farm_token = "t", .entitlement = "fg1.k.p.s", .keys = keys, .key_count = 3};
    struct report_answer *report = calloc(1, sizeof(*report));
    struct message_keys *read = calloc(1, sizeof(*read));
    strcpy(report->entitlement, "fg1.k.p.s");
    report->keys = keys;
    report->key_count = 3;
    char *texts[] = {activation_answer_encode(&activation), report_answer_encode(report)};
    for (size_t i = 0; i < 2; i++) {
        read->count = 7;
        assert_int_equal(message_keys_decode(texts[i], strlen(texts[i]), read, NULL), 0);
        assert_int_equal(read->count, 3);
        assert_string_equal(read->texts[2], "fgkey1.c");
        free(texts[i]);
    }
    assert_int_equal(message_keys_decode("{}", 2, read, NULL), 0);
    assert_int_equal(read->count, 0);
    static const char wrong[] = "{\"keys\":[7]}";
    assert_int_equal(message_keys_decode(wrong, strlen(wrong), read, NULL), ERROR_INVALID);
    free(report);
    free(read);
}

static void garbage_is_no_answer(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "<html>",
        "{}",
        "[]",
        "{\"accepted_through\":-1,\"server_time\":\"2026-01-01T00:00:00Z\",\"entitlement\":\"x\"}",
        "{\"accepted_through\":1,\"server_time\":\"2026-01-01T00:00:00Z\"}",
    };
    struct report_answer *answer = malloc(sizeof(*answer));
    struct activation_answer *activation = malloc(sizeof(*activation));
    struct problem_answer problem;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct error_detail detail;
        assert_int_equal(report_answer_decode(texts[i], strlen(texts[i]), answer, &detail), ERROR_INVALID);
        assert_int_equal(activation_answer_decode(texts[i], strlen(texts[i]), activation, &detail),
                         ERROR_INVALID);
        assert_int_equal(problem_answer_decode(texts[i], strlen(texts[i]), &problem), ERROR_INVALID);
    }
    free(answer);
    free(activation);
}

static void a_problem_tells_its_code_and_moves(void **state)
{
    (void)state;
    static const char with[] = "{\"type\":\"about:blank\",\"title\":\"Conflict\",\"status\":409,"
                               "\"code\":\"key_in_use\",\"detail\":\"in use\",\"moves_left\":2}";
    static const char without[] = "{\"code\":\"unknown_key\"}";
    struct problem_answer problem;
    assert_int_equal(problem_answer_decode(with, sizeof(with) - 1, &problem), 0);
    assert_string_equal(problem.code, "key_in_use");
    assert_string_equal(problem.detail, "in use");
    assert_int_equal(problem.moves_left, 2);
    assert_int_equal(problem_answer_decode(without, sizeof(without) - 1, &problem), 0);
    assert_string_equal(problem.detail, "");
    assert_int_equal(problem.moves_left, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_activation_goes_there_and_back),
        cmocka_unit_test(an_activation_names_what_is_wrong),
        cmocka_unit_test(an_activations_answer_goes_there_and_back),
        cmocka_unit_test(a_report_is_spelt_as_the_design_says),
        cmocka_unit_test(a_full_report_goes_there_and_back),
        cmocka_unit_test(a_reports_answer_goes_there_and_back),
        cmocka_unit_test(new_keys_come_with_any_answer),
        cmocka_unit_test(garbage_is_no_answer),
        cmocka_unit_test(a_problem_tells_its_code_and_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

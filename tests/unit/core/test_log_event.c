/* Log events and their sentences. */
#include "agent/core/log_event.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void one_table_yields_names_and_severities(void **state)
{
    (void)state;
    assert_string_equal(log_event_name(LOG_gate_closed), "gate_closed");
    assert_int_equal(log_event_severity(LOG_gate_closed), SEVERITY_WARNING);
    assert_string_equal(log_event_name(LOG_resources_failed), "resources_failed");
    for (int code = 0; code < LOG_EVENT_MAX; code++) {
        enum log_severity severity = log_event_severity((enum log_event_code)code);
        assert_true(strlen(log_event_name((enum log_event_code)code)) > 0);
        assert_true(strlen(log_severity_name(severity)) > 0);
    }
    assert_string_equal(log_severity_name(SEVERITY_ERROR), "error");
    assert_string_equal(log_severity_name(SEVERITY_DEBUG), "debug");
}

/* The list of what was ever given out: people's filters and hooks hold these. A line is added with its event,
 * and none is ever changed. */
static const struct golden {
    const char *code;
    uint16_t number;
    const char *message_id;
} golden[] = {
    {"agent_started", 100, "cfe33f871ef74140a7b3d79ba876bccd"},
    {"agent_stopping", 101, "e872404f1a61429b84993a8b59ff0eca"},
    {"settings_applied", 102, "17f0407c5e964ec69bf0f1256a7ac89a"},
    {"settings_refused", 103, "d97ea320b88f4b41ac92df4558b40222"},
    {"settings_need_restart", 104, "2af497f2797d407db7d625fe8012d3ef"},
    {"resources_failed", 105, "83c201322fb94294a5fc182138e8fa3e"},
    {"person_erased", 106, "a6a473689f574198993ef81bcaf10d81"},
    {"agent_failed", 107, "3446b89e2f75401d8b403f67c6312d64"},
    {"log_file_failed", 108, "146b2a120b4d4a6a8f8230d4255c7ba9"},
    {"log_file_recovered", 109, "b989babedd8c4356940c21d5a4fb1d2d"},
    {"clock_corrected", 110, "4568d6ff102a443b815ebadf865b2965"},
    {"time_restarted", 111, "11f7382bab3c43e2a32eb3c90666a52e"},
    {"connection_opened", 200, "458558fa82d1450480b69763be6e6bc2"},
    {"connection_changed", 201, "04201092348d492aa1e7352409be4f8b"},
    {"connection_ended", 202, "38edf85de65c436ba7088af3b84b6082"},
    {"connection_refused", 203, "34f92a81cfb243b897c5e42c03642e9a"},
    {"administrator_unknown", 204, "92db70b5403747fcbc0f7b8df14ae1e9"},
    {"host_booted", 205, "f55e2063cbc94d15910c373617641168"},
    {"host_silent", 206, "6433a5a44f544f56a2710c2f61e4c18a"},
    {"host_back", 207, "a86aaca8b9a647ae81bd1f43115f8868"},
    {"host_lost", 208, "0e83f36006dd4d3ea2c692a1b839cbc6"},
    {"reclaim_due", 210, "74ad18a52fb748ce80fbf1b4c16c0fe9"},
    {"session_reclaimed", 211, "dccdb533bed343559a682e360b574ecd"},
    {"reclaim_failed", 212, "fac7cc1fef954986adf5148e26875485"},
    {"user_refused", 220, "d2b11aa427b04c54bb0b46e1baa4150f"},
    {"refusals_not_said", 221, "640c2fa2955742468a8828424b93c222"},
    {"limit_near", 300, "d97dfe36e91a41989f1468a0c15ceaa7"},
    {"limit_reached", 301, "507b0d44d14045bcb2c716e02718b93d"},
    {"limit_exceeded", 302, "aca32ef53e4145b5829d7177e3799b37"},
    {"limit_kept", 303, "da4dcf0b5c8641468f0767724a1b2ed3"},
    {"limit_changed", 304, "3593bb2ea0c64e3cb6fb9431a9deb541"},
    {"overuse_grace_started", 310, "ac853b30e3db4fca90826bfc0908be7b"},
    {"overuse_grace_ends_soon", 311, "921913774c5f4452ba0f81c9d757279f"},
    {"overuse_grace_spent", 312, "efd2c785af934ca9a71c2e877654ebb1"},
    {"overuse_grace_renewed", 313, "5889e1a67d7b4b1f9f6d9e8bec931742"},
    {"overuse_countdown_started", 314, "449b6ea5563646cda0c747744e733903"},
    {"overuse_countdown_stopped", 315, "ad2dee510bba4577924e5c3ffa468783"},
    {"farm_over", 316, "7ccc1ad25921465c9e5dc739489131e1"},
    {"farm_within", 317, "38f644ef351b4e5c9d984b1e40976477"},
    {"licenses_run_out", 320, "8425df47ee5147f7b5dd258b38abc16e"},
    {"licenses_free_again", 321, "d50178bea70f4ba2b7dd56281636543d"},
    {"gate_opened", 400, "29f4834a6a2b4d9b833fde9fb0864012"},
    {"gate_closed", 401, "9f1171185892466593931fa1fd05fddc"},
    {"gate_files_failed", 402, "8f2dd7cbb00041c2abb63f88e4f0c867"},
    {"farm_activated", 410, "e1011042787d484d8c3a028daee8bf87"},
    {"farm_deactivated", 411, "eaa9aae099f44695ae0b0a9ceebb05e5"},
    {"farm_reactivated", 412, "e4d370c538ce4c6dae498f3af2d41f4f"},
    {"farm_released", 413, "aad4db17d9fd4ffb94066bd6c896efe7"},
    {"former_key_kept", 414, "2a41ae02b85e49668056f3f79cc5cad3"},
    {"farm_copied", 415, "bff8addb0cd44943b7c5f238f315a9d5"},
    {"activation_refused", 416, "315b72ba3d93485899eeb939f6a4fed8"},
    {"release_refused", 417, "004f2260d445446693010c7af8e811e8"},
    {"entitlement_applied", 420, "07b7e03a2194485e8dd5e75ab6f77d7d"},
    {"entitlement_refused", 421, "0864c3da004944f59da7ed2be6aa4489"},
    {"entitlement_odd", 422, "8f76cd84222740d6bb302a13cb7a2ae9"},
    {"signing_key_followed", 423, "a4af6a15ddfb44d1b660194ad9ecbb62"},
    {"signing_key_refused", 424, "fd7437a88e1b48c5984667a791ecb249"},
    {"term_ends_soon", 430, "e036278dc9b54d27846d6f80b1a2e33d"},
    {"expiry_grace_started", 431, "131ed2271acd4a3d87ab7accf3b081ce"},
    {"expiry_grace_ends_soon", 432, "58d104f1b88148e285f00d4bb7fa8fe9"},
    {"term_expired", 433, "8749bab950e24110903b853fef2b2f77"},
    {"term_renewed", 434, "fe075bcef7bf409e85f70494c25ad0dc"},
    {"report_accepted", 500, "5437d2b40f9e4f05942e001ad1479355"},
    {"window_refused", 501, "1e5a7a11dab1467ab7abecfc52076000"},
    {"windows_dropped", 502, "3ca4668a8f2546f6a1fca99fa8c4b0c2"},
    {"windows_renumbered", 503, "67ffa2c59f811649a4d53680faa6e2c3"},
    {"authority_unreachable", 510, "af77c9c1f19b4f539884e3064de84118"},
    {"authority_refused", 511, "e6c51de3210749d18d264253541d850e"},
    {"authority_reached", 512, "e9ad48b317b74d51ba5818534e988838"},
    {"contact_ends_soon", 520, "97628730ffca46d5ab0501f99068859e"},
    {"contact_stale", 521, "8d036e94bb1148a58b434efd7e87dcfe"},
    {"contact_restored", 522, "6c6097d853354e9d90603d80af14a698"},
    {"store_failed", 600, "e9561f43f9964fbfa7b6d1a18512235f"},
    {"store_recovered", 601, "d45a793df7464398b07d968502ea30b3"},
    {"store_damaged", 602, "df27cb3996d0404ba97f12fa6582d3c2"},
    {"identity_damaged", 603, "bdcdb983fe7240e7989672927e30ebdc"},
    {"licence_damaged", 604, "05938c213b7a4818ac3cbbd72bb5787e"},
    {"source_failed", 610, "538f73f3ab054a479328b92e446aa394"},
    {"source_recovered", 611, "aa7f0d985f054994b4dfcd8435c12568"},
    {"source_limited", 612, "083c29a28d144f6789ae87aee7e55faf"},
    {"farm_joined", 700, "094c592ba9fa46e9900fe2fe8e9d4d85"},
    {"farm_reached", 701, "ae8bf96bc3af4996a124de3c0cd9fc04"},
    {"farm_cut_off", 702, "28f65441d4b4485882d1219f8fd89073"},
    {"farm_unreachable", 703, "4965f57da10c476d8ed9241e786c8c5c"},
    {"farm_store_old", 704, "3c6f79d10d564e1d878a61168eb4787f"},
    {"farm_host_refused", 705, "4bd6402252c7413484bf7f9a5940529a"},
    {"leader_elected", 710, "43ddeaac1770410ca77c1d6274cecb69"},
    {"leader_resigned", 711, "0cd85b994def496083e320bbd8dd23b3"},
    {"farm_value_ignored", 720, "5bf7d4c0b2f94c48b2f3bb70f779ec44"},
    {"farm_changes_missed", 721, "e31dac49bc2d4c1097fb1f83bddee3aa"},
    {"farm_history_lost", 722, "7aa2f859757d4f5ba10ff32d7ba8bfda"},
    {"farm_put_back", 723, "9c72419f2e6344ec86c1bed074b7f604"},
    {"farm_history_late", 724, "5f79a4f83a4245e6a5ecc982e156940d"},
    {"farm_hosts_left_out", 725, "a67e6830dd074b8793646b1a7661a06d"},
    {"farm_not_compacted", 726, "d02e4275ae3a4e8ba65ed9fb1ce9c8be"},
    {"farm_journal_failed", 730, "0a180249ac964828bae5e9798dab8827"},
    {"farm_journal_recovered", 731, "1f1cdc1df3dc418cbf0007748e162277"},
    {"farm_journal_other", 732, "75cf2c2b52204450b3580e4b56a4fbe1"},
    {"farm_queue_full", 733, "748a34e7fb1d4363998d882888bf0c51"},
    {"farm_queue_free", 734, "8c8e12210a144f35864a427d041dce5c"},
    {"farm_settings_applied", 740, "f885beb7b07e4aef9285d0870dea8b9b"},
    {"farm_settings_differ", 741, "5890d2bda2ba4c9eac4a61ccb98fe2a1"},
    {"farm_settings_ignored", 742, "c147e5c0a0664790ab356cec07d93b54"},
    {"farm_left", 743, "8eae3d5c2c334e39a32a9da77df76d32"},
    {"farm_licence_put_aside", 744, "2558c8441c714c4384c7988d9d9c0dbd"},
};

static void codes_and_their_numbers_never_change(void **state)
{
    (void)state;
    assert_int_equal(sizeof(golden) / sizeof(golden[0]), LOG_EVENT_MAX);
    for (int code = 0; code < LOG_EVENT_MAX; code++) {
        const struct log_event_form *form = log_event_form((enum log_event_code)code);
        size_t at = 0;
        while (at < LOG_EVENT_MAX && strcmp(golden[at].code, form->name) != 0)
            at++;
        if (at == LOG_EVENT_MAX)
            fail_msg("%s is not in the list", form->name);
        assert_int_equal(form->number, golden[at].number);
        assert_string_equal(form->message_id, golden[at].message_id);
    }
}

static void each_has_numbers_of_its_own(void **state)
{
    (void)state;
    for (int code = 0; code < LOG_EVENT_MAX; code++) {
        const struct log_event_form *form = log_event_form((enum log_event_code)code);
        assert_int_equal(strlen(form->message_id), 32);
        assert_int_equal(strspn(form->message_id, "0123456789abcdef"), 32);
        assert_true(form->number > 0);
        for (int other = 0; other < code; other++) {
            const struct log_event_form *before = log_event_form((enum log_event_code)other);
            assert_string_not_equal(before->name, form->name);
            assert_string_not_equal(before->message_id, form->message_id);
            assert_int_not_equal(before->number, form->number);
        }
    }
}

/* Fields stand in the event's JSON beside the five members that every event has, and in upper case in the
 * journal, where these are taken as well. */
static void fields_are_declared_once_and_well_named(void **state)
{
    (void)state;
    static const char *const taken[] = {"id", "at", "code", "severity", "text", "number"};
    for (int code = 0; code < LOG_EVENT_MAX; code++) {
        const char *fields = log_event_form((enum log_event_code)code)->fields;
        size_t count = 0;
        for (const char *field = fields; *field != '\0'; count++) {
            size_t bytes = strspn(field, "abcdefghijklmnopqrstuvwxyz_");
            assert_true(bytes > 0 &&
                        (field[bytes] == '\0' || (field[bytes] == ' ' && field[bytes + 1] != '\0')));
            for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
                assert_false(strlen(taken[i]) == bytes && memcmp(taken[i], field, bytes) == 0);
            for (const char *rest = field + bytes; (rest = strchr(rest, ' ')) != NULL;) {
                rest++;
                assert_false(strcspn(rest, " ") == bytes && memcmp(rest, field, bytes) == 0);
            }
            field += bytes + (field[bytes] == ' ');
        }
        assert_true(count <= LOG_FIELDS_MAX);
    }
}

static void every_field_of_a_text_is_declared(void **state)
{
    (void)state;
    for (int code = 0; code < LOG_EVENT_MAX; code++) {
        const char *text = log_event_form((enum log_event_code)code)->text;
        while ((text = strchr(text, '{')) != NULL) {
            const char *end = strchr(text, '}'), *many = strchr(text, ':');
            size_t bytes = strcspn(text + 1, "?}");
            assert_non_null(end);
            if (text[1 + bytes] == '?')
                assert_true(many > text + 2 + bytes && many + 1 < end);
            if (!log_event_has_field((enum log_event_code)code, text + 1, bytes))
                fail_msg("%s does not declare %s", log_event_name((enum log_event_code)code), text);
            text = end;
        }
    }
    assert_true(log_event_has_field(LOG_limit_near, "users", 5));
    assert_false(log_event_has_field(LOG_limit_near, "user", 4));
    assert_false(log_event_has_field(LOG_limit_near, "users limit", 11));
    assert_false(log_event_has_field(LOG_limit_near, "host", 4));
    assert_false(log_event_has_field(LOG_agent_stopping, "host", 4));
    assert_false(log_event_has_field(LOG_limit_near, "", 0));
}

/* What is said otherwise on each system is there by name: the end of the name, or NULL. */
static const char *skip_hint(const char *at)
{
    static const char *const names[] = {
#define HINT(name, on_linux, on_windows) "{" #name "}",
#include "common/platform/hints.def"
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strncmp(at, names[i], strlen(names[i])) == 0)
            return at + strlen(names[i]);
    return NULL;
}

static void advice_names_hints_that_there_are(void **state)
{
    (void)state;
    static const char *const of_one_system[] = {"systemctl", "loginctl", "timedatectl", "getent", "/var/",
                                                "/run/",     "/etc/",    "chmod",       "Program"};
    for (int code = 0; code < LOG_EVENT_MAX; code++) {
        const struct log_event_form *form = log_event_form((enum log_event_code)code);
        const char *at = form->advice;
        while ((at = strpbrk(at, "{}"))) {
            const char *end = skip_hint(at);
            if (!end)
                fail_msg("%s: there is no such hint: %s", form->name, at);
            at = end;
        }
        for (size_t i = 0; i < sizeof(of_one_system) / sizeof(of_one_system[0]); i++)
            if (strstr(form->advice, of_one_system[i]))
                fail_msg("%s: %s is not everywhere", form->name, of_one_system[i]);
    }
}

static void each_belongs_to_a_group(void **state)
{
    (void)state;
    for (int code = 0; code < LOG_EVENT_MAX; code++) {
        unsigned group = log_event_form((enum log_event_code)code)->number / 100u;
        assert_in_range(group, 1, LOG_EVENT_GROUPS);
        assert_true(strlen(log_event_group_name(group)) > 0);
    }
    assert_string_equal(log_event_group_name(1), "The agent itself");
    assert_string_equal(log_event_group_name(LOG_EVENT_GROUPS), "A farm of many hosts");
}

static void advice_is_whole_sentences(void **state)
{
    (void)state;
    for (int code = 0; code < LOG_EVENT_MAX; code++) {
        const char *advice = log_event_form((enum log_event_code)code)->advice;
        size_t bytes = strlen(advice), quotes = 0;
        assert_true(bytes > 20 && advice[bytes - 1] == '.');
        assert_true(isupper((unsigned char)advice[0]) || advice[0] == '`');
        assert_null(strpbrk(advice, "@\n"));
        for (size_t i = 0; i < bytes; i++)
            quotes += advice[i] == '`';
        assert_int_equal(quotes % 2, 0);
    }
}

static void fields_are_put_into_the_sentence(void **state)
{
    (void)state;
    char text[128];
    struct log_event event = {.code = LOG_limit_exceeded};
    log_event_number(&event, "users", 12);
    log_event_number(&event, "limit", 10);
    size_t bytes = log_event_sentence(&event, text, sizeof(text));
    assert_string_equal(text, "12 concurrent users exceed the limit of 10");
    assert_int_equal(bytes, strlen(text));
}

static void one_reads_as_one(void **state)
{
    (void)state;
    char text[128];
    struct log_event event = {.code = LOG_limit_exceeded};
    log_event_number(&event, "users", 1);
    log_event_number(&event, "limit", 0);
    log_event_sentence(&event, text, sizeof(text));
    assert_string_equal(text, "1 concurrent user exceeds the limit of 0");
}

static void a_missing_field_reads_a_question_mark(void **state)
{
    (void)state;
    char text[128];
    struct log_event event = {.code = LOG_limit_exceeded};
    log_event_number(&event, "limit", -3);
    log_event_sentence(&event, text, sizeof(text));
    assert_string_equal(text, "? concurrent users exceed the limit of -3");
}

static void instants_read_as_dates(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {1, "1970-01-01T00:00:00Z"},
        {-1, "1969-12-31T23:59:59Z"},
        {INT64_C(-62162121600000), "0000-02-29T00:00:00Z"}, /* before the first era of 400 years */
        {INT64_C(-62162035200000), "0000-03-01T00:00:00Z"},
        {INT64_C(951782400000), "2000-02-29T00:00:00Z"},
        {INT64_C(951868799999), "2000-02-29T23:59:59Z"},
        {INT64_C(951868800000), "2000-03-01T00:00:00Z"},
        {INT64_C(1704067199000), "2023-12-31T23:59:59Z"},
        {INT64_C(4107542400000), "2100-03-01T00:00:00Z"},
        {0, "never"},
        {INT64_MAX, "never"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[256], expected[256];
        struct log_event event = {.code = LOG_authority_unreachable};
        log_event_text(&event, "detail", "connection refused");
        log_event_number(&event, "retry_at", rows[i].ms);
        log_event_sentence(&event, text, sizeof(text));
        strcpy(expected, "the authority cannot be reached: connection refused; next try ");
        strcat(expected, rows[i].text);
        assert_string_equal(text, expected);
    }
}

static void a_sentence_is_cut_at_a_character(void **state)
{
    (void)state;
    struct log_event event = {.code = LOG_farm_deactivated};
    log_event_text(&event, "reason", "\xc3\xa4\xc3\xb6\xc3\xbc");
    char whole[128], text[128];
    size_t bytes = log_event_sentence(&event, whole, sizeof(whole));
    for (size_t room = 1; room <= bytes + 1; room++) {
        memset(text, 'x', sizeof(text));
        size_t written = log_event_sentence(&event, text, room);
        assert_true(written < room);
        assert_int_equal(text[written], '\0');
        assert_int_equal(text[room], 'x');
        assert_memory_equal(text, whole, written);
        assert_true(written + 2 >= room); /* no more is lost than a character */
        assert_true(((unsigned char)whole[written] & 0xc0) != 0x80);
    }
    assert_int_equal(log_event_sentence(&event, text, 0), 0);
}

static void braces_in_values_stay(void **state)
{
    (void)state;
    char text[128];
    struct log_event event = {.code = LOG_farm_deactivated};
    log_event_text(&event, "reason", "{reason} {x");
    log_event_sentence(&event, text, sizeof(text));
    assert_string_equal(text, "the authority deactivated this farm: {reason} {x");
}

static void no_text_is_an_empty_text(void **state)
{
    (void)state;
    struct log_event event = {.code = LOG_farm_deactivated};
    log_event_text(&event, "reason", NULL);
    assert_string_equal(event.fields[0].text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_table_yields_names_and_severities),
        cmocka_unit_test(codes_and_their_numbers_never_change),
        cmocka_unit_test(each_has_numbers_of_its_own),
        cmocka_unit_test(fields_are_declared_once_and_well_named),
        cmocka_unit_test(every_field_of_a_text_is_declared),
        cmocka_unit_test(advice_is_whole_sentences),
        cmocka_unit_test(advice_names_hints_that_there_are),
        cmocka_unit_test(each_belongs_to_a_group),
        cmocka_unit_test(fields_are_put_into_the_sentence),
        cmocka_unit_test(one_reads_as_one),
        cmocka_unit_test(a_missing_field_reads_a_question_mark),
        cmocka_unit_test(instants_read_as_dates),
        cmocka_unit_test(a_sentence_is_cut_at_a_character),
        cmocka_unit_test(braces_in_values_stay),
        cmocka_unit_test(no_text_is_an_empty_text),
    };
    return cmocka_run_group_tests_name("log_event", tests, NULL, NULL);
}

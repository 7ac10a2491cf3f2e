/* Which sessions count, and as what (RULES §2). */
#include "agent/core/classify.h"
#include "agent/core/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const administrators[] = {"sudo", "wheel"};

static struct classify_settings settings_of(const struct classify_rule *rules, size_t count)
{
    return (struct classify_settings){.rules = rules,
                                      .rule_count = count,
                                      .administrator_groups = administrators,
                                      .administrator_group_count = 2};
}

static struct session_facts facts_of(const char *service, const char *type, const char *session_class)
{
    return (struct session_facts){.host = "h",
                                  .id = "c1",
                                  .user = "alice",
                                  .service = service,
                                  .type = type,
                                  .session_class = session_class,
                                  .kind_known = -1,
                                  .route_known = -1,
                                  .administrator_known = -1};
}

static void the_default_counts_remote_desktops_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *service, *type, *session_class;
        bool remote, live;
    } rows[] = {
        {"xrdp-sesman", "x11", "user", false, true}, /* xrdp's sessions say REMOTE=0 */
        {"xrdp-sesman", "x11", "greeter", false, false},
        {"tigervnc", "x11", "user", false, true},
        {"gdm-password", "wayland", "user", true, true},
        {"gdm-password", "wayland", "user", false, false},
        {"lightdm", "x11", "user", true, true},
        {"lightdm-greeter", "x11", "greeter", false, false},
        {"sshd", "tty", "user", true, false},
        {"sshd", "x11", "user", true, false},
        {"cron", "unspecified", "background", false, false},
        {"login", "tty", "user", false, false},
        {"systemd-user", "unspecified", "manager", false, false},
        {NULL, NULL, NULL, false, false},
        {NULL, "x11", NULL, true, true}, /* utmp knows no more */
    };
    size_t count;
    const struct classify_rule *rules = classify_default_rules(&count);
    struct classify_settings settings = settings_of(rules, count);
    assert_true(count <= CLASSIFY_RULES_MAX);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct session_facts facts = facts_of(rows[i].service, rows[i].type, rows[i].session_class);
        facts.remote = rows[i].remote;
        struct classify_result result = classify(&settings, &facts);
        assert_int_equal(result.outcome, rows[i].live ? CLASSIFY_LIVE : CLASSIFY_IGNORED);
        assert_true(result.rule > 0);
        if (rows[i].live) {
            assert_int_equal(result.kind, KIND_DESKTOP);
            assert_int_equal(result.route, ROUTE_RDP);
        }
    }
}

static void the_first_match_wins(void **state)
{
    (void)state;
    static const struct classify_rule rules[] = {
        {.user = "kiosk*", .remote = -1, .ignore = true},
        {.service = "xrdp-sesman", .remote = -1, .kind = KIND_APPLICATION, .route = ROUTE_RDP_TUNNEL},
        {.service = "xrdp*", .remote = -1, .kind = KIND_DESKTOP, .route = ROUTE_RDP},
    };
    struct classify_settings settings = settings_of(rules, 3);
    struct session_facts facts = facts_of("xrdp-sesman", "x11", "user");
    struct classify_result result = classify(&settings, &facts);
    assert_int_equal(result.rule, 2);
    assert_int_equal(result.kind, KIND_APPLICATION);
    assert_int_equal(result.route, ROUTE_RDP_TUNNEL);
    facts.service = "xrdp";
    assert_int_equal(classify(&settings, &facts).rule, 3);
    facts.user = "kiosk7";
    result = classify(&settings, &facts);
    assert_int_equal(result.rule, 1);
    assert_int_equal(result.outcome, CLASSIFY_IGNORED);
    facts.user = "alice";
    facts.service = "login";
    result = classify(&settings, &facts);
    assert_int_equal(result.rule, 0);
    assert_int_equal(result.outcome, CLASSIFY_IGNORED);
}

static void patterns_know_star_and_question_mark(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } rows[] = {
        {"", "anything", true},    {"*", "", true},          {"a*c", "abbbc", true},
        {"a*c", "abbb", false},    {"a?c", "abc", true},     {"a?c", "ac", false},
        {"*b*d", "abcbd", true},   {"**x", "yyx", true},     {"abc", "abcd", false},
        {"abcd", "abc", false},    {"A*", "abc", false},     {"*aab", "aaaaaaaab", true},
        {"a*b*c*d", "abc", false}, {"?", "\xc3\xa4", false}, {"??", "\xc3\xa4", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct classify_rule rule = {.remote = -1, .kind = KIND_DESKTOP, .route = ROUTE_RDP};
        strcpy(rule.user, rows[i].pattern);
        struct classify_settings settings = settings_of(&rule, 1);
        struct session_facts facts = facts_of("x", "x11", "user");
        facts.user = rows[i].text;
        assert_int_equal(classify(&settings, &facts).outcome == CLASSIFY_LIVE, rows[i].matches);
    }
}

static void a_hostile_pattern_ends_soon(void **state)
{
    (void)state;
    struct classify_rule rule = {.user = "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", .remote = -1};
    char user[512];
    memset(user, 'a', sizeof(user) - 1);
    user[sizeof(user) - 1] = '\0';
    struct classify_settings settings = settings_of(&rule, 1);
    struct session_facts facts = facts_of("x", "x11", "user");
    facts.user = user;
    assert_int_equal(classify(&settings, &facts).rule, 0);
}

static void where_it_comes_from(void **state)
{
    (void)state;
    static const struct classify_rule rules[] = {{.remote = 1, .kind = KIND_DESKTOP, .route = ROUTE_RDP},
                                                 {.remote = 0, .kind = KIND_DESKTOP, .route = ROUTE_CONSOLE}};
    struct classify_settings settings = settings_of(rules, 2);
    struct session_facts facts = facts_of("x", "x11", "user");
    assert_int_equal(classify(&settings, &facts).route, ROUTE_CONSOLE);
    facts.remote_host = "10.0.0.7";
    assert_int_equal(classify(&settings, &facts).route, ROUTE_RDP);
    facts.remote_host = ""; /* known, and none */
    assert_int_equal(classify(&settings, &facts).route, ROUTE_CONSOLE);
    facts.remote_host = NULL;
    facts.remote = true;
    assert_int_equal(classify(&settings, &facts).route, ROUTE_RDP);
}

static void groups_that_are_not_known_match_nothing(void **state)
{
    (void)state;
    static const struct classify_rule rules[] = {
        {.group = "rdp-apps", .remote = -1, .kind = KIND_APPLICATION, .route = ROUTE_RDP},
        {.remote = -1, .kind = KIND_DESKTOP, .route = ROUTE_RDP}};
    static const char *const groups[] = {"users", "rdp-apps"};
    struct classify_settings settings = settings_of(rules, 2);
    struct session_facts facts = facts_of("x", "x11", "user");
    facts.groups = groups;
    facts.group_count = 2;
    assert_int_equal(classify(&settings, &facts).rule, 2);
    facts.groups_known = true;
    assert_int_equal(classify(&settings, &facts).rule, 1);
    facts.group_count = 1;
    assert_int_equal(classify(&settings, &facts).rule, 2);
}

static void who_is_an_administrator(void **state)
{
    (void)state;
    static const char *const groups[] = {"users", "wheel"};
    static const struct {
        bool known, superuser;
        size_t group_count;
        int told;
        enum administrator answer;
    } rows[] = {
        {true, false, 2, -1, ADMINISTRATOR_YES},
        {true, false, 1, -1, ADMINISTRATOR_NO},
        {true, false, 0, -1, ADMINISTRATOR_NO},
        {false, false, 2, -1, ADMINISTRATOR_UNKNOWN},
        {false, true, 0, -1, ADMINISTRATOR_YES}, /* uid 0 needs no group */
        {true, false, 2, ADMINISTRATOR_NO, ADMINISTRATOR_NO},
        {false, false, 0, ADMINISTRATOR_YES, ADMINISTRATOR_YES},
    };
    struct classify_settings settings = settings_of(NULL, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct session_facts facts = facts_of("x", "x11", "user");
        facts.groups = groups;
        facts.group_count = rows[i].group_count;
        facts.groups_known = rows[i].known;
        facts.superuser = rows[i].superuser;
        facts.administrator_known = rows[i].told;
        assert_int_equal(classify(&settings, &facts).administrator, rows[i].answer);
    }
}

static void what_the_source_knows_needs_no_rule(void **state)
{
    (void)state;
    static const struct classify_rule rule = {.remote = -1, .kind = KIND_DESKTOP, .route = ROUTE_RDP};
    struct classify_settings settings = settings_of(&rule, 1);
    struct session_facts facts = facts_of("x", "x11", "user");
    facts.kind_known = KIND_APPLICATION;
    facts.route_known = ROUTE_BROKER;
    struct classify_result result = classify(&settings, &facts);
    assert_int_equal(result.outcome, CLASSIFY_LIVE);
    assert_int_equal(result.rule, 0);
    assert_int_equal(result.kind, KIND_APPLICATION);
    assert_int_equal(result.route, ROUTE_BROKER);
    assert_false(classify_needs_groups(&settings, &facts));
    facts.route_known = -1; /* half of it: the rules say the rest */
    assert_true(classify_needs_groups(&settings, &facts));
    result = classify(&settings, &facts);
    assert_int_equal(result.rule, 1);
    assert_int_equal(result.kind, KIND_APPLICATION);
    assert_int_equal(result.route, ROUTE_RDP);
    facts.kind_known = -1;
    assert_true(classify_needs_groups(&settings, &facts));
}

/* What Windows tells of its sessions, and what an administrator says of them before that. */
static void configured_rules_go_first_where_the_source_lets_them(void **state)
{
    (void)state;
    static const struct classify_rule rules[] = {
        {.user = "corp\\svc-*", .remote = -1, .ignore = true},
        {.group = "kiosk \u00c4rzte", .remote = -1, .kind = KIND_APPLICATION, .route = ROUTE_RDP_TUNNEL},
        {.service = "console", .remote = 0, .kind = KIND_DESKTOP, .route = ROUTE_RDP},
    };
    static const struct {
        const char *user, *group, *service;
        int outcome, rule, kind, route;
    } rows[] = {
        {"CORP\\ann", "Users", "rdp", CLASSIFY_LIVE, 0, KIND_DESKTOP, ROUTE_CONSOLE}, /* as it is told */
        {"CORP\\SVC-backup", "Users", "rdp", CLASSIFY_IGNORED, 1, -1, -1},
        {"Corp\\Svc-X", NULL, "console", CLASSIFY_IGNORED, 1, -1, -1},
        {"svc-x@corp.example", "Users", "rdp", CLASSIFY_LIVE, 0, KIND_DESKTOP, ROUTE_CONSOLE},
        {"CORP\\ann", "Kiosk \u00e4RZTE", "rdp", CLASSIFY_LIVE, 2, KIND_APPLICATION, ROUTE_RDP_TUNNEL},
        {"ann", "Kiosk \u00c4rzte", "rdp", CLASSIFY_LIVE, 0, KIND_DESKTOP,
         ROUTE_CONSOLE}, /* a Unix name: its bytes */
        {"CORP\\ann", NULL, "rdp", CLASSIFY_LIVE, 0, KIND_DESKTOP, ROUTE_CONSOLE}, /* not known yet */
        {"CORP\\ann", "Users", "console", CLASSIFY_LIVE, 3, KIND_DESKTOP, ROUTE_RDP},
    };
    size_t count;
    struct classify_settings settings = settings_of(rules, sizeof(rules) / sizeof(rules[0]));
    struct classify_settings built_in = settings_of(classify_default_rules(&count), 0);
    built_in.rule_count = count;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct session_facts facts = facts_of(rows[i].service, "windows", "user");
        facts.user = rows[i].user;
        facts.groups = &rows[i].group;
        facts.group_count = 1;
        facts.groups_known = rows[i].group != NULL;
        facts.kind_known = KIND_DESKTOP;
        facts.route_known = ROUTE_CONSOLE;
        facts.administrator_known = ADMINISTRATOR_YES;
        facts.rules_first = true;
        struct classify_result result = classify(&settings, &facts);
        assert_int_equal(result.outcome, rows[i].outcome);
        assert_int_equal(result.rule, rows[i].rule);
        assert_int_equal(result.administrator, ADMINISTRATOR_YES);
        if (rows[i].kind >= 0) {
            assert_int_equal(result.kind, rows[i].kind);
            assert_int_equal(result.route, rows[i].route);
        }
        assert_true(classify_needs_groups(&settings, &facts));
        settings.rule_count = 1; /* of which none asks for groups */
        assert_false(classify_needs_groups(&settings, &facts));
        settings.rule_count = sizeof(rules) / sizeof(rules[0]);
        result = classify(&built_in, &facts);
        assert_int_equal(result.outcome, CLASSIFY_LIVE);
        assert_int_equal(result.rule, 0);
        assert_int_equal(result.route, ROUTE_CONSOLE);
        assert_false(classify_needs_groups(&built_in, &facts));
        facts.rules_first = false;
        assert_int_equal(classify(&settings, &facts).rule, 0);
        assert_false(classify_needs_groups(&settings, &facts));
    }
}

static void a_name_that_is_too_long_to_fold_matches_by_its_bytes(void **state)
{
    (void)state;
    char group[IDENTITY_FOLD_BYTES_MAX + 2] = "", folded[IDENTITY_KEY_BYTES_MAX] = "";
    const char *const groups[] = {group};
    struct classify_rule rule = {.group = "K*", .remote = -1, .ignore = true};
    struct classify_settings settings = settings_of(&rule, 1);
    struct session_facts facts = facts_of("rdp", "windows", "user");
    memset(group, 'K', sizeof(group) - 1);
    facts.user = "CORP\\ann";
    facts.groups = groups;
    facts.group_count = 1;
    facts.groups_known = true;
    assert_false(identity_fold(group, folded));
    assert_int_equal(classify(&settings, &facts).rule, 1);
    rule.group[0] = 'k';
    assert_int_equal(classify(&settings, &facts).rule, 0);
    group[IDENTITY_FOLD_BYTES_MAX] = '\0';
    assert_true(identity_fold(group, folded));
    assert_int_equal(classify(&settings, &facts).rule, 1);
}

static void closing_sessions_are_only_shown(void **state)
{
    (void)state;
    size_t count;
    const struct classify_rule *rules = classify_default_rules(&count);
    struct classify_settings settings = settings_of(rules, count);
    struct session_facts facts = facts_of("xrdp-sesman", "x11", "user");
    facts.closing = true;
    assert_int_equal(classify(&settings, &facts).outcome, CLASSIFY_CLOSING);
    facts.service = "sshd";
    assert_int_equal(classify(&settings, &facts).outcome, CLASSIFY_IGNORED);
}

static void rules_as_they_are_written(void **state)
{
    (void)state;
    static const struct {
        struct classify_rule rule;
        const char *text;
    } rows[] = {
        {{.service = "sshd*", .remote = -1, .ignore = true}, "{ service = \"sshd*\"; kind = \"ignore\"; }"},
        {{.remote = -1, .ignore = true}, "{ kind = \"ignore\"; }"},
        {{.type = "x11", .remote = 1, .kind = KIND_DESKTOP, .route = ROUTE_RDP},
         "{ type = \"x11\"; remote = \"yes\"; kind = \"desktop\"; route = \"rdp\"; }"},
        {{.service = "a",
          .type = "b",
          .session_class = "c",
          .user = "CORP\\d\"",
          .group = "e",
          .remote = 0,
          .kind = KIND_APPLICATION,
          .route = ROUTE_RDP_TUNNEL},
         "{ service = \"a\"; type = \"b\"; class = \"c\"; user = \"CORP\\\\d\\\"\"; group = \"e\"; remote = "
         "\"no\"; kind = \"application\"; route = \"rdp-tunnel\"; }"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[CLASSIFY_RULE_TEXT_BYTES];
        classify_rule_text(&rows[i].rule, text);
        assert_string_equal(text, rows[i].text);
    }
    struct classify_rule longest = {.remote = 0, .route = ROUTE_RDP_TUNNEL, .kind = KIND_APPLICATION};
    char text[CLASSIFY_RULE_TEXT_BYTES];
    memset(longest.service, '"', CLASSIFY_RULE_BYTES_MAX - 1);
    memset(longest.type, '"', CLASSIFY_RULE_BYTES_MAX - 1);
    memset(longest.session_class, '"', CLASSIFY_RULE_BYTES_MAX - 1);
    memset(longest.user, '"', CLASSIFY_RULE_BYTES_MAX - 1);
    memset(longest.group, '"', CLASSIFY_RULE_BYTES_MAX - 1);
    classify_rule_text(&longest, text);
    assert_int_equal(text[strlen(text) - 1], '}');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_as_they_are_written),
        cmocka_unit_test(the_default_counts_remote_desktops_and_nothing_else),
        cmocka_unit_test(the_first_match_wins),
        cmocka_unit_test(patterns_know_star_and_question_mark),
        cmocka_unit_test(a_hostile_pattern_ends_soon),
        cmocka_unit_test(where_it_comes_from),
        cmocka_unit_test(groups_that_are_not_known_match_nothing),
        cmocka_unit_test(who_is_an_administrator),
        cmocka_unit_test(what_the_source_knows_needs_no_rule),
        cmocka_unit_test(configured_rules_go_first_where_the_source_lets_them),
        cmocka_unit_test(a_name_that_is_too_long_to_fold_matches_by_its_bytes),
        cmocka_unit_test(closing_sessions_are_only_shown),
    };
    return cmocka_run_group_tests_name("classify (RULES 2)", tests, NULL, NULL);
}

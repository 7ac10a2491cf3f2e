#include "agent/farm/etcd.h"
#include "agent/sessions/source_names.h"
#include "agent/settings.h"
#include "system.h"
#include "tests/unit/config_file.h"
#include "tests/unit/unit.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY "\"k:A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg\""

#define X63 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* A farm of many hosts, with what it lacks on line 2. */
#define FARM(more) "farm = { mode = \"etcd\";\n" more " };"
#define WHERE      "name = \"office\"; endpoints = (\"https://etcd1:2379\"); "

static_assert(SETTINGS_ENDPOINTS_MAX == ETCD_ENDPOINTS_MAX, "as many members as may be asked");

static int load(const char *text, struct settings *ret, struct error_detail *detail)
{
    char path[] = "/tmp/farmgate-settings-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    int error = settings_read(path, ret, detail);
    unlink(path);
    return error;
}

static void the_shipped_file_shows_every_setting(void **state)
{
    (void)state;
    if (strcmp(source_names[0], "logind") != 0) /* it is written for systemd */
        return;
    assert_shows_every_setting(&settings_table, CONF "/farmgate.conf", sizeof(struct settings));
}

static void every_setting_says_what_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < settings_table.count; i++) {
        const struct config_setting *setting = &settings_table.settings[i];
        assert_non_null(setting->what);
        for (size_t j = 0; setting->elements && j < setting->elements->count; j++)
            assert_non_null(setting->elements->settings[j].what);
    }
}

static void the_defaults_are_those_of_the_design(void **state)
{
    (void)state;
    struct settings *settings = calloc(1, sizeof(*settings));
    assert_int_equal(settings_read(NULL, settings, NULL), 0);
    assert_int_equal(settings->farm_mode, FARM_MODE_ALONE);
    assert_int_equal(settings->farm_endpoint_count, 0);
    assert_string_equal(settings->farm_secret_file, SYSTEM_CONFIGURATION "/farm.secret");
    assert_int_equal(settings->farm_lease_ttl_ms, 15000);
    assert_int_equal(settings->host_lost_after_ms, 300000);
    assert_string_equal(settings->authority_url, "");
    assert_int_equal(settings->source_count, 2);
    assert_string_equal(settings->sources[0], source_names[0]); /* logind where there is systemd */
    assert_string_equal(settings->sources[1], "api");
    assert_int_equal(settings->administrator_group_count, 3);
    assert_string_equal(settings->administrator_groups[2], "Administrators");
    assert_int_equal(settings->route_count, 3);
    assert_true(settings->count_disconnected);
    assert_true(settings->api_lease_ms == 86400000);
    assert_string_equal(settings->api_socket, SYSTEM_READER_SOCKET);
    assert_string_equal(settings->admin_socket, SYSTEM_ADMIN_SOCKET);
    assert_int_equal(settings->clients_max, 256);
    assert_string_equal(settings->gate_directory, SYSTEM_GATE);
    assert_string_equal(settings->state_directory, SYSTEM_STATE);
    assert_string_equal(settings->resources_file, SYSTEM_CONFIGURATION "/resources.conf");
    assert_int_equal(settings_severity(settings), SEVERITY_INFO);
    assert_false(settings->strict);
    assert_false(settings->spare_grace);
    assert_int_equal(settings->overuse_settle_ms, USAGE_SETTLE_MS);
    assert_int_equal(settings->limit_warning_count, 3);
    assert_int_equal(settings->limit_warnings[2], 100);
    assert_int_equal(settings->disconnected_for_ms, 0);
    free(settings);
}

static void wrong_settings_are_refused_with_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"farm = { mode = \"swarm\"; };", ":1: farm.mode: not a known word; allowed: \"alone\", \"etcd\""},
        {"farm = { mode = \"etcd\"; };", ": farm.name: missing: a farm of many hosts needs a name"},
        {FARM("name = \"Office\";"), ":2: farm.name: not a name for a farm of many hosts; allowed: up to 63"},
        {FARM("name = \"a/b\";"), ":2: farm.name: not a name"},
        {"gate = { address = \"rds example\"; };",
         ":1: gate.address: \"rds example\" is not where a client connects"},
        {FARM("name = \"" X63 "x\";"), ":2: farm.name: not a name"},
        {FARM("name = \"office\";"), ": farm.endpoints: missing: mode \"etcd\" needs the members"},
        {FARM("name = \"office\"; endpoints = ();"), ":2: farm.endpoints: missing: mode"},
        {FARM("name = \"office\"; endpoints = (\"\");"), ":2: farm.endpoints[0]: empty"},
        {FARM("name = \"office\"; endpoints = (\"https://a:2379\", \"https://a:2379\");"),
         ":2: farm.endpoints[1]: \"https://a:2379\" stands here twice"},
        {FARM("endpoints = (\"http://etcd1:2379\");"),
         ":2: farm.endpoints[0]: http goes only to this machine (127.0.0.1, ::1, localhost), not to "
         "\"etcd1\": use https"},
        {FARM("endpoints = (\"etcd1:2379\");"), ":2: farm.endpoints[0]: "},
        {FARM("endpoints = (\"https://u:p@etcd1:2379\");"),
         ":2: farm.endpoints[0]: no user name or password"},
        {FARM("endpoints = (\"https://etcd1:2379/v3\");"),
         ":2: farm.endpoints[0]: \"https://etcd1:2379/v3\" goes on behind the port; allowed: like "},
        {FARM("endpoints = (\"https://etcd1:2379?x\");"), ":2: farm.endpoints[0]: "},
        {FARM(WHERE "ca = \"ca.pem\";"), ":2: farm.ca: not an absolute path"},
        {FARM(WHERE "certificate = \"c\";"), ":2: farm.certificate: not a"},
        {FARM(WHERE "certificate = \"LocalMachine\\\\MY\\\\0123\";"), ":2: farm.certificate: not a"},
        {FARM(WHERE "certificate = \"" SYSTEM_CERTIFICATE "\"; key = \"" SYSTEM_WRONG_KEY "\";"),
         ": farm.key: " SYSTEM_WRONG_KEY_WORDS},
        {FARM(WHERE "key = \"" SYSTEM_ROOT "/k\";"),
         ": farm.certificate: missing: farm.key belongs to a certificate"},
        {FARM(WHERE "user = \"farm\";"), ": farm.password_file: missing: farm.user needs a password"},
        {FARM(WHERE "password_file = \"" SYSTEM_ROOT "/p\";"),
         ": farm.user: missing: farm.password_file belongs to a user"},
        {FARM(WHERE "secret_file = \"\";"), ":2: farm.secret_file: empty"},
        {FARM(WHERE "lease_ttl = \"1s\";"),
         ":2: farm.lease_ttl: out of range; allowed: a duration from \"2s\" to \"5min\""},
        {FARM(WHERE "lease_ttl = \"301s\";"), ":2: farm.lease_ttl: out of range"},
        {FARM(WHERE "lease_ttl = \"2500ms\";"), ":2: farm.lease_ttl: etcd knows only whole seconds"},
        {FARM(WHERE "host_lost_after = \"25h\";"),
         ":2: farm.host_lost_after: out of range; allowed: 0, or a duration from \"1s\" to \"1d\""},
        {"farm = {\nhost = \"bad host\"; };", ":2: farm.host: \"bad host\" is not a host name; allowed: "},
        {"farm = { host = \"-x\"; };", ":1: farm.host: \"-x\" is not a host name"},
        {"authority = { url = \"ftp://x\"; key = " KEY "; };", ":1: authority.url: "},
        {"authority = { proxy = \"proxy:3128\"; };", ":1: authority.proxy: "},
        {"authority = { proxy = \"proxy\"; };", ":1: authority.proxy: not a URL"},
        {"authority = { proxy = \"ftp://proxy:3128\"; };",
         ":1: authority.proxy: \"ftp\" is no kind of proxy"},
        {"authority = { proxy = \"http://proxy\"; };", ":1: authority.proxy: no port"},
        {"authority = { url = \"http://example.com\"; key = " KEY "; };", ":1: authority.url: "},
        {"authority = { key = \"nonsense\"; };", ":1: authority.key: not a public key"},
        {"authority = { url = \"https://a.example\"; };", ": authority.key: missing"},
        {"authority = { ca_file = \"ca.pem\"; };", ":1: authority.ca_file: not an absolute path"},
        {"sessions = { sources = (\"logimd\"); };",
         ":1: sessions.sources[0]: unknown source \"logimd\"; did you mean \"logind\"?; allowed: "},
        {"sessions = { sources = (\"zzzzzzzz\"); };",
         ":1: sessions.sources[0]: unknown source \"zzzzzzzz\"; allowed: "},
        {"sessions = { sources = (\"api\",\n\"api\"); };",
         ":2: sessions.sources[1]: \"api\" stands here twice"},
        {"sessions = {\n sources = (\"logind\", \"utmp\"); };",
         ":2: sessions.sources: \"logind\" and \"utmp\" see the same sessions"},
        {"sessions = { sources = (\"scripted\"); };", ": sessions.scripted_file: missing"},
        {"sessions = { rules = ( { service = \"x\"; } ); };", ":1: sessions.rules[0]: kind is missing"},
        {"sessions = { rules = ( { kind = \"tablet\"; } ); };",
         ":1: sessions.rules[0].kind: not a known word; allowed: \"desktop\", \"application\", \"ignore\""},
        {"sessions = { rules = ( { kind = \"desktop\"; route = \"rdp_tunnel\"; } ); };",
         ":1: sessions.rules[0].route: not a known word; allowed: \"broker\", \"rdp\", \"rdp-tunnel\""},
        {"sessions = { rules = ( { kind = \"desktop\"; clas = \"x\"; } ); };",
         ":1: sessions.rules[0].clas: unknown setting; did you mean sessions.rules[0].class?"},
        {"sessions = { count_routes = (\"carrier-pigeon\"); };",
         ":1: sessions.count_routes[0]: unknown route \"carrier-pigeon\"; allowed: \"broker\""},
        {"sessions = { api_lease = \"400d\"; };",
         ":1: sessions.api_lease: out of range; allowed: a duration from"},
        {"sessions = { aliases = ( { dns_domain = \"a.example\"; domain = \"A\"; },\n"
         "{ dns_domain = \"A.EXAMPLE\"; domain = \"B\"; } ); };",
         ":2: sessions.aliases[1].dns_domain: \"A.EXAMPLE\" has an alias already"},
        {"sessions = { aliases = ( { dns_domain = \"zo\u00eb.example\"; domain = \"A\"; },\n"
         "{ dns_domain = \"ZO\u00cb.Example\"; domain = \"A\"; } ); };",
         ":2: sessions.aliases[1].dns_domain: \"ZO\u00cb.Example\" has an alias already; allowed: one"},
        {"sessions = { aliases = ( { dns_domain = \"corp\";\ndomain = \"CORP\"; } ); };",
         ":2: sessions.aliases[0].domain: \"CORP\" is mapped on, in a loop; allowed: a domain that is no"},
        {"sessions = { aliases = ( { dns_domain = \"a\"; domain = \"b\"; },\n"
         "{ dns_domain = \"B\"; domain = \"A\"; } ); };",
         ":1: sessions.aliases[0].domain: \"b\" is mapped on, in a loop; allowed: "},
        {"sessions = { aliases = ( { dns_domain = \"x\"; domain = \"a\"; },\n"
         "{ dns_domain = \"a\"; domain = \"b\"; }, { dns_domain = \"b\"; domain = \"a\"; } ); };",
         ":1: sessions.aliases[0].domain: \"a\" is mapped on, in a loop; allowed: "},
        {"sessions = { aliases = ( { dns_domain = \"c.example\"; domain = \"C\"; },\n"
         "{ dns_domain = \"a.example\"; domain = \"B\"; }, { dns_domain = \"b\"; domain = \"D\"; } ); };",
         ":2: sessions.aliases[1].domain: \"B\" is mapped on, to \"D\"; allowed: \"D\" itself"},
        {"sessions = { sources = (\"api\",\n\"" SYSTEM_OTHER_SOURCE "\"); };",
         ":2: sessions.sources[1]: there is no source \"" SYSTEM_OTHER_SOURCE
         "\" on this platform; allowed: "},
        {"gate = { limit_warnings = (80,\n80, 90); };",
         ":2: gate.limit_warnings[1]: 80 after 80; allowed: each more than the one before it"},
        {"gate = { limit_warnings = (90, 100, 80); };",
         ":1: gate.limit_warnings[2]: 80 after 100; allowed: "},
        {"gate = { limit_warnings = (); };", ":1: gate.limit_warnings: empty; allowed: at least one"},
        {"gate = { limit_warnings = (0, 90); };",
         ":1: gate.limit_warnings[0]: out of range; allowed: a list of at most 4 integers from 1 to 100"},
        {"gate = { limit_warnings = (90, 101); };", ":1: gate.limit_warnings[1]: out of range; allowed: "},
        {"gate = { limit_warnings = (1, 2, 3, 4, 5); };", ":1: gate.limit_warnings: not a list of integers"},
        {"gate = { overuse_settle = \"2h\"; };",
         ":1: gate.overuse_settle: out of range; allowed: a duration from \"0\" to \"1h\""},
        {"reclaim = { disconnected_for = \"9s\"; };",
         ":1: reclaim.disconnected_for: out of range; allowed: 0, or a duration from \"10s\" to \"30d\""},
        {"reclaim = { disconnected_for = \"31d\"; };", ":1: reclaim.disconnected_for: out of range"},
        {"gate = {\n overuse_grace = 0; };",
         ":2: gate.overuse_grace: not a setting: the rules fix the overuse grace at 7 days; "},
        {"expiry_grace = \"0\";",
         ":1: expiry_grace: not a setting: the rules fix the grace after a term's end"},
        {"farm = { grace = 0; };", ":1: farm.grace: not a setting: the rules fix the graces: "},
        {"authority = { refresh = \"1h\"; };",
         ":1: authority.refresh: not a setting: the authority says with every entitlement by when"},
        {"sessions = { aliases = ( { dns_domain = \"a@b\"; domain = \"A\"; } ); };",
         ":1: sessions.aliases[0].dns_domain: \"a@b\" is not a domain"},
        {"api = { listen = \"0.0.0.0:8620\"; };",
         ":1: api.listen: \"0.0.0.0:8620\" is not a loopback address"},
        {"api = { listen = \"localhost:8620\"; };", ":1: api.listen: "},
        {"api = { listen = \"127.0.0.1\"; };", ":1: api.listen: "},
        {"api = { listen = \"127.0.0.1:0\"; };", ":1: api.listen: "},
        {"api = { listen = \"127.0.0.1:65536\"; };", ":1: api.listen: "},
        {"api = { listen = \"::1:8620\"; };", ":1: api.listen: "},
        {"api = { listen = \"[::2]:8620\"; };", ":1: api.listen: "},
        {"api = { listen = \"[]:8620\"; };", ":1: api.listen: "},
        {"api = { listen = \":\"; };", ":1: api.listen: "},
        {"api = { socket = \"agent.sock\"; };", ":1: api.socket: not an absolute path"},
        {"api = { socket = \"" SYSTEM_ROOT "/a\"; admin_socket = \"" SYSTEM_ROOT "/a\"; };",
         ":1: api.admin_socket: the same as api.socket"},
        {"api = { hosts = (\"a b\"); };", ":1: api.hosts[0]: \"a b\" is not a Host header"},
        {"api = { clients_max = 0; };",
         ":1: api.clients_max: out of range; allowed: an integer from 1 to 4096"},
        {"store = { directory = \"\"; };", ":1: store.directory: empty"},
        {"gate = { nologin = \"/x\"; };", ":1: gate.nologin: unknown setting"},
        {"log = { severity = \"warn\"; };",
         ":1: log.severity: not a known word; allowed: \"error\", \"warning\""},
    };
    struct settings *settings = malloc(sizeof(*settings));
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error_detail detail = {""};
        int error = load(cases[i].text, settings, &detail);
        if (error != ERROR_CONFIGURATION || !strstr(detail.text, cases[i].words))
            fail_msg("%s: %d %s", cases[i].text, error, detail.text);
    }
    free(settings);
}

static void settings_become_what_the_core_takes(void **state)
{
    (void)state;
    struct settings *settings = malloc(sizeof(*settings));
    struct settings_core *words, *again;
    struct error_detail detail;
    assert_int_equal(
        load("authority = { url = \"https://a.example/x\"; key = " KEY "; };\n"
             "sessions = { count_routes = (\"ssh\", \"rdp\"); count_disconnected = false; api_lease = 0;\n"
             "administrators = (\"wheel\");\n"
             "rules = ( { service = \"xrdp*\"; type = \"x11\"; class = \"user\"; user = \"u\"; group = \"g\";"
             "            remote = \"no\"; kind = \"application\"; route = \"broker\"; },"
             "          { remote = \"yes\"; kind = \"ignore\"; }, { kind = \"desktop\"; } );\n"
             "aliases = ( { dns_domain = \"corp.example\"; domain = \"CORP\"; } ); };\n"
             "gate = { strict = true; spare_grace = true; overuse_settle = 0; limit_warnings = (50, 75); };\n"
             "reclaim = { disconnected_for = \"2h\"; };\n"
             "api = { listen = \"[::1]:8620\"; hosts = (\"gate.example:80\"); clients_max = 7; token_file = "
             "\"" SYSTEM_ROOT "/t\"; };",
             settings, &detail),
        0);
    assert_int_equal(settings_core_create(settings, &words, &detail), 0);
    assert_int_equal(words->core.tally.routes_counted, ROUTE_BIT(ROUTE_SSH) | ROUTE_BIT(ROUTE_RDP));
    assert_false(words->core.tally.count_disconnected);
    assert_int_equal(words->core.api_lease_ms, 0);
    assert_true(words->core.strict);
    assert_true(words->core.spare_grace);
    assert_int_equal(words->core.overuse_settle_ms, 0);
    assert_int_equal(words->core.disconnected_for_ms, 7200000);
    assert_int_equal(words->core.limit_warnings.percents[0], 50);
    assert_int_equal(words->core.limit_warnings.percents[1], 75);
    assert_int_equal(words->core.limit_warnings.percents[2], 0);
    assert_int_equal(words->core.tally.alias_count, 1);
    assert_string_equal(words->core.tally.aliases[0].domain, "CORP");
    assert_string_equal(words->core.tally.aliases[0].dns_domain, "corp.example");
    assert_int_equal(words->classify.administrator_group_count, 1);
    assert_string_equal(words->classify.administrator_groups[0], "wheel");
    assert_int_equal(words->classify.rule_count, 3);
    const struct classify_rule *rules = words->classify.rules;
    assert_string_equal(rules[0].service, "xrdp*");
    assert_string_equal(rules[0].type, "x11");
    assert_string_equal(rules[0].session_class, "user");
    assert_string_equal(rules[0].user, "u");
    assert_string_equal(rules[0].group, "g");
    assert_int_equal(rules[0].remote, 0);
    assert_int_equal(rules[0].kind, KIND_APPLICATION);
    assert_int_equal(rules[0].route, ROUTE_BROKER);
    assert_false(rules[0].ignore);
    assert_int_equal(rules[1].remote, 1);
    assert_true(rules[1].ignore);
    assert_int_equal(rules[2].remote, -1);
    assert_int_equal(rules[2].route, ROUTE_RDP);
    assert_string_equal(words->api.token_file, SYSTEM_ROOT "/t");
    assert_int_equal(words->api.host_count, 1);
    assert_string_equal(words->api.hosts[0], "gate.example:80");
    assert_int_equal(words->api.clients_max, 7);
    assert_int_equal(settings_core_create(settings, &again, &detail), 0);
    assert_memory_not_equal(words->core.tally.seed, again->core.tally.seed, sizeof(words->core.tally.seed));
    settings_core_destroy(words);
    settings_core_destroy(again);
    settings_core_destroy(NULL);
    free(settings);
}

static void a_farm_of_many_hosts_is_read_whole(void **state)
{
    (void)state;
    struct settings *settings = malloc(sizeof(*settings));
    struct settings_core *words;
    struct error_detail detail = {""};
    int error = load(FARM("name = \"" X63 "\"; host = \"ts1\"; ca = \"" SYSTEM_ROOT
                          "/ca\"; certificate = \"" SYSTEM_CERTIFICATE "\"; key = \"" SYSTEM_KEY "\";"
                          "endpoints = (\"https://etcd1:2379/\", \"http://127.0.0.1:2379\");"
                          "user = \"farm\"; password_file = \"" SYSTEM_ROOT
                          "/p\"; secret_file = \"" SYSTEM_ROOT "/s\"; lease_ttl = \"2s\";"
                          "host_lost_after = \"1s\";"),
                     settings, &detail);
    assert_string_equal(detail.text, "");
    assert_int_equal(error, 0);
    assert_int_equal(settings->farm_mode, FARM_MODE_ETCD);
    assert_int_equal(settings->farm_endpoint_count, 2);
    assert_string_equal(settings->farm_endpoints[1], "http://127.0.0.1:2379");
    assert_string_equal(settings->farm_ca, SYSTEM_ROOT "/ca");
    assert_string_equal(settings->farm_certificate, SYSTEM_CERTIFICATE_READ);
    assert_string_equal(settings->farm_key, SYSTEM_KEY);
    assert_string_equal(settings->farm_user, "farm");
    assert_string_equal(settings->farm_password_file, SYSTEM_ROOT "/p");
    assert_string_equal(settings->farm_secret_file, SYSTEM_ROOT "/s");
    assert_int_equal(settings->farm_lease_ttl_ms, 2000);
    assert_int_equal(settings_core_create(settings, &words, NULL), 0);
    assert_int_equal(words->core.host_lost_after_ms, 1000);
    settings_core_destroy(words);
    free(settings);
}

static void alone_no_host_is_lost_and_the_rest_may_wait(void **state)
{
    (void)state;
    struct settings *settings = malloc(sizeof(*settings));
    struct settings_core *words;
    assert_int_equal(load("farm = { name = \"The Office\"; user = \"farm\"; host_lost_after = \"1min\"; };",
                          settings, NULL),
                     0);
    assert_int_equal(settings_core_create(settings, &words, NULL), 0);
    assert_int_equal(words->core.host_lost_after_ms, 0);
    settings_core_destroy(words);
    free(settings);
}

/* What must be one for all hosts lest their counts differ; where things are kept and said is each host's own.
 */
static void what_counts_is_the_farms(void **state)
{
    (void)state;
    static const char *const farm_wide[] = {
        "farm.host_lost_after",
        "sessions.rules",
        "sessions.administrators",
        "sessions.count_routes",
        "sessions.count_disconnected",
        "sessions.api_lease",
        "sessions.aliases",
        "gate.strict",
        "gate.spare_grace",
        "gate.overuse_settle",
        "gate.limit_warnings",
        "reclaim.disconnected_for",
    };
    size_t found = 0;
    for (size_t i = 0; i < settings_table.count; i++)
        if (settings_table.settings[i].farm_wide) {
            assert_true(found < COUNT(farm_wide));
            assert_string_equal(settings_table.settings[i].path, farm_wide[found++]);
            assert_false(settings_table.settings[i].needs_restart);
        }
    assert_int_equal(found, COUNT(farm_wide));
}

static void without_rules_the_built_in_ones_hold(void **state)
{
    (void)state;
    struct settings *settings = malloc(sizeof(*settings));
    struct settings_core *words;
    size_t count;
    assert_int_equal(settings_read(NULL, settings, NULL), 0);
    assert_int_equal(settings_core_create(settings, &words, NULL), 0);
    assert_ptr_equal(words->classify.rules, classify_default_rules(&count));
    assert_int_equal(words->classify.rule_count, count);
    assert_int_equal(words->core.tally.routes_counted, ROUTES_COUNTED_DEFAULT);
    settings_core_destroy(words);
    free(settings);
}

static void a_reload_keeps_what_needs_a_restart(void **state)
{
    (void)state;
    struct settings *old = malloc(sizeof(*old)), *fresh = malloc(sizeof(*fresh));
    assert_int_equal(settings_read(NULL, old, NULL), 0);
    assert_int_equal(load("store = { directory = \"" SYSTEM_ROOT
                          "/new\"; }; gate = { text = \"ask Anna\"; };",
                          fresh, NULL),
                     0);
    settings_keep_until_restart(old, fresh);
    assert_string_equal(fresh->state_directory, SYSTEM_STATE);
    assert_string_equal(fresh->closed_text, "ask Anna");
    free(old);
    free(fresh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shipped_file_shows_every_setting),
        cmocka_unit_test(every_setting_says_what_it_is),
        cmocka_unit_test(the_defaults_are_those_of_the_design),
        cmocka_unit_test(wrong_settings_are_refused_with_their_line),
        cmocka_unit_test(settings_become_what_the_core_takes),
        cmocka_unit_test(a_farm_of_many_hosts_is_read_whole),
        cmocka_unit_test(alone_no_host_is_lost_and_the_rest_may_wait),
        cmocka_unit_test(what_counts_is_the_farms),
        cmocka_unit_test(without_rules_the_built_in_ones_hold),
        cmocka_unit_test(a_reload_keeps_what_needs_a_restart),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
